"""A common factor of all weights, and what counts as a number of rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV
from rfmlearn.solvers import Weights

FACTORS = [1e-200, 1e-6, 1 / 7, 3.7, 1e6, 1e190]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return X, np.sin(X[:, 0]) + 0.3 * rng.normal(size=60), rng.uniform(0.5, 2.0, 60)


def target(Estimator, y):
    return y if Estimator in (RFMRegressor, RFMRegressorCV) else np.digitize(y, [-0.5, 0.5])


def answer(model, X):
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("alpha", ["auto", "cautious"])
@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMClassifier])
def test_a_common_factor_of_the_weights_changes_nothing(Estimator, alpha, factor, table):
    X, y, w = table
    y = target(Estimator, y)
    one = answer(Estimator(alpha=alpha, max_iter=1).fit(X, y, sample_weight=w), X)
    other = Estimator(alpha=alpha, max_iter=1).fit(X, y, sample_weight=w * factor)
    assert_allclose(answer(other, X), one, atol=1e-8)


@pytest.mark.parametrize("factor", [1e-6, 1 / 60, 1e5 / 3])
@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMClassifier])
def test_equal_weights_are_none(Estimator, factor, table):
    X, y, _ = table
    y = target(Estimator, y)
    one = answer(Estimator(max_iter=1).fit(X, y), X)
    assert_allclose(answer(Estimator(max_iter=1).fit(X, y, sample_weight=np.full(60, factor)), X), one, atol=1e-8)


def test_a_common_factor_of_the_weights_of_classes_changes_nothing(table):
    X, y, w = table
    y = target(RFMClassifier, y)
    for weights in (None, w, np.ones(60)):
        one, other = (
            answer(RFMClassifier(class_weight={0: c, 1: 2 * c, 2: 3 * c}).fit(X, y, sample_weight=weights), X)
            for c in (1.0, 1e-5)
        )
        assert_allclose(other, one, atol=1e-8)


def test_the_chosen_ridge_is_in_the_units_of_the_weights(table):
    X, y, w = table
    model = RFMRegressor(max_iter=0).fit(X, y, sample_weight=w * 1e-3)
    again = RFMRegressor(max_iter=0, alpha=model.alpha_).fit(X, y, sample_weight=w * 1e-3)
    assert_allclose(again.predict(X), model.predict(X), atol=1e-8)


@pytest.mark.parametrize("weight", [1e-290, 1e290])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 1e30, 1: 1e30, 2: 1e30}, {0: 1e-30, 1: 1e-30, 2: 1e-30}])
def test_extreme_weights_of_rows_and_classes(class_weight, weight, table):
    X, y, w = table
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        model = RFMClassifier(max_iter=1, class_weight=class_weight).fit(X, target(RFMClassifier, y), w * weight)
        assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("factor", [1e-6, 0.1, 1 / 60])
def test_rows_count_for_coverage_whatever_they_weigh(factor, table):
    X, y, _ = table
    weights = np.full(60, factor)
    settings = [{"max_iter": 0}]
    models = [RFMRegressorCV(settings, random_state=0).fit(X, y, sample_weight=v) for v in (None, weights)]
    one, other = (model.predict_interval(X, coverage=0.9) for model in models)
    assert_allclose(other, one, atol=1e-8)
    y = target(RFMClassifierCV, y)
    models = [RFMClassifierCV(settings, random_state=0).fit(X, y, sample_weight=v) for v in (None, weights)]
    one, other = (model.predict_set(X, coverage=0.9) for model in models)
    assert_array_equal(other, one)


def test_weights_add_up_to_the_rows_whatever_they_are():
    for rows in ([1.0, 2.0, 3.0], [0.5, 1.0, 3.0], [1e300, 3e300, 5e300]):
        weights = Weights.of(np.array(rows), np.array([1.0, 4.0, 1.0]))
        assert_allclose([weights.counts.sum(), weights.total.sum()], 3)
        assert_allclose(weights.unit * weights.total, np.multiply(rows, [1.0, 4.0, 1.0]))
    assert Weights.of(np.array([1.0, 2.0, 3.0])).are_repetitions
    other = Weights.of(np.array([0.5, 1.0, 3.0]), np.array([1.0, 4.0, 1.0]))
    assert not other.are_repetitions
    assert_allclose(other.ridge(2.0), 2.0 / np.array([0.5, 4.0, 3.0]))
    # The largest floats have no fractions, which does not make repetitions of them.
    assert not Weights.of(np.array([1e17, 2e17])).are_repetitions


@pytest.mark.parametrize("seed", range(12))
def test_balanced_classes_leave_weights_repetitions(seed):
    """Sums of what a class factor multiplies are rounded, and rounding must not decide a median."""
    rng = np.random.default_rng(seed)
    X, labels, counts = rng.normal(size=(24, 3)), rng.integers(0, 3, 24), rng.integers(1, 4, 24)
    rows = np.repeat(np.arange(24), counts)
    model = RFMClassifier(class_weight="balanced", scaling=("robust", "quantile")[seed % 2], max_iter=1, alpha=0.1)
    one = model.fit(X, labels, sample_weight=counts).predict_proba(X)
    assert_allclose(model.fit(X[rows], labels[rows]).predict_proba(X), one, atol=1e-7)


def test_the_ridge_of_a_weight_that_vanishes_beside_others():
    weights = Weights.of(np.array([1e-320, 1e300]))
    assert weights.total[0] == 0
    assert_allclose(weights.ridge(1.0), [1e15, 0.5 * weights.ridge(2.0)[1]])
    assert_array_equal(weights.ridge(0.0), [1e15, 0.0])


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_units_are_those_of_all_replicates_one_by_one(class_weight):
    """In a table of few categories each repetition is left out on its own, and counts once for the mean of weights."""
    rng = np.random.default_rng(0)
    X, counts = rng.integers(0, 3, size=(200, 3)).astype(str), rng.integers(1, 4, 200)
    labels = ((X[:, 0] == "0") + 0.6 * rng.normal(size=200) > 0.4).astype(int)
    rows = np.repeat(np.arange(200), counts)
    model = RFMClassifier(class_weight=class_weight, categorical_features=[0, 1, 2], max_iter=1)
    weighted, alpha = model.fit(X, labels, sample_weight=counts).predict_proba(X), model.alpha_
    assert_allclose(model.fit(X[rows], labels[rows]).predict_proba(X), weighted, atol=1e-9)
    assert_allclose(model.alpha_, alpha)
