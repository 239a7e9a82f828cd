"""Copies of rows, and replicates: test losses with a table as it is, and with rows of it repeated, weighted or drawn.

usage: copies.py [--models single,cv,peer] [--seeds 5]

"continuous" are normal numbers with a smooth and noisy target, "survey" four categories of four levels each, with a
noisy target, and "categories" eight of three levels each, with a rule and no noise. A row has
the test R2 of regression, or the test log-loss of classification, for

- once: the table as it is;
- twice, ten: every row so often;
- some: a tenth of the rows, drawn at random, ten times;
- weights: weight 2 for every row;
- rare: rows of the rarer class (of the upper fifth of targets) five times;
- drawn: a bootstrap sample;
- distinct: the distinct rows of that sample.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from common import print_environment
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, r2_score

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV

N_TEST = 2000
MODELS = {
    "single": (RFMRegressor, RFMClassifier),
    "cv": (RFMRegressorCV, RFMClassifierCV),
    "peer": (HistGradientBoostingRegressor, HistGradientBoostingClassifier),
}


def continuous(rng, n):
    """Eight columns, of which three matter."""
    X = rng.normal(size=(n, 8))
    return pd.DataFrame(X), np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2], 1.0


def survey(rng, n):
    """Four categories of four levels: 256 places."""
    codes = rng.integers(0, 4, size=(n, 4))
    effects = np.random.default_rng(7).normal(size=(4, 4))
    signal = effects[np.arange(4), codes].sum(axis=1) / 2 + (codes[:, 0] == codes[:, 1])
    return pd.DataFrame(codes).astype(str).astype("category"), signal, 1.0


def categories(rng, n):
    """Eight categories of three levels, a rule without noise."""
    codes = rng.integers(0, 3, size=(n, 8))
    return pd.DataFrame(codes).astype(str).astype("category"), 2.0 * (codes[:, 0] == codes[:, 3]) + codes[:, 5], 1e-9


def repeated(X, y, rare, rng):
    """Names of variants, and rows and weights of them."""
    n = len(y)
    rows, some = np.arange(n), rng.choice(n, n // 10, replace=False)
    drawn = rng.integers(0, n, n)
    yield "once", rows, None
    yield "twice", np.tile(rows, 2), None
    yield "ten", np.tile(rows, 10), None
    yield "some", np.r_[rows, np.repeat(some, 9)], None
    yield "weights", rows, np.full(n, 2.0)
    yield "rare", np.r_[rows, np.repeat(np.flatnonzero(rare), 4)], None
    yield "drawn", drawn, None
    yield "distinct", np.unique(drawn), None


def scores(make, table, seed, n, of_classes):
    """Test score of each variant, greater is better for regression and smaller for classes."""
    rng = np.random.default_rng(seed)
    X, signal, noise = table(rng, n + N_TEST)
    y = signal + noise * rng.normal(size=len(signal))
    rare = y > np.quantile(y[:n], 0.8)
    if of_classes:
        y = (signal + 0.7 * noise * rng.logistic(size=len(signal)) > np.quantile(signal, 0.7)).astype(int)
        rare = y == 1
    result = {}
    for name, rows, weights in repeated(X[:n], y[:n], rare[:n], rng):
        model = make(random_state=0).fit(X.iloc[rows].reset_index(drop=True), y[rows], sample_weight=weights)
        if of_classes:
            result[name] = log_loss(y[n:], model.predict_proba(X[n:]))
        else:
            result[name] = r2_score(y[n:], model.predict(X[n:]))
    return result


def main():
    """One line a table and model, means over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="single,peer")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=300)
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "sklearn", "numba")
    for table in (continuous, survey, categories):
        for of_classes in (False, True):
            for name in args.models.split(","):
                make = MODELS[name][of_classes]
                results = pd.DataFrame([scores(make, table, s, args.rows, of_classes) for s in range(args.seeds)])
                means = "  ".join(f"{key} {value:.3f}" for key, value in results.mean().items())
                print(f"{table.__name__:10}  {'log-loss' if of_classes else 'R2':8}  {name:6}  {means}", flush=True)


if __name__ == "__main__":
    main()
