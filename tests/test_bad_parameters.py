"""Errors about parameters and memory say what is wrong."""

import tracemalloc

import numpy as np
import pytest
from estimator_data import ESTIMATORS
from odd_data import data

import rfmlearn.runtime._memory
from rfmlearn import RFMRegressor
from rfmlearn.runtime._budget import FIXED_BYTES


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):
    return request.param


# Parameters


@pytest.mark.parametrize(
    "wrong",
    [
        {"kernel": "cosine"},
        {"kernel": None},
        {"bandwidth": 0.0},
        {"bandwidth": -1.0},
        {"bandwidth": "wide"},
        {"exponent": 0.0},
        {"exponent": 2.1},
        {"norm_p": 2.5},
        {"norm_p": 0},
        {"alpha": 0.0},
        {"alpha": -1.0},
        {"alpha": None},
        {"alpha": "small"},
        {"max_iter": -1},
        {"max_iter": 1.5},
        {"feature_matrix": "square"},
        {"agop_power": 0.0},
        {"agop_power": 1.5},
        {"shrinkage": -0.1},
        {"shrinkage": 1.1},
        {"n_agop_samples": 0},
        {"scaling": "log"},
        {"categorical_features": "all"},
        {"solver": "lu"},
        {"tol": 0.0},
        {"n_iter_no_change": 0},
        {"time_limit": 0},
        {"callback": "print"},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_wrong_parameters_are_named(Estimator, wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {Estimator.__name__} must be"):
        Estimator(**wrong).fit(*data())


@pytest.mark.parametrize("name", ["bandwidth", "alpha", "exponent", "agop_power", "shrinkage", "tol", "time_limit"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_no_numbers(Estimator, name, value):
    with pytest.raises(ValueError, match=name):
        Estimator(**{name: value}).fit(*data())


def test_exponent_beyond_the_norm(Estimator):
    with pytest.raises(ValueError, match=r"exponent must lie in \(0, norm_p=1\.2\], got 1\.5"):
        Estimator("lpq_laplace", norm_p=1.2, exponent=1.5).fit(*data())


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ([7], "7"),
        (["a"], "'a'.*no column names"),
        ([True], "length 3, got 1"),
        ([0.5], "must be"),
        ([[0]], "must be"),
    ],
)
def test_wrong_categorical_features(Estimator, spec, match):
    with pytest.raises(ValueError, match=f"categorical_features.*{match}"):
        Estimator(categorical_features=spec).fit(*data())


# Memory


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_gram_matrix_that_does_not_fit(Estimator, solver, monkeypatch):
    monkeypatch.setattr(rfmlearn.runtime._memory, "available_bytes", lambda: 20 * 2**20)
    X = np.random.default_rng(0).normal(size=(2000, 3))
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError, match=r"2000 rows takes about .* GiB .*subsample|float32"):
            Estimator(solver=solver).fit(X, (X[:, 0] > 0).astype(int))
        assert tracemalloc.get_traced_memory()[1] < 2000**2 * 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("available", [None, 2**40])
def test_gram_matrix_that_fits_or_may_fit(Estimator, available, monkeypatch):
    monkeypatch.setattr(rfmlearn.runtime._memory, "available_bytes", lambda: available)
    Estimator(max_iter=0).fit(*data())


@pytest.mark.parametrize("d", [3, 300])
def test_memory_error_proposes_rows_that_fit(d, monkeypatch):
    monkeypatch.setattr(rfmlearn.runtime._memory, "available_bytes", lambda: FIXED_BYTES + 8 * 700**2)
    X = np.random.default_rng(0).normal(size=(1000, d))
    with pytest.raises(MemoryError, match="at most about") as caught:
        RFMRegressor(max_iter=0).fit(X, X[:, 0])
    rows = int(0.95 * float(str(caught.value).split("at most about ")[1].split()[0].replace(",", "")))
    assert rows >= 100
    RFMRegressor(max_iter=0).fit(X[:rows], X[:rows, 0])
