"""Accuracy of models on many tables, each with its default settings.

usage: tabular.py RESULTS.jsonl --data FOLDER [--sets LIST.txt] [--models rfm,rfmcv,hgb] [--folds 5] [--threads 2]
       tabular.py RESULTS.jsonl --openml credit-g 531 ...
       tabular.py RESULTS.jsonl --report-only [--with OTHER.jsonl ...] [--markdown] [--pictures FOLDER]

Every model is fitted on every set, and what it scores on rows that it has not seen goes to RESULTS.jsonl: a line for
each set, fold and model with ``set, fold, model, task, n, d, n_test, t_fit, t_predict`` and

- for classes: accuracy, log_loss, brier, auc, and ece, the calibration error;
- for numbers: rmse and mae, in standard deviations of the target in training, and r2;
- for models with prediction sets or intervals: their coverage, of 0.9 that is asked for, and mean size.

If a fit fails, the line has its ``error`` instead. What is there already is not run again, so a stopped run goes on
where it was; use one file for each way to split and number of threads. The report follows: for each metric, over the
sets that all models finished, the mean rank, how often the --focus model beats each other one and whether that is
chance, and means. --with adds scores that were computed elsewhere on the same splits. With --report-only nothing is
run, and --models chooses whom to compare.

FOLDER holds sets in the format of `tables.py`; --openml fetches them by name or number. A set is split once, or into
--folds; models are in `peers.py`, and their packages are needed only when they are asked for.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
from pathlib import Path

from common import print_environment, seconds
from peers import MODELS, PACKAGES, import_package, make_model
from report import KEY, print_report, read_records, to_results
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from scores import METRICS, score_coverage, score_numbers, score_probabilities
from tables import fetch_set, find_sets, is_classes, parts, read_set, split, split_fold
from threadpoolctl import threadpool_limits


def evaluate(model, classes, X, y, X_test, y_test):
    """Times and scores of one model, fitted on one part and tested on the other."""
    t_fit, model = seconds(lambda: model.fit(X, y))
    probabilities = classes and hasattr(model, "predict_proba")
    t_predict, prediction = seconds(lambda: (model.predict_proba if probabilities else model.predict)(X_test))
    if probabilities:
        scores = score_probabilities(prediction, y_test)
    elif classes:
        scores = {"accuracy": float((prediction == y_test).mean())}
    else:
        scores = score_numbers(prediction, y_test)
    return {"t_fit": t_fit, "t_predict": t_predict} | scores | score_coverage(model, X_test, y_test)


def run_job(table, y, fold, model_name, args):
    """What is recorded of one set, fold and model."""
    record = {}
    try:
        limits = args.max_train, args.max_test, args.seed
        train, test = split_fold(y, fold, args.folds, *limits) if args.folds else split(y, *limits)
        X, y_train, X_test, y_test = parts(table, y, train, test)
        classes = is_classes(y)
        record = {"task": "clf" if classes else "reg", "n": len(X), "d": X.shape[1], "n_test": len(X_test)}
        model = make_model(model_name, classes, X, args.seed, args.threads or os.cpu_count())
        return record | evaluate(model, classes, X, y_train, X_test, y_test)
    except Exception as error:  # whatever a package raises: kept, and told
        return record | {"error": f"{type(error).__name__}: {error}"}


def run(jobs, read, args):
    """Run jobs, adding each record to the file at once."""
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    with args.results.open("a") as file, threadpool_limits(args.threads), Progress(*columns) as progress:
        task = progress.add_task("", total=len(jobs))
        for name, fold, model in jobs:
            progress.update(task, description=f"{name}, fold {fold}, {model}")
            record = dict(zip(KEY, (name, fold, model), strict=True)) | run_job(*read(name), fold, model, args)
            if "error" in record:
                progress.print(f"{name}, fold {fold}, {model}: {record['error']}", markup=False, soft_wrap=True)
            file.write(json.dumps(record) + "\n")
            file.flush()
            progress.advance(task)


def resume(path):
    """Records of a file, from which a last line that was cut off is taken away; none if there is no file."""
    if not path.exists():
        return []
    records = read_records(path)
    if not path.read_text().endswith("\n"):
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return records


def parse(argv):
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, metavar="RESULTS.jsonl")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", type=Path, metavar="FOLDER", help="sets as npz files")
    source.add_argument("--openml", nargs="+", metavar="NAME_OR_ID", help="sets of OpenML")
    parser.add_argument("--sets", type=Path, metavar="LIST.txt", help="names of the sets to use; else all in FOLDER")
    parser.add_argument("--models", type=lambda names: names.split(","), help=f"some of {','.join(MODELS)}")
    parser.add_argument("--folds", type=int, default=0, help="folds of a cross-validation; 0, the default: one split")
    parser.add_argument(
        "--max-train",
        type=int,
        default=2000,
        help="training rows at most (2000); more where one split has few test rows",
    )
    parser.add_argument("--max-test", type=int, default=2000, help="test rows at most (2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="threads of each fit; else as many as BLAS takes")
    parser.add_argument("--with", dest="others", nargs="+", default=[], type=Path, metavar="OTHER.jsonl")
    parser.add_argument("--report-only", action="store_true", help="run nothing")
    parser.add_argument("--metrics", type=lambda names: names.split(","), default=list(METRICS),
                        help=f"some of {','.join(METRICS)}")  # fmt: skip
    parser.add_argument("--focus", default="rfmcv", metavar="MODEL", help="whose wins are counted (rfmcv)")
    parser.add_argument("--markdown", action="store_true", help="tables for GitHub")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw the report, too")
    args = parser.parse_args(argv)
    if not args.report_only and not args.data and not args.openml:
        parser.error("say --data, --openml or --report-only")
    if unknown := set(args.metrics) - set(METRICS):
        parser.error(f"metrics are {', '.join(METRICS)}; got {', '.join(sorted(unknown))}")
    if not args.report_only:
        args.models = args.models or ["rfm", "rfmcv", "krr", "hgb", "rf"]
        if unknown := set(args.models) - set(MODELS):
            parser.error(f"models are {', '.join(MODELS)}; got {', '.join(sorted(unknown))}")
        try:
            args.packages = [import_package(name).__name__ for name in args.models if name in PACKAGES]
        except ModuleNotFoundError as error:
            parser.error(str(error))
    return args


def main(argv=None):
    """Run what is missing and print the report."""
    args = parse(argv)
    names = args.sets.read_text().split() if args.sets else None
    if not args.report_only:
        print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba", "pandas", *args.packages)
        if args.openml:
            names, read = [f"openml/{name}" for name in args.openml], lambda name: fetch_set(name.split("/", 1)[1])
        else:
            names, read = names or find_sets(args.data), functools.partial(read_set, args.data)
        done = {tuple(record[field] for field in KEY) for record in resume(args.results)}
        jobs = [(name, fold, model) for name in names for fold in range(args.folds or 1) for model in args.models]
        try:
            run([job for job in jobs if job not in done], functools.lru_cache(maxsize=1)(read), args)
        except (OSError, ValueError) as error:  # of reading a set: those of fits are in the records
            raise SystemExit(f"stopped: {error}") from error
    files = [file for file in (args.results, *args.others) if file.exists() or file in args.others]
    results = to_results([record for file in files for record in read_records(file)])
    if names is not None:
        results = results[results["set"].isin(names)]
    if args.report_only and args.models:
        results = results[results["model"].isin(args.models)]
    if results.empty:
        raise SystemExit("there are no records to report")
    print_report(results, args.metrics, args.focus, args.markdown)
    if args.pictures:
        from pictures import save_pictures

        for path in save_pictures(results, args.pictures, args.metrics, args.focus):
            print(path)


if __name__ == "__main__":
    main()
