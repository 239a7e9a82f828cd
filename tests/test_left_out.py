"""Errors of rows left out and their scale, beside machines that are fitted again without the rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rfmlearn import RFMRegressor
from rfmlearn.recursion._left_out import ErrorScale, LeftOut
from rfmlearn.runtime import _budget

N = 30
PLAIN = {"kernel": "gaussian", "bandwidth": 1.5, "alpha": 0.3, "max_iter": 0, "scaling": None}


def fitted(weights=None, groups=None, **parameters):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 2))
    y = np.sin(X[:, 0]) + 0.5 * rng.normal(size=N)
    return RFMRegressor(**PLAIN | parameters).fit(X, y, sample_weight=weights, groups=groups)


def system_of(model):
    """Gram matrix, ridges, and coded targets of the rows that were fitted."""
    machine, deviation = model.machine_, model._deviation
    K, ridge = machine.kernel(machine.centers, machine.centers), deviation.weights.ridge(deviation.alpha)
    return K, ridge, (K + np.diag(ridge)) @ machine.dual_coef


def without(K, ridge, targets, rows, asked):
    """What the other rows predict of some, and the variance that they leave."""
    rest = np.setdiff1d(np.arange(len(K)), rows)
    inverse = np.linalg.inv(K[np.ix_(rest, rest)] + np.diag(ridge[rest]))
    across = K[np.ix_(asked, rest)]
    return across @ inverse @ targets[rest], 1 - np.diag(across @ inverse @ across.T)


CASES = {
    "plain": {},
    "weights": {"weights": np.linspace(0.3, 2, N)},
    "groups": {"groups": np.arange(N) % 7},
    "both": {"weights": np.linspace(0.3, 2, N), "groups": np.arange(N) // 3},
}


@pytest.mark.parametrize("case", CASES)
def test_errors_and_deviations_are_those_of_machines_without_the_rows(case):
    model = fitted(**CASES[case])
    deviation, (K, ridge, targets) = model._deviation, system_of(model)
    left_out, groups = deviation.left_out, deviation.weights.groups
    for i in range(N):
        rows = [i] if groups is None else np.flatnonzero(groups == groups[i])
        predicted, variance = without(K, ridge, targets, rows, [i])
        assert_allclose(left_out.errors[i], (targets[i] - predicted)[0], rtol=1e-6)
        std = deviation.scale * np.sqrt(variance + deviation.noise)
        assert_allclose(left_out.deviations[i], std, rtol=1e-6)


def test_of_replicates_one_is_left_out():
    rng = np.random.default_rng(1)
    X, counts = rng.normal(size=(15, 2)), np.arange(15) % 3 + 1
    y = np.round(X[:, 0] + rng.normal(size=15))  # few values: equal rows are replicates
    model = RFMRegressor(**PLAIN).fit(np.r_[X, X[:5]], np.r_[y, y[:5]], sample_weight=np.r_[counts, counts[:5]])
    deviation, (K, ridge, targets) = model._deviation, system_of(model)
    share = deviation.weights.left_out_share()
    for i in range(len(K)):
        fewer = ridge.copy()
        fewer[i] = ridge[i] / max(1 - share[i], 1e-12)
        inverse = np.linalg.inv(K + np.diag(fewer))
        assert_allclose(deviation.left_out.errors[i], targets[i] - K[i] @ inverse @ targets, rtol=1e-6)
        std = deviation.scale * np.sqrt(1 - K[i] @ inverse @ K[i] + deviation.noise)
        assert_allclose(deviation.left_out.deviations[i], std, rtol=1e-6)


def naive_logs(errors, weights):
    """log(|e| / median + 0.3)."""
    sizes = np.abs(errors[:, 0])
    order = np.argsort(sizes)
    middle = order[np.flatnonzero(np.cumsum(weights[order]) >= weights.sum() / 2)[0]]
    return np.log(sizes / sizes[middle] + 0.3)


@pytest.mark.parametrize("case", CASES)
def test_the_scale_of_a_row_has_not_seen_its_error(case):
    model = fitted(**CASES[case])
    left_out, machine = model._deviation.left_out, model.machine_
    weights, K = left_out.weights, machine.kernel(machine.centers, machine.centers)
    errors = np.random.default_rng(2).normal(size=(N, 1)) * np.exp(machine.centers.numeric[:, :1])
    scale = ErrorScale.of(machine, LeftOut(rows=left_out.rows, errors=errors, weights=weights))
    assert scale.machine.dual_coef.any()
    logs = naive_logs(errors, weights.total)
    mean = np.average(logs, weights=weights.total)
    targets, best = (logs - mean)[:, None], None
    for alpha in _budget.ALPHAS:
        ridge, found = weights.ridge(alpha * weights.unit), np.empty(N)
        for i in range(N):
            rows = [i] if weights.groups is None else np.flatnonzero(weights.groups == weights.groups[i])
            found[i] = mean + without(K, ridge, targets, rows, [i])[0][0, 0]
        loss = np.average((logs - found) ** 2, weights=weights.total)
        best = min(best or (np.inf,), (loss, alpha, found), key=lambda each: each[0])
    assert_allclose(np.log(scale.left_out[:, 0]), best[2], atol=1e-6)


def test_errors_that_nothing_explains_have_one_scale():
    model = fitted()
    errors = np.where(np.arange(N) % 2, 1.0, -1.0)[:, None]
    for given in (errors, 0 * errors, np.c_[errors, 0 * errors]):
        left_out = LeftOut(rows=np.arange(N), errors=given, weights=model._deviation.weights)
        scale = ErrorScale.of(model.machine_, left_out)
        assert_allclose(scale.left_out, np.broadcast_to(scale.left_out[0], given.shape))
        assert_allclose(scale(model._points(np.ones((2, 2)))), scale.left_out[:2])


def test_rows_beyond_those_that_are_fitted_are_predicted(monkeypatch):
    model = fitted(groups=np.arange(N) // 3)
    left_out = model._deviation.left_out
    monkeypatch.setattr("rfmlearn.recursion._left_out.N_SCALE_ROWS", 15)
    scale = ErrorScale.of(model.machine_, left_out)
    assert len(scale.machine.centers) == 15 and scale.left_out.shape == (N, 1)
    fitted_rows = [
        i for i in range(N) if (model.machine_.centers.numeric[i] == scale.machine.centers.numeric).all(axis=1).any()
    ]
    assert len({i // 3 for i in fitted_rows}) == 5  # groups are whole
    others = np.setdiff1d(np.arange(N), fitted_rows)
    points = model._points(model.machine_.centers.numeric[others])  # neither scaling nor a metric here
    assert_allclose(scale.left_out[others], scale(points), rtol=1e-6)
