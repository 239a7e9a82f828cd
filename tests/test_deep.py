"""Layers of machines: what each learns, neural collapse, which layer predicts, and wrong input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from rfmlearn import DeepRFMClassifier, DeepRFMRegressor, RFMClassifier, RFMRegressor
from rfmlearn.deep._collapse import collapse

SMALL = dict(n_random_features=40, random_state=0)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300], X[300:700], y[300:700]


@pytest.fixture
def data(rng):
    X = rng.normal(size=(80, 4))
    return X, X[:, 0] * X[:, 1]


# Neural collapse -------------------------------------------------------------------------------------------------


def naive_collapse(H, labels):
    """By its definition, in loops."""
    classes = sorted(set(labels))
    means = {k: np.mean([h for h, label in zip(H, labels, strict=True) if label == k], axis=0) for k in classes}
    centre = sum(means.values()) / len(classes)
    within = 0.0
    for k in classes:
        rows = [h for h, label in zip(H, labels, strict=True) if label == k]
        within += sum(np.sum((h - means[k]) ** 2) for h in rows) / len(rows) / len(classes)
    between = sum(np.sum((means[k] - centre) ** 2) for k in classes) / len(classes)
    deviations = []
    for k in classes:
        for j in classes:
            a, b = means[k] - centre, means[j] - centre
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            deviations.append((cosine - (1.0 if j == k else -1 / (len(classes) - 1))) ** 2)
    return within / between, np.mean(deviations)


def test_collapse_against_loops(rng):
    H, labels = rng.normal(size=(40, 5)), rng.integers(0, 4, 40)
    assert_allclose(collapse(H, labels, np.ones(40)), naive_collapse(H, labels))
    counts = rng.integers(1, 4, 40)
    repeated = np.repeat(H, counts, axis=0), np.repeat(labels, counts)
    assert_allclose(collapse(H, labels, counts), naive_collapse(*repeated))


def test_collapsed_and_shapeless_classes():
    simplex = np.eye(4) - 0.25
    labels = np.repeat(np.arange(4), 3)
    assert_allclose(collapse(simplex[labels], labels, np.ones(12)), (0, 0), atol=1e-14)
    assert np.isnan(collapse(np.ones((3, 2)), np.zeros(3, int), np.ones(3))).all()
    nc1, _ = collapse(np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.array([0, 0, 1, 1]), np.ones(4))
    assert nc1 == np.inf


@pytest.mark.parametrize("kind", ["relu", "fourier"])
def test_classes_collapse_with_depth(kind, digits):
    X, y, X_test, y_test = digits
    model = DeepRFMClassifier(n_layers=4, random_features=kind, n_random_features=200, random_state=0).fit(X, y)
    nc1 = [record["nc1"] for record in model.history_]
    assert nc1[-1] < 0.2 * nc1[0]
    assert model.history_[-1]["nc2_mapped"] < 0.7 * model.history_[0]["nc2"]
    # The map, not the random features, is what makes classes collapse.
    assert all(record["nc1_mapped"] < record["nc1"] for record in model.history_)
    assert model.score(X_test, y_test) > 0.75
    points = StandardScaler().fit_transform(X[:, np.ptp(X, axis=0) > 0])
    assert_allclose((nc1[0], model.history_[0]["nc2"]), naive_collapse(points, y), rtol=1e-8)


# Layers ----------------------------------------------------------------------------------------------------------


def test_one_layer_is_the_machine_alone(data):
    X, y = data
    machine = RFMRegressor(kernel="laplace", feature_matrix="full", scaling=None, max_iter=1)
    Z = StandardScaler().fit_transform(X)
    assert_allclose(DeepRFMRegressor(n_layers=1).fit(X, y).predict(X), machine.fit(Z, y).predict(Z), atol=1e-8)


def test_layers_by_hand(data):
    X, y = data
    model = DeepRFMRegressor(n_layers=3, **SMALL).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    for number, layer in enumerate(model.layers_):
        H = Z if number == 0 else layer.features(Z)
        machine = clone(layer.estimator).fit(H, y)
        assert_allclose(machine.predict(H), layer.estimator.predict(H), atol=1e-7)
        Z = (H - H.mean(axis=0)) @ layer.root
    assert_allclose(model.predict(X), machine.predict(H), atol=1e-7)
    assert [record["n_features"] for record in model.history_] == [4, 40, 40]
    assert_array_equal(model.predict(X), clone(model).fit(X, y).predict(X))


def test_the_best_layer_of_a_validation_set_predicts(digits):
    X, y, X_val, y_val = digits
    model = DeepRFMClassifier(n_layers=3, **SMALL).fit(X, y, X_val=X_val, y_val=y_val)
    losses = [record["validation_loss"] for record in model.history_]
    assert model.best_layer_ == int(np.argmin(losses)) and len(model.layers_) == model.best_layer_ + 1
    probabilities = model.predict_proba(X_val)
    brier = np.square(probabilities - np.eye(10)[y_val]).sum(axis=1).mean()
    assert brier == pytest.approx(min(losses))
    regressor = DeepRFMRegressor(n_layers=2, **SMALL).fit(X, y, X_val=X_val, y_val=y_val)
    error = np.mean((regressor.predict(X_val) - y_val) ** 2)
    assert error == pytest.approx(min(record["validation_loss"] for record in regressor.history_))


@pytest.mark.parametrize("power", [-600, 600])
def test_the_best_layer_does_not_depend_on_the_unit_of_the_target(power, rng):
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)  # of noise, deeper layers are worse
    plain, other = (
        DeepRFMRegressor(n_layers=4, **SMALL).fit(X[:40], c * y[:40], X_val=X[40:], y_val=c * y[40:])
        for c in (1.0, 2.0**power)
    )
    assert other.best_layer_ == plain.best_layer_ == np.argmin([record["validation_loss"] for record in plain.history_])
    assert {record["validation_loss"] for record in other.history_} == {np.inf if power > 0 else 0.0}


def test_labels_and_methods_of_the_classifier(data):
    X, y = data
    labels = np.array(["low", "mid", "high"])[np.digitize(y, [-0.3, 0.3])]
    model = DeepRFMClassifier(n_layers=2, **SMALL).fit(X, labels)
    assert_array_equal(model.classes_, ["high", "low", "mid"])
    probabilities = model.predict_proba(X)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_array_equal(model.predict(X), model.classes_[probabilities.argmax(axis=1)])
    assert model.decision_function(X).shape == (80, 3)
    assert DeepRFMClassifier(n_layers=2, **SMALL).fit(X, y > 0).decision_function(X).shape == (80,)


def test_several_outputs_and_frames(rng):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame({"a": rng.normal(size=60), "c": rng.choice(["u", "v"], 60)})
    X.loc[3, "a"] = np.nan
    Y = np.column_stack([X["a"].fillna(0), X["c"] == "u"])
    model = DeepRFMRegressor(n_layers=2, **SMALL).fit(X, Y)
    assert model.predict(X).shape == (60, 2) and model.score(X, Y) > 0.9
    assert model.coordinate_names_ == ["a", "a_missing", "c=u", "c=v"]
    assert model.feature_importances_.sum() == pytest.approx(1)


def test_parameters_reach_the_machines(data):
    X, y = data
    model = DeepRFMRegressor(RFMRegressor(scaling=None), n_layers=2, **SMALL)
    search = GridSearchCV(model, {"estimator__max_iter": [0, 2], "n_layers": [1, 2]}, cv=2).fit(X, y)
    assert search.best_estimator_.layers_[-1].estimator.max_iter == search.best_params_["estimator__max_iter"]


def test_wrong_input(data):
    X, y = data
    with pytest.raises(TypeError, match=r"estimator must be RFMRegressor or None, got Ridge: .*AGOPFeatureMap"):
        DeepRFMRegressor(Ridge()).fit(X, y)
    with pytest.raises(TypeError, match="estimator must be RFMClassifier"):
        DeepRFMClassifier(RFMRegressor()).fit(X, y > 0)
    with pytest.raises(ValueError, match="n_layers"):
        DeepRFMRegressor(n_layers=0).fit(X, y)
    with pytest.raises(ValueError, match="no column of X varies"):
        DeepRFMRegressor().fit(np.ones((5, 2)), np.arange(5.0))
    with pytest.raises(ValueError, match="y_val has labels that y has not"):
        DeepRFMClassifier().fit(X, y > 0, X_val=X, y_val=np.full(80, 7))
    with pytest.raises(ValueError, match=r"y_val has shape \(80, 1\), but y has shape \(80,\)"):
        DeepRFMRegressor().fit(X, y, X_val=X, y_val=y[:, None])
    with pytest.raises(ValueError, match="X_val was given without y_val"):
        DeepRFMClassifier(RFMClassifier()).fit(X, y > 0, X_val=X)
