"""Rows of folds as points, encoded once for all settings that read a table alike."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace

import joblib
import numpy as np

from ..kernels import Points
from ..solvers import Weights
from ..tables._encoder import ColumnEncoder
from ..tables._frames import take_rows
from ..targets._codes import Target


@dataclass(frozen=True, kw_only=True)
class EncodedFold:
    """Training and test rows as a recursion sees them.

    Attributes
    ----------
    encoder : ColumnEncoder
        Fitted to the training rows.
    points, test_points : Points
    target : Target
        Fitted to the training rows.
    codes : ndarray of shape (n_train, n_codes)
    weights : Weights
        Of training rows, of which copies are one.
    """

    encoder: ColumnEncoder
    points: Points
    target: Target
    codes: np.ndarray
    weights: Weights
    test_points: Points | None = None

    def astype(self, dtype):
        """The same with points in another precision."""
        with np.errstate(over="ignore"):  # kernels refuse what is too large
            test_points = None if self.test_points is None else self.test_points.astype(dtype)
            return replace(self, points=self.points.astype(dtype), test_points=test_points)


class Encodings:
    """Encoded folds, each computed when it is first asked for and kept until nobody is expected to ask again.

    Parameters
    ----------
    X : table
    outcomes : Outcomes
    weights : Weights
        Zero for rows that do not count.
    copies : Copies
    """

    def __init__(self, X, outcomes, weights, copies):
        self._X, self._outcomes, self._weights, self._copies = X, outcomes, weights, copies
        self._locks: dict[tuple, threading.Lock] = {}
        self._kept: dict[tuple, EncodedFold] = {}
        self._expected: Counter = Counter()

    def expect(self, uses):
        """Pairs of an encoder and something that tells folds apart, of each of which a call of `fold` will come."""
        self._expected = Counter(_key(*use) for use in uses)
        self._locks = {key: threading.Lock() for key in self._expected}
        self._kept = {}

    def fold(self, encoder, name, train, test):
        """The rows of one fold, read by an encoder."""
        key = _key(encoder, name)
        with self._locks[key]:
            if key not in self._kept:
                self._kept[key] = self.encode(encoder, train, test)
            fold = self._kept[key]
            self._count_down(key)
        return fold

    def skip(self, encoder, name):
        """One of the calls of `fold` that were expected will not come."""
        key = _key(encoder, name)
        with self._locks[key]:
            self._count_down(key)

    def _count_down(self, key):
        self._expected[key] -= 1
        if not self._expected[key]:
            self._kept.pop(key, None)

    def encode(self, encoder, rows, test=None):
        """Training rows, copies as one row, and test rows if there are any."""
        standing, places = self._copies.among(rows)
        weights, rows = self._weights.merge(rows, standing, places), standing
        target = self._outcomes.target(rows, weights.total)
        codes = target.encode(self._outcomes.y[rows])
        points = encoder.fit_transform(take_rows(self._X, rows), weights.total, codes, weights.groups)
        test_points = None if test is None else encoder.transform(take_rows(self._X, test), known=True)
        return EncodedFold(
            encoder=encoder, points=points, target=target, codes=codes, weights=weights, test_points=test_points
        )


def _key(encoder, name):
    return joblib.hash(encoder.get_params()), name
