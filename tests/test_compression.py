"""Smaller models: what they keep of the old ones, and what is told of them."""

import pickle
from typing import ClassVar

import numpy as np
import pytest
from sklearn.datasets import load_wine

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV
from rfmlearn.large._compression import Compressor
from rfmlearn.runtime._large_budget import LargeBudget

TINY = LargeBudget(leaf_rows=250, n_trees=2, packed_up_to=0, n_landmarks=200, n_learning_landmarks=100,
                   n_pilot_rows=300, n_held_out_rows=100)  # fmt: skip


class LargeRegressor(RFMRegressor):
    large_budget: ClassVar[LargeBudget] = TINY


class LargeClassifier(RFMClassifier):
    large_budget: ClassVar[LargeBudget] = TINY


def table(n=600, d=4):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] + 0.3 * rng.normal(size=n)


@pytest.fixture(scope="module")
def fitted():
    X, y = table()
    return RFMRegressor(max_iter=1).fit(X[:400], y[:400])


@pytest.fixture(scope="module")
def large():
    X, y = table(1200)
    return LargeRegressor(max_iter=1, solver="two_level", random_state=0).fit(X[:1000], y[:1000])


def test_of_a_single_model_without_rows(fitted):
    X, _ = table()
    before = fitted.predict(X).copy()
    smaller = fitted.compress(0.05)
    told = smaller.compression_
    assert told["after"]["n_centers"] == len(smaller.X_fit_) <= 200 < told["before"]["n_centers"] == 400
    assert told["after"]["loss"] <= 1.05 * told["before"]["loss"]
    assert smaller.machine_.centers.dtype == smaller.dual_coef_.dtype == np.float32
    assert len(pickle.dumps(smaller)) < len(pickle.dumps(fitted)) / 2
    np.testing.assert_array_equal(fitted.predict(X), before)
    assert not hasattr(fitted, "compression_")
    predicted = smaller.predict(X)
    assert predicted.dtype == before.dtype
    assert np.std(predicted - before) < 0.2 * np.std(before)
    np.testing.assert_array_equal(smaller.feature_importances_, fitted.feature_importances_)
    assert smaller.agop_.shape == fitted.agop_.shape


def test_of_a_large_model(large):
    X, y = table(1200)
    smaller = large.compress(0.05, X[1000:], y[1000:])
    assert len(smaller.machine_.centers) <= 600
    assert [type(part) for part in smaller.machine_.parts] == [type(part) for part in large.machine_.parts]
    for part in smaller.machine_.parts:
        assert part.rows.max() < len(smaller.machine_.centers)
    errors = [np.mean((model.predict(X[1000:]) - y[1000:]) ** 2) ** 0.5 for model in (large, smaller)]
    assert errors[1] <= 1.05 * errors[0] * (1 + 1e-9)
    assert smaller.compression_["after"]["loss"] / smaller.compression_["before"]["loss"] == pytest.approx(
        errors[1] / errors[0]
    )
    assert np.isfinite(smaller.predict(X[:5], return_std=True)[1]).all()
    assert smaller.leaf_agops_.shape == large.leaf_agops_.shape
    assert smaller.agop_.shape == (4, 4)


def test_more_loss_is_a_smaller_model(fitted):
    X, y = table()
    sizes = [fitted.compress(loss, X[400:], y[400:]).compression_["after"]["n_centers"] for loss in (0.003, 0.03, 1.0)]
    assert sizes[0] >= sizes[1] >= sizes[2] and sizes[0] > sizes[2]


def test_what_is_estimated_is_what_new_rows_see(fitted):
    """At centres kept aside predictions change as they do at new rows, though a machine has learned its centres."""
    compressor, new = Compressor(fitted.machine_), table(2000)[0][600:]
    smaller, change = compressor.smaller(0.125)
    points = fitted._points(new)
    seen = np.mean((smaller.decision(points) - fitted.machine_.decision(points)) ** 2)
    assert seen / 2.5 < change < 2.5 * seen


def test_draws_nest_and_leave_probes_out(fitted):
    compressor = Compressor(fitted.machine_)
    few, many = compressor._kept(0.1), compressor._kept(0.3)
    assert np.isin(few, many).all() and len(few) == 40
    assert not np.isin(compressor.probes, many).any()


