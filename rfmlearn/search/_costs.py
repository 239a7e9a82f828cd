"""Seconds that recursions of each setting take, predicted from small ones: only where a time limit is to be kept."""

from __future__ import annotations

from dataclasses import dataclass

from ..recursion._pace import Pace
from ..runtime._budget import ITERATIVE_FROM, LAST_AGOP_SHARE, MIXED_FROM, PILOT_ROWS, PILOT_SHARE


@dataclass(frozen=True)
class Trial:
    """What a round of one setting has taken on a few rows.

    Attributes
    ----------
    encoding : float
        Seconds to encode the rows.
    fixed : float
        Seconds of a round, however few rows there are.
    per_pair : float
        Seconds over n^2 beside that, without solutions.
    """

    encoding: float
    fixed: float
    per_pair: float


@dataclass(frozen=True)
class Costs:
    """Time in one thread, from that of each pair of rows and that of a factor.

    Attributes
    ----------
    trials : dict of int to Trial
        For each setting that was tried.
    pace : Pace
    n_ridge_rows : int
        Rows on which ridges are compared.
    """

    trials: dict[int, Trial]
    pace: Pace
    n_ridge_rows: int

    def of_fold(self, index, n, n_iter):
        """Seconds of rounds 0 to `n_iter` on n training rows, and of what they predict."""
        trial = self.trials[index]
        among_all = 2 * self.pace.factor(n) if n > self.n_ridge_rows else 0.0
        each = trial.fixed + trial.per_pair * n**2 + self._choice(n) + among_all
        return trial.encoding + (n_iter + 1) * each

    def of_refit(self, index, n, n_iter):
        """Seconds of one member of the ensemble on n rows."""
        trial = self.trials[index]
        agop = LAST_AGOP_SHARE if n_iter else 0.0  # over a few rows where no features are learned
        seconds = (n_iter + 1 + agop) * trial.per_pair * n**2 + (n_iter + 1) * (trial.fixed + self._choice(n))
        seconds += trial.encoding
        n_factors = 1 if n >= ITERATIVE_FROM["auto"] else n_iter + 1
        return seconds + n_factors * self.pace.factor(n, single=n >= MIXED_FROM)

    def _choice(self, n):
        """Seconds of the choice of a ridge: several are tried, and each costs three factors."""
        return 10 * self.pace.factor(min(n, self.n_ridge_rows))


def measure_costs(pilot, settings, n_always, limit, n_ridge_rows, clock, on_failure):
    """Costs of settings, each tried on a few rows, and on more as long as that takes next to nothing.

    Parameters
    ----------
    pilot : callable
        ``(index, n_rows)`` runs some rounds of a setting on so many rows: returns how many there were, the seconds to
        encode them, and those of each round.
    settings : sequence of int
        In the order in which they are tried.
    n_always : int
        So many of them are tried in any case.
    limit : float
        Seconds for the whole search, of which trials may take a share.
    n_ridge_rows
        As in `Costs`.
    clock : callable
    on_failure : callable
        ``(index, error)`` is told of a setting that fails, which then has no costs.
    """
    start = clock()
    costs = Costs({}, Pace.measure(clock=clock), n_ridge_rows)
    for index in settings:
        if len(costs.trials) >= n_always and clock() - start > PILOT_SHARE * limit:
            break
        try:
            pilot(index, 3 * PILOT_ROWS[0] // 4)  # loads or compiles the loops of its kernel
            costs.trials[index] = _try(lambda n, index=index: pilot(index, n), costs._choice, limit)
        except Exception as error:
            on_failure(index, error)
    return costs


def _try(pilot, choice, limit):
    """Rounds on more and more rows: the last two numbers of rows tell what depends on them."""
    points: list[tuple[int, float]] = []
    for n_rows in PILOT_ROWS:
        n, encoding, each = pilot(n_rows)
        points.append((n, max(each - choice(n), each / 4)))
        if n < n_rows or encoding + 2 * each > PILOT_SHARE / 8 * limit:
            break
    n, seconds = points[-1]
    per_pair = seconds / n**2
    if len(points) > 1 and n > points[-2][0]:
        slope = (seconds - points[-2][1]) / (n**2 - points[-2][0] ** 2)
        per_pair = min(max(slope, per_pair / 10), per_pair)
    return Trial(encoding=encoding, fixed=max(seconds - per_pair * n**2, 0.0), per_pair=per_pair)
