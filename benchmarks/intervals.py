"""Coverage and width of intervals, in all and within slices: every figure on intervals in docs/uncertainty.md.

usage: intervals.py FOLDER [SET ...] [--models rfm,rfmcv] [--methods constant,studentized,scaled]
                    [--coverages 0.8,0.9,0.95] [--train 2000] [--test 2000] [--development]

Models with their defaults are fitted to each regression set of FOLDER (format: `tables.py`), or to those named, and
asked for intervals of the rows that they have not seen. With --development the training rows are split again, and the
test rows stay unseen. Printed are for each set, model, coverage and method

- covered: share of the targets inside;
- width: mean width in units of that of constant intervals;
- by width, by column: the smallest share inside over ten slices of rows by predicted width, and over ten by the
  quantiles of each column (a category is a slice), slices of at least 30 rows;
- worst, chance: the smaller one of both, and what it would be if all rows had the same chance to be inside, the median
  of 20 draws;

and their means over sets at the end.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from common import print_environment
from tables import find_sets, is_classes, parts, read_set, split, split_again

from rfmlearn import RFMRegressor, RFMRegressorCV

MODELS = {"rfm": RFMRegressor, "rfmcv": RFMRegressorCV}
METHODS = ("constant", "studentized", "scaled")
SMALLEST_SLICE, N_SLICES, N_DRAWS = 30, 10, 20
FIGURES = ("covered", "width", "by width", "by column", "worst", "chance")


def slices_of(values):
    """Masks of ten slices of rows by the quantiles of values, without those of few rows; of categories one for each."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        found = [(values == level).to_numpy() for level in values.cat.categories]
    else:
        values = values.to_numpy(float)
        ends = np.unique(np.nanquantile(values, np.linspace(0, 1, N_SLICES + 1)))
        if len(ends) < 2:
            return []
        bins = np.clip(np.searchsorted(ends, values, side="right") - 1, 0, len(ends) - 2)
        found = [(bins == k) & np.isfinite(values) for k in range(len(ends) - 1)]
    return [rows for rows in found if rows.sum() >= SMALLEST_SLICE]


def measure(X, y, interval, coverage):
    """Figures of the intervals of some rows; the width is not yet a ratio."""
    low, high = interval.T
    width, inside = high - low, (low <= y) & (y <= high)
    by_width = slices_of(pd.Series(width)) if np.ptp(width) > 1e-9 * np.max(width) else []
    by_column = [rows for name in X for rows in slices_of(X[name]) if X[name].notna().any()]
    draws = np.random.default_rng(0).random((N_DRAWS, len(y))) < coverage
    everything = by_width + by_column
    return dict(
        zip(
            FIGURES,
            (
                inside.mean(),
                width.mean(),
                least(inside, by_width),
                least(inside, by_column),
                least(inside, everything),
                np.median([least(draw, everything) for draw in draws]),
            ),
            strict=True,
        )
    )


def least(inside, slices):
    """Smallest share of rows inside over slices; NaN if there are none."""
    return min((inside[rows].mean() for rows in slices), default=np.nan)


def run(name, table, y, args):
    """Records of all models, coverages and methods on one set."""
    train, test = split(y, args.train, args.test)
    if args.development:
        train, test = split_again(y, train)
    X, y, X_test, y_test = parts(table, y, train, test)
    for model_name in args.models:
        model = MODELS[model_name](random_state=0).fit(X, y)
        for method in args.methods:
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of categories that fit has not seen
                intervals = model.predict_interval(X_test, args.coverages, method=method)
            took = time.perf_counter() - start
            for k, coverage in enumerate(args.coverages):
                figures = measure(X_test, y_test, intervals[..., k], coverage)
                yield (
                    {"set": name, "n": len(X), "model": model_name, "coverage": coverage, "method": method}
                    | figures
                    | {"seconds": took}
                )


def with_ratios(records):
    """The records with widths in units of those of constant intervals."""
    keys = ["set", "model", "coverage"]
    constant = records[records["method"] == "constant"].set_index(keys)["width"]
    records = records.join(constant.rename("of constant"), on=keys)
    records["width"] /= records.pop("of constant")
    return records


def main(argv=None):
    """Print a row for each set, and means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--models", type=lambda names: names.split(","), default=list(MODELS))
    parser.add_argument("--methods", type=lambda names: names.split(","), default=list(METHODS))
    parser.add_argument("--coverages", type=lambda text: [float(c) for c in text.split(",")], default=[0.8, 0.9, 0.95])
    parser.add_argument("--train", type=int, default=2000)
    parser.add_argument("--test", type=int, default=2000)
    parser.add_argument("--development", action="store_true")
    args = parser.parse_args(argv)
    if "constant" not in args.methods:
        parser.error("--methods needs constant, in units of whose width the others are given")
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba", "pandas")
    records = []
    for name in args.sets or find_sets(args.folder):
        table, y = read_set(args.folder, name)
        if is_classes(y):
            continue
        found = with_ratios(pd.DataFrame(run(name, table, y, args)))
        print(found.round(3).to_string(index=False, header=not records), flush=True)
        records.append(found)
    if not records:
        raise SystemExit("there are no regression sets")
    everything = pd.concat(records)
    means = everything.groupby(["model", "coverage", "method"], sort=False)[[*FIGURES, "seconds"]].mean()
    print(f"\nmeans over {everything['set'].nunique()} sets\n{means.round(3).to_string()}")


if __name__ == "__main__":
    main()
