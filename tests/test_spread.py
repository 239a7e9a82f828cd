"""Leaves and sums of a large fit are spread by joblib, over whatever the user has set up, with the same result."""

import numpy as np
import pytest
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_allclose

from rfmlearn import RFMRegressor
from rfmlearn.runtime._large_budget import LargeBudget


class Model(RFMRegressor):
    large_budget = LargeBudget(
        exact_up_to=500,
        packed_up_to=500,
        n_pilot_rows=200,
        n_landmarks=80,
        n_learning_landmarks=40,
        leaf_rows=200,
        n_trees=3,
        n_held_out_rows=100,
        chunk_rows=300,
    )


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 3))
    y = np.tanh(2 * X[:, 0]) + 0.1 * rng.normal(size=900)
    return X, y, Model(random_state=0, max_iter=1).fit(X, y)


def assert_same(model, expected, X):
    for a, b in zip(model.machine_.parts, expected.machine_.parts, strict=True):
        assert_allclose(a.coef, b.coef, rtol=1e-6, atol=1e-6)
    assert_allclose(model.predict(X), expected.predict(X), rtol=1e-6, atol=1e-6)


def test_processes(problem):
    X, y, expected = problem
    try:
        with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
            model = Model(random_state=0, max_iter=1).fit(X, y)
    finally:
        get_reusable_executor().shutdown(wait=True)
    assert_same(model, expected, X)


def test_threads_of_joblib(problem):
    X, y, expected = problem
    with parallel_config("threading", n_jobs=2):
        assert_same(Model(random_state=0, max_iter=1).fit(X, y), expected, X)


def test_workers_of_dask(problem):
    distributed = pytest.importorskip("distributed")
    X, y, expected = problem
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**workers, silence_logs=50) as cluster, distributed.Client(cluster):
        with parallel_config("dask"):
            model = Model(random_state=0, max_iter=1).fit(X, y)
    assert_same(model, expected, X)
