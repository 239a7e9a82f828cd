"""Gradients in closed form against five-point differences."""

import naive
import numpy as np
import pytest
from gradient_cases import (
    COMPOSITES,
    GAUSSIAN_PROCESSES,
    KERNEL_MACHINES,
    LINEAR,
    NETWORKS,
    OURS,
    SCALINGS,
    SETTINGS,
    assert_near,
    data,
    expected_gradient,
    fit,
)
from sklearn import linear_model, preprocessing, svm
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import make_pipeline

import rfmlearn
from rfmlearn import RFMClassifier, RFMRegressor, RFMRegressorCV
from rfmlearn.gradients import input_gradients


@pytest.mark.parametrize(
    ("model", "target", "output", "tolerance"),
    [*LINEAR, *KERNEL_MACHINES, *GAUSSIAN_PROCESSES, *NETWORKS, *COMPOSITES, *OURS],
)
def test_closed_form_matches_five_points(model, target, output, tolerance, rng):
    X, targets, Z = data(rng)
    model = fit(model, X, targets[target])
    closed = input_gradients(model, Z, output=output, method="closed_form")
    assert_near(closed, expected_gradient(model, output, Z), tolerance)


def test_names_of_closed_forms_are_all_tested():
    from rfmlearn.gradients._registry import HOOK, closed_form_names

    foreign = [*LINEAR, *KERNEL_MACHINES, *GAUSSIAN_PROCESSES, *NETWORKS, *COMPOSITES]
    tested = {type(parameters.values[0]).__name__ for parameters in foreign}
    assert set(closed_form_names()) == tested | {"RandomizedSearchCV"}
    ours = {name for name in rfmlearn.__all__ if hasattr(getattr(rfmlearn, name), HOOK)}
    assert ours == {type(parameters.values[0]).__name__ for parameters in OURS}


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMClassifier])
def test_missing_numbers(Estimator, scaling, rng):
    X, targets, Z = data(rng)
    X[::7, 0], Z[1, 0], Z[2, 1] = np.nan, np.nan, np.nan
    model = Estimator("gaussian", max_iter=1, scaling=scaling)
    model.fit(X, targets["one" if Estimator is RFMRegressor else "classes3"])
    output = "prediction" if Estimator is RFMRegressor else "probability"
    closed = input_gradients(model, Z)
    expected = expected_gradient(model, output, Z)
    assert (closed[:, [1, 2], [0, 1]] == 0).all()
    assert_near(closed, expected, 1e-7)
    np.testing.assert_allclose(input_gradients(model, Z, method="differences"), closed, rtol=0, atol=1e-8)


def test_quantile_knots_take_the_mean_of_both_sides(rng):
    X, targets, _ = data(rng)
    X[:20, 1] = X[0, 1]
    model = RFMRegressor("gaussian", max_iter=0, scaling="quantile").fit(X, targets["one"])
    left, right = (
        naive.five_point_gradient(lambda at: model.predict(at)[:, None], X + side * 3e-6, 1e-6) for side in (-1, 1)
    )
    closed = input_gradients(model, X)
    largest = np.abs(closed).max()
    assert np.abs(left - right).max() > 0.1 * largest  # the scaling has a corner at each row it was fitted to
    np.testing.assert_allclose(closed, (left + right) / 2, rtol=0, atol=1e-3 * largest)
    assert_near(input_gradients(model, X, method="differences", step=1e-7), closed, 1e-5)


def test_closed_form_in_float32(rng):
    X, targets, Z = data(rng)
    for model in (RFMClassifier("gaussian", max_iter=1), svm.SVC(), RFMRegressorCV(SETTINGS, cv=2, random_state=0)):
        y = targets["one" if isinstance(model, RFMRegressorCV) else "classes2"]
        model.fit(X.astype(np.float32), y)
        closed = input_gradients(model, Z.astype(np.float32))
        differences = input_gradients(model, Z.astype(np.float32), method="differences")
        assert_near(differences, closed, 2e-2)


class Doubled(linear_model.Ridge):
    def predict(self, X):
        return 2 * super().predict(X)


def test_subclass_gets_differences(rng):
    X, targets, Z = data(rng)
    model = Doubled().fit(X, targets["one"])
    np.testing.assert_allclose(input_gradients(model, Z)[0], np.tile(2 * model.coef_, (len(Z), 1)), rtol=1e-7)
    with pytest.raises(ValueError, match=r"Doubled as it is configured has no closed form .* ARDRegression, .*SVR"):
        input_gradients(model, Z, method="closed_form")


@pytest.mark.parametrize(
    ("model", "target"),
    [
        (svm.SVR(kernel=lambda A, B: A @ B.T), "one"),
        (KernelRidge(kernel="cosine"), "one"),
        (GaussianProcessRegressor(kernels.PairwiseKernel(metric="rbf"), alpha=0.1, optimizer=None), "one"),
        (make_pipeline(preprocessing.PolynomialFeatures(2), linear_model.Ridge()), "one"),
        (make_pipeline(preprocessing.MinMaxScaler(clip=True), linear_model.Ridge()), "one"),
        (make_pipeline(preprocessing.StandardScaler(), Doubled()), "one"),
        (linear_model.SGDClassifier("modified_huber", alpha=1.0, random_state=0), "classes2"),
        (TransformedTargetRegressor(linear_model.Ridge(), func=np.log, inverse_func=np.exp), "positive"),
        (GaussianProcessClassifier(kernels.PairwiseKernel(metric="rbf"), optimizer=None), "classes2"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else value,
)
def test_configurations_without_closed_form(model, target, rng):
    X, targets, Z = data(rng)
    model.fit(X, targets[target])
    output = "probability" if target == "classes2" else "prediction"
    assert_near(input_gradients(model, Z), expected_gradient(model, output, Z), 1e-6)
    with pytest.raises(ValueError, match="no closed form"):
        input_gradients(model, Z, method="closed_form")
