"""Which candidates go on to the next rung, and which make the ensemble."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..runtime._budget import N_FOLDS, SMALLEST_MEMBER
from ..solvers import Weights
from ._candidates import Scored
from ._ensemble import select_ensemble, shrink_to


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Weights of the candidates of the last rung.

    Attributes
    ----------
    chosen : list of (Scored, float)
        Those of positive weight.
    best : Scored
        The best single machine.
    best_score : float
    rows : ndarray of int
        Rows that were in a test part.
    counts : ndarray of shape (n_rows,)
        As many independent rows as each of these stands for.
    predictions : ndarray of shape (n, ...)
        Out-of-fold predictions of the ensemble, averaged where a row was in several test parts; NaN where in none.
    places : ndarray of int of shape (n_rows,), default=None
        The place of each of these rows, or of the row of which it is a copy, among those that members are fitted to.
    weights : Weights, default=None
        Of the rows that members are fitted to.
    """

    chosen: list
    best: Scored
    best_score: float
    rows: np.ndarray
    counts: np.ndarray
    predictions: np.ndarray
    places: np.ndarray | None = None
    weights: Weights | None = None


class Selector:
    """Chooses among candidates by a score.

    Parameters
    ----------
    weights : Weights
    score : Score
    max_members : int
    doubt : int
        Rows of evidence for the default machine with which the ensemble is mixed.
    """

    def __init__(self, weights, score, max_members, doubt):
        self._weights, self._score = weights, score
        self._max_members, self._doubt = max_members, doubt

    def survivors(self, entries, folds, n_survivors, forms):
        """The default settings, and those that the ensemble on this rung takes most of, or else score best.

        And the best of each form of feature matrix beside them: full ones gain most by more rows.
        """
        table = self._table(entries, folds)
        weights, scores = self._ensemble(table), table.scores(self._score)
        shares: dict[int, float] = {}
        best: dict[int, float] = {}
        for entry, weight, value in zip(entries, weights, scores, strict=True):
            index = entry.candidate.index
            shares[index] = shares.get(index, 0.0) + weight
            best[index] = max(best.get(index, -np.inf), value)
        first = entries[0].candidate.index
        order = sorted(shares, key=lambda index: (index != first, -shares[index], -best[index]))
        by_score = sorted(best, key=lambda index: -best[index])
        best_of_form = {forms[index]: index for index in reversed(by_score)}
        kept = set(order[:n_survivors])
        missing = set(best_of_form) - {forms[index] for index in kept}
        return sorted(kept | {best_of_form[form] for form in missing})

    def select(self, entries, folds) -> Selection:
        """The ensemble, mixed with the default machine; or that alone, if by honest scores it is clearly better."""
        table = self._table(entries, folds)
        scores = table.scores(self._score)
        default = _default_machine(entries)
        weights = self._weigh(table, default)
        # Where the default machine is all that was selected, there is nothing to compare.
        if self._max_members > 1 and weights[default] < 1 and self._loses(table, default, folds):
            weights = np.eye(len(entries))[default]
        weights, best = _with_machine(weights, entries, scores)
        chosen = [(entry, weight) for entry, weight in zip(entries, weights, strict=True) if weight > 0]
        rows, predictions = _out_of_fold(chosen, folds, len(self._weights))
        return Selection(
            chosen=chosen,
            best=entries[best],
            best_score=float(scores[best]),
            rows=rows,
            counts=self._weights.counts[rows],
            predictions=predictions,
        )

    def reweigh(self, selection, entries, rows):
        """Weights of candidates by predictions of rows that all of them left out; the selection with these."""
        table = _Table(
            predictions=np.stack([entry.predictions for entry in entries]), rows=rows, weights=self._weights.total[rows]
        )
        weights, _ = _with_machine(self._ensemble(table), entries, table.scores(self._score))
        predictions = np.full((len(self._weights), *table.predictions.shape[2:]), np.nan)
        predictions[rows] = np.tensordot(weights, table.predictions, axes=1)
        chosen = [(entry, weight) for entry, weight in zip(entries, weights, strict=True) if weight > 0]
        counts = self._weights.counts[rows]
        return weights, replace(selection, chosen=chosen, rows=rows, counts=counts, predictions=predictions)

    def _table(self, entries, folds):
        rows = folds.rows
        predictions = np.stack([entry.predictions for entry in entries])
        return _Table(predictions=predictions, rows=rows, weights=self._weights.total[rows] * folds.shares)

    def _ensemble(self, table):
        parts, scores = table.comparison(self._score)
        return select_ensemble(parts, lambda stack: -scores(stack), self._max_members)

    def _weigh(self, table, default):
        """Weights of all candidates, at most `max_members` of which are positive."""
        weights = self._ensemble(table)
        if self._max_members > 1:
            n_rows = float(self._weights.counts[np.unique(table.rows)].sum())
            weights = shrink_to(weights, default, n_rows, self._doubt)
        while np.count_nonzero(weights) > self._max_members:
            weights[np.flatnonzero(weights)[np.argmin(weights[weights > 0])]] = 0.0
        return weights / weights.sum()

    def _loses(self, table, default, folds):
        """Whether ensembles are clearly worse than the default machine on rows on which they were not selected.

        All rows are scored, those of each part by an ensemble selected on the other parts; a part are the rows that the
        same split tests first. On few rows half of all comparisons would be lost by chance, and ensembles are better
        more often than not: what counts is a difference of two standard errors over the parts.
        """
        parts, differences = _parts(folds), []
        for part in np.unique(parts):
            weights = self._weigh(table.at(parts != part), default)
            inside = table.at(parts == part)
            honest = np.tensordot(weights, inside.predictions, axes=1)
            scores = inside.scores(self._score, np.stack([inside.predictions[default], honest]))
            if np.isfinite(scores).all():  # a score may be undefined in a small part
                differences.append(scores[0] - scores[1])
        n, largest = len(differences), np.max(np.abs(differences), initial=0.0)
        if n < 2 or not largest > 0:
            return False
        relative = np.array(differences) / largest  # squares of scores might overflow
        return bool(np.mean(relative) > 2 * np.std(relative, ddof=1) / np.sqrt(n))


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Out-of-fold predictions of all candidates.

    Attributes
    ----------
    predictions : ndarray of shape (n_candidates, n_entries, ...)
    rows : ndarray of int of shape (n_entries,)
        With repeated splits a row occurs several times.
    weights : ndarray of shape (n_entries,)
    """

    predictions: np.ndarray
    rows: np.ndarray
    weights: np.ndarray

    def at(self, entries):
        """The same of some entries."""
        return _Table(predictions=self.predictions[:, entries], rows=self.rows[entries], weights=self.weights[entries])

    def comparison(self, score, predictions=None):
        """What of the predictions is averaged, and the scores of averages."""
        return score.comparison(self.predictions if predictions is None else predictions, self.rows, self.weights)

    def scores(self, score, predictions=None):
        """Scores of all candidates, or of other predictions of the rows."""
        parts, scores = self.comparison(score, predictions)
        return scores(parts)


def _parts(folds, n_parts=N_FOLDS):
    """For each entry of the folds' rows the part that its row belongs to, at most five."""
    rows = folds.rows
    splits = np.repeat(np.arange(len(folds)), [len(test) for _, test in folds.pairs])
    if len(folds) == 1:
        splits = np.arange(len(rows))
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    return splits[first][inverse] % n_parts


def _with_machine(weights, entries, scores):
    """Weights of which a machine has some, since importances are those of machines; the place of the best machine."""
    own = [place for place, entry in enumerate(entries) if not entry.candidate.is_extra]
    best = max(own, key=lambda place: scores[place])
    if not weights[own].any():
        weights = (1 - SMALLEST_MEMBER) * weights
        weights[best] = SMALLEST_MEMBER
    return weights, best


def _default_machine(entries):
    """Place of the last round of the first settings."""
    first = entries[0].candidate.index
    own = [place for place, entry in enumerate(entries) if entry.candidate.index == first]
    return max(own, key=lambda place: entries[place].candidate.n_iter)


def _out_of_fold(chosen, folds, n):
    rows = folds.rows
    averaged = sum(weight * entry.predictions for entry, weight in chosen)
    total = np.zeros((n, averaged.shape[1]))
    np.add.at(total, rows, averaged)
    counts = np.bincount(rows, minlength=n)
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(counts), total / counts[:, None]
