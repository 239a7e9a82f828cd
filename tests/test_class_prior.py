"""Predictions for rows among which classes have other shares than in training: Bayes' formula, and what it brings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rfmlearn import ConvRFMClassifier, DeepRFMClassifier, RFMClassifier, RFMClassifierCV
from rfmlearn.targets._class_prior import check_class_prior

MODELS = {
    "single": lambda: RFMClassifier(max_iter=1),
    "weighted": lambda: RFMClassifier(max_iter=0, class_weight={"a": 1, "b": 4, "c": 1}),
    "search": lambda: RFMClassifierCV([{"max_iter": 1}], cv=2, random_state=0),
    "deep": lambda: DeepRFMClassifier(n_layers=2, n_random_features=20, random_state=0),
    "images": lambda: ConvRFMClassifier(image_shape=(2, 2), patch_size=1, depth=1, max_iter=0),
}
METHODS = "predict_proba", "predict_log_proba", "decision_function", "predict"
NEW = np.array([0.7, 0.1, 0.2])


@pytest.fixture(scope="module")
def table():
    """Classes of .5, .3 and .2 of the rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    order = np.argsort(X[:, 0] + 0.5 * rng.normal(size=100))
    y = np.empty(100, dtype="<U1")
    y[order] = np.repeat(["a", "b", "c"], [50, 30, 20])
    return X, y


@pytest.fixture(scope="module", params=MODELS)
def model(request, table):
    return MODELS[request.param]().fit(*table)


@pytest.fixture(scope="module")
def plain(table):
    return RFMClassifier(max_iter=0).fit(*table)


def test_shares_are_those_of_fit(model):
    expected = np.array([0.5, 0.3, 0.2])
    if getattr(model, "class_weight", None):
        expected = expected * [1, 4, 1] / (0.5 + 4 * 0.3 + 0.2)
    assert_allclose(model.class_prior_, expected)


def test_weights_of_rows_count(table):
    X, y = table
    model = RFMClassifier(max_iter=0).fit(X, y, np.where(y == "c", 3.0, 1.0))
    assert_allclose(model.class_prior_, np.array([50, 30, 60]) / 140)


def test_formula_of_bayes(model, table):
    X, _ = table
    expected = model.predict_proba(X) * NEW / model.class_prior_
    expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(model.predict_proba(X, class_prior=NEW), expected, rtol=1e-6)
    assert_allclose(np.exp(model.predict_log_proba(X, class_prior=NEW)), expected, rtol=1e-6)
    decision = model.decision_function(X, class_prior=NEW)
    assert_allclose(decision - decision[:, :1], np.log(expected / expected[:, :1]), atol=1e-5)
    assert_array_equal(model.predict(X, class_prior=NEW), model.classes_[expected.argmax(axis=1)])
    assert (model.predict(X, class_prior=NEW) != model.predict(X)).any()


@pytest.mark.parametrize("method", METHODS)
def test_same_shares_change_nothing(model, table, method):
    X, _ = table
    ask, given = getattr(model, method), model.class_prior_.copy()
    assert_array_equal(ask(X, class_prior=given), ask(X))
    assert_array_equal(ask(X, class_prior=None), ask(X))
    assert_array_equal(model.class_prior_, given)


def test_odds_of_two_classes(table):
    X, y = table
    model = RFMClassifier(max_iter=0).fit(X, y == "c")
    moved = model.decision_function(X, class_prior=[0.5, 0.5]) - model.decision_function(X)
    assert_allclose(moved, np.log(0.8 / 0.2), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_stays(table, dtype):
    X, y = table
    model = RFMClassifier(max_iter=0).fit(X.astype(dtype), y)
    assert model.predict_proba(X.astype(dtype), class_prior=NEW).dtype == dtype


def simulated(rng, n, shares):
    """Three overlapping clouds."""
    y = rng.choice(3, n, p=shares)
    return np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])[y] + rng.normal(size=(n, 2)), y


