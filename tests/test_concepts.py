"""Probes of concepts: directions against oracles, choice of layers, scores left out, and what follows from them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from rfmlearn import RFMClassifier
from rfmlearn.concepts import ConceptProbe
from rfmlearn.concepts._directions import METHODS
from rfmlearn.concepts._folds import make_folds
from rfmlearn.concepts._layer_search import LayerSearch, can_leave_out_twice
from rfmlearn.concepts._monitor import Monitor

QUICK = {"settings": [{"max_iter": 1}], "n_components": 3, "random_state": 0}
EVERY = pytest.mark.parametrize("method", METHODS)


def planted(n=120, seed=0, width=12, gap=2.5):
    """Three layers of noise on different scales; the second knows the concept by unit 4, the third weakly by unit 7."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 3, width)), rng.integers(0, 2, n)
    X[:, 1, 4] += gap * y
    X[:, 2, 7] += 0.4 * gap * y
    return X * [[[1.0], [10.0], [0.1]]], y


def quick(method="rfm", **parameters):
    return ConceptProbe(method, **{**QUICK, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(*planted())


@parametrize_with_checks([quick(method, cv=2) for method in METHODS] + [quick(aggregation="mean", cv=2)])
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_directions_are_eigenvectors_of_the_agop_of_a_machine_on_scaled_units():
    X, y = planted(60)
    scale = X[:, 1].std(axis=0)
    # Shrinkage is in units of the largest entry of the AGOP, which is another after a rotation.
    own = {"max_iter": 1, "shrinkage": 0.0}
    machine = RFMClassifier(kernel="laplace", feature_matrix="full", scaling=None, **own)
    machine.fit((X[:, 1] - X[:, 1].mean(axis=0)) / scale, y)
    vectors = np.linalg.eigh(machine.agop_)[1].T[::-1][:3] / scale
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = quick(settings=[own]).fit(X, y).directions_[1]
    assert_allclose(np.abs(np.sum(found * vectors, axis=1)), 1, atol=1e-6)


def test_directions_of_more_units_than_examples():
    X, y = planted(30, width=50)
    scale = X[:, 1].std(axis=0)
    machine = RFMClassifier(kernel="laplace", feature_matrix="full", scaling=None, max_iter=1)
    machine.fit(X[:, 1] / scale, y)
    first = np.linalg.eigh(machine.agop_)[1][:, -1] / scale
    found = quick(cv=2).fit(X, y).directions_[1, 0]
    # A rotation changes nothing in the first round, and in later ones the shrinkage outside of the span.
    assert abs(found @ first) / np.linalg.norm(first) > 0.99


def test_baselines_against_their_definitions():
    X, y = planted(60)
    A = X[:, 2]
    difference = A[y == 1].mean(axis=0) - A[y == 0].mean(axis=0)
    probe = quick("mean_difference").fit(X, y)
    assert_allclose(probe.directions_[2, 0], difference / np.linalg.norm(difference))
    assert_allclose(probe.steering_vector()[2], difference, rtol=1e-9)
    coef = LogisticRegression(max_iter=1000).fit(A / A.std(axis=0), y).coef_[0] / A.std(axis=0)
    found = quick("logistic").fit(X, y).directions_[2, 0]
    assert_allclose(found, coef / np.linalg.norm(coef), atol=1e-6)
    components = np.linalg.svd(A - A.mean(axis=0), full_matrices=False)[2][:3]
    found = quick("pca").fit(X, y).directions_[2]
    assert_allclose(np.abs(np.sum(found * components, axis=1)), 1)


@EVERY
def test_the_layer_that_knows_is_found(method):
    X, y = planted()
    probe = quick(method).fit(X, y)
    assert probe.best_layer_ == 1 and probe.layer_scores_[1] > 0.9 > probe.layer_scores_[0]
    new, truth = planted(400, seed=1)
    assert roc_auc_score(truth, probe.decision_function(new)) > 0.9
    if method != "pca":
        assert np.argmax(probe.steering_directions_[1]) == 4


@EVERY
def test_signs_point_towards_the_concept(method):
    X, y = planted()
    probe = quick(method).fit(X, y)
    for k, projections in enumerate(np.split(probe.transform(X), 3, axis=1)):
        assert (projections[y == 1].mean(axis=0) >= projections[y == 0].mean(axis=0)).all(), k
    mirrored = quick(method).fit(-X, y)
    assert_allclose(mirrored.directions_, -probe.directions_, atol=1e-6)
    swapped = quick(method).fit(X, 1 - y)
    assert_allclose(np.abs(swapped.directions_), np.abs(probe.directions_), atol=1e-6)


@EVERY
def test_scores_of_layers_against_a_loop(method):
    X, y = planted(60)
    folds = [(np.flatnonzero(np.arange(60) % 3 != k), np.flatnonzero(np.arange(60) % 3 == k)) for k in range(3)]
    probe = quick(method, cv=folds).fit(X, y)
    scores = np.empty((60, 3))
    for train, test in folds:
        scores[test] = quick(method, cv=2).fit(X[train], y[train]).layer_decisions(X[test])
    assert_allclose(probe.layer_scores_, [roc_auc_score(y, layer) for layer in scores.T])
    assert probe.best_layer_ == np.argmax(probe.layer_scores_)


def test_settings_are_those_of_the_largest_mean_over_layers():
    X, y = planted(60)
    settings = [{"max_iter": 1, "alpha": 1e3}, {"max_iter": 1}, {"max_iter": 1, "feature_matrix": "diagonal"}]
    folds = [(np.flatnonzero(np.arange(60) % 3 != k), np.flatnonzero(np.arange(60) % 3 == k)) for k in range(3)]
    means = [quick(settings=[each], cv=folds).fit(X, y).layer_scores_.mean() for each in settings]
    found = quick(settings=settings, cv=folds).fit(X, y)
    assert found.settings_ == settings[int(np.argmax(means))]
    assert_allclose(found.layer_scores_.mean(), max(means))


def test_the_combined_direction_against_its_definition():
    X, y = planted(60)
    layer = quick().fit(X, y).layers_[1]
    A, signs = X[:, 1] - X[:, 1].mean(axis=0), 2.0 * y - 1.0
    first = layer.directions[0] / np.std(A @ layer.directions[0])
    # What is left of the combination, less the first direction, is a regression on all of them.
    scores = A @ layer.direction
    rest = scores / np.std(scores) - A @ first / 2
    fitted = np.linalg.lstsq(A @ layer.directions.T, rest)[0] @ layer.directions
    assert_allclose(A @ fitted, rest, atol=1e-9)
    assert np.corrcoef(scores, signs)[0, 1] > 0.7
    assert_allclose(layer.gap, scores[y == 1].mean() - scores[y == 0].mean())


def test_steering_moves_one_class_to_the_other(fitted):
    X, y = planted()
    moved = X[y == 0].mean(axis=0) + fitted.steering_vector(1.0)
    there, here = fitted.layer_decisions(X[y == 1]).mean(axis=0), fitted.layer_decisions(moved[None])[0]
    assert_allclose(here, there)
    assert_array_equal(fitted.steering_vector(0.0), 0)
    some = fitted.steering_vector([0.0, -2.0, 0.0])
    assert_allclose(some[1], -2 * fitted.steering_vector()[1])
    assert not some[[0, 2]].any()
    with pytest.raises(ValueError, match="strength must be a finite number, or one for each of 3 layers"):
        fitted.steering_vector([1.0, 2.0])
    with pytest.raises(ValueError, match=r"strength must be a finite number, .* got 'strong'"):
        fitted.steering_vector("strong")


@pytest.mark.parametrize("aggregation", ["best", "mean", "ridge"])
def test_aggregation(aggregation):
    X, y = planted(200)
    probe = quick("mean_difference", aggregation=aggregation).fit(X, y)
    new, truth = planted(400, seed=3)
    scores, decisions = probe.layer_decisions(new), probe.decision_function(new)
    # The mean takes along a layer that knows nothing.
    assert roc_auc_score(truth, decisions) > (0.8 if aggregation == "mean" else 0.9)
    if aggregation == "best":
        assert abs(np.corrcoef(scores[:, probe.best_layer_], decisions)[0, 1]) > 1 - 1e-9


def test_two_dimensions_are_one_layer():
    X, y = planted()
    flat, one = quick().fit(X[:, 1], y), quick().fit(X[:, [1]], y)
    assert flat.layer_shape_ == one.layer_shape_ == (1, 12)
    assert_array_equal(flat.directions_, one.directions_)
    assert_array_equal(flat.predict_proba(X[:, [1]]), one.predict_proba(X[:, 1]))


def test_probabilities_are_calibrated_on_examples_left_out():
    X, y = planted(400, gap=1.0)
    probe = quick("mean_difference").fit(X, y)
    new, truth = planted(4000, seed=5, gap=1.0)
    proba = probe.predict_proba(new)[:, 1]
    assert_allclose(proba.mean(), truth.mean(), atol=0.08)
    for low, high in ((0.2, 0.5), (0.5, 0.8)):
        inside = (proba > low) & (proba < high)
        assert_allclose(proba[inside].mean(), truth[inside].mean(), atol=0.08)


def test_alarms_and_sets_hold_their_rates():
    rates, covered = [], []
    for seed in range(10):
        X, y = planted(200, seed=seed, gap=1.5)
        new, truth = planted(1000, seed=100 + seed, gap=1.5)
        probe = quick("mean_difference").fit(X, y)
        alarms = probe.alarm(new, [0.05, 0.2])
        assert alarms.shape == (1000, 2) and (alarms[:, 1] >= alarms[:, 0]).all()
        assert_array_equal(alarms[:, 1], probe.alarm(new, 0.2))
        rates.append(alarms[truth == 0].mean(axis=0))
        sets = probe.predict_set(new, 0.9)
        covered.append(sets[np.arange(1000), truth].mean())
    assert_allclose(np.mean(rates, axis=0), [0.05, 0.2], atol=0.03)
    assert 0.87 < np.mean(covered) < 0.95


def test_rates_hold_where_most_layers_know_nothing():
    """An aggregation that learned from probes that had seen the examples would give 13 % of alarms, and cover 84 %."""
    alarms, covered = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(1080, 20, 10)), rng.integers(0, 2, 1080)
        X[:, 3, 2] += y
        X[:, 7, 5] += y
        probe = quick("mean_difference").fit(X[:80], y[:80])
        new, truth = X[80:], y[80:]
        alarms.append(probe.alarm(new, 0.1)[truth == 0].mean())
        covered.append(probe.predict_set(new, 0.9)[np.arange(1000), truth].mean())
    assert np.mean(alarms) < 0.11 and np.mean(covered) > 0.87


def test_scores_left_out_twice_against_refits():
    X, y = planted(40)
    folds = make_folds(4, X, y, None, np.random.RandomState(0))
    search = LayerSearch("mean_difference", 1, [None], 0)
    found = search.twice_left_out_scores(X[:, 1], y, folds)
    for f, (train, test) in enumerate(folds):
        assert not found[f, test].any()
        for i in train:
            own = next(b for a, b in folds if i in b)
            rows = np.setdiff1d(np.setdiff1d(np.arange(40), test), own)
            assert_allclose(found[f, i], search.probes(X[rows, 1], y[rows])[0].score(X[[i], 1])[0])
    assert can_leave_out_twice(folds, y)
    assert not can_leave_out_twice(folds[:2], y) and not can_leave_out_twice(folds * 3, y)
    assert not can_leave_out_twice(folds, np.isin(np.arange(40), folds[0][1]).astype(int))


@settings(max_examples=50)
@given(st.integers(4, 40), st.floats(0.02, 0.98), st.integers(0, 2**31))
def test_thresholds_against_counting(n, rate, seed):
    scores = np.random.default_rng(seed).normal(size=n)
    labels = np.arange(n) % 2
    without, monitor = np.sort(scores[labels == 0]), Monitor(scores, labels)
    allowed = int(np.floor(rate * (len(without) + 1) * (1 + 1e-9)))
    if allowed < 1:
        with pytest.raises(ValueError, match="needs more than"):
            monitor.threshold(rate)
    else:
        assert monitor.threshold(rate) == without[::-1][min(allowed, len(without)) - 1]


def test_copies_and_groups_come_into_one_fold():
    X, y = planted(40)
    X, y, groups = np.concatenate([X, X]), np.concatenate([y, y]), np.arange(80) // 2
    for train, test in make_folds(4, X, y, groups, np.random.RandomState(0)):
        assert not set(groups[train]) & set(groups[test])
        assert not set(train % 40) & set(test % 40)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, int])
