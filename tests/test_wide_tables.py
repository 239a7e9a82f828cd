"""Tables of thousands of columns: nothing of columns by columns is computed or kept unless it is asked for."""

import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.frozen import FrozenEstimator

import rfmlearn.runtime._memory
from rfmlearn import RFMClassifier, RFMRegressor, RFMRegressorCV, estimate_memory

WIDE = 1500


@pytest.fixture(scope="module")
def wide():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, WIDE))
    y = X[:, 0] + 0.1 * rng.normal(size=30)
    RFMRegressorCV([{"max_iter": 1}], cv=2).fit(X[:, :5], y)  # what is compiled and imported is not counted
    return X, y


@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMClassifier])
def test_a_fit_takes_no_square_of_columns(Estimator, wide):
    X, y = wide
    y = y if Estimator is RFMRegressor else (y > 0).astype(int)
    tracemalloc.start()
    model = Estimator(max_iter=1).fit(X, y)
    model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < WIDE**2 * 8 / 2
    assert len(pickle.dumps(model)) < 1.5 * X.nbytes


def test_a_search_takes_no_square_of_columns(wide):
    X, y = wide
    tracemalloc.start()
    model = RFMRegressorCV([{"kernel": "laplace", "max_iter": 1}], cv=2, random_state=0).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < WIDE**2 * 8 / 2 and len(pickle.dumps(model)) < 4 * X.nbytes


def test_all_of_the_matrices_on_request(wide):
    X, y = wide[0][:, :200], wide[1]
    model = RFMRegressor(max_iter=1).fit(X, y)
    small = len(pickle.dumps(model))
    assert model.agop_ is model.agop_ and model.agop_.shape == model.feature_matrix_.shape == (200, 200)
    assert_allclose(model.agop_, model.agop_.T, atol=1e-12 * model.agop_.max())
    assert_allclose(np.diag(model.agop_) / np.trace(model.agop_), model.feature_importances_)
    assert_allclose(np.diag(np.diag(model.feature_matrix_)), model.feature_matrix_)
    assert len(pickle.dumps(model)) == small  # what was only looked at is not saved


def test_the_matrix_to_start_from_may_be_a_diagonal(wide):
    X, y = wide
    source = RFMRegressor(max_iter=1).fit(X, y)
    (diagonal,) = source.machine_.feature_matrix.blocks
    tracemalloc.start()
    models = [
        RFMRegressor(max_iter=0, feature_matrix_init=init).fit(X, y) for init in (FrozenEstimator(source), diagonal)
    ]
    assert tracemalloc.get_traced_memory()[1] < WIDE**2 * 8 / 2
    tracemalloc.stop()
    for model in models:
        assert_allclose(model.machine_.feature_matrix.blocks[0], diagonal, rtol=1e-12)


def test_a_full_matrix_that_does_not_fit_is_refused(wide, monkeypatch):
    monkeypatch.setattr(rfmlearn.runtime._memory, "available_bytes", lambda: 2**27)
    with pytest.raises(MemoryError, match=r'feature matrix over 1500 coordinates.*Take feature_matrix="diagonal"'):
        RFMRegressor(feature_matrix="full").fit(*wide)
    RFMRegressor(max_iter=0).fit(*wide)


def test_estimates_grow_with_what_is_asked_for():
    plain = estimate_memory(1000, 50)
    assert plain > 1000**2 * 8
    assert estimate_memory(1000, 5000, feature_matrix="full") > estimate_memory(1000, 5000) + 5000**2 * 8
    assert estimate_memory(4000, 50) > plain + 15 * 1000**2 * 8
    assert estimate_memory(1000, 50, dtype="float32") < plain
    assert estimate_memory(1000, 50, n_outputs=10) > plain
