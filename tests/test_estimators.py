"""What the two estimators compute: kernel ridge regression, solvers, kernels, feature matrices."""

import warnings

import numpy as np
import pytest
from estimator_data import ESTIMATORS, KERNELS, classification, data_for, regression, scores
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import r2_score
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel

from rfmlearn import RFMClassifier, RFMRegressor, average_gradient_outer_product
from rfmlearn.kernels import GaussianKernel, LaplaceKernel, SumPowerLaplaceKernel

# Without feature learning


@pytest.mark.parametrize(
    ("kernel", "gram"),
    [
        ("laplace", lambda A, B: np.exp(-cdist(A, B) / 2.0)),
        ("gaussian", lambda A, B: rbf_kernel(A, B, gamma=1 / 8)),
        ("product_laplace", lambda A, B: laplacian_kernel(A, B, gamma=1 / 2)),
        ("lpq_laplace", lambda A, B: np.exp(-cdist(A, B, "minkowski", p=1.5) / 2.0)),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_no_rounds_is_kernel_ridge_regression(kernel, gram, weighted):
    X, y = regression(60)
    new = regression(20, seed=1)[0]
    weights = np.random.default_rng(2).uniform(0.2, 3, size=60) if weighted else None
    mean = np.average(y, weights=weights)
    reference = KernelRidge(alpha=0.3, kernel="precomputed").fit(gram(X, X), y - mean, sample_weight=weights)
    model = RFMRegressor(kernel, bandwidth=2.0, exponent=1.0, norm_p=1.5, alpha=0.3, max_iter=0, scaling=None)
    model.fit(X, y, sample_weight=weights)
    assert_allclose(model.predict(new), mean + reference.predict(gram(new, X)), rtol=1e-8, atol=1e-9)
    assert_allclose(model.intercept_, [mean], rtol=1e-12)
    assert_array_equal(model.feature_matrix_, np.eye(5))
    assert model.n_iter_ == 0 and len(model.history_) == 1


def test_no_rounds_of_the_classifier_separates_what_kernel_ridge_separates():
    X, y = classification(n_classes=2, noise=0.0)
    K = np.exp(-cdist(X, X) / 2.0)
    codes = y - y.mean()
    reference = KernelRidge(alpha=0.3, kernel="precomputed").fit(K, codes).predict(K)
    model = RFMClassifier("laplace", bandwidth=2.0, exponent=1.0, alpha=0.3, max_iter=0, scaling=None).fit(X, y)
    # Scores are an increasing affine function of the reference, and calibration must not reorder.
    scores = model._target.decode(model._decision(X))[:, 1]
    slope, offset = np.polyfit(reference, scores, 1)
    assert slope > 0
    assert_allclose(scores, slope * reference + offset, rtol=1e-7, atol=1e-7)
    assert_array_equal(np.argsort(model.decision_function(X)), np.argsort(reference))


def test_scaling_does_what_a_scaler_would():
    X, y = regression(60)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    ours = RFMRegressor(scaling="standard", max_iter=2).fit(X * 100 - 7, y).predict(X * 100 - 7)
    assert_allclose(ours, RFMRegressor(scaling=None, max_iter=2).fit(Z, y).predict(Z), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_regression_is_equivariant_in_the_target(kernel):
    X, y = regression(60)
    ours = RFMRegressor(kernel, max_iter=2).fit(X, 1000 * y - 5).predict(X)
    assert_allclose(ours, 1000 * RFMRegressor(kernel, max_iter=2).fit(X, y).predict(X) - 5, rtol=1e-7, atol=1e-5)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_order_of_the_rows_does_not_matter(Estimator, kernel):
    X, y = data_for(Estimator, 60)
    order = np.random.default_rng(3).permutation(60)
    ours = Estimator(kernel, max_iter=2).fit(X[order], y[order])
    assert_allclose(scores(ours, X), scores(Estimator(kernel, max_iter=2).fit(X, y), X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_order_of_the_columns_does_not_matter(Estimator):
    X, y = data_for(Estimator, 60)
    ours, theirs = Estimator(max_iter=2).fit(X[:, ::-1], y), Estimator(max_iter=2).fit(X, y)
    assert_allclose(scores(ours, X[:, ::-1]), scores(theirs, X), rtol=1e-5, atol=1e-5)
    assert_allclose(ours.feature_importances_[::-1], theirs.feature_importances_, rtol=1e-6)


# Solvers, kernels, feature matrices


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", ["laplace", "product_laplace"])
def test_solvers_agree(Estimator, kernel):
    X, y = data_for(Estimator, 600)
    new = data_for(Estimator, 100)[0] + 0.1
    exact = Estimator(kernel, solver="cholesky", max_iter=2, random_state=0).fit(X, y)
    approximate = Estimator(kernel, solver="cg", max_iter=2, random_state=0).fit(X, y)
    assert [record["solver"] for record in exact.history_] == ["cholesky"] * 3
    assert [record["solver"] for record in approximate.history_[:-1]] == ["cg"] * 2
    assert all(record["residual"] < 0.1 for record in approximate.history_)
    assert_allclose(scores(approximate, new), scores(exact, new), atol=0.02 * np.std(scores(exact, new)))
    assert_allclose(approximate.feature_importances_, exact.feature_importances_, atol=0.01)


def test_tolerance_of_conjugate_gradients_is_kept():
    X, y = regression(400)
    for tol in (1e-1, 1e-4):
        model = RFMRegressor(solver="cg", tol=tol, max_iter=2, random_state=0).fit(X, y)
        assert all(record["residual"] <= 1.5 * tol for record in model.history_)


@pytest.mark.parametrize("kernel", [LaplaceKernel(3.0, 0.8), GaussianKernel(2.0), SumPowerLaplaceKernel(1.0, degree=3)])
def test_kernel_instance_is_used_as_it_is(kernel):
    X, y = regression()
    model = RFMRegressor(kernel, bandwidth=77.0, exponent=1.9, max_iter=2).fit(X, y)
    assert model.kernel_ == kernel
    assert {record["bandwidth"] for record in model.history_} == {kernel.bandwidth}


def test_kernel_instance_equals_its_name():
    X, y = regression()
    named = RFMRegressor("laplace", bandwidth=3.0, exponent=0.8, max_iter=2).fit(X, y)
    assert_allclose(RFMRegressor(LaplaceKernel(3.0, 0.8), max_iter=2).fit(X, y).predict(X), named.predict(X))


def test_given_bandwidth_is_kept_and_automatic_one_is_a_distance():
    X, y = regression()
    fixed = RFMRegressor(bandwidth=2.5, max_iter=2).fit(X, y)
    assert [record["bandwidth"] for record in fixed.history_] == [2.5] * 3
    free = RFMRegressor(bandwidth="auto", max_iter=2).fit(X, y)
    assert free.history_[2]["bandwidth"] != free.history_[0]["bandwidth"]
    multiples = []
    for table in (X, 100 * X[:, :2] ** 3):
        model = RFMRegressor("laplace", bandwidth="auto", scaling=None, max_iter=0).fit(table, y)
        multiples.append(model.kernel_.bandwidth / np.median(cdist(table, table)[np.triu_indices(80, 1)]))
    assert_allclose(multiples[1], multiples[0], rtol=0.02)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("form", ["full", "diagonal", "block"])
def test_feature_matrix_has_its_form(Estimator, kernel, form):
    X, y = data_for(Estimator)
    model = Estimator(kernel, feature_matrix=form, max_iter=2).fit(X, y)
    for matrix in (model.feature_matrix_, model.agop_):
        assert_allclose(matrix, matrix.T, rtol=1e-10, atol=1e-12)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-10 * np.abs(matrix).max()
    off_diagonal = ~np.eye(len(model.agop_), dtype=bool)
    assert model.agop_[off_diagonal].any()
    assert model.feature_matrix_[off_diagonal].any() == (form != "diagonal")


def test_other_settings_of_the_metric_change_it():
    X, y = regression()
    plain = RFMRegressor(max_iter=2, agop_power=0.5, shrinkage=0.01).fit(X, y).feature_matrix_
    for change in ({"agop_power": 0.25}, {"shrinkage": 0.5}):
        other = RFMRegressor(max_iter=2, **{"agop_power": 0.5, "shrinkage": 0.01, **change}).fit(X, y).feature_matrix_
        spread = [np.ptp(np.linalg.eigvalsh(M)) / np.linalg.eigvalsh(M).max() for M in (plain, other)]
        assert spread[1] < spread[0]  # both are more cautious
    assert_allclose(RFMRegressor(max_iter=2, shrinkage=1.0).fit(X, y).feature_matrix_, np.eye(5), atol=1e-12)


def test_chosen_ridge_grows_with_the_noise():
    chosen = []
    for noise in (0.0, 3.0):
        X, y = regression(150, noise=noise)
        model = RFMRegressor(alpha="auto", max_iter=1).fit(X, y)
        chosen.append(model.history_[-1]["alpha"])
    assert chosen[0] < chosen[1]


def test_chosen_ridge_is_that_of_a_fit_with_it():
    X, y = regression(100, noise=0.5)
    model = RFMRegressor(alpha="auto", max_iter=0).fit(X, y)
    assert model.alpha == "auto" and model.history_[0]["alpha"] == model.alpha_
    fixed = RFMRegressor(alpha=model.alpha_, max_iter=0).fit(X, y)
    assert_allclose(model.predict(X), fixed.predict(X), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("max_iter", [0, 2])
def test_chosen_ridge_is_used_for_the_fit(max_iter):
    """The equation that the coefficients solve holds the ridge of the last round."""
    X, y = regression(100, noise=0.5)
    model = RFMRegressor(alpha="auto", max_iter=max_iter).fit(X, y)
    kernel = RFMRegressor(model.kernel_, alpha=model.history_[-1]["alpha"], max_iter=0, scaling=None)
    points = model.X_fit_.dense()
    assert_allclose(kernel.fit(points, y).predict(points), model.predict(X), rtol=1e-6, atol=1e-7)


def test_numerically_singular_gram_matrix_is_mended_and_reported():
    X, y = regression()
    X, y = np.vstack([X, X + 1e-12]), np.concatenate([y, y])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = RFMRegressor("gaussian", alpha=1e-18, max_iter=0).fit(X, y)
    assert [warning.category.__name__ for warning in caught] == ["ConvergenceWarning"]
    assert "alpha" in str(caught[0].message)
    assert r2_score(y, model.predict(X)) > 0.9


def test_centred_gradients_do_not_see_a_linear_trend(rng):
    X = rng.normal(size=(300, 4))
    y = 5 * X[:, 0] + X[:, 1] ** 2
    settings = dict(kernel="gaussian", feature_matrix="full", max_iter=1, scaling=None)
    plain, centred = (RFMRegressor(center_gradients=center, **settings).fit(X, y) for center in (False, True))
    assert plain.feature_importances_.argmax() == 0 and plain.feature_importances_[1] < 0.3
    assert centred.feature_importances_.argmax() == 1 and centred.feature_importances_[0] < 0.1
    expected = average_gradient_outer_product(centred, X, center=True) / y.var()
    np.testing.assert_allclose(centred.agop_, expected, rtol=1e-6, atol=1e-9)
    labels = y > 0
    same, other = (RFMClassifier(center_gradients=c, **settings).fit(X, labels).agop_ for c in (False, True))
    assert np.trace(other) < np.trace(same)
