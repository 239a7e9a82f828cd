"""Losses other than squared error, with default settings, beside gradient boosting.

usage: losses.py quantiles|deviances|log_loss RESULTS.jsonl --data FOLDER [--sets NAME ...] [--models rfm,hgb,...]
                 [--validation] [--threads 2]
       losses.py report RESULTS.jsonl [--models ...]
       losses.py speed
       losses.py left_out

- quantiles: mean pinball loss at .05, .5 and .95 on sets of numbers, in deviations of the target; how often a predicted
  quantile lies above a larger one, and which share of the targets lies below each.
- deviances: mean Poisson deviance of counts (whole numbers that are not negative), gamma deviance of positive numbers.
- log_loss: mean log-loss of classes, of machines that minimise squared error or log-loss.
- report: mean ranks, wins and seconds of what is in the file.
- speed: seconds of a fit with each loss beside squared error, on 2,000 rows of 20 columns.
- left_out: approximate leave-one-out beside refits without the row.

Sets are split once, as in `tabular.py`, with at most 2,000 rows on each side; with --validation the training rows are
split again and test rows are not looked at. FOLDER holds sets in the format of `tables.py`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from common import print_environment
from peers import make_model
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import log_loss, mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler
from tables import find_sets, is_classes, read_set, split, split_again
from threadpoolctl import threadpool_limits

import rfmlearn

LEVELS = [0.05, 0.5, 0.95]
TASKS = {"quantiles": "rfm,rfmcv_low,rfmcv,hgb,lgbm,catboost,splines", "deviances": "rfm,rfmcv_low,rfmcv,hgb,lgbm",
         "log_loss": "rfm,rfm_log_loss"}  # fmt: skip


def with_loss(name, X, n_threads, **options):
    """A model of `peers.py` with a loss."""
    model = make_model(name, False, X, 0, n_threads)
    (model.steps[-1][1] if isinstance(model, Pipeline) else model).set_params(**options)
    return model


def splines(level):
    """Linear quantile regression on splines of the columns."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler(), SplineTransformer(n_knots=5))
    categories = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, QuantileRegressor(quantile=level, alpha=1e-3, solver="highs"))


def fit_quantiles(name, X, y, X_test, n_threads):
    """Predicted quantiles at all levels, shape (m, n_levels)."""
    several = {"catboost": {"loss_function": "MultiQuantile:alpha=" + ",".join(map(str, LEVELS))}}
    if name.startswith("rfm"):
        several[name] = {"loss": "quantile", "quantile": LEVELS}
    if name in several:
        return np.asarray(with_loss(name, X, n_threads, **several[name]).fit(X, y).predict(X_test))
    models = [
        splines(level)
        if name == "splines"
        else with_loss(name, X, n_threads, objective="quantile", alpha=level)
        if name == "lgbm"
        else with_loss(name, X, n_threads, loss="quantile", quantile=level)
        for level in LEVELS
    ]
    return np.stack([model.fit(X, y).predict(X_test) for model in models], axis=1)


def fit_means(name, loss, X, y, X_test, n_threads):
    """Predicted means under a Poisson or gamma loss."""
    model = with_loss(name, X, n_threads, **{"objective" if name == "lgbm" else "loss": loss})
    return model.fit(X, y).predict(X_test)


def loss_of_means(y):
    """The loss for a target, and how its predictions are scored; None if it has no such values."""
    if y.min() < 0 or not y.max() > 0:
        return None
    if np.all(y == np.round(y)):
        return "poisson", mean_poisson_deviance
    return ("gamma", mean_gamma_deviance) if y.min() > 0 else None