def test_types_and_orders(dtype):
    X, y = planted(60)
    X = (10 * X).astype(dtype)
    X.setflags(write=False)
    expected = quick().fit(X.astype(np.float64), y).decision_function(X.astype(np.float64))
    for given_X in (X, np.asfortranarray(X), X[::-1][::-1], X.tolist() if dtype is int else X):
        assert_allclose(quick().fit(given_X, y).decision_function(given_X), expected, rtol=1e-3, atol=1e-3)


def test_threads_pickles_clones_and_pipelines(fitted):
    X, y = planted()
    expected = fitted.predict_proba(X)
    assert_allclose(quick(n_jobs=2).fit(X, y).predict_proba(X), expected, rtol=1e-9)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), expected)
    assert_array_equal(clone(fitted).fit(X, y).predict_proba(X), expected)
    flat = make_pipeline(quick(), LogisticRegression()).fit(X[:, 1], y)
    assert flat.score(X[:, 1], y) > 0.85
    assert len(fitted.get_feature_names_out()) == fitted.transform(X).shape[1] == 9


def test_labels_of_any_kind():
    X, y = planted()
    probe = quick("mean_difference").fit(X, np.where(y == 1, "rude", "polite"))
    assert probe.classes_.tolist() == ["polite", "rude"]
    assert set(probe.predict(X)) == {"polite", "rude"}
    assert_allclose(probe.class_prior_, [1 - y.mean(), y.mean()])


def test_estimators_of_ones_own():
    X, y = planted(80)
    probe = ConceptProbe(estimator=LogisticRegression(), settings=[{"C": 1.0}, {"C": 0.01}], n_components=1, cv=3)
    probe.fit(X, y)
    assert probe.best_layer_ == 1 and np.argmax(probe.directions_[1, 0]) == 4
    assert probe.settings_ in ({"C": 1.0}, {"C": 0.01})
