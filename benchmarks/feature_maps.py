"""Maps in front of a model: scaling alone, PCA, neighborhood components analysis, and AGOPFeatureMap.

usage: feature_maps.py RESULTS.jsonl --data FOLDER [--min-rows 1000] [--maps scaling,pca,nca,agop,deep] [--report-only]

On every set of classes with enough rows, each map is fitted to 2,000 training rows at most, and k nearest neighbours,
logistic regression and a support vector machine, all with their defaults, to the mapped rows. A line for each set and
map: ``set, fold, model`` (the map), ``t_fit``, and the accuracies on test rows. What is there already is not run
again. The report ranks the maps for each model in front of which they stand, and compares times of fit.

Maps but AGOPFeatureMap, which takes tables as they are, get scaled numbers, with mean and indicator where one is
missing, and indicators of categories. "pca" keeps 95 % of the variance; "nca" is the NeighborhoodComponentsAnalysis of
scikit-learn with its defaults; "deep" is AGOPFeatureMap with n_layers=2, which is not linear.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from common import print_environment, seconds
from report import KEY, posthoc_wilcoxon, ranks, read_records, scores_by_set, to_results, win_rates
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from tables import find_sets, is_classes, load_set, read_set

from rfmlearn import AGOPFeatureMap

LAST = {
    "neighbours": KNeighborsClassifier,
    "logistic": lambda: LogisticRegression(max_iter=2000),
    "svm": SVC,
}


def scaled():
    """Numbers and indicators of a table."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )


MAPS = {
    "scaling": scaled,
    "pca": lambda: make_pipeline(scaled(), PCA(0.95)),
    "nca": lambda: make_pipeline(scaled(), NeighborhoodComponentsAnalysis(random_state=0)),
    "agop": lambda: AGOPFeatureMap(random_state=0),
    "deep": lambda: AGOPFeatureMap(n_layers=2, random_state=0),
}


def evaluate(make_map, X, y, X_test, y_test):
    """Time of fit of a map, and accuracies of the models behind it."""
    t_fit, fitted = seconds(lambda: make_map().fit(X, y))
    Z, Z_test = fitted.transform(X), fitted.transform(X_test)
    return {"t_fit": t_fit} | {name: make_last().fit(Z, y).score(Z_test, y_test) for name, make_last in LAST.items()}


def print_report(records, maps):
    """Mean ranks, means and wins for each model, and times."""
    results = to_results([record for record in records if record["model"] in maps])
    for name in LAST:
        scores = scores_by_set(results, name)[maps]
        table = pd.DataFrame({"mean rank": ranks(scores, "accuracy").mean(), "mean accuracy": scores.mean()})
        if "agop" in maps:
            table["agop better on, %"] = 100 * win_rates(scores, "accuracy").loc["agop"]
            long = scores.melt(var_name="map", value_name="accuracy")
            table["Wilcoxon p"] = posthoc_wilcoxon(
                long, val_col="accuracy", group_col="map", p_adjust="holm", zero_method="zsplit", sort=False
            )["agop"]
        print(f"\n{name}, {len(scores)} sets\n{table.round(4).to_string()}")
    times = scores_by_set(results, "t_fit")[maps]
    print(f"\nseconds to fit, median and sum:\n{times.agg(['median', 'sum']).T.round(2).to_string()}")
    if {"nca", "agop"} <= set(maps):
        print(f"NCA over AGOPFeatureMap, median ratio: {np.median(times['nca'] / times['agop']):.2f}")


def main(arguments=None):
    """Run what is missing, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--min-rows", type=int, default=1000)
    parser.add_argument("--maps", type=lambda names: names.split(","), default=["scaling", "pca", "nca", "agop"])
    parser.add_argument("--report-only", action="store_true")
    args = parser.parse_args(arguments)
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    records = read_records(args.results) if args.results.exists() else []
    if not args.report_only:
        for name in args.sets or find_sets(args.data):
            records += run_set(name, args, {tuple(record[key] for key in KEY) for record in records})
    print_report(records, args.maps)


def run_set(name, args, done):
    """Records of a set, written as they are made."""
    todo = [m for m in args.maps if (name, 0, m) not in done]
    with np.load(args.data / f"{name}.npz") as arrays:
        table = "X_num" in arrays
    if not todo or not table:
        return []
    y = read_set(args.data, name)[1]
    if not is_classes(y) or len(y) < args.min_rows:
        return []
    _, *data = load_set(args.data, name)
    records = []
    for m in todo:
        records.append({"set": name, "fold": 0, "model": m, "n": len(data[1])} | evaluate(MAPS[m], *data))
        with args.results.open("a") as file:
            file.write(json.dumps(records[-1]) + "\n")
    return records


if __name__ == "__main__":
    main()
