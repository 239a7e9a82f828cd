"""A fit against the Cholesky factorisations that it needs, timed alone in the same run.

usage: factorisations.py [--n 10000] [--d 50] [--repeats 3]

Five rounds of feature learning and the last fit: six factorisations of n x n in float64 if every round is exact.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
from common import CASES, multi_index_data, print_environment, seconds
from one_fit import ROUNDS, rfmlearn_model
from scipy.linalg import lapack


def factorise(X):
    """One Cholesky factor of a positive definite matrix with the size of the Gram matrix."""
    K = np.eye(len(X))
    K[:, : X.shape[1]] += 1e-6 * X
    start = seconds(lambda: lapack.dpotrf(K.T, lower=0, overwrite_a=1, clean=0))
    return start[0]


def main():
    """Print medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--d", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "scipy", "numba")
    X, y, _, _ = multi_index_data(args.n, args.d)
    case = CASES["laplace-10k"]
    for solver in ("cholesky", "cg"):
        rfmlearn_model(case, solver).fit(X[:300], y[:300])
    times = {"factorisation": [], "cholesky": [], "auto": []}
    for _ in range(args.repeats):
        times["factorisation"].append((ROUNDS + 1) * factorise(X))
        for solver in ("cholesky", "auto"):
            times[solver].append(seconds(lambda s=solver: rfmlearn_model(case, s).fit(X, y))[0])
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"n {args.n}, d {args.d}, {ROUNDS} rounds and the last fit")
    print(f"{ROUNDS + 1} factorisations alone      {medians['factorisation']:8.2f} s")
    for solver, label in (("cholesky", "fit, exact rounds"), ("auto", "fit, default solver")):
        ratio = medians[solver] / medians["factorisation"]
        print(f"{label:26s} {medians[solver]:8.2f} s   {ratio:.2f} of the factorisations")


if __name__ == "__main__":
    main()
