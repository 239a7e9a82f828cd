"""What the two estimators predict: outputs, labels, probabilities, limits."""

import numpy as np
import pytest
from estimator_data import KERNELS, classification, regression
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import accuracy_score, log_loss

from rfmlearn import RFMClassifier, RFMRegressor

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
