"""Tables whose numbers are moved, one at a time: arrays, pandas and polars frames."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

import numpy as np

from ..tables._dates import TIMES
from ..tables._frames import find_columns, split_table, table_names, take_rows

_SINGLE = re.compile(r"(float|halffloat)(16|32)?$")


def find_features(features, X, categorical):
    """Indices of the columns asked for; None means all. ValueError if one is unknown, repeated or categorical.

    `categorical` are the columns that the estimator takes for categories, whatever their type.
    """
    columns = split_table(X)
    chosen = np.arange(len(columns)) if features is None else _asked(features, *table_names(X))
    for j in chosen:
        if j in categorical or columns[j].is_category:
            raise ValueError(
                f"Column {columns[j].name!r} is categorical and has no derivative: pass numeric columns in features. "
                "The attribute agop_ of RFM estimators covers indicators of categories."
            )
    return chosen


def _asked(features, names, named):
    listed = [features] if isinstance(features, str) or not np.iterable(features) else [*features]
    chosen = find_columns(listed, names, named, "features", "None")
    if not len(chosen):
        raise ValueError(
            "features must be None, a boolean mask, column indices or column names of at least one column, got "
            f"{features!r}."
        )
    if len(set(chosen.tolist())) < len(chosen):
        raise ValueError(f"features must not repeat columns, got {features!r}.")
    return chosen


@dataclass(frozen=True)
class Columns:
    """Numeric columns of a table, with their names, precisions and numbers.

    Attributes
    ----------
    indices : ndarray of int of shape (p,)
    names : list
        As the frame has them, or "x0", ...
    dtypes : list of dtype
        float32 for columns of float32 or float16, else float64: what moved numbers are.
    numbers : ndarray of float64 of shape (m, p)
        NaN where a number is missing.
    """

    indices: np.ndarray
    names: list
    dtypes: list
    numbers: np.ndarray

    @classmethod
    def of(cls, X, indices):
        """Look at columns of a table; ValueError if one is not numeric."""
        columns = split_table(X)
        chosen = [columns[j] for j in indices]
        times = [column.name for column in chosen if column.measure in TIMES]
        if times:
            raise ValueError(f"Column {times[0]!r} holds dates or times, which differences do not move: pass others.")
        numbers = np.stack([column.numbers() for column in chosen], axis=1)
        dtypes = [np.dtype(np.float32 if _is_single(column.data) else np.float64) for column in chosen]
        return cls(indices, list(getattr(X, "columns", table_names(X)[0])), dtypes, numbers)

    def check_finite(self):
        """ValueError if a column has an infinite number."""
        infinite = np.isinf(self.numbers).any(axis=0)
        if infinite.any():
            raise ValueError(f"Column {self.names[self.indices[infinite.argmax()]]!r} has an infinite number.")

    def replace(self, X, values):
        """The table with these columns replaced by values of shape (len(X), p); `X` itself is left alone."""
        if isinstance(X, np.ndarray):
            X = X.astype(np.float64) if X.dtype.kind in "iu" else X.copy()
            X[:, self.indices] = values
            return X
        parts = [part.astype(dtype) for part, dtype in zip(values.T, self.dtypes, strict=True)]
        names = [self.names[j] for j in self.indices]
        if hasattr(X, "with_columns"):
            Series = sys.modules["polars"].Series
            return X.with_columns([Series(name, part) for name, part in zip(names, parts, strict=True)])
        X = X.copy()
        for name, part in zip(names, parts, strict=True):
            X[name] = part
        return X


def copy_rows(X, rows):
    """Rows of a table that share nothing with it: a model may write into what it predicts."""
    part = take_rows(X, rows)
    return part.clone() if hasattr(part, "clone") else part.copy()


def _is_single(column):
    return column.dtype != object and _SINGLE.match(str(column.dtype).lower()) is not None
