"""Members of an ensemble: machines fitted on all rows, those of one recursion together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..kernels import Kernel, Points
from ..recursion._feature_matrix import FeatureMatrix
from ..runtime._trouble import collect_trouble
from ..tables._encoder import ColumnEncoder, column_shares


@dataclass(frozen=True)
class Machine:
    """One kernel machine in the metric it learned, and its share of the ensemble.

    Attributes
    ----------
    n_iter : int
        Round of feature learning.
    alpha : float
        Ridge.
    kernel : Kernel
    feature_matrix : FeatureMatrix
    points : Points
        Training rows in the coordinates of the feature matrix.
    dual_coef : ndarray of shape (n, n_outputs)
    link : callable
        From decoded scores to predictions.
    weight : float
    """

    n_iter: int
    alpha: float
    kernel: Kernel
    feature_matrix: FeatureMatrix
    points: Points
    dual_coef: np.ndarray
    link: Callable
    weight: float


@dataclass(frozen=True)
class MemberPath:
    """Machines of one recursion: they read the table in the same way.

    Attributes
    ----------
    params : dict
        Parameters of the single model, but for the round and the ridge.
    encoder : ColumnEncoder
    decode : callable
        From coded to decoded scores.
    machines : tuple of Machine
    agop : ndarray of shape (n_coordinates, n_coordinates)
        Average gradient outer product of the last of them.
    trouble : tuple of str
        What their solutions have warned of.
    """

    params: dict
    encoder: ColumnEncoder
    decode: Callable
    machines: tuple[Machine, ...]
    agop: np.ndarray
    trouble: tuple[str, ...] = ()

    @property
    def weight(self):
        """Share of the ensemble."""
        return sum(machine.weight for machine in self.machines)

    def predict(self, X):
        """Weighted sum of the machines' predictions for a checked table."""
        points = self.encoder.transform(X)
        parts = [machine.weight * machine.link(self.decode(_expand(machine, points))) for machine in self.machines]
        return sum(parts[1:], start=parts[0])

    def column_importances(self, n_columns):
        """Shares of the columns in the trace of the AGOP; equal ones if it vanishes."""
        return column_shares(self.agop, self.encoder.coordinate_columns_, n_columns)


def _expand(machine, points):
    return machine.kernel.product(machine.points, machine.dual_coef, machine.feature_matrix.transform(points))


def fit_members(race, path, chosen, rows):
    """Fit the machines of one recursion on all rows.

    Parameters
    ----------
    race : Race
    path : int
        Index of the settings.
    chosen : list of (Scored, weight)
        Candidates of this path.
    rows : ndarray of int

    Returns
    -------
    MemberPath

    Notes
    -----
    The rounds up to the last one asked for, and an exact fit for each machine. One square array at a time.
    """
    order = sorted(chosen, key=lambda pair: -pair[0].candidate.n_iter)
    last, first_scale = order[0][0].candidate.n_iter, order[0][0].candidate.scale
    model, recursion, decode = race.start(path, rows, max_iter=last, alpha_scale=first_scale)
    metrics = {}
    with collect_trouble() as trouble:
        for iterate in recursion.rounds(last):
            metrics[iterate.n_iter] = iterate.feature_matrix, iterate.alpha
        agop = recursion.agop(iterate)
        machines = [_machine(iterate, *order[0])]
        for scored, weight in order[1:]:
            n_iter, scale = scored.candidate.n_iter, scored.candidate.scale
            matrix, alpha = metrics[n_iter]
            iterate = recursion.solve(matrix, n_iter, iterate.pairs, alpha=alpha, scale=scale)
            machines.append(_machine(iterate, scored, weight))
    return MemberPath(dict(race.settings[path]), model._encoder, decode, tuple(machines), agop, tuple(trouble))


def _machine(iterate, scored, weight):
    parts = iterate.kernel, iterate.feature_matrix, iterate.points, iterate.dual_coef
    return Machine(iterate.n_iter, iterate.alpha, *parts, scored.link, weight)
