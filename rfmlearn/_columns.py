"""Columns of the user's table: numbers scaled and imputed, categories coded."""

from __future__ import annotations

import re
import sys
from numbers import Number

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array

from ._category_coding import make_coding
from .kernels._points import Points

SCALINGS = (None, "standard", "robust", "quantile")

# pandas, polars, Arrow and numpy name their types alike, so the name tells what a column holds.
_KINDS = {
    "number": re.compile(r"u?int\d+|float|double|halffloat|decimal|sparse\[(u?int|float)"),
    "category": re.compile(r"(str|string|large_string|category|categorical|enum|dictionary)\b"),
    "boolean": re.compile(r"bool|sparse\[bool"),
    "object": re.compile(r"object|null\b"),
}
_MAX_KNOTS = 1025
_MAX_SCORE = 2.0**48  # a score beyond it says no more, and its square still fits float32


def _library(X):
    """Name of the library whose DataFrame `X` is, or None; imports nothing."""
    for name in ("pandas", "polars"):
        if name in sys.modules and isinstance(X, getattr(sys.modules[name], "DataFrame", ())):
            return name
    return None


def check_table(X, estimator=None):
    """Check the shape and kind of the user's table; `estimator` is named in the error messages.

    A DataFrame returns as it is. All else returns as an array: float32 (of float32 and float16), float64 (of other
    real numbers), or object (of strings and objects). Infinity in a DataFrame or in objects is left to the encoder.
    """
    if _library(X) is None:
        checked = check_array(X, dtype=None, ensure_all_finite="allow-nan", estimator=estimator, input_name="X")
        kind = checked.dtype.kind
        if kind in "US":  # a list of numbers and strings would otherwise turn its numbers into strings
            return np.asarray(X, dtype=object)
        if kind not in "biuf":
            return checked
        return checked.astype(np.float32 if checked.dtype in (np.float16, np.float32) else np.float64, copy=False)
    # A stand-in of the same shape draws scikit-learn's own messages without copying the table.
    check_array(np.broadcast_to(np.int8(0), X.shape), estimator=estimator, input_name="X")
    names = list(X.columns)
    if len(set(names)) < len(names):
        repeated = sorted({str(name) for name in names if names.count(name) > 1})
        raise ValueError(f"Column names must be unique, but these are repeated: {repeated}.")
    return X


def _split(X):
    """Columns of a table, their names, and whether the user gave the names."""
    library = _library(X)
    if library is None:
        return list(X.T), [f"x{j}" for j in range(X.shape[1])], False
    columns = X.get_columns() if library == "polars" else [X.iloc[:, j] for j in range(X.shape[1])]
    named = all(isinstance(name, str) for name in X.columns)
    return columns, list(X.columns) if named else [f"x{j}" for j in range(X.shape[1])], named


def _kind(column):
    """One of the keys of `_KINDS`, or 'other' (dates, lists, complex numbers, ...)."""
    name = str(column.dtype).lower()
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(name)), "other")


def _is_missing(value):
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN, NaT and Decimal's NaN differ from themselves
    except (TypeError, ValueError):  # pandas.NA has no truth value, nor has an array
        return type(value).__name__ == "NAType"


def _values(column):
    """Python objects of a column, None where one is missing."""
    values = column.tolist() if isinstance(column, np.ndarray) else column.to_list()
    return [None if _is_missing(value) else value for value in values]


def _is_category(column, name):
    """Whether the type of a column, or in an object column its values, make it categorical."""
    kind = _kind(column)
    if kind != "object":
        return kind in ("category", "boolean") and not isinstance(column, np.ndarray)
    values = [value for value in _values(column) if value is not None]
    if not values:
        return True  # anything may come later: as a category with no level seen it is ignored, never an error
    if not isinstance(column, np.ndarray):  # a frame can tell strings apart, so digits in strings stay categories
        return any(isinstance(value, bool) or not isinstance(value, Number) for value in values)
    try:
        _to_float(values, name)
    except ValueError:
        return True
    return False


