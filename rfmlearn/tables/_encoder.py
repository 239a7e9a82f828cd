"""Columns of the user's table: numbers scaled and imputed, categories coded."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from ..kernels import Points
from ..runtime._budget import COLUMN_ENTRIES, ENCODED_ROWS, FEWEST_COLUMNS
from ._blocks import row_slices
from ._categories import make_coding
from ._changes import check_values
from ._dates import TIMES, from_days
from ._frames import find_categorical, split_table, table_names
from ._numeric import SCALINGS, NumericBlock
from ._schema import TableSchema
from ._suspicions import suspicion


class ColumnEncoder(BaseEstimator):
    r"""Encoder of a table into points: numbers scaled and imputed, categories coded.

    A weight counts exactly as that many copies of a row. With :math:`x` the numbers of a column seen in
    training and :math:`w` their weights, the scalings are

    - None: the numbers of columns that vary, as they are;
    - 'standard': :math:`(x - \bar x) / s`, with the weighted mean and population standard deviation;
    - 'robust': :math:`c((x - q_{1/2}) / (q_{3/4} - q_{1/4}))`, with weighted quartiles, where half of the range
      replaces a difference of quartiles that is zero;
    - 'quantile': :math:`c(\Phi^{-1}(F(x)))`, where :math:`F(x) = P(X < x) + P(X = x) / 2` in the weighted training
      data and normal scores are interpolated linearly between training values (at most about a thousand of them);

    with :math:`c(z) = z / \sqrt{1 + (z / 3)^2}`, which holds outliers within 3. A missing number becomes 0, which is
    the mean or median, or for None the weighted mean; an indicator column tells where numbers were missing if some
    but not all were in training.

    The levels of a category are the values seen in training, in the order of the column's type if it has one and else
    ascending, then a level for missing ones if there were any.
    Values not seen take the level of missing ones, or else the code -1. Values are compared by what they mean: 1 is 1.0
    and "1".

    Dates are numbers of days since 1970, durations and times of day numbers of days.

    Columns constant in training have no coordinate, whatever the scaling, None included, and whatever comes later:
    those all missing, categories of one level, which `levels_` lists as none, and numeric columns of one distinct
    number, of which only the indicator stays if some were missing.

    Parameters
    ----------
    scaling : {None, 'standard', 'robust', 'quantile'}, default='standard'
        How numeric columns are scaled.
    categorical_features : 'from_dtype', None, or array-like of bool, int or str, default='from_dtype'
        The categorical columns, as a mask, indices or names. 'from_dtype' takes the columns of strings, categories
        and booleans of a DataFrame, and of an array of objects those that do not convert to numbers. None takes none.
    coding : {'one_hot', 'ordinal', 'target'}, default='one_hot'
        What stands for a category: an indicator of each level; or a number, scaled as numeric columns are, which is
        its place in the order of levels, or the average of the coded targets over its rows (cross-fitted in training).

    Attributes
    ----------
    n_features_in : int
        Number of columns of the table.
    column_names : list of str
        Names of the columns, ``x0``, ``x1``, ... unless the table names them by strings.
    numeric_, categorical_ : ndarray of int
        Indices of the numeric and of the categorical columns.
    dtype_ : dtype
        float32 if there are numeric columns and all are float32 or float16, else float64.
    levels_ : list of list
        Levels of each categorical column, None standing for the missing one; empty if the column is constant.
    coordinate_columns_ : ndarray of int
        For each coordinate of the points, the column it comes from.
    coordinate_names_ : list of str
        For each coordinate its name, such as ``age``, ``age_missing``, ``color=red``, ``color_missing``.
    suspicions_ : list of str
        Messages about categories that look as if they were meant to be something else.
    """

    entries: ClassVar[int] = COLUMN_ENTRIES  # numbers that are converted at a time
    rows_at_once: ClassVar[int] = ENCODED_ROWS  # that are encoded at a time

    def __init__(self, scaling="standard", categorical_features="from_dtype", coding="one_hot"):
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.coding = coding

    def fit(self, X, sample_weight=None, targets=None, groups=None):
        """Learn the encoding from a table that `check_table` has passed; see `fit_transform`."""
        self._learn(X, sample_weight, targets, groups)
        return self

    def fit_transform(self, X, sample_weight=None, targets=None, groups=None):
        """Learn the encoding, and encode the same table.

        Parameters
        ----------
        X : table
            As `check_table` has passed it.
        sample_weight : ndarray of shape (n,), default=None
            Positive weights, as `check_weights` has passed them, of rows that are not left out.
        targets : ndarray of shape (n, n_outputs), default=None
            Coded targets, for coding='target' only.
        groups : ndarray of int of shape (n,), default=None
            Numbers of groups: no target of a row's own group goes into its code.

        Returns
        -------
        Points
        """
        return self._points(*self._learn(X, sample_weight, targets, groups))

    def _learn(self, X, sample_weight, targets, groups):
        """Learn; the table, its columns, codes of categories, and the numbers coded from them."""
        if self.scaling not in SCALINGS:
            raise ValueError(f"scaling must be one of {SCALINGS}, got {self.scaling!r}.")
        columns = split_table(X)
        self.column_names, named = table_names(X)
        self.n_features_in = len(columns)
        w = _scaled_weights(sample_weight, X.shape[0])
        categorical = find_categorical(self.categorical_features, columns, named)
        self.numeric_, self.categorical_ = np.flatnonzero(~categorical), np.flatnonzero(categorical)
        types = {str(columns[j].data.dtype).lower() for j in self.numeric_}
        self._precision = "float32" if types and types <= {"float16", "float32"} else "float64"
        # Text that means numbers, in an array of objects, counts as numbers.
        self._measures = [m if (m := columns[j].measure) in TIMES else "number" for j in self.numeric_]
        self._schema = TableSchema.of(X, columns, self.categorical_)
        self._seen_levels = [columns[j].factor.levels() for j in self.categorical_]
        self.levels_ = [levels if len(levels) > 1 else [] for levels in self._seen_levels]
        self._coding = make_coding(self.coding, self.levels_)
        self.suspicions_ = self._suspicions(columns)
        codes = self._codes(columns, X.shape[0])
        coded = None if self._coding is None else self._coding.fit_transform(codes, targets, w, groups)
        n_columns = len(self.numeric_) + (0 if coded is None else coded.shape[1])
        self._numeric_block = NumericBlock(self.scaling).fit(self._numbers(X, columns, coded), n_columns, w)
        self._name_coordinates()
        return X, columns, codes, coded

    def check_categories(self, X):
        """Look at the categories of a table that will be encoded block by block, with ``known=True``.

        Warns, or raises ValueError, as `transform` does of a whole table whose categories have changed since fit.
        """
        columns = split_table(X)
        for j, levels in zip(self.categorical_, self.levels_, strict=True):
            column, columns[j] = columns[j], None  # of each only while it is looked at
            if levels:
                check_values(column, levels, column.factor.match(levels))

    def transform(self, X, known=False):
        """Encode a table that `check_table` has passed, its columns in the same order.

        Parameters
        ----------
        X : table
        known : bool, default=False
            Whether the rows are of a table that has been looked at: categories whose values have all changed, or their
            type, are no reason then to warn or to refuse them.

        Returns
        -------
        Points
        """
        columns = split_table(X)
        codes = self._codes(columns, X.shape[0], check=not known)
        return self._points(X, columns, codes)

    def inverse_transform(self, Z):
        """The table that dense coordinates, shape (n, n_coordinates), stand for, of the kind that was learned from.

        Numbers by `NumericBlock.inverse`, and of each category the level with the largest coordinate. For indicators
        (coding='one_hot') only. A type of categories has the levels that were seen in training, and what only pandas
        knows, such as an interval, comes back as text.
        """
        numbers = self._numeric_block.inverse(Z)
        columns: list = [None] * self.n_features_in
        for i, (j, measure) in enumerate(zip(self.numeric_, self._measures, strict=True)):
            columns[j] = numbers[:, i].astype(self.dtype_) if measure == "number" else from_days(numbers[:, i], measure)
        start = Z.shape[1] - sum(map(len, self.levels_))
        for j, levels, seen in zip(self.categorical_, self.levels_, self._seen_levels, strict=True):
            places = Z[:, start : start + len(levels)].argmax(axis=1) if levels else np.zeros(len(Z), dtype=np.intp)
            columns[j] = seen, places
            start += len(levels)
        return self._schema.table(columns)

    @property
    def dtype_(self):
        """Precision of the points."""
        return np.dtype(self._precision)

    def _suspicions(self, columns):
        """Messages about categorical columns, each at most once."""
        listed = not isinstance(self.categorical_features, str)
        found = []
        for j, levels in zip(self.categorical_, self._seen_levels, strict=True):
            column, known = columns[j], [level for level in levels if level is not None]
            n_rows = len(column.factor.codes) - int(column.factor.counts()[-1])
            found.append(suspicion(column.name, known, n_rows, declared=listed or column.is_declared))
        return [message for message in found if message is not None]

    def _codes(self, columns, n_rows, check=False):
        """Places of categories among the levels, -1 in columns of one level, which nobody looks at.

        The categorical columns are taken out of the list: what is made of one is larger than its codes.
        """
        codes = np.full((n_rows, len(self.levels_)), -1, dtype=np.int32)
        for i, (j, levels) in enumerate(zip(self.categorical_, self.levels_, strict=True)):
            column, columns[j] = columns[j], None
            if not levels:
                continue
            factor = column.factor
            found = factor.match(levels)
            if check:
                check_values(column, levels, found)
            codes[:, i] = factor.places(levels, found)
        return codes

    def _points(self, X, columns, codes, coded=None):
        """Points of a table, block by block; `coded` are the numbers of categories, where they differ from later."""
        block = self._numeric_block
        numeric = np.empty((X.shape[0], block.n_coordinates), dtype=self.dtype_)
        for rows in row_slices(X.shape[0], self.rows_at_once):
            numbers = coded if coded is None else coded[rows]
            if coded is None and self._coding is not None:
                numbers = self._coding.transform(codes[rows])
            block.transform(self._numbers(X, columns, numbers, rows), numeric[rows])
        if self._coding is not None:
            return Points.of_numbers(numeric)
        return Points.one_hot(numeric, codes, [len(levels) for levels in self.levels_])

    def _numbers(self, X, columns, coded, rows=None):
        """Blocks of the numeric columns, then one of the numbers coded from categories, for `NumericBlock`.

        In fit all rows are read as they are; later those of a slice, as what they were in fit, but for columns that are
        not used.
        """
        n_rows = X.shape[0] if rows is None else rows.stop - rows.start
        by_rows = isinstance(X, np.ndarray) and not X.flags.f_contiguous
        width = max(FEWEST_COLUMNS if by_rows else 1, self.entries // n_rows)
        for start in range(0, len(self.numeric_), width):
            yield start, self._block(X, columns, slice(start, start + width), rows)
        if coded is not None:
            yield len(self.numeric_), coded

    def _block(self, X, columns, part, rows):
        chosen = self.numeric_[part]
        used = np.ones(len(chosen), dtype=bool) if rows is None else self._numeric_block.used[part][: len(chosen)]
        if isinstance(X, np.ndarray) and X.dtype.kind in "biuf" and not set(self._measures).intersection(TIMES):
            # In fit float32 stays: it is as large as the table.
            M = X.T[chosen] if rows is None else X[rows].T[chosen].astype(np.float64, copy=False)
            M = (M if M.dtype == np.float32 else M.astype(np.float64, copy=False)).T
        elif rows is None:
            M = _stack([columns[j].numbers() for j in chosen])
        else:
            gap, asked = np.full(rows.stop - rows.start, np.nan), zip(chosen, self._measures[part], used, strict=True)
            M = _stack([columns[j].part(rows).numbers_as(measure) if needed else gap for j, measure, needed in asked])
        infinite = np.isinf(M).any(axis=0) & used
        if infinite.any():
            name = self.column_names[chosen[infinite.argmax()]]
            raise ValueError(f"Input X contains infinity or a value too large for dtype('float64') in column {name!r}.")
        return M

    def _name_coordinates(self):
        owners, names = list(self.numeric_), [self.column_names[j] for j in self.numeric_]
        if self._coding is not None:
            coded = self.categorical_[self._coding.columns]
            owners += list(coded)
            names += [self.column_names[j] + s for j, s in zip(coded, self._coding.suffixes, strict=True)]
        varying, indicated = self._numeric_block.varying, self._numeric_block.indicated
        self.coordinate_names_ = [names[j] for j in varying] + [f"{names[j]}_missing" for j in indicated]
        owners = [owners[j] for j in [*varying, *indicated]]
        if self._coding is None:
            for j, levels in zip(self.categorical_, self.levels_, strict=True):
                name = self.column_names[j]
                owners += [j] * len(levels)
                self.coordinate_names_ += [f"{name}_missing" if v is None else f"{name}={v}" for v in levels]
        self.coordinate_columns_ = np.array(owners, dtype=np.intp)


def _stack(columns):
    """Columns side by side; a single one is not copied."""
    return columns[0][:, None] if len(columns) == 1 else np.stack(columns).T


def _scaled_weights(sample_weight, n):
    """Weights divided by a power of two, which is exact, lest their sums overflow; none of them becomes zero."""
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    return np.maximum(np.ldexp(w, -np.frexp(w.max())[1]), np.finfo(np.float64).tiny)


def column_shares(diagonal, coordinate_columns, n_columns):
    """Shares of the columns of a table in the trace of an AGOP, from its diagonal; equal ones if it vanishes."""
    # By rounding a mean square of centred gradients may come out below zero.
    sums = np.bincount(coordinate_columns, weights=np.maximum(diagonal, 0.0), minlength=n_columns)
    return sums / sums.sum() if sums.sum() > 0 else np.full(n_columns, 1 / n_columns)
