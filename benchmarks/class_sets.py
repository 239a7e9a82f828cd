"""Sets of classes: size and coverage of every method, by class and by difficulty.

usage: class_sets.py --data FOLDER [--sets NAME,NAME,...] [--coverage 0.9] [--repeats 3] [--max-train 2000]
                     [--effort medium] [--threads 1] [--plain]

Each set is split anew for every repeat, `RFMClassifierCV` is fitted to at most --max-train rows, and test rows of all
repeats are pooled. For every method of ``predict_set`` a line says

- the mean size of the sets, and the share of them that hold the label;
- of classes with at least 30 test rows the mean distance of that share from the coverage asked for, in percent, and
  the share in the worst class;
- the share in five slices of equally many rows, from those where the model is surest of its first class to those where
  it is least sure.

Sets are randomised, as by default; --plain asks for those that are not. FOLDER holds sets in the format of `tables.py`.
"""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
from common import print_environment
from tables import load_set
from threadpoolctl import threadpool_limits

from rfmlearn import RFMClassifierCV

METHODS = "lac", "aps", "raps", "dance"
SETS = "A/yeast", "A/letter", "A/chess-krvk", "A/steel-plates", "A/cardiotocography-10clases"
_FEWEST, _N_SLICES = 30, 5


def pooled(args, name):
    """Labels of test rows of all repeats, how sure the model is of each, and the sets of each method."""
    labels, sure, sets = [], [], {method: [] for method in METHODS}
    for seed in range(args.repeats):
        is_classes, X, y, X_test, y_test = load_set(args.data, name, args.max_train, args.max_test, seed)
        if not is_classes:
            raise SystemExit(f"{name} is no set of classes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = RFMClassifierCV(effort=args.effort, random_state=seed).fit(X, y)
        labels.append(y_test)
        sure.append(model.predict_proba(X_test).max(axis=1))
        for method in METHODS:
            sets[method].append(model.predict_set(X_test, args.coverage, method=method, randomized=not args.plain))
    return (
        np.concatenate(labels),
        np.concatenate(sure),
        {method: np.concatenate(parts) for method, parts in sets.items()},
    )


def scores(sets, labels, sure, coverage):
    """Mean size, coverage, mean distance and worst of classes, and coverage of each slice."""
    hits = sets[np.arange(len(labels)), labels]
    counts = np.bincount(labels)
    shares = np.bincount(labels, hits)[counts >= _FEWEST] / counts[counts >= _FEWEST]
    slices = [float(hits[part].mean()) for part in np.array_split(np.argsort(-sure, kind="stable"), _N_SLICES)]
    return sets.sum(axis=1).mean(), hits.mean(), 100 * np.abs(shares - coverage).mean(), shares.min(), slices


def parse(argv):
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--sets", type=lambda names: names.split(","), default=SETS)
    parser.add_argument("--coverage", type=float, default=0.9)
    parser.add_argument("--repeats", type=int, default=3, help="splits of each set (3)")
    parser.add_argument("--max-train", type=int, default=2000, help="training rows at most (2000)")
    parser.add_argument("--max-test", type=int, default=4000, help="test rows at most, of each split (4000)")
    parser.add_argument("--effort", default="medium")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="sets that are not randomised")
    return parser.parse_args(argv)


def main(argv=None):
    """One line for each set and method, and means over sets."""
    args = parse(argv)
    with threadpool_limits(args.threads):
        print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
        print(f"{args.threads} threads, load {os.getloadavg()[0]:.1f}; coverage {args.coverage:g}, "
              f"{args.repeats} splits of each set")  # fmt: skip
        head = f"{'set':30}{'classes':>8}{'rows':>7}  {'method':8}{'size':>6}{'coverage':>10}{'by class':>10}"
        print(head + f"{'worst':>7}   by slices, from easy to hard")
        totals = {method: [] for method in METHODS}
        for name in args.sets:
            labels, sure, sets = pooled(args, name)
            for method in METHODS:
                size, share, distance, worst, slices = scores(sets[method], labels, sure, args.coverage)
                totals[method].append([size, share, distance, worst, *slices])
                start = f"{name:30}{sets[method].shape[1]:8d}{len(labels):7d}"
                print(f"{start}  {method:8}{_numbers(totals[method][-1])}", flush=True)
        for method in METHODS:
            print(f"{'mean':30}{'':15}  {method:8}{_numbers(np.mean(totals[method], axis=0))}")


def _numbers(values):
    size, share, distance, worst, *slices = values
    return f"{size:6.2f}{share:10.3f}{distance:10.1f}{worst:7.2f}   " + " ".join(f"{value:.2f}" for value in slices)


if __name__ == "__main__":
    main()
