"""Gradients integrated along straight paths from one row to others: what of a change each column brings about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..runtime._budget import CLOSED_FORM_ROWS, INPUT_GRADIENT_ENTRIES
from ..tables._base import TableEstimator
from ..tables._frames import split_table, table_names, take_rows
from ..tables._paths import Paths
from ._categorical import categorical_columns
from ._input_gradients import make_gradient
from ._moves import Columns, copy_rows
from ._outputs import choose_output, output_function
from ._registry import closed_form

# Segments into which a path is divided at first, and at most.
_FEWEST, _MOST = 2, 64
# Probabilities that change by less than this need be no more exact than those that change by as much.
_SMALL_CHANGE = 0.1
# Nodes of Gauss' rule of order four in a segment from 0 to 1, of equal weight.
_NODES = (0.5 - np.sqrt(3) / 6, 0.5 + np.sqrt(3) / 6)


@dataclass(frozen=True)
class PathIntegral:
    """Shares of the columns in the change of an output along straight paths.

    Attributes
    ----------
    evaluate : callable
        From a table to the output, shape (m, n_outputs).
    mean : callable
        ``mean(start, ends)`` gives a function of two shares of the path, ``low`` and ``high``, from one row to others:
        the mean derivative by the share, for each column, shape (n_outputs, m, n_columns).
    smallest : float
        Changes that are smaller than this need be no more exact than those that are as large.
    n_outputs : int
    max_rows : int
        Rows that are taken at a time.
    finish : callable
        Warns of what only all rows together tell.
    """

    evaluate: Callable
    mean: Callable
    smallest: float
    n_outputs: int
    max_rows: int
    finish: Callable

    @classmethod
    def of(cls, estimator, X, output):
        """That of an output of a fitted estimator, for a checked table."""
        while hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        output = choose_output(estimator, output)
        smallest = _SMALL_CHANGE if output == "probability" else 0.0
        evaluate, function = output_function(estimator, output), closed_form(estimator, output)
        if function is None or not isinstance(estimator, TableEstimator):
            mean, n_coordinates, finish = _of_numbers(estimator, X, output)
        else:
            mean, n_coordinates, finish = _of_points(estimator, function)
        n_outputs = evaluate(copy_rows(X, slice(0, 1))).shape[1]
        max_rows = min(CLOSED_FORM_ROWS, max(1, INPUT_GRADIENT_ENTRIES // (n_outputs * max(1, n_coordinates))))
        return cls(evaluate, mean, smallest, n_outputs, max_rows, finish)

    def relative(self, errors, sizes):
        """Errors in units of the sums of the sizes of shares, of the output that changes most, for each row."""
        sizes = sizes.max(axis=0).clip(self.smallest)
        return np.divide(errors.max(axis=0), sizes, out=np.zeros(len(sizes)), where=sizes > 0)

    def blocks(self, start, X, choose, tol):
        """Slices of rows, their shares of shape (n_outputs, m, n_columns), and errors of shape (n_outputs, m).

        Parameters
        ----------
        start : table of one row
        X : table
        choose : callable
            From outputs, the first axis, to those that are wanted.
        tol : float
            Errors that are allowed, in units of the sum of the sizes of a row's shares.
        """
        origin, precision = self._values(start)
        origin = choose(origin)
        for first in range(0, len(X), self.max_rows):
            rows = slice(first, min(first + self.max_rows, len(X)))
            ends = take_rows(X, rows)
            values = choose(self._values(ends)[0])
            rounding = np.sqrt(precision) * np.max(np.abs(values), axis=1, keepdims=True)
            yield rows, *self._refined(start, ends, values - origin, rounding, choose, tol)

    def _values(self, X):
        """Outputs in float64, shape (n_outputs, m), and the machine epsilon of what they were in."""
        values = np.asarray(self.evaluate(copy_rows(X, slice(None))))
        epsilon = np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).eps
        return values.T.astype(np.float64), epsilon

    def _refined(self, start, ends, change, rounding, choose, tol):
        """Shares by more and more segments, of the rows that need them."""
        coarse = _settled(self._sums(start, ends, choose, _FEWEST), change, rounding)[0]
        shares, errors = np.empty_like(coarse), np.empty(change.shape)
        left, n_segments = np.arange(len(ends)), 2 * _FEWEST
        while len(left):
            here, spread = _settled(self._sums(start, ends, choose, n_segments), change, rounding)
            error = np.max(np.abs(here - coarse) + np.abs(spread), axis=2, initial=0.0)
            shares[:, left], errors[:, left] = here, error
            if n_segments == _MOST:
                break
            rough = np.flatnonzero(self.relative(error, np.abs(here).sum(axis=2)) > tol)
            ends, change, coarse = take_rows(ends, rough), change[:, rough], here[:, rough]
            left, n_segments = left[rough], 2 * n_segments
        return shares, errors

    def _sums(self, start, ends, choose, n_segments):
        """Means over so many segments of equal length."""
        between, edges = self.mean(start, ends), np.linspace(0.0, 1.0, n_segments + 1)
        total = 0.0
        for low, high in pairwise(edges):
            total = total + choose(between(low, high)) / n_segments
        return total


def _settled(shares, change, rounding):
    """Shares that sum to the change, and what was added to them: to each in proportion to its size.

    Where no column has a share, all have the same one, unless the change is hardly more than rounding.
    """
    sizes = np.abs(shares)
    total = sizes.sum(axis=2, keepdims=True)
    missing = (change - shares.sum(axis=2))[:, :, None]
    equal = (np.abs(missing) > rounding[:, :, None]) / max(1, shares.shape[2])
    spread = missing * np.where(total > 0, sizes / np.where(total > 0, total, 1.0), equal)
    return shares + spread, spread


def _of_points(estimator, function):
    """Means of the gradient of an estimator of tables, which looks at paths where it would look at rows.

    Then how many coordinates paths have, and what is to be done at the end.
    """
    encoders = [group.encoder for group in getattr(estimator, "members_", ())] or [estimator._encoder]

    def mean(start, ends):
        paths = Paths(start, ends)

        def between(low, high):
            return function(ends, lambda encoder, _: paths.between(encoder, low, high))

        return between

    return mean, max(len(encoder.coordinate_columns_) for encoder in encoders), lambda: None


def _of_numbers(estimator, X, output):
    """The same by gradients at rows of the table, whose columns are numbers."""
    _check_numbers(estimator, X)
    gradient = make_gradient(estimator, X, output, "auto", None, None, 10_000, None)
    every = np.arange(X.shape[1])

    def mean(start, ends):
        columns = Columns.of(ends, every)
        begin = Columns.of(start, every).numbers
        way = columns.numbers - begin

        def between(low, high):
            shares = (low + t * (high - low) for t in _NODES)
            first, second = (gradient.at(columns.replace(ends, begin + share * way)) for share in shares)
            return (first + second) / 2 * way

        return between

    return mean, X.shape[1], gradient.finish


def _check_numbers(estimator, X):
    """ValueError unless all columns are numbers, and none is missing."""
    name = type(estimator).__name__
    categorical = categorical_columns(estimator, table_names(X)[0])
    for j, column in enumerate(split_table(X)):
        if j in categorical or column.is_category:
            raise ValueError(
                f"Column {column.name!r} is categorical, and {name} is not one of the estimators of rfmlearn for "
                "tables whose gradients are known, which say what lies between two categories: pass one of these, or "
                "numeric columns only."
            )
        if np.isnan(Columns.of(X, [j]).numbers).any():
            raise ValueError(
                f"Column {column.name!r} has missing numbers, and {name} is not one of the estimators of rfmlearn for "
                "tables whose gradients are known, which say what stands for these: impute them, or pass one of these."
            )
