"""Where a recursion starts: matrices of arrays and of models fitted to other tasks, and what is said of wrong ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score

from rfmlearn import RFMClassifier, RFMRegressor, RFMRegressorCV

FORMS = ["full", "diagonal", "block"]


@pytest.fixture
def data(rng):
    X = rng.normal(size=(80, 5))
    return X, X[:, 0] * X[:, 1]


def table(rng, n=60, colours="rgb"):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    frame["colour"] = pd.Categorical(rng.choice(list(colours), n))
    return frame, frame["a"] + (frame["colour"] == colours[0])


@pytest.mark.parametrize("form", FORMS)
def test_starting_from_the_matrix_learned_goes_on_where_the_rounds_stopped(form, data):
    settings = dict(feature_matrix=form, alpha=0.01, bandwidth=3.0)
    two, three = (RFMRegressor(**settings, max_iter=k).fit(*data) for k in (2, 3))
    further = RFMRegressor(**settings, max_iter=1, feature_matrix_init=two).fit(*data)
    assert_allclose(further.feature_matrix_, three.feature_matrix_, atol=1e-10)
    assert_allclose(further.predict(data[0]), three.predict(data[0]), atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_no_rounds_keep_the_matrix(form, data, rng):
    factor = rng.normal(size=(5, 5))
    M = factor @ factor.T if form != "diagonal" else rng.uniform(0.1, 1, 5)
    model = RFMRegressor(feature_matrix=form, max_iter=0, feature_matrix_init=M).fit(*data)
    assert_allclose(model.feature_matrix_, M if M.ndim == 2 else np.diag(M), rtol=1e-10)


def test_kernel_sees_points_times_the_root(data, rng):
    factor = rng.normal(size=(5, 5))
    X = data[0]
    settings = dict(kernel="laplace", alpha=0.1, bandwidth=3.0, max_iter=0, scaling=None, feature_matrix="full")
    one = RFMRegressor(**settings, feature_matrix_init=factor @ factor.T).fit(X, data[1])
    two = RFMRegressor(**settings).fit(X @ factor, data[1])
    assert_allclose(one.predict(X), two.predict(X @ factor), atol=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_categories_and_names(form, rng):
    X, y = table(rng)
    source = RFMRegressor(feature_matrix=form).fit(X, y)
    other = X[["colour", "b", "a"]]  # by name, not by place
    model = RFMRegressor(feature_matrix=form, max_iter=0, feature_matrix_init=source).fit(other, y)
    places = [source.coordinate_names_.index(name) for name in model.coordinate_names_]
    assert_allclose(model.feature_matrix_, source.feature_matrix_[np.ix_(places, places)], atol=1e-8)


def test_two_coordinates_of_one_name(rng):
    """A column that is called as the indicator of another one is."""
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame({"a": rng.normal(size=60), "a_missing": rng.normal(size=60)})
    y = X["a"] * X["a_missing"]
    X.loc[::5, "a"] = np.nan
    source = RFMRegressor(feature_matrix="full").fit(X, y)
    assert source.coordinate_names_ == ["a", "a_missing", "a_missing"]
    model = RFMRegressor(feature_matrix="full", max_iter=0, feature_matrix_init=source).fit(X, y)
    assert_allclose(model.feature_matrix_, source.feature_matrix_, atol=1e-8)


def test_coordinates_never_seen_get_the_average(data):
    X, y = data
    constant = X.copy()
    constant[:, 3] = 0.0
    source = RFMRegressor(feature_matrix="full").fit(constant, y)
    model = RFMRegressor(feature_matrix="full", max_iter=0, feature_matrix_init=source).fit(X, y)
    M = source.feature_matrix_
    assert_allclose(np.delete(np.delete(model.feature_matrix_, 3, 0), 3, 1), M, atol=1e-10)
    assert_allclose(model.feature_matrix_[3], np.eye(5)[3] * np.trace(M) / 4, atol=1e-10)


def test_fitted_estimators_survive_clones_and_searches(data):
    source = RFMRegressor().fit(*data)
    frozen = FrozenEstimator(source)
    model = RFMRegressor(max_iter=0, feature_matrix_init=frozen)
    assert clone(model).feature_matrix_init is frozen
    with pytest.raises(ValueError, match=r"no feature_matrix_: it is not fitted.*FrozenEstimator"):
        clone(RFMRegressor(feature_matrix_init=source)).fit(*data)
    assert np.isfinite(cross_val_score(model, *data, cv=2)).all()
    grid = {"feature_matrix_init": [None, FrozenEstimator(source), source.feature_matrix_]}
    search = GridSearchCV(RFMRegressor(max_iter=0), grid, cv=2).fit(*data)
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] == pytest.approx(scores[2]) and scores[1] > scores[0] + 0.01


def test_settings_of_a_search_may_start_from_a_matrix(data):
    source = RFMRegressor().fit(*data)
    settings = [{"max_iter": 0, "feature_matrix_init": source.feature_matrix_}]
    model = RFMRegressorCV(settings, cv=2, random_state=0).fit(*data)
    assert_allclose(model.members_[0].machines[0].machine.feature_matrix.to_array(), source.feature_matrix_, atol=1e-10)


def test_classifier_and_zero_coordinates(data):
    X, y = data
    source = RFMClassifier().fit(X, y > 0)
    one, two = (RFMClassifier(max_iter=0, feature_matrix_init=init).fit(X, y > 1) for init in (source, None))
    assert not np.allclose(one.predict_proba(X), two.predict_proba(X))
    RFMClassifier(feature_matrix_init=source).fit(np.ones((4, 5)), [0, 1, 0, 1])


class Unfitted(RFMRegressor):
    """An estimator that has learned nothing."""


@pytest.mark.parametrize(
    "init, message",
    [
        (np.eye(4), r"feature_matrix_init must have shape \(5, 5\) or \(5,\), .*, got \(4, 4\)"),
        (np.ones((5, 2)), r"got \(5, 2\)"),
        (np.zeros((5, 5)), "feature_matrix_init is zero"),
        (np.eye(5) + 0.5j, "must be real"),
        ([1.0, 1.0, 1.0, 1.0, np.complex128(1j)], "must be real"),
        ([[1, 2], [3]], "feature_matrix_init must be real numbers in an array: .* inhomogeneous shape"),
        (np.array(["1"] * 5), "must be real numbers in an array: it holds <U1"),
        (np.ones(5, dtype="datetime64[D]"), "it holds datetime64"),
        ([10**400] * 5, "must be real numbers in an array: .* too large"),
        (1e-200 * np.eye(5), "largest entry between 1e-100 and 1e100, got 1e-200"),
        (np.full(5, np.nan), "must be finite"),
        (np.triu(np.ones((5, 5))), "must be symmetric"),
        (-np.eye(5), "positive semidefinite, but its smallest eigenvalue is -1"),
        (np.ones((5, 5)), r"entries up to 1 that feature_matrix='diagonal' .* take feature_matrix=\"full\""),
        (Unfitted(), "feature_matrix_init=Unfitted has no feature_matrix_: it is not fitted"),
    ],
)
def test_wrong_matrices(init, message, data):
    with pytest.raises(ValueError, match=message):
        RFMRegressor(feature_matrix_init=init).fit(*data)


def test_nothing_in_common(rng):
    X, y = table(rng)
    source = RFMRegressor().fit(X.rename(columns={"a": "c", "b": "d", "colour": "e"}), y)
    with pytest.raises(ValueError, match="no coordinate in common with X: it was fitted to"):
        RFMRegressor(feature_matrix_init=source).fit(X, y)
    with pytest.raises(ValueError, match="feature_matrix_init"):
        RFMRegressor(feature_matrix_init=3.0).fit(X, y)


def test_history_tells_losses_and_rank(data):
    X, y = data
    model = RFMRegressor(max_iter=2, alpha=0.3).fit(X, y)
    scaled = (y - model.predict(X)) / y.std()
    assert model.history_[-1]["train_loss"] == pytest.approx(np.mean(scaled**2))
    assert "leave_one_out_loss" not in model.history_[-1]
    assert model.history_[-1]["alignment"] == pytest.approx(1.0)
    ranks = [record["effective_rank"] for record in model.history_]
    assert ranks[0] == pytest.approx(5.0) and ranks[-1] < 4
    values = np.linalg.eigvalsh(model.feature_matrix_)
    assert ranks[-1] == pytest.approx(values.sum() ** 2 / (values**2).sum())


def test_leave_one_out_loss_against_refits(data):
    X, y = data[0][:30], data[1][:30]
    model = RFMRegressor(max_iter=0, scaling=None, kernel="laplace").fit(X, y)
    kernel, alpha = model.kernel_, model.alpha_
    K, target = kernel(X), (y - y.mean()) / y.std()
    errors = []
    for i in range(30):
        rest = np.delete(np.arange(30), i)
        coef = np.linalg.solve(K[np.ix_(rest, rest)] + alpha * np.eye(29), target[rest])
        errors.append(target[i] - K[i, rest] @ coef)
    assert model.history_[0]["leave_one_out_loss"] == pytest.approx(np.mean(np.square(errors)), rel=1e-6)


def test_warnings_of_fit_are_kept(data):
    X, y = np.repeat(data[0][:20], 2, axis=0), np.repeat(data[1][:20], 2)
    settings = dict(kernel="gaussian", bandwidth=1e4, alpha=1e-18, scaling=None, max_iter=0)
    with pytest.warns(UserWarning, match="numerically singular"):
        model = RFMRegressor(**settings).fit(X, y)
    assert len(model.fit_warnings_) == 1 and "numerically singular" in model.fit_warnings_[0]
    assert_array_equal(RFMRegressor().fit(*data).fit_warnings_, [])


def test_targets_and_columns_of_tiny_or_huge_units(data):
    X, y = data
    settings = dict(scaling=None, feature_matrix="full", kernel="laplace")
    expected = RFMRegressor(**settings).fit(X, y).feature_matrix_
    for unit in (1e-6, 1e20):
        assert_allclose(RFMRegressor(**settings).fit(X * unit, y).feature_matrix_, expected, rtol=1e-6, atol=1e-6)


def test_a_matrix_of_single_precision_may_be_singular(rng):
    V, X = rng.standard_normal((20, 3)).astype(np.float32), rng.standard_normal((40, 20))
    RFMRegressor(feature_matrix="full", feature_matrix_init=V @ V.T, max_iter=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="positive semidefinite"):
        RFMRegressor(feature_matrix="full", feature_matrix_init=V @ V.T - 0.1 * np.eye(20, dtype=np.float32)).fit(
            X, X[:, 0]
        )
