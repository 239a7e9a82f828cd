"""Weights: an integer counts as that many copies of a row, zero drops it, and classes can be weighted too."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier

from rfmlearn import RFMClassifier, RFMRegressor

ESTIMATORS = [RFMRegressor, RFMClassifier]
KERNELS = ["laplace", "gaussian", "product_laplace", "lpq_laplace", "sum_power_laplace"]
TOLERANCE = {"rtol": 1e-7, "atol": 1e-7}


def numbers(n=40, seed=0):
    """Rows, and integers from 1 to 3 to weigh them by."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)) * [1, 10, 0.1, 1], rng.integers(1, 4, size=n)


def mixed(n=40, seed=0):
    """A frame with missing numbers, categories, strings and booleans, and weights."""
    pd = pytest.importorskip("pandas")
    X, weights = numbers(n, seed)
    rng = np.random.default_rng(seed + 1)
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    table.loc[rng.random(n) < 0.2, "b"] = np.nan
    table["color"] = pd.Categorical(rng.choice(["red", "green", "blue"], n))
    table.loc[rng.random(n) < 0.1, "color"] = np.nan
    table["city"] = rng.choice(["Rome", "Oslo", "Lima", "Pune"], n)
    table["flag"] = rng.random(n) < 0.5
    return table, weights


def target(Estimator, X, n_classes=3):
    """A target that depends on two columns, or classes cut from it."""
    A = np.nan_to_num(X if isinstance(X, np.ndarray) else X[["a", "b", "c", "d"]].to_numpy())
    rng = np.random.default_rng(9)
    y = A[:, 0] + np.sin(A[:, 1] / 5) + 0.3 * rng.normal(size=len(A))
    if Estimator is RFMRegressor:
        return y
    return np.array(["p", "q", "r"])[np.searchsorted(np.quantile(y, np.arange(1, n_classes) / n_classes), y)]


def take(X, rows):
    return X[rows] if isinstance(X, np.ndarray) else X.iloc[rows]


def assert_same_fit(ours, theirs, X):
    """Two fitted estimators agree in what they predict and in what they learned."""
    if is_classifier(ours):
        assert_array_equal(ours.classes_, theirs.classes_)
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), **TOLERANCE)
        assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-6, atol=1e-6)
        assert_array_equal(ours.predict(X), theirs.predict(X))
    else:
        assert_allclose(ours.predict(X), theirs.predict(X), **TOLERANCE)
    assert_allclose(ours.kernel_.bandwidth, theirs.kernel_.bandwidth, rtol=1e-7)
    assert_allclose(ours.agop_, theirs.agop_, rtol=1e-6, atol=1e-7 * np.abs(theirs.agop_).max())
    assert_allclose(ours.feature_importances_, theirs.feature_importances_, **TOLERANCE)


def check_repetition(model, X, y, weights, other=None):
    """Weights and repetition agree, and weights are not ignored."""
    rows = np.repeat(np.arange(len(y)), weights)
    weighted = type(model)(**model.get_params()).fit(X, y, sample_weight=weights)
    repeated = type(model)(**model.get_params()).fit(take(X, rows), y[rows])
    assert_same_fit(weighted, repeated, X if other is None else other)
    plain = type(model)(**model.get_params()).fit(X, y)
    assert np.abs(plain.agop_ - weighted.agop_).max() > 1e-4 * np.abs(plain.agop_).max()


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_weight_is_repetition_for_every_kernel(Estimator, kernel):
    X, weights = numbers()
    check_repetition(Estimator(kernel, max_iter=2), X, target(Estimator, X), weights, numbers(20, seed=5)[0])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("feature_matrix", ["full", "diagonal", "block"])
@pytest.mark.parametrize("kernel", ["laplace", "lpq_laplace"])
def test_weight_is_repetition_for_mixed_columns(Estimator, kernel, feature_matrix):
    X, weights = mixed()
    model = Estimator(kernel, feature_matrix=feature_matrix, max_iter=2)
    check_repetition(model, X, target(Estimator, X), weights, mixed(20, seed=5)[0])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("scaling", [None, "standard", "robust", "quantile"])
def test_weight_is_repetition_for_every_scaling(Estimator, scaling):
    X, weights = mixed()
    check_repetition(Estimator(scaling=scaling, max_iter=1), X, target(Estimator, X), weights)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_weight_is_repetition_for_a_ridge_chosen_by_leaving_rows_out(Estimator):
    for table in (numbers(), mixed()):
        X, weights = table
        check_repetition(Estimator(alpha="auto", max_iter=2), X, target(Estimator, X), weights)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_weight_is_repetition_without_feature_learning(Estimator):
    X, weights = numbers()
    check_repetition(Estimator(max_iter=0), X, target(Estimator, X), weights)


def test_weight_is_repetition_for_several_outputs():
    X, weights = numbers()
    y = target(RFMRegressor, X)
    check_repetition(RFMRegressor(max_iter=2), X, np.column_stack([y, X[:, 2], -y]), weights)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("alpha", [0.1, "auto"])