def test_directions_without_spread_are_dropped():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6))  # of rank two
    y = X[:, 0] + 0.1 * rng.normal(size=300)
    model = RFMRegressor("laplace", exponent=1.0, feature_matrix="full", max_iter=1, categorical_features=None)
    model.set_params(scaling="standard").fit(X[:200], y[:200])
    smaller = model.compress(0.2, X[200:], y[200:])
    assert smaller.machine_.centers.n_coordinates < 6
    np.testing.assert_allclose(smaller.feature_matrix_, smaller.feature_matrix_.T)
    assert smaller.feature_matrix_.shape == smaller.agop_.shape == (6, 6)
    gradients = [m.machine_.numeric_gradient(m._points(X[200:])) for m in (model, smaller)]
    assert gradients[0].shape == gradients[1].shape
    assert np.corrcoef(gradients[0].ravel(), gradients[1].ravel())[0, 1] > 0.8


def test_smooth_kernels_stay_in_float64():
    X, y = table(300)
    smaller = RFMRegressor("gaussian", max_iter=0).fit(X[:200], y[:200]).compress(0.1, X[200:], y[200:])
    assert smaller.machine_.centers.dtype == np.float64


@pytest.mark.parametrize("solver", ["auto", "two_level"])
def test_probabilities_stay_calibrated(solver):
    X, _ = table(700)
    y = np.array(["no", "yes"])[(X[:, 0] + np.random.default_rng(1).normal(size=700) > 0).astype(int)]
    model = LargeClassifier(max_iter=1, solver=solver, random_state=0).fit(X[:500], y[:500])
    smaller = model.compress(0.02, X[500:], y[500:])
    assert smaller._calibration is model._calibration
    assert np.abs(smaller.predict_proba(X[500:]) - model.predict_proba(X[500:])).mean() < 0.05
    assert set(smaller.predict(X)) == {"no", "yes"}


def test_of_an_ensemble():
    X, y = load_wine(return_X_y=True)
    model = RFMClassifierCV([{"max_iter": 0}, {"max_iter": 1}], cv=2).fit(X[::2], y[::2])
    smaller = model.compress(2.0, X[1::2], y[1::2])
    assert [len(group.machines) for group in smaller.members_] == [len(group.machines) for group in model.members_]
    assert smaller.compression_["after"]["n_centers"] < smaller.compression_["before"]["n_centers"]
    assert smaller.score(X[1::2], y[1::2]) > 0.9
    with pytest.raises(ValueError, match="pass X and y"):
        model.compress()


def test_what_is_impossible_is_told(fitted):
    with pytest.warns(UserWarning, match="no smaller model has a loss at most 0 worse.*half of the centres"):
        same = fitted.compress(0.0)
    assert len(same.X_fit_) == 400 and same.X_fit_.dtype == np.float32
    with pytest.raises(ValueError, match="return_std=True needs the training rows"):
        same.predict(table()[0][:2], return_std=True)


def test_of_few_rows_and_of_a_constant():
    X, y = table(30)
    with pytest.warns(UserWarning, match="no smaller model"):
        RFMRegressor().fit(X, y).compress()
    X, _ = table(100)
    model = RFMRegressor().fit(X, np.full(100, 3.0)).compress()
    assert len(model.X_fit_) < 50
    np.testing.assert_array_equal(model.predict(X[:3]), 3.0)


def test_a_new_fit_forgets_it(fitted):
    smaller = fitted.compress(0.5)
    assert not hasattr(smaller.fit(*table(60)), "compression_")


def test_bad_parameters(fitted):
    X, y = table(20)
    for wrong, error in ((-0.1, ValueError), (np.inf, ValueError), ("1%", TypeError), (True, TypeError)):
        with pytest.raises(error, match="max_loss"):
            fitted.compress(wrong)
    with pytest.raises(ValueError, match="X was given without y"):
        fitted.compress(X=X)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        fitted.compress(X=X, y=y[:5])
    X, y = load_wine(return_X_y=True)
    model = RFMClassifier(max_iter=0).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="y has labels that y of fit has not"):
        model.compress(X=X, y=y)


def test_regression_ensemble_has_deviations_no_more():
    X, y = table(150)
    model = RFMRegressorCV([{"max_iter": 0}], cv=2).fit(X[:100], y[:100])
    smaller = model.compress(0.5, X[100:], y[100:])
    assert smaller.predict_interval(X[:2]).shape == (2, 2)
    with pytest.raises(ValueError, match="return_std=True"):
        smaller.predict(X[:2], return_std=True)