def _to_float(values, name):
    try:
        return np.array([float(value) for value in values], dtype=np.float64)
    except TypeError as error:
        raise TypeError(f"Column {name!r}: {error}") from error
    except (ValueError, OverflowError) as error:
        raise ValueError(f"Column {name!r} is not numeric: {error}.") from error


def _numbers(column, name):
    """Numbers of a column as float64, NaN where one is missing."""
    kind = _kind(column)
    if kind == "object":
        values = _values(column)
        if not isinstance(column, np.ndarray) and any(isinstance(value, str) for value in values):
            raise ValueError(f"Column {name!r} is not numeric: it holds strings. List it in categorical_features.")
        return _to_float([np.nan if value is None else value for value in values], name)
    if kind == "category":
        raise ValueError(f"Column {name!r} of dtype {column.dtype} is not numeric. List it in categorical_features.")
    if kind == "other":
        raise ValueError(f"Column {name!r} of dtype {column.dtype} is not numeric: encode it as numbers first.")
    if isinstance(column, np.ndarray):
        return column.astype(np.float64)
    # polars casts, pandas converts
    return column.cast(float).to_numpy() if hasattr(column, "cast") else column.to_numpy(np.float64, na_value=np.nan)


def _find_categorical(spec, columns, names, named):
    """Mask of the categorical columns that `spec`, the user's categorical_features, means."""
    if spec is None:
        return np.zeros(len(columns), dtype=bool)
    if isinstance(spec, str) and spec == "from_dtype":
        return np.array([_is_category(column, name) for column, name in zip(columns, names, strict=True)])
    listed = np.array(spec if isinstance(spec, str) or not np.iterable(spec) else list(spec))
    if listed.ndim != 1 or (listed.size and listed.dtype.kind not in "biuU"):
        allowed = "'from_dtype', None, a boolean mask, column indices or column names"
        raise ValueError(f"categorical_features must be {allowed}, got {spec!r}.")
    if listed.dtype.kind == "b":
        if len(listed) != len(columns):
            raise ValueError(f"categorical_features as a mask must have length {len(columns)}, got {len(listed)}.")
        return listed
    if listed.dtype.kind == "U" and not named:
        raise ValueError(f"categorical_features={listed.tolist()} are names, but X has no column names of type str.")
    known = names if listed.dtype.kind == "U" else range(len(columns))
    wrong = [item for item in listed.tolist() if item not in known]
    if wrong:
        raise ValueError(f"categorical_features={wrong} are not among the columns of X, {known}.")
    return np.isin(known, listed)


def _positive_weights(sample_weight, n):
    """Weights divided by a power of two, which is exact, lest their sums overflow."""
    w = np.ones(n) if sample_weight is None else np.array(sample_weight, dtype=np.float64)
    if w.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), got {w.shape}.")
    if not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise ValueError("sample_weight must be finite and non-negative, and at least one weight positive.")
    return np.ldexp(w, -np.frexp(w.max())[1])


def _weighted_quantiles(x, w, q):
    """Averages of the lower and the upper weighted quantile, so that they mirror when x does."""
    q = np.asarray(q)
    lower = np.quantile(x, q, weights=w, method="inverted_cdf")
    return (lower - np.quantile(-x, 1 - q, weights=w, method="inverted_cdf")) / 2


def _mean_and_deviation(x, w):
    """Smallest value, weighted mean above it, and weighted standard deviation."""
    # From the smallest value on, constants deviate by exactly 0, and rounding is relative to the spread of the column.
    low = x.min()
    mean = np.average(x - low, weights=w)
    return low, mean, np.sqrt(np.average((x - low - mean) ** 2, weights=w))


