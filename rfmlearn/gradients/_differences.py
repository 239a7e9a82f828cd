"""Gradients of any function of a table by central differences."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from joblib import Parallel, delayed

from ..tables._frames import take_rows
from ._moves import Columns, copy_rows
from ._probe import choose_steps
from ._steps import Steps, deviations, half_deviations

# Differences smaller than this, in deviations of their column, may be of rounding or of jumps.
_SMALL = 0.05
# Of each block of rows, those with the largest differences are looked at again with smaller steps.
_N_LARGEST = 4
# Told when the first row was predicted, which is enough.
_KNOWN = "X does not have valid feature names"


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
        In standard deviations; None means the smallest one at which differences say something, from the cube root of
        the machine epsilon on, of float32 if a column or the values of the function are in that precision.
    value_dtype : dtype
        Of the function's values.
    batch_size : int
        Rows given to the function at once, at most.
    n_jobs : int or None
        Threads among which calls are shared.
    sample_weight : ndarray of shape (m,), default=None
        Positive weights of the rows of X in the deviation of a column.
    is_smooth : bool, default=False
        Whether the function is known to be, so that nothing need be tried.
    """

    def __init__(
        self, function, X, features, step, value_dtype, batch_size, n_jobs, sample_weight=None, is_smooth=False
    ):
        self.function = function
        self.features = features
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        columns = Columns.of(X, features)
        columns.check_finite()
        self._scales = deviations(columns.numbers, sample_weight)
        self._given, self._is_smooth, self._advice = step is not None, is_smooth, None
        self._probes = step is None and not is_smooth
        epsilons = np.array([_epsilon(dtype, value_dtype) for dtype in columns.dtypes])
        with np.errstate(over="ignore"):
            self.steps = Steps.of((np.cbrt(epsilons) if step is None else step) * self._scales)
        if step is not None:
            self._check_sizes(step, columns)
        # It holds the numbers of the table, until steps are chosen.
        self._coarse = partial(half_deviations, columns.numbers, self._scales, sample_weight) if self._probes else None
        self._n_rows, self._n_flat_rows = 0, 0
        self._low, self._high = np.inf, -np.inf
        self._total, self._of_jumps = 0.0, 0.0

    def prepare(self, X):
        """Choose steps for the rows of a table, if they are not given."""
        if self._probes:
            choice = choose_steps(self, X, self.steps, self._coarse, self._scales)
            self.steps, self._advice = choice.steps, choice.advice()
            self._probes, self._coarse = False, None

    def __call__(self, X):
        """Gradients at the rows of a table, shape (n_outputs, m, p)."""
        gradient, values, distances = self.at(X, self.steps)
        if self._given:
            self._check_distances(distances, X)
        self._note(values)
        self._note_jumps(X, gradient)
        return gradient

    def at(self, X, steps, places=None):
        """Gradients with some steps, values of shape (m, p, 2, n_outputs) and distances of shape (m, p).

        `places` are those of the columns that are moved, among `features`; None is all of them. A number that is
        missing, or that the step does not move, has the gradient 0.
        """
        columns = Columns.of(X, self.features if places is None else self.features[places])
        m, p = columns.numbers.shape
        moved = steps.move(columns.numbers)
        for j, dtype in enumerate(columns.dtypes):
            limits = np.finfo(dtype)
            moved[:, j] = moved[:, j].clip(limits.min, limits.max).astype(dtype)
        distances = moved[:, :, 0] - moved[:, :, 1]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_KNOWN)
            parts = Parallel(n_jobs=self.n_jobs, prefer="threads")(
                delayed(self._evaluate)(X, columns, moved, start, min(start + self.batch_size, 2 * m * p))
                for start in range(0, 2 * m * p, self.batch_size)
            )
        values = np.concatenate(parts).astype(np.float64).reshape(m, p, 2, -1)
        still = np.isnan(distances) | (distances == 0)
        with np.errstate(over="ignore", invalid="ignore"):
            changes = values[:, :, 0] - values[:, :, 1]
            changes[still] = 0.0
            gradient = np.moveaxis(changes / np.where(still, 1.0, distances)[:, :, None], 2, 0)
        return gradient, values, distances

    def values(self, X):
        """Values at the rows of a table as they are."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_KNOWN)
            return np.asarray(self.function(copy_rows(X, slice(None))), dtype=np.float64)

    def _evaluate(self, X, columns, moved, start, stop):
        """Values at a range of the moved rows, in which signs change fastest and rows slowest."""
        n_features = moved.shape[1]
        rows, moves = np.divmod(np.arange(start, stop), 2 * n_features)
        features, signs = np.divmod(moves, 2)
        numbers = columns.numbers[rows]
        numbers[np.arange(len(rows)), features] = moved[rows, features, signs]
        return self.function(columns.replace(take_rows(X, rows), numbers))

    def _check_sizes(self, step, columns):
        too_large = self.steps.sizes > [np.finfo(dtype).max / 4 for dtype in columns.dtypes]
        if too_large.any():
            j = too_large.argmax()
            raise ValueError(
                f"step={step!r} is too large for column {columns.names[self.features[j]]!r}: numbers that it moves "
                f"leave the range of {columns.dtypes[j]}."
            )

    def _check_distances(self, distances, X):
        lost = (distances == 0).any(axis=0)
        if lost.any():
            j = lost.argmax()
            columns = Columns.of(X, self.features)
            raise ValueError(
                f"step is too small for column {columns.names[self.features[j]]!r}: adding {self.steps.sizes[j]:.3g} "
                f"does not change a number in {columns.dtypes[j]}."
            )

    def _note(self, values):
        flat = (values[:, :, 0] == values[:, :, 1]).all(axis=(1, 2))
        self._n_rows += len(values)
        self._n_flat_rows += int(np.count_nonzero(flat))
        self._low = np.minimum(self._low, values.min(axis=(0, 1, 2)))
        self._high = np.maximum(self._high, values.max(axis=(0, 1, 2)))

    def _note_jumps(self, X, gradient):
        """Look again at the rows with the largest differences: a smaller step makes a jump larger, or misses it."""
        small = np.flatnonzero(self.steps.sizes <= _SMALL * self._scales)
        if self._is_smooth or self._advice is not None or not len(small):
            return
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.sum((gradient * self._scales)[:, :, small] ** 2, axis=0)
            if not np.isfinite(squares).all():
                return
            self._total += float(squares.sum())
            rows = np.argsort(squares.sum(axis=1))[-_N_LARGEST:]
            here = gradient[:, rows][:, :, small]
            closer = self.at(take_rows(X, np.sort(rows)), self.steps.take(small).scaled(1 / 8), small)[0]
            closer = closer[:, np.argsort(np.argsort(rows))]
            jumps = np.abs(here - closer) > 0.5 * np.maximum(np.abs(here), np.abs(closer))
            self._of_jumps += float(np.sum(np.where(jumps, here * self._scales[small], 0.0) ** 2))

    def warn(self, stacklevel):
        """Warn of what the differences cannot tell."""
        message = self._advice
        if message is None and 2 * self._n_flat_rows > self._n_rows and np.any(self._low < self._high):
            message = (
                f"the model is constant around {self._n_flat_rows} of {self._n_rows} rows although its output varies "
                "over X, as that of trees does: differences this small say little about it. A larger step (in "
                "standard deviations, such as step=0.5) measures trends."
            )
        elif message is None and self._of_jumps > 0.1 * self._total:
            message = (
                "the model jumps, as trees do that are constant between jumps, or rounds its input or output: a few "
                "differences decide the result, and would be others with another step. A larger step (in standard "
                "deviations, such as step=0.5) measures trends."
            )
        if message is not None:
            warnings.warn(message, UserWarning, stacklevel=stacklevel)


def _epsilon(column_dtype, value_dtype):
    """Machine epsilon of the coarser one of a column and the values of the function."""
    coarse = [np.finfo(dtype).eps for dtype in (column_dtype, value_dtype) if dtype in (np.float16, np.float32)]
    return max(coarse, default=np.finfo(np.float64).eps)
