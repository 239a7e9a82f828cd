"""The ensemble that a search selects, beside its default machine."""

import numpy as np

from rfmlearn.search._candidates import Candidate, Scored
from rfmlearn.search._folds import Folds
from rfmlearn.search._scoring import Score
from rfmlearn.search._selection import Selector
from rfmlearn.solvers import Weights


def selected(predictions, y, n_folds=5, max_members=6):
    """Weights of the candidates, of which the first is the default machine; rows are tested in their order."""
    parts = np.array_split(np.arange(len(y)), n_folds)
    folds = Folds(tuple((np.setdiff1d(np.arange(len(y)), part), part) for part in parts))
    entries = [Scored(Candidate(k, 1), P[:, None], None, 0.0) for k, P in enumerate(predictions)]

    def score(P, rows, weights):
        return -float(np.average((P[:, 0] - y[rows]) ** 2, weights=weights))

    selection = Selector(Weights.of(np.ones(len(y))), Score(score, None), max_members, 100).select(entries, folds)
    weights = np.zeros(len(entries))
    for entry, weight in selection.chosen:
        weights[entry.candidate.index] = weight
    return weights


def test_an_ensemble_that_is_better_is_kept(rng):
    y = rng.normal(size=200)
    predictions = [y + rng.normal(size=200) for _ in range(4)]
    weights = selected(predictions, y)
    assert (weights > 0.1).all() and weights.sum() == 1


def lucky(rng, y, n_folds):
    """Predictions that are right on one part of the rows each, and else noise: together they look better than zero."""
    parts = np.array_split(np.arange(len(y)), n_folds)
    return [np.where(np.isin(np.arange(len(y)), part), y, 0.6 * rng.normal(size=len(y))) for part in parts]


def test_an_ensemble_that_was_lucky_is_not_kept(rng):
    y = rng.normal(size=2000)
    predictions = [np.zeros(2000), *lucky(rng, y, 5)]
    assert selected(predictions, y)[0] == 1


def test_scores_of_any_size_are_compared(rng):
    y = rng.normal(size=2000)
    predictions = [np.zeros(2000), *lucky(rng, y, 5)]
    for unit in (1e-140, 1e140):
        assert selected([unit * P for P in predictions], unit * y)[0] == 1


def test_a_difference_that_may_be_chance_does_not_count(rng):
    y = rng.normal(size=20)
    assert selected([np.zeros(20), *lucky(rng, y, 5)], y)[0] < 1


def test_one_best_candidate_is_not_compared(rng):
    y = rng.normal(size=2000)
    assert selected([np.zeros(2000), 0.1 * y], y, max_members=1)[1] == 1