def _normal_scores(x, w):
    """Distinct values of x and the normal quantiles of their weighted mid-ranks, thinned to a bounded number."""
    knots, inverse = np.unique(x, return_inverse=True)
    mass = np.bincount(inverse, weights=w)
    total = np.cumsum(mass)
    ranks = (total - mass / 2) / total[-1]
    if len(knots) > _MAX_KNOTS:
        keep = np.unique(np.searchsorted(ranks, np.linspace(0, 1, _MAX_KNOTS)).clip(max=len(knots) - 1))
        knots, ranks = knots[keep], ranks[keep]
    return knots, ndtri(np.clip(ranks, 1e-300, 1 - 2.0**-53))


# Of pandas and of polars. The order of a polars Categorical is that in which the process met its strings.
_ORDERED_TYPES = {"CategoricalDtype", "Enum"}


def _levels(column, used, name):
    """Distinct values of the used rows in order, then None if one is missing; nothing if there is only one.

    The order is that of the column's type if it has one (a pandas category, a polars Enum), else ascending.
    """
    values = _values(column)
    try:
        levels = dict.fromkeys(value for value, use in zip(values, used, strict=True) if use)
    except TypeError as error:
        raise TypeError(f"Column {name!r}: an argument must be a string or a number ({error}).") from error
    if len(levels) == 1:
        return []
    missing = [None] if None in levels else []
    levels.pop(None, None)
    if type(column.dtype).__name__ in _ORDERED_TYPES:
        ordered = [value for value in column.dtype.categories if value in levels]
        if len(ordered) == len(levels):
            return ordered + missing
    try:
        return sorted(levels) + missing
    except TypeError:  # values of several types have no order of their own
        return sorted(levels, key=lambda value: (type(value).__name__, str(value))) + missing


