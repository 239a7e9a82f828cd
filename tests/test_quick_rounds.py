"""Rounds in single precision: they change next to nothing, and are left out where they would."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn import RFMRegressor, RFMRegressorCV
from rfmlearn.kernels import Points
from rfmlearn.kernels._reach import single_precision_tells_apart
from rfmlearn.runtime._budget import QUICK_FROM
from rfmlearn.search import _own_models


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(QUICK_FROM, 4))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=QUICK_FROM)


def both(X, y, **options):
    """Predictions after quick rounds where there are any, and after exact ones."""
    options = {"max_iter": 2, "scaling": None, "random_state": 0} | options
    return (RFMRegressor(solver=solver, **options).fit(X, y).predict(X) for solver in ("auto", "cholesky"))


@pytest.mark.parametrize("kernel", ["lpq_laplace", "laplace", "gaussian"])
@pytest.mark.parametrize("feature_matrix", ["diagonal", "full"])
def test_quick_rounds_change_next_to_nothing(problem, kernel, feature_matrix):
    quick, exact = both(*problem, kernel=kernel, feature_matrix=feature_matrix)
    assert 0 < np.std(quick - exact) < 1e-3 * np.std(exact)


@pytest.mark.parametrize("kernel", ["lpq_laplace", "laplace", "gaussian"])
@pytest.mark.parametrize(("scale", "offset"), [(1, 1e4), (1, 1e6), (1, -1e8), (1e-20, 0), (1e-30, 0), (1e30, 0)])
def test_numbers_beyond_single_precision(problem, kernel, scale, offset):
    X, y = problem
    assert_array_equal(*both(X * scale + offset, y, kernel=kernel, max_iter=1))


def test_one_offset_column_is_enough(problem):
    X, y = problem
    assert_array_equal(*both(X + np.array([0, 1e6, 0, 0]), y, max_iter=1))
    quick, exact = both(np.column_stack([X, np.full(len(X), 1e6)]), y, max_iter=1)  # constant: nothing to tell apart
    assert_allclose(quick, exact, atol=1e-3)


@pytest.mark.parametrize("bandwidth", [1e-20, 1e20])
def test_bandwidths_beyond_single_precision(problem, bandwidth):
    assert_array_equal(*both(*problem, bandwidth=bandwidth, kernel="laplace", max_iter=1))


def test_what_single_precision_tells_apart():
    X = np.random.default_rng(0).normal(size=(50, 2))

    def told(X):
        return single_precision_tells_apart(Points.of_numbers(X))

    assert told(X) and told(X + 100) and told(1e10 * X) and told(0 * X) and told(np.zeros((5, 0)))
    assert not told(X + 1e4) and not told(1e20 * X) and not told(1e-20 * X) and not told(X - np.array([1e5, 0]))


@pytest.mark.parametrize("offset", [0, 1e6])
def test_members_and_candidates_too(problem, monkeypatch, offset):
    monkeypatch.setattr(_own_models, "PACKED_MEMBERS_FROM", 100)
    X, y = problem[0][:300] + offset, problem[1][:300]
    settings = [{"scaling": None, "max_iter": 1}]
    model = RFMRegressorCV(settings, cv=2, random_state=0).fit(X, y)
    expected = RFMRegressorCV(settings, cv=2, random_state=0).fit(X - offset, y)
    assert_allclose(model.best_score_, expected.best_score_, atol=1e-3)
    assert_allclose(model.predict(X), expected.predict(X - offset), atol=0.05)


@pytest.mark.parametrize("kernel", ["lpq_laplace", "gaussian"])
def test_packed_machines_tell_offset_rows_apart(problem, kernel):
    X, y = problem
    options = {"solver": "packed", "scaling": None, "max_iter": 1, "alpha": 0.1, "kernel": kernel, "random_state": 0}
    model, expected = (RFMRegressor(**options).fit(X + offset, y) for offset in (1e7, 0))
    assert_allclose(model.predict(X + 1e7), expected.predict(X), atol=0.02)
