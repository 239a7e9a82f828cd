"""What other losses than squared error cost, and how near leave-one-out comes to refits; see `losses.py`."""

from __future__ import annotations

import time

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

import rfmlearn
from rfmlearn.kernels import LpqLaplaceKernel, Points
from rfmlearn.solvers import FactorableGram, Weights, left_out_decisions, minimize
from rfmlearn.targets._loss_targets import make_target

LOSSES = {
    "absolute_error": {},
    "huber": {},
    "quantile": {"quantile": 0.9},
    "quantiles": {"quantile": [0.05, 0.5, 0.95]},
    "expectile": {"quantile": 0.9},
    "poisson": {},
    "gamma": {},
    "tweedie": {"power": 1.5},
}


def name_of(loss):
    """The name that the estimators know."""
    return "quantile" if loss == "quantiles" else loss


def speed(n=2000, d=20, repeats=5):
    """Fits with each loss, in turn with squared error; medians of the ratios of processor time."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    f = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 3] / 2
    y = f + (0.3 + 0.7 * (X[:, 2] > 0)) * rng.standard_normal(n)
    targets = {"poisson": rng.poisson(np.exp(f)), "gamma": np.exp(y), "tweedie": rng.poisson(np.exp(f)) * np.exp(y)}

    def seconds(y, **options):
        start = time.process_time()
        rfmlearn.RFMRegressor(**options, random_state=0).fit(X, y)
        return time.process_time() - start

    seconds(y)
    for loss, options in LOSSES.items():
        ratios, times = [], []
        for _ in range(repeats):
            squared = seconds(targets.get(loss, y))
            times.append(seconds(targets.get(loss, y), loss=name_of(loss), **options))
            ratios.append(times[-1] / squared)
        print(f"{loss:16s} {np.median(ratios):5.2f} times squared error, {np.median(times):6.2f} s of the processor")


def left_out(n=200, alphas=(0.03, 0.3, 3.0)):
    """Mean left-out losses by the approximation and by refits without each row, on a plain kernel."""
    X, y = load_diabetes(return_X_y=True)
    points = Points.of_numbers(StandardScaler().fit_transform(X[:n]))
    K = np.asarray(LpqLaplaceKernel(5 * np.sqrt(X.shape[1]), 1.2, 1.5)(points, points), dtype=float)
    K = (K + K.T) / 2
    Y, weights = y[:n, None], Weights.of(np.ones(n))
    for loss, options in LOSSES.items():
        target = make_target(Y, weights.total, name_of(loss), options.get("quantile"), options.get("power", 1.5))
        codes = target.encode(Y)
        whole = target.objective.adapted(codes, weights.total)
        for alpha in alphas:
            approximate, exact = np.empty(codes.shape), np.empty(codes.shape)
            for k in range(codes.shape[1]):
                objective, column, ridge = whole.columns(slice(k, k + 1)), codes[:, k : k + 1], weights.ridge(alpha)
                found = minimize(FactorableGram(K.copy()), objective, column, ridge, tol=1e-12)
                approximate[:, k] = left_out_decisions(FactorableGram(K.copy()), found, weights)[:, 0]
                for i in range(n):
                    rest = np.arange(n) != i
                    part = FactorableGram(K[np.ix_(rest, rest)].copy())
                    without = minimize(part, objective, column[rest], ridge[rest], found.decision[rest], tol=1e-12)
                    exact[i, k] = K[i, rest] @ without.coef[:, 0]
            losses = [whole.value(decisions, codes).sum(axis=1).mean() for decisions in (approximate, exact)]
            # Deviances lack a constant, so differences are told in units of what the constant model loses over it.
            constant = whole.value(np.zeros(codes.shape), codes).sum(axis=1).mean()
            scale = abs(constant - losses[1]) if loss in ("poisson", "gamma", "tweedie") else losses[1]
            print(f"{loss:16s} alpha {alpha:<5g} approximate {losses[0]:8.4f} refits {losses[1]:8.4f} "
                  f"difference {abs(losses[0] - losses[1]) / scale:.2%}")  # fmt: skip