def test_shifted_rows_are_predicted_as_by_a_refit():
    """Paired differences of log-losses, over all test rows."""
    rng = np.random.default_rng(0)
    shares = [0.08, 0.12, 0.8]
    X, y = simulated(rng, 600, [0.6, 0.25, 0.15])
    X_test, y_test = simulated(rng, 3000, shares)
    model, refit = RFMClassifier().fit(X, y), RFMClassifier().fit(*simulated(rng, 600, shares))

    def losses(probabilities):
        return -np.log(probabilities[np.arange(3000), y_test])

    before, after = losses(model.predict_proba(X_test)), losses(model.predict_proba(X_test, class_prior=shares))
    fresh = losses(refit.predict_proba(X_test))
    assert after.mean() < 0.7 * before.mean()
    difference = after - fresh
    assert difference.mean() < 0.02 + 3 * difference.std() / np.sqrt(3000)
    assert (model.predict(X_test, class_prior=shares) == y_test).mean() > (model.predict(X_test) == y_test).mean() + 0.1


# What is given


@pytest.mark.parametrize(
    "given",
    [
        list,
        tuple,
        lambda shares: shares.astype(np.float32),
        lambda shares: dict(zip("cab", shares[[2, 0, 1]], strict=True)),
        lambda shares: pd.Series(shares[[2, 0, 1]], index=list("cab")),
        lambda shares: pd.Series(list("aaaaaaabcc")).value_counts(normalize=True),
        lambda shares: shares * (1 + 1e-7),
    ],
)
def test_forms(given):
    assert_allclose(check_class_prior(given(NEW), np.array(list("abc"))), NEW, rtol=1e-6)


@pytest.mark.parametrize("classes", [[0, 1], [False, True], [0.0, 1.0]])
def test_labels_of_any_type(classes):
    shares = {np.array(classes)[1]: 0.25, classes[0]: 0.75}
    assert_array_equal(check_class_prior(shares, np.array(classes)), [0.75, 0.25])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([0.5, 0.5], r"one share for each of the 3 classes, .* shape \(2,\)"),
        ([[0.5, 0.3, 0.2]], r"shape \(1, 3\)"),
        (0.5, r"shape \(\)"),
        ([0.5, 0.5, 0.0], r"positive and finite, got 0 for class 'c'"),
        ([1.5, -0.6, 0.1], r"got -0\.6 for class 'b'"),
        ([np.nan, 0.5, 0.5], r"got nan for class 'a'"),
        ([0.5, np.inf, 0.5], r"got inf for class 'b'"),
        ([50, 30, 20], r"must sum to one, got 100: divide"),
        ([0.5, 0.3, 0.1], r"must sum to one, got 0\.9"),
        ({"a": 0.5, "b": 0.5}, r"missing are \['c'\], unknown are \[\]"),
        ({"a": 0.5, "b": 0.2, "c": 0.2, "d": 0.1}, r"unknown are \['d'\]"),
        (pd.Series(NEW), r"missing are \['a', 'b', 'c'\], unknown are \[0, 1, 2\]"),
        ({"a": 0.5, "b": "many", "c": 0.2}, r"must hold numbers"),
        ("balanced", r"must hold numbers, got class_prior='balanced'"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_refused(given, words, method, plain, table):
    with pytest.raises(ValueError, match=r"class_prior .*" + words):
        getattr(plain, method)(table[0], class_prior=given)


def test_before_fit():
    with pytest.raises(NotFittedError):
        RFMClassifier().predict_proba([[0.0]], class_prior=[0.5, 0.5])
    assert not hasattr(RFMClassifier(), "class_prior_")


def test_within_a_pipeline(table):
    X, y = table
    model = make_pipeline(StandardScaler(), RFMClassifier(max_iter=0)).fit(X, y)
    expected = model[-1].predict_proba(model[0].transform(X), class_prior=NEW)
    assert_array_equal(model.predict_proba(X, class_prior=NEW), expected)


def test_compressed_models_know_it(rng):
    X = rng.normal(size=(300, 3))
    model = RFMClassifier(max_iter=0).fit(X[:200], X[:200, 0] > 0.5)
    smaller = model.compress(max_loss=1.0)
    assert_array_equal(smaller.class_prior_, model.class_prior_)
    assert smaller.predict_proba(X, class_prior=[0.1, 0.9])[:, 1].mean() > smaller.predict_proba(X)[:, 1].mean()