@pytest.mark.parametrize("class_weight", ["balanced", {"p": 3.0, "q": 0.5}])
def test_weight_is_repetition_with_class_weights(class_weight, alpha, n_classes):
    X, weights = mixed()
    y = target(RFMClassifier, X, n_classes)
    y[:8] = "q"  # no two classes of the same size
    check_repetition(RFMClassifier(alpha=alpha, max_iter=1, class_weight=class_weight), X, y, weights)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_weight_is_repetition_in_the_validation_set(Estimator):
    X, weights = mixed()
    y = target(Estimator, X)
    X_val, val_weights = mixed(30, seed=7)
    y_val = target(Estimator, X_val)
    rows = np.repeat(np.arange(30), val_weights)
    model = Estimator(max_iter=3)
    weighted = model.fit(X, y, weights, X_val=X_val, y_val=y_val, sample_weight_val=val_weights)
    losses = [record["validation_loss"] for record in weighted.history_]
    repeated = Estimator(max_iter=3).fit(X, y, weights, X_val=take(X_val, rows), y_val=y_val[rows])
    assert_allclose([record["validation_loss"] for record in repeated.history_], losses, rtol=1e-9)
    assert_same_fit(weighted, repeated, X_val)
    plain = Estimator(max_iter=3).fit(X, y, weights, X_val=X_val, y_val=y_val)
    assert abs(plain.history_[0]["validation_loss"] / losses[0] - 1) > 1e-6


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_zero_weight_drops_a_row(Estimator, kernel):
    X, _ = mixed()
    y = target(Estimator, X)
    weights = np.random.default_rng(3).uniform(0.1, 3, size=40)
    weights[::4] = 0
    X.loc[0, ["a", "city"]] = [1e9, "Atlantis"]  # row 0 weighs nothing
    kept = np.flatnonzero(weights)
    weighted = Estimator(kernel, max_iter=2).fit(X, y, sample_weight=weights)
    dropped = Estimator(kernel, max_iter=2).fit(X.iloc[kept], y[kept], sample_weight=weights[kept])
    assert_same_fit(weighted, dropped, mixed(20, seed=5)[0])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_zero_weight_drops_a_row_of_every_table(Estimator, library):
    module = pytest.importorskip(library)
    X, weights = numbers()
    y = target(Estimator, X)
    weights[::3] = 0
    table = module.DataFrame({name: X[:, j] for j, name in enumerate("abcd")})
    ours = Estimator(max_iter=1).fit(table, y, sample_weight=weights).predict(table)
    kept = weights > 0
    theirs = Estimator(max_iter=1).fit(X[kept], y[kept], sample_weight=weights[kept]).predict(X)
    if Estimator is RFMRegressor:
        assert_allclose(ours, theirs, **TOLERANCE)
    else:
        assert_array_equal(ours, theirs)


def test_zero_weight_ignores_an_outlying_target():
    X, _ = numbers()
    y, weights = target(RFMRegressor, X), np.ones(40)
    weights[5], y[5] = 0, 1e12
    model = RFMRegressor(max_iter=1).fit(X, y, sample_weight=weights)
    dropped = RFMRegressor(max_iter=1).fit(np.delete(X, 5, axis=0), np.delete(y, 5))
    assert_same_fit(model, dropped, X)


def test_class_of_zero_weight_is_no_class():
    X, _ = numbers()
    y = target(RFMClassifier, X)
    weights = (y != "q").astype(float)
    model = RFMClassifier(max_iter=1).fit(X, y, sample_weight=weights)
    assert_array_equal(model.classes_, ["p", "r"])
    assert_same_fit(model, RFMClassifier(max_iter=1).fit(X[y != "q"], y[y != "q"]), X)


@pytest.mark.parametrize("factor", [2.0**-20, 0.125, 64.0])  # exact, lest ties of the median break
def test_common_factor_of_the_weights_is_a_factor_of_alpha(factor):
    X, weights = numbers()
    y = target(RFMRegressor, X)
    ours = RFMRegressor(alpha=0.1 * factor, max_iter=2).fit(X, y, sample_weight=weights * factor)
    assert_same_fit(ours, RFMRegressor(alpha=0.1, max_iter=2).fit(X, y, sample_weight=weights), X)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_extreme_weights_give_finite_results(Estimator, scale):
    X, weights = numbers()
    model = Estimator(max_iter=1).fit(X, target(Estimator, X), sample_weight=weights * scale)
    found = model.predict(X) if Estimator is RFMRegressor else model.predict_proba(X)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("tiny", [1e-30, 1e-50, 1e-300, 5e-324])
@pytest.mark.parametrize(("dtype", "solver"), [(np.float64, "cholesky"), (np.float32, "cholesky"), (np.float64, "cg")])
def test_tiny_weight_is_nearly_zero(tiny, dtype, solver):
    X, weights = numbers()
    X, y, weights = X.astype(dtype), target(RFMRegressor, X), weights.astype(float)
    weights[::5] = 0
    dropped = RFMRegressor(solver=solver, max_iter=2, random_state=0).fit(X, y, sample_weight=weights)
    weights[::5] = tiny
    model = RFMRegressor(solver=solver, max_iter=2, random_state=0).fit(X, y, sample_weight=weights)
    assert_allclose(model.predict(X), dropped.predict(X), atol=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64, bool, list])
