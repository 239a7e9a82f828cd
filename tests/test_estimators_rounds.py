"""Rounds of the two estimators: which is kept, and what stops them."""

import tracemalloc

import numpy as np
import pytest
from estimator_data import ESTIMATORS, data_for, regression, scores
from numpy.testing import assert_allclose
from sklearn.metrics import mean_squared_error

from rfmlearn import RFMRegressor


def losses(model):
    return np.array([record["validation_loss"] for record in model.history_])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_validation_picks_the_best_round(Estimator):
    kept = set()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(90, 3))
        y = X @ [1, 1, 1] + seed * rng.normal(size=90)
        y = y if Estimator is RFMRegressor else (y > 0).astype(int)
        model = Estimator(max_iter=4).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
        assert [record["n_iter"] for record in model.history_] == [0, 1, 2, 3, 4]
        assert model.best_iter_ == np.argmin(losses(model))
        stopped = Estimator(max_iter=model.best_iter_).fit(X[:60], y[:60])
        assert_allclose(scores(model, X), scores(stopped, X), rtol=1e-7, atol=1e-8)
        assert_allclose(model.agop_, stopped.agop_, rtol=1e-7, atol=1e-9)
        kept.add(model.best_iter_)
    assert len(kept) > 1  # or any rule would have passed


def test_validation_loss_is_the_error_in_units_of_the_target():
    X, y = regression(90)
    model = RFMRegressor(max_iter=3).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    error = mean_squared_error(y[60:], model.predict(X[60:])) / y[:60].var()
    assert_allclose(losses(model)[model.n_iter_], error, rtol=1e-9)


def test_validation_loss_sums_over_outputs():
    X, y = regression(90)
    Y = np.column_stack([y, 100 * X[:, 2]])
    model = RFMRegressor(max_iter=2).fit(X[:60], Y[:60], X_val=X[60:], y_val=Y[60:])
    errors = ((Y[60:] - model.predict(X[60:])) ** 2).mean(axis=0) / Y[:60].var(axis=0)
    assert_allclose(losses(model)[model.n_iter_], errors.sum(), rtol=1e-9)


def test_without_validation_the_last_round_is_kept():
    X, y = regression()
    model = RFMRegressor(max_iter=4).fit(X, y)
    assert model.n_iter_ == 4
    assert [record["n_iter"] for record in model.history_] == [0, 1, 2, 3, 4]
    assert all("validation_loss" not in record for record in model.history_)
    assert {"bandwidth", "solver", "residual", "seconds"} <= set(model.history_[0])
    seconds = [record["seconds"] for record in model.history_]
    assert sorted(seconds) == seconds and seconds[0] > 0


@pytest.mark.parametrize("patience", [1, 2])
def test_stops_after_rounds_without_improvement(patience):
    early = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(80, 3)), rng.normal(size=80)  # nothing to learn
        parts = (X[:50], y[:50]), {"X_val": X[50:], "y_val": y[50:]}
        whole = losses(RFMRegressor(max_iter=8).fit(*parts[0], **parts[1]))
        model = RFMRegressor(max_iter=8, n_iter_no_change=patience).fit(*parts[0], **parts[1])
        best_so_far = np.array([np.argmin(whole[: k + 1]) for k in range(9)])
        waited = np.flatnonzero(np.arange(9) - best_so_far >= patience)
        last = waited[0] if len(waited) else 8
        assert_allclose(losses(model), whole[: last + 1], rtol=1e-9)
        assert model.best_iter_ == best_so_far[last] and model.n_iter_ == last
        early += last < 8
    assert early


def test_patience_without_validation_set_has_no_effect():
    X, y = regression()
    assert len(RFMRegressor(max_iter=4, n_iter_no_change=1).fit(X, y).history_) == 5


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_callback_sees_every_round_and_stops(Estimator):
    X, y = data_for(Estimator)
    seen = []

    def callback(iterate):
        seen.append(iterate)
        return iterate.n_iter == 2

    model = Estimator(max_iter=5, callback=callback).fit(X, y)
    assert [iterate.n_iter for iterate in seen] == [0, 1, 2]
    assert model.n_iter_ == 2 and len(model.history_) == 3
    assert_allclose(scores(model, X), scores(Estimator(max_iter=2).fit(X, y), X), rtol=1e-7, atol=1e-8)
    assert_allclose(seen[2].machine.feature_matrix.to_array(), model.feature_matrix_, rtol=1e-9, atol=1e-12)


def test_callback_that_returns_nothing_does_not_stop():
    X, y = regression()
    assert RFMRegressor(max_iter=3, callback=lambda iterate: None).fit(X, y).n_iter_ == 3


def test_error_in_a_callback_gets_through():
    def callback(iterate):
        raise KeyError("from the callback")

    X, y = regression()
    with pytest.raises(KeyError, match="from the callback"):
        RFMRegressor(callback=callback).fit(X, y)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_time_limit(Estimator):
    X, y = data_for(Estimator)
    short = Estimator(max_iter=4, time_limit=1e-9).fit(X, y)
    assert short.n_iter_ == 0 and len(short.history_) == 1
    assert_allclose(scores(short, X), scores(Estimator(max_iter=0).fit(X, y), X), rtol=1e-8, atol=1e-9)
    assert Estimator(max_iter=4, time_limit=3600).fit(X, y).n_iter_ == 4


def test_interrupted_rounds_still_allow_a_validation_choice():
    X, y = regression(90)
    model = RFMRegressor(max_iter=4, callback=lambda iterate: iterate.n_iter == 2)
    model.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert model.best_iter_ == np.argmin(losses(model))
    assert len(model.history_) == 3


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_going_back_to_an_earlier_round_takes_no_second_square_array(solver):
    X, y = regression(600)
    peaks = []
    plain = RFMRegressor(max_iter=0).fit(X, y).predict(X[:100])
    for validation in ({}, {"X_val": X[:100], "y_val": plain}):
        tracemalloc.start()
        model = RFMRegressor(max_iter=1, solver=solver).fit(X, y, **validation)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert model.best_iter_ == 0  # or the last round was kept
    assert peaks[1] < peaks[0] + 0.5 * 8 * 600**2
