"""Sets of the benchmark of arXiv 2207.08815 that a folder has: a part of `papers.py`.

Its protocol, as far as it goes: two classes are made equally frequent by leaving out rows, rows with missing numbers
go, 70 % of the rows are for training, 10,000 at most, and 70 % of the others for testing, 50,000 at most; the fewer
these are, the more splits. A set is taken as ``numerical`` without its categorical columns, and as ``categorical`` with
them if it has any. Nothing is tuned on the validation rows, which stay unused; targets are taken as the folder has
them, where the benchmark takes logarithms of some. So figures are to be compared with each other, not with those of the
paper.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from peers import make_model
from tables import is_classes, parts, read_set
from tabular import evaluate

MODELS = "hgb", "rfm", "rfmcv"
MAX_TRAIN, MAX_TEST = 10_000, 50_000
NAMES = """
    electricity covertype pol house_16H kdd_ipums_la_97-small MagicTelescope bank-marketing phoneme MiniBooNE Higgs
    eye_movements jannis credit california wine cpu_act elevators isolet wine_quality Ailerons houses diamonds
    Brazilian_houses Bike_Sharing_Demand nyc-taxi-green-dec-2016 house_sales sulfur medical_charges MiamiHousing2016
    superconduct year fifa rl road-safety compass KDDCup09_upselling albert default-of-credit-card-clients
    Diabetes130US heloc yprop_4_1 analcatdata_supreme visualizing_soil black_friday Mercedes_Benz_Greener_Manufacturing
    OnlineNewsPopularity particulate-matter-ukair-2017 SGEMM_GPU_kernel_performance abalone
    Airlines_DepDelay_1M Allstate_Claims_Severity delays_zurich_transport topo_2_1 seattlecrime6
""".split()
# Files that go by other names. A "wine" of three cultivars is another set than the benchmark's, of wine quality.
OTHER_NAMES = {
    "magic": "MagicTelescope",
    "phoneme-keel": "phoneme",
    "higgs-7k": "Higgs",
    "bike-hour": "Bike_Sharing_Demand",
    "credit-default": "default-of-credit-card-clients",
    "king-county-houses": "house_sales",
}
_NOT_THE_SAME = ("wine",)


def find(folder):
    """Pairs of a set in the folder and its name in the benchmark."""
    known = {_plain(name): name for name in NAMES}
    found = []
    for path in sorted(Path(folder).rglob("*.npz")):
        name = OTHER_NAMES.get(path.stem, known.get(_plain(path.stem)))
        if name is not None and path.stem not in _NOT_THE_SAME:
            found.append((str(path.relative_to(folder).with_suffix("")), name))
    return found


def kinds(table):
    """The table by kind: numbers alone, and with its categories if there are any."""
    numbers = table.select_dtypes("number")
    frames = {"numerical": numbers} if numbers.shape[1] else {}
    return frames | ({"categorical": table} if numbers.shape[1] < table.shape[1] else {})


def rows_to_split(table, y, rng):
    """Rows without missing numbers; of two classes equally many."""
    rows = np.flatnonzero(table.select_dtypes("number").notna().all(axis=1))
    if is_classes(y):
        labels, counts = np.unique(y[rows], return_counts=True)
        if len(labels) == 2:
            drawn = [rng.choice(rows[y[rows] == label], counts.min(), replace=False) for label in labels]
            rows = np.concatenate(drawn)
    return rng.permutation(rows)


def split(n_rows):
    """Numbers of training and test rows, and how often to split."""
    n_train = min(int(0.7 * n_rows), MAX_TRAIN)
    n_test = min(int(0.7 * (n_rows - n_train)), MAX_TEST)
    n_splits = next(times for least, times in ((6000, 1), (3000, 2), (1000, 3), (0, 5)) if n_test > least or not least)
    return n_train, n_test, n_splits


def run(folder, results, models=MODELS):
    """Score what is not in the file yet, adding each record at once."""
    done = {(r["set"], r["kind"], r["model"], r["fold"]) for r in read(results)}
    for path, name in find(folder):
        whole, y = read_set(folder, path)
        for kind, table in kinds(whole).items():
            for fold in range(5):
                rows = rows_to_split(table, y, np.random.default_rng(fold))
                n_train, n_test, n_splits = split(len(rows))
                for model in models if fold < n_splits else ():
                    if (name, kind, model, fold) in done:
                        continue
                    X, y_train, X_test, y_test = parts(table, y, rows[:n_train], rows[n_train : n_train + n_test])
                    estimator = make_model(model, is_classes(y), X, fold, 1)
                    scores = evaluate(estimator, is_classes(y), X, y_train, X_test, y_test)
                    metric = "accuracy" if is_classes(y) else "r2"
                    record = {"set": name, "kind": kind, "model": model, "fold": fold, "n": n_train, "d": X.shape[1],
                              "n_test": n_test, "metric": metric, "score": scores[metric],
                              "seconds": round(scores["t_fit"], 2)}  # fmt: skip
                    with results.open("a") as file:
                        file.write(json.dumps(record) + "\n")


def read(results):
    """Records of a file, none if there is no file."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def print_report(records):
    """A line for each set, means over splits, and how often each model is the best."""
    results = pd.DataFrame(records)
    key = ["metric", "kind", "set", "n", "d"]
    table = 100 * results.pivot_table(index=key, columns="model", values="score", aggfunc="mean")
    splits = results.groupby(key)["fold"].nunique().rename("splits")
    print(table.join(splits).to_string(float_format=lambda value: f"{value:.2f}"))
    whole = table.dropna()
    print(f"\nMeans over {len(whole)} tables, percent\n")
    print(whole.groupby("metric").mean().to_string(float_format=lambda value: f"{value:.2f}"))
    best = whole.eq(whole.max(axis=1), axis=0).groupby("metric").sum()
    print(f"\nTables on which each is the best\n\n{best.to_string()}")
    print("\nNot scored: " + ", ".join(sorted(set(NAMES) - set(results["set"]))))


def _plain(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())
