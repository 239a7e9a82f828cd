"""Members of an ensemble: machines fitted on all rows, those of one recursion together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..kernels._reach import in_precision
from ..recursion._deviation import Deviation
from ..recursion._learned_agop import AGOP
from ..recursion._machine import Machine
from ..runtime._side_by_side import side_by_side
from ..runtime._threads import thread_limit
from ..tables._encoder import ColumnEncoder, column_shares
from ..targets._calibration import Link
from ..targets._codes import ScaledTargets, Target
from ._extra_members import ExtraMember


@dataclass(frozen=True, kw_only=True)
class Member:
    """One machine and its share of the ensemble.

    Parameters
    ----------
    machine : rfmlearn.recursion.Machine
        From points to decisions.
    n_iter : int
        Round of feature learning.
    alpha : float or ndarray of shape (n_codes,)
        Ridge; for other losses than squared error one for each column, if there are several.
    link : callable
        From scores to predictions.
    weight : float
        Share of the ensemble.
    deviation : callable or None
        From points to deviations of coded targets from what the machine predicts; only in regression.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressorCV
    >>> model = RFMRegressorCV([{"max_iter": 1}], cv=2).fit(*load_diabetes(return_X_y=True))
    >>> sorted(vars(model.members_[0].machines[0]))
    ['alpha', 'deviation', 'link', 'machine', 'n_iter', 'weight']
    """

    machine: Machine
    n_iter: int
    alpha: float
    link: Link
    weight: float
    deviation: Callable | None = None


@dataclass(frozen=True, kw_only=True)
class MemberGroup:
    """Machines of one recursion, which read the table in the same way.

    Parameters
    ----------
    params : dict
        Parameters of the single model, but for the round and the ridge.
    encoder : ColumnEncoder
        From tables to points.
    target : Target
        From decisions to scores.
    machines : tuple of Member
        The machines and their shares.
    agop : AGOP
        Average gradient outer product of the last of them; ``agop.array`` is the matrix.
    trouble : tuple of str
        What their solutions have warned of.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressorCV
    >>> model = RFMRegressorCV([{"max_iter": 1}], cv=2).fit(*load_diabetes(return_X_y=True))
    >>> float(round(sum(group.weight for group in model.members_), 12))
    1.0
    """

    params: dict
    encoder: ColumnEncoder
    target: Target
    machines: tuple[Member, ...]
    agop: AGOP
    trouble: tuple[str, ...] = ()

    @property
    def weight(self):
        """Share of the ensemble."""
        return sum(member.weight for member in self.machines)

    def predict(self, X, known=False):
        """Weighted sum of the machines' predictions for a checked table, `known` as in `ColumnEncoder.transform`."""
        points = self.encoder.transform(X, known)
        parts = [
            member.weight * member.link(self.target.decode(member.machine.decision(points))) for member in self.machines
        ]
        return sum(parts[1:], start=parts[0])

    def learned_points(self, machine, X):
        """The rows of a checked table in the coordinates that one of the machines has learned to compare."""
        points = in_precision(self.encoder.transform(X).astype(np.float64), machine.centers.dtype)
        return machine.feature_matrix.transform(points)

    def distributions(self, X):
        """For each machine its share, its predictions for a checked table, and the deviations of targets from them."""
        points, target = self.encoder.transform(X), self.target
        assert isinstance(target, ScaledTargets), "only numbers have deviations"
        for member in self.machines:
            assert member.deviation is not None
            yield (
                member.weight,
                target.decode(member.machine.decision(points)),
                target.units * member.deviation(points),
            )

    def column_importances(self, n_columns):
        """Shares of the columns in the trace of the AGOP; equal ones if it vanishes."""
        return column_shares(self.agop.diagonal, self.encoder.coordinate_columns_, n_columns)


def heaviest_machine(groups):
    """The machine of the largest share of an ensemble, and its group."""
    group, member = max(((group, member) for group in groups for member in group.machines), key=lambda p: p[1].weight)
    return group, member.machine


