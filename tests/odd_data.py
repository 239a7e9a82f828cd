"""A small problem to spoil, and what must hold of all that a model predicts."""

import numpy as np
from numpy.testing import assert_allclose

from rfmlearn import RFMRegressor


def data(n=30):
    X = np.random.default_rng(0).normal(size=(n, 3))
    return X, (X[:, 0] > 0).astype(int)


def outputs(model, X):
    """All that a model predicts, which must be finite, and probabilities, which must sum to one."""
    if isinstance(model, RFMRegressor):
        found = [model.predict(X)]
    else:
        proba = model.predict_proba(X)
        assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
        assert proba.min() >= 0
        assert set(model.predict(X)) <= set(model.classes_)
        found = [proba, model.decision_function(X)]
    for array in found:
        assert np.isfinite(array).all()
    assert np.isfinite(model.agop_).all()
    assert_allclose(model.feature_importances_.sum(), 1, rtol=1e-6)
    return found


def with_value(array, value, at):
    array = np.array(array, dtype=float)
    array[at] = value
    return array
