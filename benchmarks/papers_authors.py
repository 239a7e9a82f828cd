"""The recursive feature machine of arXiv 2212.13881 as its authors scored it on tables, and the same without its leak.

Laplace kernel ``exp(-|x - z|_M / 10)``, full M, which is the AGOP as it is: neither scaled nor taken to a power. Ridge,
rows scaled to unit length or not, and the round are chosen by accuracy on the rows for validation of one split.

`choose` does that. The authors keep the M of the choice, and solve anew with it in every fold; but of the rows that M
has seen some are test rows of each fold, and so are some of those that the settings were chosen on. `afresh` learns M
on the training rows of the fold, and is to be given settings that were chosen without its test rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rfmlearn.kernels import LaplaceKernel, Points
from rfmlearn.recursion import Machine
from rfmlearn.recursion._agop import agop_rows
from rfmlearn.recursion._feature_matrix import FeatureMatrix, FullFeatureMatrix
from rfmlearn.recursion._spectral import symmetric_power
from rfmlearn.solvers import CholeskyFactor

KERNEL = LaplaceKernel(bandwidth=10.0)
RIDGES = 10.0, 1.0, 0.1, 0.01, 0.001
N_ROUNDS, N_AGOP_ROWS = 5, 20_000


@dataclass(frozen=True)
class Choice:
    """Settings that were chosen, the feature matrix that came with them, and the accuracy that was reached."""

    accuracy: float
    ridge: float
    normalise: bool
    n_iter: int
    matrix: FeatureMatrix


def choose(X, y, train, validation, n_rounds=N_ROUNDS, normalise=(True, False)):
    """The best of all ridges, scalings of rows and rounds by accuracy on validation rows; the first of equals."""
    best = None
    for ridge in RIDGES:
        for unit_rows in normalise:
            points, codes = _prepare(X, y, unit_rows)
            for n_iter, machine in enumerate(rounds(points[train], codes[train], ridge, n_rounds)):
                accuracy = score(machine, points[validation], codes[validation])
                if best is None or accuracy > best.accuracy:
                    best = Choice(accuracy, ridge, unit_rows, n_iter, machine.feature_matrix)
    return best


def reused(X, y, train, test, choice):
    """Accuracy on test rows with the feature matrix of the choice, as the authors have it."""
    points, codes = _prepare(X, y, choice.normalise)
    return score(fit(points[train], codes[train], choice.matrix, choice.ridge), points[test], codes[test])


def afresh(X, y, train, test, choice):
    """The same with a feature matrix that is learned on the training rows, in as many rounds as were chosen."""
    points, codes = _prepare(X, y, choice.normalise)
    *_, machine = rounds(points[train], codes[train], choice.ridge, choice.n_iter + 1)
    return score(machine, points[test], codes[test])


def rounds(points, codes, ridge, n_rounds):
    """Machines of so many rounds, the first with the plain kernel."""
    machine = fit(points, codes, FullFeatureMatrix.identity(points), ridge)
    yield machine
    sample = agop_rows(np.ones(len(points)), N_AGOP_ROWS, np.random.default_rng(0))
    for _ in range(n_rounds - 1):
        (agop,) = machine.agop(sample)
        machine = fit(points, codes, FullFeatureMatrix((symmetric_power(agop, 0.5),)), ridge)
        yield machine


def fit(points, codes, matrix, ridge):
    """Kernel ridge regression in a metric."""
    centers = matrix.transform(points)
    factor = CholeskyFactor(KERNEL(centers), np.full(len(centers), ridge))
    return Machine(kernel=KERNEL, feature_matrix=matrix, centers=centers, dual_coef=factor.solve(codes).coef)


def score(machine, points, codes):
    """Share of rows whose largest output is that of their class."""
    return float(np.mean(machine.decision(points).argmax(axis=1) == codes.argmax(axis=1)))


def _prepare(X, y, unit_rows):
    """Points and indicators of classes, of all rows."""
    if unit_rows:
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        X = X / np.where(lengths > 0, lengths, 1.0)
    return Points.of_numbers(X), np.eye(y.max() + 1)[y]
