"""Probabilities, their logarithms, decisions and classes of every classifier, which have one source."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from rfmlearn import ConvRFMClassifier, DeepRFMClassifier, RFMClassifier, RFMClassifierCV
from rfmlearn.targets._calibration import Calibration
from rfmlearn.targets._log_calibration import LogCalibration

MODELS = {
    "single": lambda: RFMClassifier(max_iter=1),
    "search": lambda: RFMClassifierCV([{"max_iter": 1}], cv=2, random_state=0),
    "deep": lambda: DeepRFMClassifier(n_layers=2, n_random_features=20, random_state=0),
    "images": lambda: ConvRFMClassifier(image_shape=(2, 2), patch_size=1, depth=1, max_iter=0),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", MODELS)
def test_they_agree(kind, n_classes, rng):
    X = rng.normal(size=(90, 4))
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.4, 0.6] if n_classes == 3 else [0.0])]
    model = MODELS[kind]().fit(X, y)
    p, log_p, decision = model.predict_proba(X), model.predict_log_proba(X), model.decision_function(X)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert_allclose(np.exp(log_p), p, rtol=1e-6)
    if n_classes == 2:
        assert_allclose(decision, log_p[:, 1] - log_p[:, 0], rtol=1e-5, atol=1e-6)
    else:
        assert_allclose(softmax(decision, axis=1), p, rtol=1e-6)
    assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])


@pytest.mark.parametrize("kind", [lambda linear: linear, lambda linear: LogCalibration(np.array([0.5, 0.5]), linear)])
def test_logarithms_are_finite_where_probabilities_are_no_numbers(kind, rng):
    X = rng.normal(size=(200, 2)).astype(np.float32)
    model = RFMClassifier(max_iter=0, alpha=1e-4).fit(X, X[:, 0] > 0)
    model._calibration = kind(Calibration(1e4, np.zeros(2)))
    assert (model.predict_proba(X) == 0).any() and np.isfinite(model.predict_log_proba(X)).all()
