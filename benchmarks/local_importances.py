"""Local importances beside SHAP values of the same model: speed, rank correlations, sums.

usage: local_importances.py [--data FOLDER --set B/mortgage] [--rows 1000] [--peer-rows 20] [--background 100]

On "synthetic" (2,000 rows, 20 columns, four of which matter, two of them by their product), scikit-learn's diabetes
and a set in a folder in the format of `tables.py`, if one is given, `RFMRegressor` is fitted, and its predictions for
--rows rows of the table are explained by

- mean row: `local_importances` with the mean row as baseline;
- background: the same, averaged over --background rows of the table as baselines;
- kernel, permutation: `KernelExplainer` and `PermutationExplainer` of shap with these rows as background and their
  settings as they come, for --peer-rows rows, as more would take hours.

A row of the report has seconds for 1,000 rows, by how much ours with the mean row are faster, how far the sums of a
row are from the change of the prediction, relative to the largest change, and two rank correlations with the mean of
what both explainers of shap say: of mean sizes over rows by column, and of all values.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
import shap
from common import print_environment, seconds
from scipy.stats import spearmanr
from sklearn.datasets import load_diabetes
from tables import read_set

from rfmlearn import RFMRegressor
from rfmlearn.inspection import local_importances


def synthetic():
    """Standard normal columns, and ``x0 x1 + sin(2 x2) + x3^2 / 2`` with noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 20))
    noise = 0.1 * rng.standard_normal(2000)
    return X, X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3] ** 2 / 2 + noise


def explanations(model, X, rows, background, n_peer_rows):
    """Of each way its name, rows explained, seconds, values, and the prediction from which these are changes."""
    mean = model.predict(X.mean(axis=0, keepdims=True))[0]
    average = model.predict(background).mean()
    local_importances(model, X[:2])  # compiled, or loaded from the cache
    ours = {"mean row": ({"background": X}, mean), "background": ({"baseline": background}, average)}
    for name, (options, origin) in ours.items():
        some = rows if name == "mean row" else rows[: 5 * n_peer_rows]
        took, values = seconds(lambda some=some, options=options: local_importances(model, some, **options))
        yield name, some, took, values, origin
    some = rows[:n_peer_rows]
    kernel = shap.KernelExplainer(model.predict, background)
    took, values = seconds(lambda: kernel.shap_values(some, silent=True))
    yield "kernel", some, took, values, average
    masker = shap.maskers.Independent(background, max_samples=len(background))
    permutation = shap.PermutationExplainer(model.predict, masker, seed=0)
    took, values = seconds(lambda: permutation(some, silent=True).values)
    yield "permutation", some, took, values, average


def report(name, X, y, args):
    """One table: a row for each way."""
    rng = np.random.default_rng(0)
    model = RFMRegressor(random_state=0).fit(X, y)
    rows = X[rng.permutation(len(X))[: args.rows]]
    background = X[rng.permutation(len(X))[: args.background]]
    found = list(explanations(model, X, rows, background, args.peer_rows))
    fastest = found[0][2] / len(found[0][1])
    shaps = np.mean([values for way, _, _, values, _ in found if way in ("kernel", "permutation")], axis=0)
    table = {}
    for way, some, took, values, origin in found:
        change = model.predict(some) - origin
        head = values[: args.peer_rows]
        table[way] = {
            "rows": len(some),
            "s per 1,000 rows": f"{1000 * took / len(some):.3g}",
            "times ours": f"{took / len(some) / fastest:,.0f}",
            "sums off by": f"{np.abs(values.sum(axis=1) - change).max() / np.abs(change).max():.0e}",
            "columns": f"{spearmanr(np.abs(head).mean(axis=0), np.abs(shaps).mean(axis=0)).statistic:.3f}",
            "values": f"{spearmanr(head.ravel(), shaps.ravel()).statistic:.3f}",
        }
    errors = local_importances(model, rows, background=X, return_error=True)[1]
    sizes = np.abs(found[0][3]).sum(axis=1)
    print(f"\n{name}: {len(X)} rows, {X.shape[1]} columns; errors that are stated, of the sum of sizes: median "
          f"{np.median(errors / sizes):.0e}, largest {np.max(errors / sizes):.0e}")  # fmt: skip
    print(pd.DataFrame(table).T.to_string())


def main(argv=None):
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--set", default="B/mortgage")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--peer-rows", type=int, default=20)
    parser.add_argument("--background", type=int, default=100)
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore", category=FutureWarning)
    print_environment("rfmlearn", "numpy", "sklearn", "shap")
    report("synthetic", *synthetic(), args)
    report("diabetes", *load_diabetes(return_X_y=True), args)
    if args.data:
        table, y = read_set(args.data, args.set)
        report(args.set, table.to_numpy(dtype=np.float64), y, args)


if __name__ == "__main__":
    main()
