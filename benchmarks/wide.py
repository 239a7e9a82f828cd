"""Tables with many more columns than rows: time of a fit and of a prediction, and size of the model.

usage: wide.py [--tables 100x4000,500x20000]
"""

from __future__ import annotations

import argparse
import pickle
import time

import numpy as np
from common import print_environment

from rfmlearn import RFMRegressor


def main():
    """One line a table, with defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default="100x4000,500x20000")
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "sklearn", "numba")
    rng = np.random.default_rng(0)
    RFMRegressor().fit(rng.normal(size=(50, 5)), rng.normal(size=50))  # compiles the loops
    print("rows x columns     fit, s  predict, s  pickle, MB  of the table")
    for shape in args.tables.split(","):
        n, d = map(int, shape.split("x"))
        X = rng.normal(size=(n, d))
        y = X[:, 0] + 0.1 * rng.normal(size=n)
        start = time.perf_counter()
        model = RFMRegressor().fit(X, y)
        fitted = time.perf_counter()
        model.predict(X)
        done, size = time.perf_counter(), len(pickle.dumps(model))
        times = f"{fitted - start:8.2f}  {done - fitted:10.2f}"
        print(f"{shape:16}  {times}  {size / 1e6:10.1f}  {size / X.nbytes:12.2f}")


if __name__ == "__main__":
    main()
