"""What the two estimators compute: rounds and their choice, solvers, outputs, probabilities, limits."""

import logging
import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score
from sklearn.metrics.pairwise import laplacian_kernel, rbf_kernel
from threadpoolctl import threadpool_limits

from rfmlearn import RFMClassifier, RFMRegressor, average_gradient_outer_product
from rfmlearn.kernels import GaussianKernel, LaplaceKernel, SumPowerLaplaceKernel

ESTIMATORS = [RFMRegressor, RFMClassifier]
KERNELS = ["laplace", "gaussian", "product_laplace", "lpq_laplace", "sum_power_laplace"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other would take most of the time of tests this small."""
    with threadpool_limits(1):
        yield


def regression(n=80, d=5, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] * X[:, 1] + np.sin(X[:, 0]) + noise * rng.normal(size=n)


def classification(n=120, n_classes=3, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    signal = X[:, 0] + noise * rng.normal(size=n)
    return X, np.searchsorted(np.quantile(signal, np.arange(1, n_classes) / n_classes), signal)


def data_for(Estimator, n=80):
    return regression(n) if Estimator is RFMRegressor else classification(n)


def scores(model, X):
    return model.predict(X) if isinstance(model, RFMRegressor) else model.decision_function(X)


def losses(model):
    return np.array([record["validation_loss"] for record in model.history_])


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
    # Logits are an increasing affine function of the score: calibration must not reorder.
    slope, offset = np.polyfit(reference, model.decision_function(X), 1)
    assert slope > 0
    assert_allclose(model.decision_function(X), slope * reference + offset, rtol=1e-7, atol=1e-7)


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


# Rounds


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_validation_picks_the_best_round(Estimator):
    kept = set()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(90, 3))
        y = X @ [1, 1, 1] + seed * rng.normal(size=90)
        y = y if Estimator is RFMRegressor else (y > 0).astype(int)
        model = Estimator(max_iter=4).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
        assert [record["n_iter"] for record in model.history_] == [0, 1, 2, 3, 4]
        assert model.n_iter_ == np.argmin(losses(model))
        stopped = Estimator(max_iter=model.n_iter_).fit(X[:60], y[:60])
        assert_allclose(scores(model, X), scores(stopped, X), rtol=1e-7, atol=1e-8)
        assert_allclose(model.agop_, stopped.agop_, rtol=1e-7, atol=1e-9)
        kept.add(model.n_iter_)
    assert len(kept) > 1  # or any rule would have passed


def test_validation_loss_is_the_error_in_units_of_the_target():
    X, y = regression(90)
    model = RFMRegressor(max_iter=3).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    error = mean_squared_error(y[60:], model.predict(X[60:])) / y[:60].var()
    assert_allclose(losses(model)[model.n_iter_], error, rtol=1e-9)


def test_validation_loss_sums_over_outputs():
    X, y = regression(90)
    Y = np.column_stack([y, 100 * X[:, 2]])
    model = RFMRegressor(max_iter=2).fit(X[:60], Y[:60], X_val=X[60:], y_val=Y[60:])
    errors = ((Y[60:] - model.predict(X[60:])) ** 2).mean(axis=0) / Y[:60].var(axis=0)
    assert_allclose(losses(model)[model.n_iter_], errors.sum(), rtol=1e-9)


def test_without_validation_the_last_round_is_kept():
    X, y = regression()
    model = RFMRegressor(max_iter=4).fit(X, y)
    assert model.n_iter_ == 4
    assert [record["n_iter"] for record in model.history_] == [0, 1, 2, 3, 4]
    assert all("validation_loss" not in record for record in model.history_)
    assert {"bandwidth", "solver", "residual", "seconds"} <= set(model.history_[0])
    seconds = [record["seconds"] for record in model.history_]
    assert sorted(seconds) == seconds and seconds[0] > 0


@pytest.mark.parametrize("patience", [1, 2])
def test_stops_after_rounds_without_improvement(patience):
    early = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(80, 3)), rng.normal(size=80)  # nothing to learn
        parts = (X[:50], y[:50]), {"X_val": X[50:], "y_val": y[50:]}
        whole = losses(RFMRegressor(max_iter=8).fit(*parts[0], **parts[1]))
        model = RFMRegressor(max_iter=8, n_iter_no_change=patience).fit(*parts[0], **parts[1])
        best_so_far = np.array([np.argmin(whole[: k + 1]) for k in range(9)])
        waited = np.flatnonzero(np.arange(9) - best_so_far >= patience)
        last = waited[0] if len(waited) else 8
        assert_allclose(losses(model), whole[: last + 1], rtol=1e-9)
        assert model.n_iter_ == best_so_far[last]
        early += last < 8
    assert early


def test_patience_without_validation_set_has_no_effect():
    X, y = regression()
    assert len(RFMRegressor(max_iter=4, n_iter_no_change=1).fit(X, y).history_) == 5


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_callback_sees_every_round_and_stops(Estimator):
    X, y = data_for(Estimator)
    seen = []

    def callback(iterate):
        seen.append(iterate)
        return iterate.n_iter == 2

    model = Estimator(max_iter=5, callback=callback).fit(X, y)
    assert [iterate.n_iter for iterate in seen] == [0, 1, 2]
    assert model.n_iter_ == 2 and len(model.history_) == 3
    assert_allclose(scores(model, X), scores(Estimator(max_iter=2).fit(X, y), X), rtol=1e-7, atol=1e-8)
    assert_allclose(seen[2].feature_matrix.to_array(), model.feature_matrix_, rtol=1e-9, atol=1e-12)


def test_callback_that_returns_nothing_does_not_stop():
    X, y = regression()
    assert RFMRegressor(max_iter=3, callback=lambda iterate: None).fit(X, y).n_iter_ == 3


def test_error_in_a_callback_gets_through():
    def callback(iterate):
        raise KeyError("from the callback")

    X, y = regression()
    with pytest.raises(KeyError, match="from the callback"):
        RFMRegressor(callback=callback).fit(X, y)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_time_limit(Estimator):
    X, y = data_for(Estimator)
    short = Estimator(max_iter=4, time_limit=1e-9).fit(X, y)
    assert short.n_iter_ == 0 and len(short.history_) == 1
    assert_allclose(scores(short, X), scores(Estimator(max_iter=0).fit(X, y), X), rtol=1e-8, atol=1e-9)
    assert Estimator(max_iter=4, time_limit=3600).fit(X, y).n_iter_ == 4


def test_interrupted_rounds_still_allow_a_validation_choice():
    X, y = regression(90)
    model = RFMRegressor(max_iter=4, callback=lambda iterate: iterate.n_iter == 2)
    model.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert model.n_iter_ == np.argmin(losses(model))
    assert len(model.history_) == 3


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_going_back_to_an_earlier_round_takes_no_second_square_array(solver):
    X, y = regression(1500)
    peaks = []
    plain = RFMRegressor(max_iter=0).fit(X, y).predict(X[:100])
    for validation in ({}, {"X_val": X[:100], "y_val": plain}):
        tracemalloc.start()
        model = RFMRegressor(max_iter=1, solver=solver).fit(X, y, **validation)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert model.n_iter_ == 0  # or the last round was kept
    assert peaks[1] < peaks[0] + 0.5 * 8 * 1500**2


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


@pytest.mark.parametrize("max_iter", [0, 2])
def test_chosen_ridge_is_used_for_the_fit(max_iter):
    X, y = regression(100, noise=0.5)
    model = RFMRegressor(alpha="auto", max_iter=max_iter).fit(X, y)
    assert model.alpha == "auto"
    alphas = {record["alpha"] for record in model.history_}
    if len(alphas) == 1:
        (alpha,) = alphas
        fixed = RFMRegressor(alpha=alpha, max_iter=max_iter).fit(X, y)
        assert_allclose(model.predict(X), fixed.predict(X), rtol=1e-7, atol=1e-8)
    # The equation that the coefficients solve holds the ridge of the last round.
    kernel = RFMRegressor(model.kernel_, alpha=model.history_[-1]["alpha"], max_iter=0, scaling=None)
    points = model.X_fit_.dense()
    assert_allclose(kernel.fit(points, y).predict(points), model.predict(X), rtol=1e-6, atol=1e-7)


# Outputs


def test_outputs_keep_the_shape_of_y():
    X, y = regression()
    Y = np.column_stack([y, X[:, 2]])
    assert RFMRegressor(max_iter=1).fit(X, y).predict(X[:7]).shape == (7,)
    assert RFMRegressor(max_iter=1).fit(X, Y[:, :1]).predict(X[:7]).shape == (7, 1)
    assert RFMRegressor(max_iter=1).fit(X, Y).predict(X[:7]).shape == (7, 2)


@pytest.mark.parametrize("kernel", KERNELS)
def test_outputs_without_feature_learning_are_independent(kernel):
    X, y = regression()
    Y = np.column_stack([y, 1e6 * X[:, 2], np.full(80, 3.0)])
    together = RFMRegressor(kernel, alpha=0.1, max_iter=0).fit(X, Y).predict(X)
    for column in range(3):
        alone = RFMRegressor(kernel, alpha=0.1, max_iter=0).fit(X, Y[:, column]).predict(X)
        assert_allclose(together[:, column], alone, rtol=1e-9, atol=1e-10 * np.abs(Y[:, column]).max())


def test_outputs_share_what_they_learn():
    X, y = regression()
    model = RFMRegressor(max_iter=2).fit(X, np.column_stack([y, X[:, 3]]))
    assert set(np.argsort(model.feature_importances_)[-3:]) == {0, 1, 3}


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("kernel", KERNELS)
def test_outputs_of_the_classifier_agree(kernel, n_classes):
    X, y = classification(n_classes=n_classes)
    model = RFMClassifier(kernel, max_iter=1).fit(X, y)
    new = 2 * classification(50, seed=1)[0]
    proba, decision, labels = model.predict_proba(new), model.decision_function(new), model.predict(new)
    assert proba.shape == (50, n_classes)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert proba.min() >= 0
    assert_array_equal(labels, model.classes_[proba.argmax(axis=1)])
    if n_classes == 2:
        assert decision.shape == (50,)
        assert_array_equal(labels, model.classes_[(decision > 0).astype(int)])
        assert_allclose(decision, np.log(proba[:, 1] / proba[:, 0]), rtol=1e-7, atol=1e-9)
    else:
        assert decision.shape == (50, n_classes)
        assert_array_equal(labels, model.classes_[decision.argmax(axis=1)])
        centred = np.log(proba) - np.log(proba).mean(axis=1, keepdims=True)
        assert_allclose(decision - decision.mean(axis=1, keepdims=True), centred, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "names",
    [
        np.array(["no", "yes"]),
        np.array([False, True]),
        np.array([-1, 1]),
        np.array([10, 3]),
        np.array([0.0, 1.0]),
        np.array(["b", "a"], dtype=object),
    ],
    ids=["strings", "bools", "signs", "reversed", "floats", "objects"],
)
def test_labels_of_any_type(names):
    X, y = classification(n_classes=2, noise=0.0)
    model = RFMClassifier(max_iter=1).fit(X, names[y])
    assert_array_equal(model.classes_, np.sort(names))
    assert model.predict(X).dtype == names.dtype
    assert np.mean(model.predict(X) == names[y]) > 0.95
    assert np.mean(model.predict_proba(X)[:, list(model.classes_).index(names[1])] > 0.5) == pytest.approx(0.5, abs=0.1)


def test_labels_in_a_series_and_a_list():
    pd = pytest.importorskip("pandas")
    X, y = classification(n_classes=3)
    names = np.array(["u", "v", "w"])[y]
    expected = RFMClassifier(max_iter=1).fit(X, names).predict(X)
    index = np.arange(len(y))[::-1]  # positions count, not labels of rows
    series = [pd.Series(names, index=index), pd.Series(names, index=index, dtype="category"), names.tolist()]
    for given in series:
        assert_array_equal(RFMClassifier(max_iter=1).fit(X, given).predict(X), expected)


def test_targets_in_a_series_and_a_frame():
    pd = pytest.importorskip("pandas")
    X, y = regression()
    expected = RFMRegressor(max_iter=1).fit(X, y).predict(X)
    index = np.arange(len(y))[::-1]
    assert_allclose(RFMRegressor(max_iter=1).fit(X, pd.Series(y, index=index)).predict(X), expected)
    assert_allclose(RFMRegressor(max_iter=1).fit(X, pd.DataFrame({"y": y})).predict(X)[:, 0], expected)


# Quality and calibration


def test_ten_classes():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    train, test = order[:600], order[600:1000]
    model = RFMClassifier(random_state=0).fit(X[train], y[train])
    assert accuracy_score(y[test], model.predict(X[test])) > 0.95
    assert log_loss(y[test], model.predict_proba(X[test])) < 0.25


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_beat_the_prior(noise, n_classes):
    X, y = classification(400, n_classes, noise)
    model = RFMClassifier().fit(X[:200], y[:200])
    prior = np.tile(np.bincount(y[:200]) / 200, (200, 1))
    assert log_loss(y[200:], model.predict_proba(X[200:])) < log_loss(y[200:], prior) - 0.01


def test_probabilities_of_pure_noise_are_near_the_prior():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 4)), (rng.random(400) < 0.3).astype(int)
    proba = RFMClassifier().fit(X[:200], y[:200]).predict_proba(X[200:])
    entropy = log_loss(y[200:], np.tile([0.7, 0.3], (200, 1)))
    assert log_loss(y[200:], proba) < entropy + 0.05
    assert proba[:, 1].mean() == pytest.approx(0.3, abs=0.1)


def test_probabilities_on_real_data():
    X, y = load_breast_cancer(return_X_y=True)
    model = RFMClassifier().fit(X[::2], y[::2])
    assert log_loss(y[1::2], model.predict_proba(X[1::2])) < 0.2
    assert accuracy_score(y[1::2], model.predict(X[1::2])) > 0.94


@pytest.mark.parametrize("kernel", ["laplace", "gaussian", "product_laplace", "lpq_laplace"])
def test_far_from_the_data_regression_gives_the_mean(kernel):
    X, y = regression()
    model = RFMRegressor(kernel, max_iter=1, scaling=None).fit(X, y + 10)
    assert_allclose(model.predict(1e6 * np.sign(X)), np.full(80, (y + 10).mean()), rtol=1e-6)


@pytest.mark.parametrize("kernel", ["laplace", "gaussian", "product_laplace", "lpq_laplace"])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_far_from_the_data_probabilities_are_near_class_frequencies(kernel, share):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 3))
    signal = X[:, 0] + 0.5 * rng.normal(size=150)
    y = (signal > np.quantile(signal, 1 - share)).astype(int)
    proba = RFMClassifier(kernel, max_iter=1, scaling=None).fit(X, y).predict_proba(1e6 * np.sign(X))
    assert np.ptp(proba, axis=0).max() < 1e-6
    assert proba[0, 1] == pytest.approx(y.mean(), abs=0.2)


# Reproducibility and hygiene


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_random_state(Estimator):
    X, y = data_for(Estimator)
    first, again, other = (
        scores(Estimator(max_iter=2, n_agop_samples=15, random_state=seed).fit(X, y), X) for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6
    states = [np.random.RandomState(0), np.random.RandomState(0)]
    drawn = [scores(Estimator(max_iter=2, n_agop_samples=15, random_state=s).fit(X, y), X) for s in states]
    assert_array_equal(drawn[0], drawn[1])
    assert_array_equal(drawn[0], first)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_nothing_is_drawn_for_small_tables(Estimator):
    X, y = data_for(Estimator)
    model = Estimator(max_iter=2, solver="cholesky", n_agop_samples=None)
    assert_array_equal(scores(model.set_params(random_state=0).fit(X, y), X), scores(model.fit(X, y), X))
    state = np.random.RandomState(5)
    before = state.get_state()[1].copy()
    model.set_params(random_state=state).fit(X, y)
    assert_array_equal(state.get_state()[1], before)


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_fitting_again_forgets_the_first_fit(Estimator, solver):
    X, y = data_for(Estimator)
    model = Estimator(max_iter=2, solver=solver, random_state=0)
    expected = scores(model.fit(X, y), X)
    pd = pytest.importorskip("pandas")
    other = pd.DataFrame({"p": X[:30, 0], "q": np.where(X[:30, 1] > 0, "u", "v")})
    model.fit(other, y[:30])
    assert_array_equal(scores(model.fit(X, y), X), expected)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("scaling", [None, "standard", "robust", "quantile"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arguments_are_left_alone(Estimator, scaling, order):
    X, y = data_for(Estimator)
    X = np.array(X, order=order)
    X[3, 1] = np.nan
    weights = np.linspace(0, 2, len(y))
    copies = X.copy(), y.copy(), weights.copy()
    model = Estimator(scaling=scaling, max_iter=1)
    params = {name: repr(value) for name, value in model.get_params().items()}
    model.fit(X, y, sample_weight=weights, X_val=X, y_val=y, sample_weight_val=weights)
    scores(model, X)
    for ours, theirs in zip((X, y, weights), copies, strict=True):
        assert_array_equal(ours, theirs)
    assert {name: repr(value) for name, value in model.get_params().items()} == params


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_frames_are_left_alone(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data_for(Estimator)
    table = pd.DataFrame(X).add_prefix("c")
    table["c0"] = table["c0"].where(table["c0"] > -1)
    table["s"] = pd.Categorical(np.where(X[:, 1] > 0, "u", "v"))
    copy = table.copy(deep=True)
    scores(Estimator(max_iter=1).fit(table, y, X_val=table, y_val=y), table)
    pd.testing.assert_frame_equal(table, copy)


def test_fitted_arrays_are_not_views_of_the_arguments():
    X, y = regression()
    model = RFMRegressor(scaling=None, max_iter=0).fit(X, y)
    expected, new = model.predict(X), X.copy()
    X[:] = 0
    y[:] = 0
    assert_array_equal(model.predict(new), expected)


def test_layout_of_the_array_does_not_matter():
    X, y = regression()
    expected = RFMRegressor(max_iter=1).fit(X, y).predict(X)
    wide = np.zeros((80, 10))
    wide[:, ::2] = X
    for given in (np.asfortranarray(X), wide[:, ::2], X.tolist()):
        assert_allclose(RFMRegressor(max_iter=1).fit(given, y).predict(given), expected, rtol=1e-10)


def test_prediction_does_not_depend_on_the_batch():
    X, y = regression()
    model = RFMRegressor(max_iter=1).fit(X, y)
    one_by_one = np.concatenate([model.predict(row[None]) for row in X])
    assert_allclose(one_by_one, model.predict(X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_verbose_logs_to_standard_error(Estimator, capfd):
    X, y = data_for(Estimator)
    logger = logging.getLogger("rfmlearn")
    before = logger.level, list(logger.handlers), logging.getLogger().level
    Estimator(max_iter=2, verbose=True).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 3
    assert all(line.startswith("[rfmlearn] ") for line in err.splitlines())
    assert (logger.level, list(logger.handlers), logging.getLogger().level) == before
    Estimator(max_iter=2).fit(X, y).predict(X)
    assert capfd.readouterr() == ("", "")


def test_log_reaches_the_users_handlers(caplog):
    X, y = regression()
    with caplog.at_level(logging.INFO, logger="rfmlearn"):
        RFMRegressor(max_iter=2).fit(X, y)
    assert len(caplog.records) == 3


def test_handler_is_removed_after_an_error():
    def callback(iterate):
        raise KeyError("from the callback")

    X, y = regression()
    with pytest.raises(KeyError):
        RFMRegressor(verbose=True, callback=callback).fit(X, y)
    assert logging.getLogger("rfmlearn").handlers == []


def test_numerically_singular_gram_matrix_is_mended_and_reported():
    X, y = regression()
    X, y = np.vstack([X, X]), np.concatenate([y, y])
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
