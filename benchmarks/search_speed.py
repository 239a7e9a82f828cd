"""Time of the models that choose their settings: fit, and prediction of 1,000 rows.

usage: search_speed.py [--repeats 3] [--small]

Numbers are y = x0 x1 + sin(2 x2) + x3^2 / 2 + noise, and classes the thirds of y, with n = 2,000, d = 20 and
n = 10,000, d = 50. A single model with its defaults is timed beside. Medians of repeated fits; compiled loops are
loaded before.
"""

from __future__ import annotations

import argparse

import numpy as np
from common import multi_index_data, print_environment, seconds

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV


def measure(models, X, y, X_test, y_test, repeats):
    """Fit and prediction times of a single model and of one that chooses, and the score of the latter."""
    single, chooser = models
    alone, _ = seconds(lambda: single(random_state=0).fit(X, y), repeats)
    fit, model = seconds(lambda: chooser(random_state=0).fit(X, y), repeats)
    predict, _ = seconds(lambda: model.predict(X_test[:1000]), repeats)
    print(
        f"{chooser.__name__:16s} n={len(X):6,d} d={X.shape[1]:3d}  fit {fit:6.1f} s  single model {alone:5.2f} s  "
        f"predict {predict:.3f} s  members {len(model.weights_)}  test score {model.score(X_test, y_test):.4f}",
        flush=True,
    )


def main():
    """Print one line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="only n = 2,000")
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    warm = multi_index_data(300, 4, n_test=10)
    for dtype in (np.float32, np.float64):
        RFMRegressorCV(cv=2, random_state=0).fit(warm[0].astype(dtype), warm[1])
    for n, d in [(2_000, 20)] if args.small else [(2_000, 20), (10_000, 50)]:
        X, y, X_test, y_test = multi_index_data(n, d)
        measure((RFMRegressor, RFMRegressorCV), X, y, X_test, y_test, args.repeats)
        edges = np.quantile(y, [1 / 3, 2 / 3])
        labels = np.digitize(y, edges), np.digitize(y_test, edges)
        measure((RFMClassifier, RFMClassifierCV), X, labels[0], X_test, labels[1], args.repeats)


if __name__ == "__main__":
    main()
