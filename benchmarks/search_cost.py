"""What a search computes: Gram matrices, factorisations, inversions and fits of encoders, for a mixed table.

usage: search_cost.py [--rows 300]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np
import pandas as pd
from common import print_environment

from rfmlearn import RFMClassifierCV
from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.solvers import _cholesky
from rfmlearn.tables import ColumnEncoder


def count(calls, owner, name, what):
    """Count the calls of a function."""
    function = getattr(owner, name)

    def counting(*args, **kwargs):
        calls[what] += 1
        return function(*args, **kwargs)

    setattr(owner, name, counting)


def table(n):
    """Four columns of numbers, four of categories, and two classes."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    for name, levels in zip("efgh", (3, 4, 5, 6), strict=True):
        X[name] = pd.Categorical(rng.integers(0, levels, n).astype(str))
    return X, (X["a"] * (X["e"] == "1") + X["b"] + 0.5 * rng.normal(size=n) > 0).astype(int)


def main():
    """Count what one search with defaults calls."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300)
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "sklearn", "numba")
    calls: Counter = Counter()
    count(calls, PairMatrix, "fill_sums", "Gram matrices")
    count(calls, _cholesky, "factor_lower", "factorisations")
    count(calls, _cholesky, "invert_lower", "inversions")
    count(calls, ColumnEncoder, "fit_transform", "fits of encoders")
    X, y = table(args.rows)
    start = time.perf_counter()
    model = RFMClassifierCV(random_state=0, n_jobs=1).fit(X, y)
    print(f"{args.rows} rows, {time.perf_counter() - start:.1f} s, {len(model.members_)} recursions in the ensemble")
    for what, number in calls.items():
        print(f"{what:20}{number:6d}")


if __name__ == "__main__":
    main()