def fit_members(race, index, chosen, rows):
    """Fit the machines of one recursion on all rows.

    Parameters
    ----------
    race : Race
    index : int
        Of the settings.
    chosen : list of (Scored, weight)
        Candidates with these settings.
    rows : ndarray of int

    Returns
    -------
    MemberGroup

    Notes
    -----
    The rounds up to the last one asked for, and an exact fit for each machine. One square array at a time.
    """
    order = sorted(chosen, key=lambda pair: -pair[0].candidate.n_iter)
    first_scored, first_weight = order[0]
    first = first_scored.candidate
    fold, recursion = race.start(index, rows, first.n_iter)
    learned, trouble = {}, []
    for current in recursion.rounds(first.n_iter):
        learned[current.n_iter] = current.machine.feature_matrix, current.alpha
        trouble += current.trouble
    agop = recursion.agop(current)
    weights = recursion.weights if race.own.outcomes.shared is None else None

    def member(scored, weight):
        link = scored.link
        if race.own.outcomes.objective is not None:
            # Machines of folds err more than those of all rows, so that quantiles would be moved too far.
            link = race.own.calibrate_left_out(rows, fold, recursion, current)[2]
        return _member(current, link, weight, weights)

    members = [member(first_scored, first_weight)]
    for scored, weight in order[1:]:
        candidate = scored.candidate
        matrix, alpha = learned[candidate.n_iter]
        gram = current._workspace.gram
        current = recursion.solve(matrix, candidate.n_iter, gram=gram, alpha=alpha)
        trouble += current.trouble
        members.append(member(scored, weight))
    return MemberGroup(
        params=race.params(index),
        encoder=fold.encoder,
        target=fold.target,
        machines=tuple(members),
        agop=agop,
        trouble=tuple(dict.fromkeys(trouble)),
    )


def fit_chosen(race, chosen, rows, folds, refit_together):
    """Fit what was chosen on all rows: the groups of machines, and the members of other families.

    Those that fail are noted in the race, and left out.

    Parameters
    ----------
    race : Race
    chosen : list of (Scored, weight)
    rows : ndarray of int
    folds : Folds
        In which the candidates were scored.
    refit_together : int
        Up to so many rows they are fitted side by side, one to a thread; beyond, where square arrays are large, one
        after another, on all threads.

    Returns
    -------
    groups : list of MemberGroup
    extra : list of ExtraMember
    """
    by_index: dict[int, list] = {}
    for entry, weight in chosen:
        by_index.setdefault(entry.candidate.index, []).append((entry, weight))

    def fit(index, part):
        try:
            if index in race.extra_indices:
                ((scored, weight),) = part
                return race.extra.member(race.of(index)[1], rows, scored, weight, folds)
            return fit_members(race, index, part, rows)
        except Exception as error:
            race.note_failure(index, error, len(rows))
            return None

    n_jobs = race.n_jobs if len(rows) <= refit_together else 1
    fitted: list[Any] = []
    with thread_limit(1 if n_jobs > 1 else race.n_jobs):
        pieces = [partial(fit, index, part) for index, part in by_index.items()]
        for done, member in enumerate(side_by_side(pieces, n_jobs), start=1):
            fitted += [] if member is None else [member]
            race.on_progress(done, len(by_index), "settings fitted on all rows")
    groups = [member for member in fitted if isinstance(member, MemberGroup)]
    return groups, [member for member in fitted if isinstance(member, ExtraMember)]


def _member(current, link, weight, training_weights):
    machine, alpha, deviation = current.machine, current.alpha, None
    if training_weights is not None:
        deviation = Deviation(machine=machine, weights=training_weights, alpha=alpha)
    return Member(machine=machine, n_iter=current.n_iter, alpha=alpha, link=link, weight=weight, deviation=deviation)