def test_weights_of_any_type(dtype):
    X, _ = numbers()
    y = target(RFMRegressor, X)
    weights = np.arange(40) % 2 + (0 if dtype is bool else 1)
    given = weights.tolist() if dtype is list else weights.astype(dtype)
    ours = RFMRegressor(max_iter=1).fit(X, y, sample_weight=given)
    assert_same_fit(ours, RFMRegressor(max_iter=1).fit(X, y, sample_weight=weights.astype(float)), X)


# Weights of classes

# A row of class weight 3 is one row, not three, to a probability calibrated on rows left out. The function that is
# fitted makes no difference between the two.


def assert_same_function(ours, theirs):
    assert_allclose(ours.kernel_.bandwidth, theirs.kernel_.bandwidth, rtol=1e-7)
    assert_allclose(ours.dual_coef_, theirs.dual_coef_, **TOLERANCE)
    assert_allclose(ours.agop_, theirs.agop_, rtol=1e-6, atol=1e-7 * np.abs(theirs.agop_).max())


def unbalanced(n=60):
    """Classes of which the first is rare."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    y = np.where(X[:, 0] + rng.normal(size=n) > 1.2, "p", "q")
    assert 5 < (y == "p").sum() < n / 3
    return X, y


def test_dict_is_a_weight_for_each_row():
    X, y = unbalanced()
    ours = RFMClassifier(alpha=0.1, class_weight={"p": 3.0, "q": 0.5}, max_iter=2).fit(X, y)
    theirs = RFMClassifier(alpha=0.1, max_iter=2).fit(X, y, sample_weight=np.where(y == "p", 3.0, 0.5))
    assert_same_function(ours, theirs)
    assert np.abs(ours.agop_ - RFMClassifier(max_iter=2).fit(X, y).agop_).max() > 1e-3


def test_dict_leaves_unnamed_classes_alone():
    X, y = unbalanced()
    ours = RFMClassifier(class_weight={"p": 2.0}, max_iter=1).fit(X, y)
    assert_same_fit(ours, RFMClassifier(class_weight={"p": 2.0, "q": 1.0}, max_iter=1).fit(X, y), X)


def test_class_weight_multiplies_sample_weight():
    X, y = unbalanced()
    weights = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    model = RFMClassifier(alpha=0.1, class_weight={"p": 3.0, "q": 0.5}, max_iter=1)
    ours = model.fit(X, y, sample_weight=weights)
    theirs = RFMClassifier(alpha=0.1, max_iter=1).fit(X, y, sample_weight=weights * np.where(y == "p", 3.0, 0.5))
    assert_same_function(ours, theirs)


@pytest.mark.parametrize("weighted", [False, True])
def test_balanced_gives_every_class_the_same_weight(weighted):
    X, y = unbalanced()
    weights = np.random.default_rng(1).uniform(0.5, 2, size=len(y)) if weighted else np.ones(len(y))
    totals = {label: weights[y == label].sum() for label in "pq"}
    explicit = {label: weights.sum() / (2 * total) for label, total in totals.items()}
    given = weights if weighted else None
    ours = RFMClassifier(class_weight="balanced", max_iter=1).fit(X, y, sample_weight=given)
    theirs = RFMClassifier(class_weight=explicit, max_iter=1).fit(X, y, sample_weight=given)
    assert_same_fit(ours, theirs, X)


@pytest.mark.parametrize("noise", [0.3, 3.0])
def test_balanced_finds_more_of_the_rare_class(noise):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    signal = X[:, 0] + noise * rng.normal(size=600)
    y = np.where(signal > np.quantile(signal, 0.88), "p", "q")
    train, test = slice(0, 300), slice(300, 600)
    plain = RFMClassifier().fit(X[train], y[train])
    balanced = RFMClassifier(class_weight="balanced").fit(X[train], y[train])
    assert balanced.predict_proba(X[test])[:, 0].mean() > plain.predict_proba(X[test])[:, 0].mean() + 0.05
    found = [np.mean(model.predict(X[test])[y[test] == "p"] == "p") for model in (plain, balanced)]
    assert found[1] > found[0]


def test_class_weight_does_not_touch_the_validation_set():
    X, y = unbalanced()
    model = RFMClassifier(max_iter=0, class_weight={"p": 3.0}).fit(X, y, X_val=X, y_val=y)
    weighted = RFMClassifier(max_iter=0, class_weight={"p": 3.0}).fit(
        X, y, X_val=X, y_val=y, sample_weight_val=np.ones(len(y))
    )
    assert_allclose(model.history_[0]["validation_loss"], weighted.history_[0]["validation_loss"], rtol=1e-12)
