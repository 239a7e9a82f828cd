"""All random rows of a fit, drawn once and in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..runtime._budget import (
    N_BANDWIDTH_ROWS,
    N_CALIBRATION_ROWS,
    N_INSPECTED_ROWS,
    N_LANDMARKS,
    N_RIDGE_ROWS,
    PRECONDITIONED_FROM,
)
from ..solvers import Weights
from ._agop import agop_rows
from ._bandwidth import bandwidth_rows


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Rows at which a recursion looks, the same in every round.

    What is drawn for one purpose does not depend on whether another asks for anything.

    Attributes
    ----------
    bandwidth : tuple (rows, weights)
        Their pairs decide the bandwidth.
    ridge : ndarray of int
        On these, among themselves, ridges are compared.
    landmarks : ndarray of int
        Their columns precondition the system.
    inspected : tuple (rows or None, weights)
        Over these the AGOP is averaged that is only looked at, where rounds are approximate.
    calibration : ndarray of int or None
        Their left-out scores calibrate probabilities; None are all rows. Groups are drawn whole.
    agop : tuple (rows or None, weights)
        Over these the AGOP of each round is averaged.
    """

    bandwidth: tuple[np.ndarray, np.ndarray]
    ridge: np.ndarray
    landmarks: np.ndarray
    inspected: tuple[np.ndarray | None, np.ndarray]
    calibration: np.ndarray | None
    agop: tuple[np.ndarray | None, np.ndarray]

    @classmethod
    def of(
        cls,
        weights: Weights,
        rng,
        n_agop_rows=None,
        *,
        n_bandwidth_rows=N_BANDWIDTH_ROWS,
        n_ridge_rows=N_RIDGE_ROWS,
        n_calibration_rows=N_CALIBRATION_ROWS,
        n_inspected_rows=N_INSPECTED_ROWS,
        n_landmarks=N_LANDMARKS,
        preconditioned_from=PRECONDITIONED_FROM,
    ):
        """Draw rows for all purposes; `n_agop_rows`, which users set, comes last and moves nothing else."""
        n = len(weights)

        def some(size):
            return _some(n, size, rng)

        def calibration():
            return None if n <= n_calibration_rows else draw_rows(weights, n_calibration_rows, rng)

        return cls(
            bandwidth=bandwidth_rows(weights.total, rng, n_bandwidth_rows),
            ridge=some(n_ridge_rows),
            landmarks=some(min(n_landmarks, n // 10)) if n >= preconditioned_from else np.arange(0),
            inspected=agop_rows(weights.total, n_inspected_rows, rng),
            calibration=calibration(),
            agop=agop_rows(weights.total, n_agop_rows, rng),
        )


def draw_rows(weights: Weights, size, rng):
    """Rows drawn at random, all if there are no more, at most so many, and of each group all or none."""
    if weights.groups is None or size >= len(weights):
        return _some(len(weights), size, rng)
    return _whole_groups(weights.groups, size, rng)


def _some(n, size, rng):
    return np.arange(n) if size >= n else np.sort(rng.choice(n, size, replace=False))


def _whole_groups(groups, n_rows, rng):
    """At most so many rows, in groups drawn at random none of which is cut; the smallest group if all are larger."""
    sizes = np.bincount(groups)
    taken, total = [], 0
    for group in rng.permutation(len(sizes)):
        if total + sizes[group] <= n_rows:
            taken.append(group)
            total += sizes[group]
    return np.flatnonzero(np.isin(groups, taken or [np.argmin(sizes)]))
