"""Members of an ensemble: machines fitted on all rows, those of one recursion together."""

from __future__ import annotations

from dataclasses import dataclass

from ..recursion._learned_agop import AGOP
from ..recursion._machine import Machine
from ..tables._encoder import ColumnEncoder, column_shares
from ..targets._calibration import Link
from ..targets._codes import Target


@dataclass(frozen=True, kw_only=True)
class Member:
    """One machine and its share of the ensemble.

    Parameters
    ----------
    machine : rfmlearn.recursion.Machine
        From points to decisions.
    n_iter : int
        Round of feature learning.
    alpha : float
        Ridge.
    link : callable
        From scores to predictions.
    weight : float
        Share of the ensemble.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressorCV
    >>> model = RFMRegressorCV([{"max_iter": 1}], cv=2).fit(*load_diabetes(return_X_y=True))
    >>> sorted(vars(model.members_[0].machines[0]))
    ['alpha', 'link', 'machine', 'n_iter', 'weight']
    """

    machine: Machine
    n_iter: int
    alpha: float
    link: Link
    weight: float


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

    def predict(self, X):
        """Weighted sum of the machines' predictions for a checked table."""
        points = self.encoder.transform(X)
        parts = [
            member.weight * member.link(self.target.decode(member.machine.decision(points))) for member in self.machines
        ]
        return sum(parts[1:], start=parts[0])

    def column_importances(self, n_columns):
        """Shares of the columns in the trace of the AGOP; equal ones if it vanishes."""
        return column_shares(self.agop.diagonal, self.encoder.coordinate_columns_, n_columns)


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
    first = order[0][0].candidate
    fold, recursion = race.start(index, rows, first.cautious, first.n_iter)
    learned, trouble = {}, []
    for current in recursion.rounds(first.n_iter):
        learned[current.n_iter] = current.machine.feature_matrix, current.alpha
        trouble += current.trouble
    agop = recursion.agop(current)
    members = [_member(current, *order[0])]
    for scored, weight in order[1:]:
        candidate = scored.candidate
        matrix, alpha = learned[candidate.n_iter]
        gram = current._workspace.gram
        current = recursion.solve(matrix, candidate.n_iter, gram=gram, alpha=alpha, cautious=candidate.cautious)
        trouble += current.trouble
        members.append(_member(current, scored, weight))
    return MemberGroup(
        params=dict(race.settings[index]),
        encoder=fold.encoder,
        target=fold.target,
        machines=tuple(members),
        agop=agop,
        trouble=tuple(dict.fromkeys(trouble)),
    )


def _member(current, scored, weight):
    return Member(machine=current.machine, n_iter=current.n_iter, alpha=current.alpha, link=scored.link, weight=weight)
