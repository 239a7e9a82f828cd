"""Deviations of targets from predictions: beside a Gaussian process, repetitions, and what users do with them."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_friedman1
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.impute import IterativeImputer

from rfmlearn import RFMRegressor, RFMRegressorCV
from rfmlearn.runtime import _memory

PLAIN = {"kernel": "gaussian", "bandwidth": 2.0, "alpha": 0.1, "max_iter": 0, "scaling": None}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    return X, np.sin(X[:, 0]) + 0.3 * rng.normal(size=50), rng.normal(size=(20, 3))


def test_it_is_that_of_a_gaussian_process_with_the_scale_of_rows_left_out(table):
    X, y, new = table
    model, y = RFMRegressor(**PLAIN), y - y.mean()
    _, found = model.fit(X, y).predict(new, return_std=True)
    process = GaussianProcessRegressor(RBF(2.0), alpha=0.1, optimizer=None)
    errors = []
    for i in range(50):
        rest = np.arange(50) != i
        # The regression subtracts the mean of all targets, which is zero here.
        mean, std = process.fit(X[rest], y[rest]).predict(X[[i]], return_std=True)
        errors.append((y[i] - mean[0]) / np.hypot(std[0], 0.1**0.5))
    scale = np.sqrt(np.mean(np.square(errors)))
    _, std = process.fit(X, y).predict(new, return_std=True)
    assert_allclose(found, scale * np.hypot(std, 0.1**0.5), rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.1, "auto"])
def test_weights_are_repetitions(alpha, table):
    X, y, new = table
    counts = np.arange(50) % 3 + 1
    rows = np.repeat(np.arange(50), counts)
    one = RFMRegressor(alpha=alpha, max_iter=1).fit(X, y, sample_weight=counts).predict(new, return_std=True)
    other = RFMRegressor(alpha=alpha, max_iter=1).fit(X[rows], y[rows]).predict(new, return_std=True)
    assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("factor", [1e-5, 7.7])
def test_a_factor_of_the_weights_changes_nothing(factor, table):
    X, y, new = table
    weights = np.random.default_rng(1).uniform(0.5, 2, 50)
    one = RFMRegressor(max_iter=1).fit(X, y, sample_weight=weights).predict(new, return_std=True)
    other = RFMRegressor(max_iter=1).fit(X, y, sample_weight=factor * weights).predict(new, return_std=True)
    assert_allclose(one, other, rtol=1e-6)


def test_copies_are_left_out_together(table):
    X, y, new = table
    model, three = RFMRegressor(**PLAIN | {"alpha": 0.3}), np.tile(np.arange(50), 3)
    _, once = RFMRegressor(**PLAIN).fit(X, y).predict(new, return_std=True)
    _, thrice = model.fit(X[three], y[three]).predict(new, return_std=True)
    _, grouped = model.fit(X[three], y[three], groups=three).predict(new, return_std=True)
    assert_allclose([thrice, grouped], [once, once])  # as many rows of a third of the ridge each


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
@pytest.mark.parametrize("make", [RFMRegressor, lambda: RFMRegressorCV([{}, {"max_iter": 0}], cv=3, random_state=0)])
def test_units_and_outputs(make, unit, table):
    X, y, new = table
    Y = np.c_[y, np.full(50, 3.0), 5 * y] * [unit, 1.0, 1.0]
    predicted, std = make().fit(X, Y).predict(new, return_std=True)
    assert predicted.shape == std.shape == (20, 3)
    assert_allclose(std[:, 1], 0.0)
    if make is RFMRegressor:
        assert_allclose(std[:, 2], 5 * std[:, 0] / unit, rtol=1e-6)
    assert (std[:, 0] / unit > 0.05).all() and (std[:, 0] / unit < 2).all()


@pytest.mark.parametrize("make", [RFMRegressor, lambda: RFMRegressorCV([{}, {"max_iter": 0}], cv=3, random_state=0)])
def test_calibrated_on_new_rows(make):
    X, y = make_friedman1(700, noise=1.0, random_state=0)
    predicted, std = make().fit(X[:300], y[:300]).predict(X[300:], return_std=True)
    z = (y[300:] - predicted) / std
    assert 0.6 < np.mean(z**2) < 1.6
    assert 0.82 < np.mean(np.abs(z) < 1.645) < 0.98


def test_far_from_the_data_it_is_larger(table):
    X, y, _ = table
    _, std = RFMRegressor(**PLAIN).fit(X, y).predict(np.r_[X[:1], X[:1] + 100], return_std=True)
    assert std[1] > 1.5 * std[0]


def test_the_mixture_is_that_of_its_machines(table):
    X, y, new = table
    model = RFMRegressorCV([{}, {"kernel": "gaussian"}], cv=3, random_state=0).fit(X, y)
    predicted, std = model.predict(new, return_std=True)
    parts = [part for group in model.members_ for part in group.distributions(new)]
    second = sum(weight * (f**2 + s**2) for weight, f, s in parts)[:, 0]
    assert_allclose(predicted**2 + std**2, second, rtol=1e-8)
    if len(parts) == 1:
        single = RFMRegressor(**model.members_[0].params)
        assert_allclose(std, single.fit(X, y).predict(new, return_std=True)[1])


@pytest.mark.parametrize("make", [RFMRegressor, lambda: RFMRegressorCV([{}], cv=3, random_state=0)])
def test_pickles_are_no_larger_for_it(make, table):
    X, y, new = table
    model = make().fit(X.astype(np.float32), y)
    before = len(pickle.dumps(model))
    expected = model.predict(new, return_std=True)
    assert len(pickle.dumps(model)) == before
    assert_allclose(pickle.loads(pickle.dumps(model)).predict(new, return_std=True), expected)


def test_memory_is_refused_before_it_is_taken(table, monkeypatch):
    X, y, new = table
    model = RFMRegressor(max_iter=0).fit(X, y)
    monkeypatch.setattr(_memory, "available_bytes", lambda: 2**10)
    with pytest.raises(MemoryError, match="return_std=True takes"):
        model.predict(new, return_std=True)
    assert model.predict(new).shape == (20,)


@pytest.mark.parametrize("categorical", [False, True])
def test_tables_of_any_kind(categorical, table):
    X, y, _ = table
    frame = pd.DataFrame(X, columns=list("abc"))
    if categorical:
        frame["c"] = pd.Categorical(np.where(X[:, 2] > 0, "p", "q"))
    model = RFMRegressor(max_iter=1).fit(frame, y)
    predicted, std = model.predict(frame.iloc[:1], return_std=True)
    assert predicted.shape == std.shape == (1,)
    assert np.isfinite(std).all()


def test_imputation_draws_from_it(table):
    X, _, _ = table
    X = np.c_[X, X[:, 0] + 0.1 * X[:, 1]]
    X[::5, 3] = np.nan
    draws = [
        IterativeImputer(RFMRegressor(max_iter=0), sample_posterior=True, max_iter=2, random_state=seed).fit_transform(
            X
        )
        for seed in (0, 1)
    ]
    assert np.isfinite(draws).all()
    assert np.abs(draws[0] - draws[1])[::5, 3].min() > 0