def evaluate(task, model, table, y, args):
    """Losses of one model on one set."""
    if task == "deviances":
        kind = loss_of_means(y)
        if kind is None:
            return None
    train, test = split(y, 2000, 2000)
    if args.validation:
        train, test = split_again(y, train)
    X, X_test = (table.iloc[rows].reset_index(drop=True) for rows in (train, test))
    y, y_test = y[train], y[test]
    start = time.process_time()
    if task == "log_loss":
        options = {"loss": "log_loss"} if model.endswith("log_loss") else {}
        fitted = rfmlearn.RFMClassifier(**options, random_state=0).fit(X, y)
        losses = [log_loss(y_test, fitted.predict_proba(X_test), labels=fitted.classes_)]
        return {"losses": losses, "seconds": time.process_time() - start, "n": len(X), "loss": task}
    if task == "deviances":
        name, score = kind
        means = fit_means(model, name, X, y, X_test, args.threads)
        seconds = time.process_time() - start
        return {"losses": [score(y_test, np.maximum(means, 1e-9))], "seconds": seconds, "n": len(X), "loss": name}
    unit = y.std() or 1.0
    center = y.mean()
    quantiles = fit_quantiles(model, X, (y - center) / unit, X_test, args.threads)
    seconds, scaled = time.process_time() - start, (y_test - center) / unit
    return {
        "losses": [mean_pinball_loss(scaled, q, alpha=level) for q, level in zip(quantiles.T, LEVELS, strict=True)],
        "crossing": float(np.mean(np.diff(quantiles, axis=1) < 0)),
        "below": np.mean(scaled[:, None] <= quantiles, axis=0).tolist(),
        "seconds": seconds,
        "n": len(X),
        "loss": task,
    }


def run(args):
    """Run what is not in the file yet, set by set."""
    done = {(r["set"], r["model"]) for r in read(args.results)} if args.results.exists() else set()
    wanted = args.sets or find_sets(args.data)
    with args.results.open("a") as file, threadpool_limits(args.threads):
        for name in wanted:
            table, y = read_set(args.data, name)
            if is_classes(y) != (args.task == "log_loss"):
                if not (args.task == "deviances" and args.counts_of_classes and is_classes(y)):
                    continue
                y = y.astype(float)
            for model in args.models.split(","):
                if (name, model) in done:
                    continue
                try:
                    result = evaluate(args.task, model, table, y, args)
                except Exception as error:  # whatever a package raises: kept, and told
                    result = {"error": f"{type(error).__name__}: {error}"}
                if result is not None:
                    file.write(json.dumps({"set": name, "model": model} | result) + "\n")
                    file.flush()
                    print(name, model, result.get("losses", result.get("error")), flush=True)


def read(path):
    """Records of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def report(args):
    """Mean ranks, wins over each model, and seconds, over the sets that all models finished."""
    records = {(r["set"], r["model"]): r for r in read(args.results) if "error" not in r}
    models = args.models.split(",") if args.models else list(dict.fromkeys(m for _, m in records))
    sets = [s for s in dict.fromkeys(s for s, _ in records) if all((s, m) in records for m in models)]
    total = np.array([[np.mean(records[s, m]["losses"]) for m in models] for s in sets])
    ranks = total.argsort(axis=1).argsort(axis=1) + 1
    print(f"{len(sets)} sets")
    for j, model in enumerate(models):
        own = [records[s, model] for s in sets]
        seconds = np.median([r["seconds"] for r in own])
        line = f"{model:14s} mean rank {ranks[:, j].mean():.2f}, seconds (median) {seconds:.2f}"
        line += (
            f", loss relative to {models[0]} (geometric mean) {np.exp(np.mean(np.log(total[:, j] / total[:, 0]))):.3f}"
        )
        line += f", {models[0]} better on {np.mean(total[:, 0] < total[:, j]):.0%}"
        if "below" in own[0]:
            line += f", below {np.mean([r['below'] for r in own], axis=0).round(3)}"
            line += f", crossing {np.mean([r['crossing'] for r in own]):.4f}"
        print(line)


def main(argv=None):
    """Run or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=[*TASKS, "report", "speed", "left_out"])
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--models")
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--counts-of-classes", action="store_true", help="take classes 0, 1, ... for counts")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    if args.task == "report":
        return report(args)
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    if args.task in TASKS:
        args.models = args.models or TASKS[args.task]
        return run(args)
    from losses_cases import left_out, speed

    return {"speed": speed, "left_out": left_out}[args.task]()


if __name__ == "__main__":
    main()
