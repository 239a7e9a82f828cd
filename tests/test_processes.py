"""Results do not depend on who computes them: processes, threads, or nobody else."""

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_allclose
from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

from rfmlearn import RFMClassifier, RFMRegressor
from rfmlearn.runtime._threads import n_threads_in_force


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads and processes are what is tested here."""


@pytest.fixture(scope="module")
def problem():
    """A table large enough for the compiled loops to share their rows, and a sequential result for it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=300)
    with threadpool_limits(1):
        expected = [cross_val_score(model(), X, target(model, y), cv=3) for model in (RFMRegressor, RFMClassifier)]
    return X, y, expected


def target(Estimator, y):
    return y if Estimator is RFMRegressor else y > 0


def test_cross_validation_in_threads(problem):
    X, y, expected = problem
    with threadpool_limits(1), parallel_config(backend="threading", n_jobs=2):
        found = [cross_val_score(model(), X, target(model, y), cv=3) for model in (RFMRegressor, RFMClassifier)]
    assert_allclose(found, expected, rtol=1e-7)


def test_fits_in_processes(problem):
    """And these processes give our loops the share of threads that they give to BLAS."""
    X, y, _ = problem
    fits = [
        (model(max_iter=2, random_state=0), X[:60], target(model, y[:60])) for model in (RFMRegressor, RFMClassifier)
    ]
    try:
        with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
            models = Parallel()(delayed(model.fit)(X, y) for model, X, y in fits)
            threads = Parallel()(delayed(n_threads_in_force)() for _ in range(2))
    finally:
        get_reusable_executor().shutdown(wait=True)
    for fitted, (model, X, y) in zip(models, fits, strict=True):
        method = "predict" if isinstance(model, RFMRegressor) else "predict_proba"
        assert_allclose(getattr(fitted, method)(X), getattr(model.fit(X, y), method)(X), rtol=1e-7, atol=1e-9)
    assert threads == [1, 1]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_number_of_threads_does_not_matter(n_threads, problem):
    X, y, _ = problem
    model = RFMRegressor("product_laplace", alpha=0.1, max_iter=1)
    with threadpool_limits(1):
        expected = model.fit(X, y).predict(X)
    with threadpool_limits(n_threads):
        assert_allclose(model.fit(X, y).predict(X), expected, rtol=1e-7)


def test_one_model_predicts_in_several_threads(problem):
    X, y, _ = problem
    with threadpool_limits(1):
        models = [RFMRegressor(kernel, max_iter=1).fit(X, y) for kernel in ("laplace", "sum_power_laplace")]
        for model in models:
            expected = model.predict(X)
            found = Parallel(n_jobs=4, backend="threading")(delayed(model.predict)(X) for _ in range(8))
            for each in found:
                assert_allclose(each, expected, rtol=1e-10)


def test_fits_in_several_threads_do_not_disturb_each_other(problem):
    X, y, _ = problem
    fits = [RFMRegressor(kernel, max_iter=1) for kernel in ("laplace", "gaussian", "product_laplace", "lpq_laplace")]
    with threadpool_limits(1):
        expected = [model.fit(X, y).predict(X) for model in fits]
        found = Parallel(n_jobs=4, backend="threading")(delayed(lambda m: m.fit(X, y).predict(X))(m) for m in fits)
    assert_allclose(found, expected, rtol=1e-9)
