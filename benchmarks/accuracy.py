"""Accuracy of the default models on many real tables, beside the defaults of others.

usage: accuracy.py RESULTS.jsonl --data FOLDER [--sets LIST.txt] [--models rfm,hgb,rf,krr] [--with OTHER.jsonl ...]

Scores go to RESULTS.jsonl, a line for each set and model: ``set, model, task, n, d, t_fit, t_predict`` and accuracy,
log_loss, brier, or rmse. What is there already is not run again, so a stopped run goes on. --with adds the scores of
models that were run elsewhere on the same splits. Then mean ranks, over the sets that all models finished, and our win
rate against each other model are printed. FOLDER and splits: see `tables.py`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from common import print_environment, seconds
from rich.progress import track
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables import find_sets, load_set

from rfmlearn import RFMClassifier, RFMRegressor

METRICS = {"accuracy": -1, "log_loss": 1, "rmse": 1}


def preprocess():
    """What models without a front end of their own need."""
    numeric = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    categorical = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=2),
    )
    return make_column_transformer(
        (numeric, make_column_selector(dtype_include=np.number)),
        (categorical, make_column_selector(dtype_exclude=np.number)),
    )


def make_model(name, classes):
    """The default model of a name."""
    if name == "rfm":
        return (RFMClassifier if classes else RFMRegressor)(random_state=0)
    if name == "krr":
        return (RFMClassifier if classes else RFMRegressor)(max_iter=0, random_state=0)
    if name == "hgb":
        model = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        return model(categorical_features="from_dtype", random_state=0)
    if name == "rf":
        model = RandomForestClassifier if classes else RandomForestRegressor
        return make_pipeline(preprocess(), model(500, n_jobs=2, random_state=0))
    raise ValueError(f"models are rfm, krr, hgb and rf; got {name!r}.")


def evaluate(folder, name, model_name):
    """One fit, and its scores on the test part."""
    classes, X, y, X_test, y_test = load_set(folder, name)
    record = {"set": name, "model": model_name, "task": "clf" if classes else "reg", "n": len(X), "d": X.shape[1]}
    record["t_fit"], model = seconds(lambda: make_model(model_name, classes).fit(X, y))
    if not classes:
        record["t_predict"], prediction = seconds(lambda: model.predict(X_test))
        return record | {"rmse": root_mean_squared_error(y_test, prediction)}
    record["t_predict"], P = seconds(lambda: model.predict_proba(X_test))
    P = np.clip(P, 1e-7, 1)
    P /= P.sum(axis=1, keepdims=True)
    brier = float(np.mean(np.sum((P - np.eye(P.shape[1])[y_test]) ** 2, axis=1)))
    scores = {
        "accuracy": accuracy_score(y_test, P.argmax(axis=1)),
        "log_loss": log_loss(y_test, P, labels=range(P.shape[1])),
    }
    return record | scores | {"brier": brier}


def report(results):
    """Mean ranks and win rates of "rfm", for each metric."""
    for metric, sign in METRICS.items():
        if metric not in results:
            continue
        table = sign * results.pivot(index="set", columns="model", values=metric).dropna(how="all")
        table = table.dropna(axis="columns", how="all").dropna().round(6)
        if table.empty:
            continue
        ranks = table.rank(axis=1).mean().sort_values()
        print(f"\n{metric}, {len(table)} sets: mean rank (1 is best), mean, wins of rfm in per cent")
        for model, rank in ranks.items():
            wins = ""
            if "rfm" in table and model != "rfm":
                wins = f"{100 * ((table.rfm < table[model]).mean() + 0.5 * (table.rfm == table[model]).mean()):5.1f}"
            print(f"  {model:10s} {rank:5.2f} {sign * table[model].mean():8.4f}  {wins}")
    if "error" in results:
        print(f"\nrefused: {results.error.notna().groupby(results.model).sum().to_dict()}")
    print("\nseconds to fit, median and total")
    for model, times in results.groupby("model").t_fit:
        print(f"  {model:10s} {times.median():8.2f} {times.sum():9.1f}")


def main():
    """Run what is missing and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--models", default="rfm,krr,hgb,rf")
    parser.add_argument("--with", dest="others", nargs="*", default=[], type=Path)
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba", "pandas")
    sets = args.sets.read_text().split() if args.sets else find_sets(args.data)
    done = set()
    if args.results.exists():
        done = {(r["set"], r["model"]) for r in map(json.loads, args.results.read_text().splitlines())}
    jobs = [(name, model) for model in args.models.split(",") for name in sets if (name, model) not in done]
    with args.results.open("a") as file:
        for name, model in track(jobs, description="fitting"):
            try:
                record = evaluate(args.data, name, model)
            except ValueError as error:  # a set with a single class in training, say: kept, and told
                record = {"set": name, "model": model, "error": str(error)}
                print(f"{name}, {model}: {error}")
            file.write(json.dumps(record) + "\n")
            file.flush()
    files = [args.results, *args.others]
    results = pd.concat([pd.read_json(file, lines=True) for file in files], ignore_index=True)
    report(results[results.set.isin(sets)].drop_duplicates(["set", "model"]))


if __name__ == "__main__":
    main()