class _NumericBlock:
    """Scaling and imputation of numeric columns, learned from a float64 matrix with NaN for missing numbers.

    See `ColumnEncoder` for the formulas. Rows of weight zero must be left out.
    """

    def __init__(self, scaling):
        self.scaling = scaling

    def fit(self, M, w):
        seen = ~np.isnan(M)
        count = seen.sum(axis=0)
        self.indicated = np.flatnonzero((count > 0) & (count < len(M)))
        # Dividing by a power of two is exact and keeps squares and sums from overflow and underflow.
        self.exponents = np.frexp(np.max(np.abs(M), axis=0, where=seen, initial=0.0))[1]
        self.origin, self.center, self.fill = np.zeros((3, M.shape[1]))
        self.scale = np.full(M.shape[1], np.inf)  # dividing by infinity ignores a column
        self.curves = {}
        low, high = (f(M, axis=0, where=seen, initial=-s * np.inf) for f, s in ((np.min, -1), (np.max, 1)))
        self.varying = np.flatnonzero(low < high)
        for j in self.varying:
            rows = seen[:, j]
            self._fit_column(j, np.ldexp(M[rows, j], -self.exponents[j]), w[rows])
        return self

    def _fit_column(self, j, x, w):
        if self.scaling == "quantile":
            self.curves[j] = _normal_scores(x, w)
        elif self.scaling == "robust":
            first, self.center[j], third = _weighted_quantiles(x, w, [0.25, 0.5, 0.75])
            self.scale[j] = (third - first) or np.ptp(x) / 2 or np.inf
        else:
            self.origin[j], self.center[j], deviation = _mean_and_deviation(x, w)
            self.scale[j] = deviation or np.inf
            if self.scaling is None:
                mean = min(self.origin[j] + self.center[j], x.max())  # rounding must not carry it out of range
                self.fill[j] = np.ldexp(mean, self.exponents[j])

    def transform(self, M, dtype):
        """Scaled numbers of the columns that vary, then indicators of the missing ones; overwrites M."""
        missing = np.isnan(M)
        with np.errstate(over="ignore", under="ignore"):  # a new number may be out of all proportion
            Z = M if self.scaling is None else self._scale(M)
        limit = np.finfo(dtype).max if self.scaling is None else _MAX_SCORE
        np.clip(Z, -limit, limit, out=Z)
        if self.scaling in ("robust", "quantile"):
            Z /= np.sqrt(1 + (Z / 3) ** 2)
        np.copyto(Z, self.fill, where=missing)
        return np.hstack([Z[:, self.varying], missing[:, self.indicated]]).astype(dtype, order="C", copy=False)

    def _scale(self, M):
        Z = np.clip(np.ldexp(M, -self.exponents), -(2.0**200), 2.0**200)  # finite, as inf / inf is NaN
        if self.scaling != "quantile":
            return (Z - self.origin - self.center) / self.scale
        for j, (knots, scores) in self.curves.items():
            # Slopes between values closer than the smallest normal number are infinite: clip.
            Z[:, j] = np.clip(np.interp(Z[:, j], knots, scores), scores[0], scores[-1])
        return Z


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
    Values not seen take the level of missing ones, or else the code -1.

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
    """

    def __init__(self, scaling="standard", categorical_features="from_dtype", coding="one_hot"):
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.coding = coding

    def fit(self, X, sample_weight=None, targets=None):
        """Learn the encoding from a table that `check_table` has passed."""
        self.fit_transform(X, sample_weight, targets)
        return self

    def fit_transform(self, X, sample_weight=None, targets=None):
        """Learn the encoding, and encode the same table; coded targets (n, n_outputs) are for coding='target'."""
        if self.scaling not in SCALINGS:
            raise ValueError(f"scaling must be one of {SCALINGS}, got {self.scaling!r}.")
        columns, self.column_names, named = _split(X)
        self.n_features_in = len(columns)
        w = _positive_weights(sample_weight, X.shape[0])
        used = w > 0
        categorical = _find_categorical(self.categorical_features, columns, self.column_names, named)
        self.numeric_, self.categorical_ = np.flatnonzero(~categorical), np.flatnonzero(categorical)
        types = {str(columns[j].dtype).lower() for j in self.numeric_}
        self.dtype_ = np.dtype(np.float32 if types and types <= {"float16", "float32"} else np.float64)
        numbers = self._matrix(X, columns)
        self.levels_ = [_levels(columns[j], used, self.column_names[j]) for j in self.categorical_]
        self._coding = make_coding(self.coding, self.levels_)
        codes = self._codes(X, columns)
        if self._coding is not None:
            numbers = np.hstack([numbers, self._coding.fit_transform(codes, targets, w)])
        self._numeric_block = _NumericBlock(self.scaling).fit(numbers[used], w[used])
        self._name_coordinates()
        return self._points(numbers, codes)

    def transform(self, X):
        """Encode a table that `check_table` has passed, its columns in the same order."""
        columns = _split(X)[0]
        numbers, codes = self._matrix(X, columns), self._codes(X, columns)
        if self._coding is not None:
            numbers = np.hstack([numbers, self._coding.transform(codes)])
        return self._points(numbers, codes)

    def _codes(self, X, columns):
        codes = np.empty((X.shape[0], len(self.levels_)), dtype=np.int32)
        for i, (j, levels) in enumerate(zip(self.categorical_, self.levels_, strict=True)):
            code = {value: c for c, value in enumerate(levels)}
            other = code.get(None, -1)
            codes[:, i] = [code.get(value, other) for value in _values(columns[j])]
        return codes

    def _points(self, numbers, codes):
        numeric = self._numeric_block.transform(numbers, self.dtype_)
        if self._coding is not None:
            return Points.of_numbers(numeric)
        return Points.one_hot(numeric, codes, [len(levels) for levels in self.levels_])

    def _matrix(self, X, columns):
        if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
            M = X[:, self.numeric_].astype(np.float64)
        else:
            M = np.empty((X.shape[0], len(self.numeric_)))
            for i, j in enumerate(self.numeric_):
                M[:, i] = _numbers(columns[j], self.column_names[j])
        infinite = np.isinf(M).any(axis=0)
        if infinite.any():
            name = self.column_names[self.numeric_[infinite.argmax()]]
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
