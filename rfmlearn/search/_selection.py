"""Which candidates go on to the next rung, and which make the ensemble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._ensemble import select_ensemble, shrink_to


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Weights of the candidates of the last rung.

    Attributes
    ----------
    chosen : list of (Scored, float)
        Those of positive weight.
    best : int
        The best single candidate, by its place among all.
    best_score : float
    rows : ndarray of int
        Rows that were in a test part.
    counts : ndarray of shape (n_rows,)
        As many independent rows as each of these stands for.
    predictions : ndarray of shape (n, ...)
        Out-of-fold predictions of the ensemble, averaged where a row was in several test parts; NaN where in none.
    """

    chosen: list
    best: int
    best_score: float
    rows: np.ndarray
    counts: np.ndarray
    predictions: np.ndarray


class Selector:
    """Chooses among candidates by a score.

    Parameters
    ----------
    weights : Weights
    score : callable
        ``(predictions, rows, weights)`` to a number, greater is better.
    max_members : int
    doubt : int
        Rows of evidence for the default machine with which the ensemble is mixed.
    scoring : object
        What the user called the score, for messages.
    """

    def __init__(self, weights, score, max_members, doubt, scoring):
        self._weights, self._score, self._scoring = weights, score, scoring
        self._max_members, self._doubt = max_members, doubt

    def survivors(self, entries, folds, n_survivors):
        """The default settings, and those that the ensemble on this rung takes most of, or else score best."""
        weights, scores = self._ensemble(entries, folds)
        shares: dict[int, float] = {}
        best: dict[int, float] = {}
        for entry, weight, value in zip(entries, weights, scores, strict=True):
            index = entry.candidate.index
            shares[index] = shares.get(index, 0.0) + weight
            best[index] = max(best.get(index, -np.inf), value)
        first = entries[0].candidate.index
        order = sorted(shares, key=lambda index: (index != first, -shares[index], -best[index]))
        return sorted(order[:n_survivors])

    def select(self, entries, folds) -> Selection:
        """The ensemble, mixed with the default machine."""
        weights, scores = self._ensemble(entries, folds)
        if self._max_members > 1:
            total = float(self._weights.counts[np.unique(folds.rows)].sum())
            weights = shrink_to(weights, _default_machine(entries), total, self._doubt)
        while np.count_nonzero(weights) > self._max_members:
            weights[np.flatnonzero(weights)[np.argmin(weights[weights > 0])]] = 0.0
        weights /= weights.sum()
        chosen = [(entry, weight) for entry, weight in zip(entries, weights, strict=True) if weight > 0]
        best = int(np.argmax(scores))
        rows, predictions = _out_of_fold(chosen, folds, len(self._weights))
        return Selection(
            chosen=chosen,
            best=best,
            best_score=float(scores[best]),
            rows=rows,
            counts=self._weights.counts[rows],
            predictions=predictions,
        )

    def _ensemble(self, entries, folds):
        rows = folds.rows
        weights = self._weights.total[rows] * folds.shares
        predictions = np.stack([entry.predictions for entry in entries])
        scores = [self._score(prediction, rows, weights) for prediction in predictions]
        if np.isnan(scores).any():
            raise ValueError(f"scoring={self._scoring!r} is NaN for out-of-fold predictions, which must be comparable.")
        return select_ensemble(predictions, lambda P: -self._score(P, rows, weights), self._max_members), scores


def _default_machine(entries):
    """Place of the first settings' last round, with the ridge of leave-one-out."""
    first = entries[0].candidate.index
    last = max(entry.candidate.n_iter for entry in entries if entry.candidate.index == first)
    return next(k for k, e in enumerate(entries) if (e.candidate.index, e.candidate.n_iter) == (first, last))


def _out_of_fold(chosen, folds, n):
    rows = folds.rows
    averaged = sum(weight * entry.predictions for entry, weight in chosen)
    total = np.zeros((n, averaged.shape[1]))
    np.add.at(total, rows, averaged)
    counts = np.bincount(rows, minlength=n)
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(counts), total / counts[:, None]
