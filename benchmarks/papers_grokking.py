"""Grokking of four operations mod p (arXiv 2407.20199), by round: a part of `papers.py`.

Half of all pairs (a, b) are for training; a row has an indicator of a and one of b, targets are indicators of the
result. No ridge to speak of, the mean gradient of each output is subtracted, M is the root of the AGOP. Two kernels:
the Gaussian one, by `RFMRegressor`, and the square of the inner product, ``(x^T M z)^2``, in closed form here.

The block of M that couples a with b should come to depend on ``a - b`` alone, for addition, or on ``a + b``, for
subtraction; for multiplication and division the same holds of discrete logarithms. `circulant_deviation` says how far
it does not: the variance within its (anti)diagonals over its mean square, 0 if it is so and about 1 for noise.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh, solve
from sklearn.model_selection import train_test_split

from rfmlearn import RFMRegressor
from rfmlearn.kernels import Points

P, MAX_ROUNDS = 61, 30
OPERATIONS = ("add", "subtract", "multiply", "divide")
# Too small to be seen in training predictions; without any, matrices become singular once features are learned.
_RIDGE = 1e-7


def table_of(operation, p):
    """All pairs of the operation and their results mod p; nothing is divided by zero."""
    a, b = np.divmod(np.arange(p * p), p)
    if operation == "divide":
        a, b = a[b > 0], b[b > 0]
    inverses = np.array([pow(int(k), -1, p) if k else 0 for k in range(p)])
    results = {"add": a + b, "subtract": a - b, "multiply": a * b, "divide": a * inverses[b]}
    return a, b, results[operation] % p


def discrete_order(p):
    """Numbers from 1 to p - 1 as powers 0, 1, 2, ... of the smallest generator."""
    for g in range(1, p):
        powers = [pow(g, k, p) for k in range(p - 1)]
        if len(set(powers)) == p - 1:
            return np.array(powers)
    raise ValueError(f"p must be a prime number, got {p}.")


def coupling(M, operation, p):
    """The block of M between a and b, ordered so that it is circulant if the operation is known."""
    block = M[:p, p:]
    if operation in ("multiply", "divide"):
        order = discrete_order(p)
        block = block[np.ix_(order, order)]
    return block[:, ::-1] if operation in ("subtract", "divide") else block


def circulant_deviation(block):
    """Variance within diagonals of equal difference mod the size, over the mean square; NaN for a block of zeros."""
    rows = np.arange(len(block))
    diagonals = np.array([block[rows, (rows - shift) % len(block)] for shift in rows])
    square = np.mean(block**2)
    return float(diagonals.var(axis=1).mean() / square) if square > 0 else np.nan


def gaussian_rounds(X, Y, Z, max_rounds, stop):
    """Feature matrix, training and test outputs of each round; `stop` is asked after each."""
    rounds = []

    def look(current):
        outputs = [current.machine.decision(Points.of_numbers(rows)) for rows in (X, Z)]
        rounds.append((current.machine.feature_matrix.to_array(), *outputs))
        return stop(*rounds[-1])

    RFMRegressor(
        "gaussian", bandwidth=2.5, alpha=_RIDGE, max_iter=max_rounds, feature_matrix="full", agop_power=0.25,
        shrinkage=0.0, center_gradients=True, scaling=None, solver="cholesky", callback=look,
    ).fit(X, Y)  # fmt: skip
    return rounds


def quadratic_rounds(X, Y, Z, max_rounds, stop):
    """The same of the kernel ``(x^T M z)^2``: functions are ``x^T A_l x``, with the gradients ``2 A_l x``."""
    rounds, M, covariance = [], np.eye(X.shape[1]), np.cov(X.T, bias=True)
    for _ in range(max_rounds + 1):
        XM = X @ M
        K = (XM @ X.T) ** 2
        coef = solve(K + _RIDGE * np.mean(np.diag(K)) * np.eye(len(K)), Y, assume_a="pos")
        A = np.stack([XM.T @ (column[:, None] * XM) for column in coef.T])
        rounds.append((M, *(np.einsum("nd,lde,ne->nl", rows, A, rows, optimize=True) for rows in (X, Z))))
        if stop(*rounds[-1]):
            break
        agop = 4 * np.einsum("lde,lfe->df", A @ covariance, A, optimize=True)
        values, vectors = eigh(agop / agop.max())
        M = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return rounds


KERNELS = {"gaussian": gaussian_rounds, "quadratic": quadratic_rounds}


def curves(operation, kernel, seed, p=P, max_rounds=MAX_ROUNDS):
    """Share of training and of test pairs that are known, and circulant deviation, by round until all are known."""
    a, b, result = table_of(operation, p)
    X, Y = np.hstack([np.eye(p)[a], np.eye(p)[b]]), np.eye(p)[result]
    X, Z, Y, labels = train_test_split(X, Y, train_size=0.5, random_state=seed)

    def share(outputs, targets):
        return float(np.mean(outputs.argmax(axis=1) == targets.argmax(axis=1)))

    varies = X.any(axis=0)  # nothing is divided by zero, so that b = 0 is never seen
    known = KERNELS[kernel](X[:, varies], Y, Z[:, varies], max_rounds, lambda M, _, test: share(test, labels) == 1.0)
    points = []
    for learned, training, test in known:
        M = np.zeros((2 * p, 2 * p))
        M[np.ix_(varies, varies)] = learned
        deviation = circulant_deviation(coupling(M, operation, p))
        points.append({"training": share(training, Y), "test": share(test, labels), "deviation": deviation})
    return points


def main(args):
    """For each operation and kernel the round in which all test pairs are known, and curves."""
    print(f"\np = {P}, half of the pairs for training, {MAX_ROUNDS} rounds at most, seeds 0 to {args.seeds - 1}")
    for operation in OPERATIONS:
        for kernel in KERNELS:
            for seed in range(args.seeds):
                curve = curves(operation, kernel, seed)
                least = min(point["training"] for point in curve)
                known = next((n for n, point in enumerate(curve) if point["test"] >= 0.99), None)
                print(f"\n{operation}, {kernel}, seed {seed}: at least {100 * least:.1f} % of training pairs; 99 % of "
                      f"test pairs in round {known}, best {100 * max(point['test'] for point in curve):.1f} %"
                )  # fmt: skip
                shown = [*range(0, len(curve), 3), *([len(curve) - 1] if (len(curve) - 1) % 3 else [])]
                print("  round     " + " ".join(f"{n:5d}" for n in shown))
                print("  test %    " + " ".join(f"{100 * curve[n]['test']:5.1f}" for n in shown))
                print("  deviation " + " ".join(f"{curve[n]['deviation']:5.2f}" for n in shown), flush=True)
