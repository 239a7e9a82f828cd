"""Accuracy, time and memory at many rows: every figure of docs/large_data.md.

usage: large.py tables RESULTS.jsonl --data FOLDER [--models rfm,rfmcv,hgb] [--sets a,b] [--dev]
       large.py rank RESULTS.jsonl [--with OTHER.jsonl ...] [--dev]
       large.py {flights,growth,borders,exact,processes,dask} RESULTS.jsonl ...

Each measurement runs in a process of its own and goes to RESULTS.jsonl as a line: what was measured with which
settings, and the result, or its ``error``. What is there already is not run again, errors only with --retry; a table
of what was asked for follows. RFM models have their defaults but for --params.

- tables: models on all sets of FOLDER (format: `tables.py`) with --min-rows rows, one split each: a quarter of the rows
  for testing, --max-test at most, and of the rest --max-train for training. With --dev the test rows are not touched:
  a fifth of the training rows is scored on, --max-test at most. That is for choosing what the defaults do.
- rank: mean ranks of the models over the sets, by log-loss and RMSE, a failed fit last; and how rfm and rfmcv compare
  with --against.
- flights: fit on --rows rows of the set flights-1m, prediction of a million, and the size of the model in a file.
- growth: time and memory of fits to more and more synthetic rows, beside what `estimate_memory` says.
- borders: solvers compared, "auto" being the plan's choice, on synthetic rows or on sets (scored as with --dev).
- exact: one exact machine, and xrfm's.
- processes: two processes of one thread each against one.
- dask: a cluster of two workers of one thread each against one machine with two threads.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from common import print_environment
from large_cases import THREAD_LIMITS
from peers import MODELS, PACKAGES
from report import read_records
from tables import find_sets
from tabular import resume

HERE = Path(__file__).parent
COLUMNS = {
    "tables": ["set", "model", "n", "log_loss", "rmse", "accuracy", "auc", "brier", "r2", "t_fit", "cpu_fit",
               "t_predict", "above_gb"],
    "flights": ["model", "n", "auc", "log_loss", "accuracy", "t_fit", "cpu_fit", "peak_gb", "rows_per_second",
                "predict_above_gb", "pickled_mb"],
    "growth": ["model", "rows", "features", "t_fit", "cpu_fit", "factor", "above_gb", "estimate_gb", "rmse"],
    "borders": ["set", "rows", "solver", "log_loss", "rmse", "t_fit", "cpu_fit", "t_predict", "above_gb"],
    "exact": ["model", "rows", "features", "solver", "rmse", "t_fit", "cpu_fit", "t_predict", "above_gb", "peak_gb"],
    "processes": ["n_jobs", "rows", "t_fit", "speedup", "rmse"],
    "dask": ["where", "rows", "t_fit", "ratio", "rmse"],
}  # fmt: skip


# Options of each command, with their defaults; a list is given with commas.
COMMANDS = {
    "tables": {"models": ["rfm", "rfmcv", "hgb"], "sets": None, "min_rows": 20_000, "max_train": 100_000,
               "max_test": 20_000, "threads": 2},
    "rank": {"models": None, "against": "hgb"},
    "flights": {"models": ["rfm", "hgb"], "sets": ["flights-1m"], "rows": 900_000, "test_rows": 100_000,
                "predicted": 1_000_000, "threads": 2},
    "growth": {"models": ["rfm"], "rows": [50_000, 100_000, 200_000, 400_000, 800_000], "features": 20, "threads": 2},
    "borders": {"sets": ["synthetic"], "rows": [20_000, 40_000], "features": 20,
                "solvers": ["auto", "packed", "cholesky"], "threads": 2},
    "exact": {"models": ["rfm"], "rows": [50_000], "features": 50, "solver": "packed", "threads": 2},
    "processes": {"rows": 200_000, "features": 20},
    "dask": {"rows": 1_000_000, "features": 20, "partitions": 8},
}  # fmt: skip


def specifications(args):
    """What is to be measured: one dictionary each, by which its record is known again."""
    common = {"threads": threads_of(args)}
    match args.case:
        case "tables":
            settings = common | {key: getattr(args, key) for key in ("dev", "max_train", "max_test")}
            for name in args.sets or large_sets(args.data, args.min_rows):
                for model in args.models:
                    yield {"set": name, "model": model} | settings | own(model, args)
        case "flights":
            settings = common | {key: getattr(args, key) for key in ("rows", "test_rows", "predicted")}
            for model in args.models:
                yield {"set": args.sets[0], "model": model} | settings | own(model, args)
        case "growth":
            for model in args.models:
                for rows in args.rows:
                    yield {"model": model, "rows": rows, "features": args.features} | common | own(model, args)
        case "borders":
            for name in args.sets:
                for rows in args.rows:
                    for solver in args.solvers:
                        settings = {"features": args.features, "solver": solver, "params": args.params}
                        yield {"set": name, "rows": rows} | settings | common
        case "exact":
            for model in args.models:
                for rows in args.rows:
                    solver = {"solver": "direct" if model == "xrfm" else args.solver, "features": args.features}
                    yield {"model": model, "rows": rows} | solver | common | own(model, args)
        case "processes":
            for n_jobs in (1, 2):
                yield {"n_jobs": n_jobs, "rows": args.rows, "features": args.features, "params": args.params}
        case "dask":
            settings = {"features": args.features, "partitions": args.partitions, "params": args.params}
            for where in ("here", "dask"):
                yield {"where": where, "rows": args.rows} | settings


def own(model, args):
    """Parameters of RFM models; the peers have none."""
    return {"params": args.params if model.startswith("rfm") else {}}


def large_sets(folder, min_rows):
    """Names of the sets of a folder that have so many rows."""
    return [name for name in find_sets(folder) if n_rows(folder / f"{name}.npz") >= min_rows]


def n_rows(path):
    """Rows of a set."""
    with np.load(path) as arrays:
        return len(arrays["y"])


def measure(specification, args):
    """The record of a measurement, made by a process of its own with so many threads."""
    threads = str(threads_of(args))
    command = [sys.executable, str(HERE / "large_cases.py"), json.dumps(specification)]
    if data := getattr(args, "data", None):
        command += ["--data", str(data)]
    environment = os.environ | dict.fromkeys(THREAD_LIMITS, threads)
    for option in ("timeout", "most_memory"):
        if value := getattr(args, option):
            command += [f"--{option.replace('_', '-')}", str(value)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if run.returncode == -signal.SIGXCPU:
        return specification | {"error": f"stopped after {args.timeout} s of processor"}
    if run.returncode:
        return specification | {"error": f"the process ended with {run.returncode}"}  # -9: out of memory
    return specification | json.loads(run.stdout.splitlines()[-1])


def threads_of(args):
    """Threads of one process."""
    return {"processes": 1, "dask": 2}.get(args.case) or args.threads


def run(args):
    """Measure what is missing and add it to the file at once; all records of what is asked for."""
    records, wanted = resume(args.results), []
    for specification in specifications(args):
        specification = {"case": args.case} | specification
        known = [r for r in records if all(r.get(key) == value for key, value in specification.items())]
        record = next((r for r in known if not (args.retry and "error" in r)), None)
        if record is None:
            record = measure(specification, args)
            with args.results.open("a") as file:
                file.write(json.dumps(record) + "\n")
            print(json.dumps(record), flush=True)
        wanted.append(record)
    return wanted


def report(case, records):
    """Print the table of a case, and its errors."""
    table = pd.DataFrame(records)
    if "t_fit" in table:
        match case:
            case "growth":
                table["factor"] = table.groupby("model")["t_fit"].transform(lambda t: t / t.shift())
            case "processes":
                table["speedup"] = table["t_fit"].iloc[0] / table["t_fit"]
            case "dask":
                table["ratio"] = table["t_fit"] / table["t_fit"].iloc[0]
        table = table.reindex(columns=[name for name in COLUMNS[case] if name in table])
        print("\n" + table.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.4g}"))
    for record in records:
        if "error" in record:
            print(f"failed: {record}")


def rank(args):
    """Print losses, mean ranks, and how RFM models compare with another one."""
    records = [record for file in (args.results, *args.others) for record in read_records(file)]
    records = [record for record in records if record["case"] == "tables" and record["dev"] == args.dev]
    losses = losses_by_set(records, args.models)
    print(losses.to_string(na_rep="", float_format=lambda value: f"{value:.4f}"))
    print(f"\nmean ranks over {len(losses)} sets; a model without a score is last")
    print(losses.rank(axis=1, na_option="bottom").mean().sort_values().to_string(float_format=lambda r: f"{r:.2f}"))
    for name in losses:
        if name.startswith("rfm") and args.against in losses:
            print(compare(losses, name, args.against))


def losses_by_set(records, models=None):
    """Log-loss or RMSE, a row for each set and a column for each model; sets without a score are left out.

    Of several records of one fit the first that has a score counts. The name of a model with parameters tells them.
    """
    losses = {}
    for record in records:
        model = " ".join([record["model"], *(f"{key}={value}" for key, value in record["params"].items())])
        if models is None or record["model"] in models:
            key, loss = (record["set"], model), record.get("log_loss", record.get("rmse"))
            losses[key] = loss if losses.get(key) is None else losses[key]
    series = pd.Series(losses, dtype=float)
    series.index = pd.MultiIndex.from_tuples(series.index, names=["set", "model"])
    return series.unstack().dropna(how="all")


def compare(losses, name, against):
    """A line: on how many sets a model is at least as good as another one, and where it is worst."""
    ratio = (losses[name] / losses[against]).dropna()
    if ratio.empty:
        return f"{name} and {against} have no set in common"
    share = f"at least as good as {against} on {(ratio <= 1).sum()} of {len(ratio)} sets ({(ratio <= 1).mean():.0%})"
    return f"{name}: {share}; worst ratio {ratio.max():.4f} ({ratio.idxmax()}), mean {np.exp(np.log(ratio).mean()):.4f}"


def parse(argv):
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="case", required=True)
    for name, defaults in COMMANDS.items():
        command = commands.add_parser(name)
        command.add_argument("results", type=Path, metavar="RESULTS.jsonl")
        for option, default in defaults.items():
            kind, text = _kind(default), f"{','.join(map(str, default)) if isinstance(default, list) else default}"
            command.add_argument(f"--{option.replace('_', '-')}", type=kind, default=default, help=f"default: {text}")
        if name in ("tables", "rank"):
            command.add_argument("--dev", action="store_true", help="score on a part of the training rows")
        if name in ("tables", "flights", "borders"):
            needed = name != "borders"
            command.add_argument("--data", type=Path, required=needed, metavar="FOLDER", help="sets as npz files")
        if name == "rank":
            command.add_argument("--with", dest="others", nargs="+", default=[], type=Path, metavar="OTHER.jsonl")
        else:
            command.add_argument("--retry", action="store_true", help="run what has failed again")
            command.add_argument("--timeout", type=int, metavar="SECONDS", help="of processor; then it is stopped")
            command.add_argument("--most-memory", type=float, metavar="GB", help="what asks for more fails")
            command.add_argument("--params", type=json.loads, default={}, metavar="JSON", help="of RFM models")
    args = parser.parse_args(argv)
    if unknown := set(getattr(args, "models", None) or []) - {*MODELS, "rfm-laplace"}:
        parser.error(f"models are {', '.join(MODELS)}; got {', '.join(sorted(unknown))}")
    return args


def _kind(default):
    """What reads an option: a number, numbers, or names."""
    if isinstance(default, list) and isinstance(default[0], int):
        return lambda text: [int(part) for part in text.split(",")]
    return type(default) if isinstance(default, int | str) else lambda text: text.split(",")


def main(argv=None):
    """Measure what is missing, and report."""
    args = parse(argv)
    if args.case == "rank":
        rank(args)
        return
    packages = [PACKAGES[name] for name in getattr(args, "models", ()) if name in PACKAGES]
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba", "pandas", *packages)
    print(f"threads of each fit: {threads_of(args)}")
    report(args.case, run(args))


if __name__ == "__main__":
    main()
