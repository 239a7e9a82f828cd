"""What is compared in each layer: probes of one method with several estimators."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ._directions import METHODS
from ._layer_probe import LayerProbe

# Folds up to which probes are fitted without each pair of them.
_MOST_FOLDS = 10


@dataclass(frozen=True)
class LayerSearch:
    """A method of finding directions, and the estimators with which it is tried.

    Parameters
    ----------
    method : str
        A key of `METHODS`.
    n_components : int
    estimators : list of estimator
        Unfitted. Methods that ask none are tried once.
    seed : int
        For what gradients draw.
    """

    method: str
    n_components: int
    estimators: list
    seed: int

    def only(self, number):
        """The search of one estimator."""
        return replace(self, estimators=[self.estimators[number]])

    def probes(self, X, y) -> list[LayerProbe]:
        """Probes of the activations of one layer, for each estimator."""
        X, rng = X.astype(np.float64), np.random.RandomState(self.seed)
        found: Iterable[np.ndarray] = [np.zeros((1, X.shape[1]))] * len(self.estimators)  # no direction at all
        if np.ptp(X, axis=0).any():
            found = METHODS[self.method](X, y, self.n_components, self.estimators, rng)
        return [LayerProbe.of(X, y, vectors, first_counts=self.method == "rfm") for vectors in found]

    def left_out_scores(self, X, y, folds):
        """Scores of examples by probes that have not seen them, shape (n_estimators, n)."""
        scores = np.empty((len(self.estimators), len(y)))
        for train, test in folds:
            for row, probe in zip(scores, self.probes(X[train], y[train]), strict=True):
                row[test] = probe.score(X[test])
        return scores

    def twice_left_out_scores(self, X, y, folds):
        """Scores by probes of the first estimator that have seen neither an example nor a fold, shape (n_folds, n).

        Of the examples of that fold itself they are zero.
        """
        scores = np.zeros((len(folds), len(y)))
        for (f, (train, test)), (g, (other_train, other_test)) in itertools.combinations(enumerate(folds), 2):
            rows = np.intersect1d(train, other_train)
            probe = self.probes(X[rows], y[rows])[0]
            scores[f, other_test], scores[g, test] = probe.score(X[other_test]), probe.score(X[test])
        return scores


def can_leave_out_twice(folds, y):
    """Whether there are folds enough, and not so many that pairs of them are a burden, with both classes outside."""
    if not 3 <= len(folds) <= _MOST_FOLDS:
        return False
    pairs = itertools.combinations(folds, 2)
    return all(len(np.unique(y[np.intersect1d(a, b)])) == 2 for (a, _), (b, _) in pairs)
