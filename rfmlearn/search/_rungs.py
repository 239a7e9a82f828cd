"""Rungs of a search: all settings on few rows, the best of them on more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..runtime._budget import ABOUT, N_FOLDS, SearchBudget
from ._candidates import Scored
from ._folds import Folds
from ._race import Race
from ._thinning import thin


@dataclass(frozen=True)
class Rung:
    """What was compared, and in which folds.

    Attributes
    ----------
    entries : list of Scored
    folds : Folds
    """

    entries: list[Scored]
    folds: Folds


def run_rungs(race: Race, selector, folds: Folds, budget: SearchBudget, labels, rng) -> list[Rung]:
    """All settings on few rows, the survivors, and members of other families, on more.

    Parameters
    ----------
    race : Race
    selector : Selector
    folds : Folds
        Of all rows.
    budget : SearchBudget
    labels : ndarray of int of shape (n,) or None
        Classes, which stratify what is drawn.
    rng : RandomState
    """
    timetable, n_most = race.timetable, budget.n_search_samples
    n_spare = len(race.own) - race.n_compared
    settings, searched = list(range(race.n_compared)), folds
    if timetable is not None:
        sizes, n_settings = [], len(settings)
        for rung in _before_last(budget, n_settings):
            sizes.append((rung.n_rows, n_settings, rung.n_folds))
            n_settings = rung.n_survivors
        sizes.append((min(len(folds.all_rows), n_most) * 4 // 5, n_settings, len(folds)))
        timetable.plan(race, folds, int(np.sum(race.own.weights.rows > 0)), budget.refit_together, sizes, n_spare)
        settings = timetable.settings
        if timetable.n_rows is not None:
            searched = thin(folds, timetable.n_rows * 5 // 4, labels, rng, n_tested=0)
            return [Rung(race.run(settings + race.extra_indices, searched), searched)]
    if len(folds.all_rows) > n_most:
        searched = thin(folds, n_most, labels, rng, n_tested=budget.n_tested)
    rungs, few = [], cache(lambda n_rows: _fewer(folds, n_rows, budget, labels, rng))
    for rung in _before_last(budget, len(settings)):
        first = _first(few(rung.n_rows), rung) if folds.are_complementary else few(rung.n_rows)
        rungs.append(Rung(race.run(settings, first), first))
        settings = selector.survivors(rungs[-1].entries, first, rung.n_survivors, race.own.forms)
        if timetable is not None and not timetable.allows(searched):
            race.missed.update(race.extra_indices)
            return rungs
    return [*rungs, Rung(race.run(settings + race.extra_indices, searched), searched)]


def _before_last(budget, n_settings):
    """The rungs from which fewer settings go on than there are."""
    return [rung for rung in budget.rungs if rung.n_survivors < n_settings]


def _fewer(folds, n_rows, budget, labels, rng):
    """The folds of a rung, of which those of other rungs may be the same."""
    n_rows = min(n_rows * 5 // 4, budget.n_search_samples)
    return thin(folds, n_rows, labels, rng, n_tested=budget.n_tested) if len(folds.all_rows) > n_rows else folds


def _first(folds, rung):
    """As many folds as are enough for a rung, where one tells as much as another: of five, or the like of more."""
    tested, n = np.cumsum([len(test) for _, test in folds.pairs]), len(np.unique(folds.rows))
    enough = min(rung.n_tested, ABOUT * n * rung.n_folds / N_FOLDS)
    return Folds(folds.pairs[: int(np.searchsorted(tested, enough)) + 1])
