"""Gradients of any function of a table by central differences."""

from __future__ import annotations

import warnings

import numpy as np
from joblib import Parallel, delayed

from ..tables._frames import take_rows
from ._moves import Columns


class Differences:
    """Central differences of a function by the numbers of a table.

    The step of a column is a multiple of its standard deviation over the table that the differences are made for.

    Parameters
    ----------
    function : callable
        From a table to values of shape (m, n_outputs).
    X : ndarray or DataFrame
        Table that gives the scale of each column.
    features : ndarray of int of shape (p,)
        Columns to move.
    step : float or None
        In standard deviations; None means the cube root of the machine epsilon, of float32 if a column or the values
        of the function are in that precision.
    value_dtype : dtype
        Of the function's values.
    batch_size : int
        Rows given to the function at once, at most.
    n_jobs : int or None
        Threads among which calls are shared.
    sample_weight : ndarray of shape (m,), default=None
        Positive weights of the rows of X in the deviation of a column.
    """

    def __init__(self, function, X, features, step, value_dtype, batch_size, n_jobs, sample_weight=None):
        self.function = function
        self.features = features
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        columns = Columns.of(X, features)
        single = np.array([np.float32 in (dtype, value_dtype) for dtype in columns.dtypes])
        epsilon = np.where(single, np.finfo(np.float32).eps, np.finfo(np.float64).eps)
        self.steps = (np.cbrt(epsilon) if step is None else step) * _scales(columns.numbers, sample_weight)
        self._n_rows, self._n_flat_rows = 0, 0
        self._low, self._high = np.inf, -np.inf

    def __call__(self, X):
        """Gradients at the rows of a table, shape (n_outputs, m, p)."""
        columns = Columns.of(X, self.features)
        m, p = columns.numbers.shape
        moved = np.stack([columns.numbers + self.steps, columns.numbers - self.steps], axis=2)
        for j, dtype in enumerate(columns.dtypes):
            moved[:, j] = moved[:, j].astype(dtype)
        distances = moved[:, :, 0] - moved[:, :, 1]
        self._check_distances(distances, columns)
        parts = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._evaluate)(X, columns, moved, start, min(start + self.batch_size, 2 * m * p))
            for start in range(0, 2 * m * p, self.batch_size)
        )
        values = np.concatenate(parts).reshape(m, p, 2, -1).astype(np.float64)
        changes = values[:, :, 0] - values[:, :, 1]
        # A missing number cannot be moved.
        changes[np.isnan(distances)] = 0.0
        self._note(values, changes)
        return np.moveaxis(changes / np.where(np.isnan(distances), 1.0, distances)[:, :, None], 2, 0)

    def _evaluate(self, X, columns, moved, start, stop):
        """Values at a range of the moved rows, in which signs change fastest and rows slowest."""
        n_features = moved.shape[1]
        rows, moves = np.divmod(np.arange(start, stop), 2 * n_features)
        features, signs = np.divmod(moves, 2)
        numbers = columns.numbers[rows]
        numbers[np.arange(len(rows)), features] = moved[rows, features, signs]
        return self.function(columns.replace(take_rows(X, rows), numbers))

    def _check_distances(self, distances, columns):
        lost = (distances == 0).any(axis=0)
        if lost.any():
            j = lost.argmax()
            raise ValueError(
                f"step is too small for column {columns.names[self.features[j]]!r}: adding {self.steps[j]:.3g} does "
                f"not change a number in {columns.dtypes[j]}."
            )

    def _note(self, values, changes):
        self._n_rows += len(changes)
        self._n_flat_rows += int(np.count_nonzero(~changes.any(axis=(1, 2))))
        self._low = np.minimum(self._low, values.min(axis=(0, 1, 2)))
        self._high = np.maximum(self._high, values.max(axis=(0, 1, 2)))

    def warn_if_flat(self, stacklevel):
        """Warn if the function varies over the rows seen so far, but not around most of them."""
        if 2 * self._n_flat_rows > self._n_rows and np.any(self._low < self._high):
            warnings.warn(
                f"the model is constant around {self._n_flat_rows} of {self._n_rows} rows although its output varies "
                "over X, as that of trees does: differences this small say little about it. A larger step (in "
                "standard deviations, such as step=0.5) measures trends.",
                UserWarning,
                stacklevel=stacklevel,
            )


def _scales(numbers, sample_weight):
    """Weighted standard deviation of each column; of a constant one the largest magnitude, at least one."""
    seen = ~np.isnan(numbers)
    weight = seen * (1.0 if sample_weight is None else sample_weight[:, None])
    total = np.maximum(weight.sum(axis=0), np.finfo(np.float64).tiny)
    low, high = (f(numbers, axis=0, where=seen, initial=-s * np.inf) for f, s in ((np.min, -1), (np.max, 1)))
    largest = np.max(np.abs(numbers), axis=0, where=seen, initial=0.0)
    # A power of two is exact, and keeps squares from overflow and underflow.
    exponents = np.frexp(np.where(low < high, high / 2 - low / 2, 1.0))[1]
    origin = np.ldexp(np.where(low < high, low, 0.0), -exponents)
    units = np.where(seen, np.ldexp(numbers, -exponents) - origin, 0.0)
    mean = np.sum(weight * units, axis=0) / total
    deviation = np.sqrt(np.sum(weight * (units - mean) ** 2, axis=0) / total)
    return np.where(low < high, np.ldexp(deviation, exponents), np.maximum(largest, 1.0))
