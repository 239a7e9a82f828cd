"""What conjugate gradients in the learning rounds cost in accuracy and save in time, against exact rounds.

usage: approximation.py --data FOLDER [--sets a,b] [--max-rows 8000]

FOLDER holds sets in the format of `tables.py`; those with at least 4,000 rows are used. Both solvers fit the same rows
with the default settings; the last round is exact in both. Test scores: log-loss for classes, R2 for numbers.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
from common import print_environment, seconds
from sklearn.metrics import log_loss
from tables import find_sets, load_set

from rfmlearn import RFMClassifier, RFMRegressor


def compare(classes, X, y, X_test, y_test):
    """Score and time with exact and with approximate rounds."""
    row = {}
    for solver in ("cholesky", "cg"):
        model = (RFMClassifier if classes else RFMRegressor)(solver=solver, random_state=0)
        row[f"{solver} s"], model = seconds(lambda m=model: m.fit(X, y))
        if classes:
            row[solver] = log_loss(y_test, model.predict_proba(X_test), labels=model.classes_)
        else:
            row[solver] = model.score(X_test, y_test)
    return row


def main():
    """Print one row for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets")
    parser.add_argument("--max-rows", type=int, default=8000)
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    X = np.random.default_rng(0).standard_normal((200, 3))
    for solver in ("cholesky", "cg"):
        RFMRegressor(solver=solver).fit(X, X[:, 0])
    losses, ratios = [], []
    print(f"{'set':28s} {'rows':>6s} {'score':8s} {'exact':>8s} {'cg':>8s} {'exact s':>8s} {'cg s':>7s}")
    for name in args.sets.split(",") if args.sets else find_sets(args.data):
        classes, X, y, X_test, y_test = load_set(args.data, name, args.max_rows * 3 // 4, args.max_rows // 4)
        if len(X) < 3000:
            continue
        row = compare(classes, X, y, X_test, y_test)
        label = "log-loss" if classes else "R2"
        print(f"{name:28s} {len(X):6d} {label:8s} {row['cholesky']:8.4f} {row['cg']:8.4f} {row['cholesky s']:8.2f} "
              f"{row['cg s']:7.2f}", flush=True)  # fmt: skip
        losses.append((row["cg"] - row["cholesky"]) * (1 if classes else -1))
        ratios.append(row["cholesky s"] / row["cg s"])
    print(f"median loss {statistics.median(losses):+.4f}, largest {max(losses):+.4f}; "
          f"median speed-up of the whole fit {statistics.median(ratios):.2f}x over {len(losses)} sets")  # fmt: skip


if __name__ == "__main__":
    main()
