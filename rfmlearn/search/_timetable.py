"""What a search leaves out so that it ends within a limit on time."""

from __future__ import annotations

import threading
import time

from ..large._plan import LargePlan
from ..large._rates import Rates
from ..runtime._budget import MAX_MEMBER_SHARE, SMALLEST_SEARCH, SPARE_SHARE, TEAM_GAIN
from ..runtime._threads import thread_limit
from ._costs import Costs, measure_costs


class Timetable:
    """Time that is left, and what fits into it.

    Parameters
    ----------
    limit : float
        Seconds from now on.
    clock : callable
        Seconds since some moment.

    Attributes
    ----------
    settings : list of int
        Those that are compared; the first is the one to which the choice is held.
    n_rows : int or None
        Training rows on which they are compared, once; None is as many, and as often, as without a limit.
    is_cut : bool
        Whether anything at all was left out.
    """

    def __init__(self, limit, clock=time.perf_counter):
        self.limit, self.clock = limit, clock
        self._end = clock() + limit
        self._search_end, self._speed = self._end, 1.0
        self._n, self._together = 0, 1
        self._costs: Costs
        self._large: LargePlan | None = None
        self._caps: dict[int, int] = {}
        self._admitted: dict[tuple, bool] = {}
        self._measured = self._predicted = 0.0
        self._lock = threading.Lock()
        self.settings: list[int] = []
        self.n_rows: int | None = None
        self.is_cut = False

    @property
    def left(self):
        """Seconds."""
        return self._end - self.clock()

    def plan(self, race, folds, n, refit_together, rungs, n_spare):
        """Decide what is compared, in how many rounds and on how many rows.

        Parameters
        ----------
        race : Race
            Its settings are tried on a few rows.
        folds : Folds
        n : int
            Rows on which the members of the ensemble are fitted.
        refit_together : int
            Up to so many rows they are fitted side by side, each in one thread.
        rungs : list of (int, int, int)
            Training rows of each rung without a limit, settings on it, and folds.
        n_spare : int
            Settings at the end that are only there for when all others would take too long.
        """
        everything = range(len(race.own))
        order = [0, *everything[len(everything) - n_spare :], *everything[1 : len(everything) - n_spare]]
        pilot = lambda index, n_rows: race.own.pilot(index, folds.pairs[0], n_rows, self.clock)  # noqa: E731
        last = {index: race.last_round(index) for index in everything}
        self._speed = TEAM_GAIN * race.n_jobs if race.n_jobs > 1 else 1.0
        self._n, self._together = n, race.n_jobs if n <= refit_together else 1
        self._large = race.own.large_plan
        with thread_limit(1 if race.n_jobs > 1 else None):
            sizes = self.limit, race.own.sizes["n_ridge_rows"]
            self._costs = measure_costs(pilot, order, 1 + n_spare, *sizes, self.clock, race.note_failure)
        known = list(self._costs.trials)
        if not known:
            raise race.first_error
        room = MAX_MEMBER_SHARE * self.left
        asked = [index for index in everything if index < len(everything) - n_spare and index not in race.failures]
        self.settings = [index for index in asked if index in known and self._refit(index, 0) <= room]
        self.settings = self.settings or [min(known, key=lambda index: self._refit(index, 0))]
        for index in self.settings:
            affordable = [k for k in range(last[index] + 1) if self._refit(index, k) <= room]
            self._caps[index] = max(affordable, default=0)
        first = self.settings[0]
        self._search_end = self._end - self._refit(first, self._caps[first]) - SPARE_SHARE * self.limit
        self._choose_rows(rungs)
        are_all = self.settings == asked and self._caps == {index: last[index] for index in asked}
        self.is_cut = not are_all or self.n_rows is not None

    def _choose_rows(self, rungs):
        room, n_splits = self._search_end - self.clock(), rungs[-1][2]

        def seconds(n_rows, settings, n_splits=n_splits):
            return sum(self._rung(index, n_rows, n_splits) for index in settings)

        by_cost = sorted(self.settings, key=lambda index: -self._rung(index, 100, n_splits))
        if sum(seconds(n_rows, by_cost[:n_settings], n_folds) for n_rows, n_settings, n_folds in rungs) <= room:
            return
        sizes = [round(rungs[-1][0] * 0.8**step) for step in range(20)]
        sizes = [size for size in sizes if size > SMALLEST_SEARCH[0]]
        of_all = next((size for size in sizes if seconds(size, self.settings) <= room), SMALLEST_SEARCH[0])
        of_one = next((size for size in sizes if seconds(size, self.settings[:1]) <= room), SMALLEST_SEARCH[0])
        # Rather a few settings on enough rows than all on hardly any.
        self.n_rows = max(of_all, min(of_one, SMALLEST_SEARCH[1]))

    def _refit(self, index, n_iter):
        """Seconds of a fit on all rows; one of very many takes no more than it may, once its features are learned."""
        speed = 1.0 if self._together > 1 else self._speed
        if self._large is None:
            return self._drift * self._costs.of_refit(index, self._n, n_iter) / speed
        rates = Rates(per_pair=self._costs.trials[index].per_pair, per_operation=self._costs.pace.per_operation)
        n_learning, most = self._large.budget.n_pilot_rows, MAX_MEMBER_SHARE / 2 * self.limit
        seconds = self._costs.of_refit(index, n_learning, n_iter) + self._large.within_time(most, rates).seconds(rates)
        return self._drift * seconds / speed

    def _rung(self, index, n_rows, n_splits):
        """Seconds of all folds of a setting."""
        return self._drift * n_splits * self._costs.of_fold(index, n_rows, self._caps[index]) / self._speed

    @property
    def _drift(self):
        """How much longer things take than was predicted from the trials."""
        return self._measured / self._predicted if self._predicted else 1.0

    def last_round(self, index, last):
        """The last round of a setting for which there is time."""
        return self._caps.get(index, last)

    def admits(self, index, folds):
        """Whether a setting is begun on a rung: there is time for all its folds. The first one always is."""
        with self._lock:
            key = index, id(folds)
            if key not in self._admitted:
                n_rows = max(len(train) for train, _ in folds.pairs)
                ends = self.clock() + self._rung(index, n_rows, len(folds))
                self._admitted[key] = index == self.settings[0] or ends <= self._search_end
            return self._admitted[key]

    def allows(self, folds):
        """Whether there is time for one more rung."""
        n_rows = max(len(train) for train, _ in folds.pairs)
        return self.clock() + self._rung(self.settings[0], n_rows, len(folds)) <= self._search_end

    def record(self, index, n_rows, seconds):
        """Tell how long a fold has taken."""
        with self._lock:
            self._measured += seconds
            self._predicted += self._costs.of_fold(index, n_rows, self._caps[index])

    def affordable(self, entries, max_members, n_trained):
        """Candidates that can be fitted on all rows in the time that is left, and how many of them; one at least.

        Members of other families are expected to take longer in proportion to rows than on the `n_trained` of a fold.
        """
        own = [entry for entry in entries if not entry.candidate.is_extra]
        seconds = [self._refit(entry.candidate.index, entry.candidate.n_iter) for entry in own]
        first = own[0].candidate.index
        default = max(s for entry, s in zip(own, seconds, strict=True) if entry.candidate.index == first)
        room = self.left - SPARE_SHARE * self.limit
        at_once = TEAM_GAIN * self._together if self._together > 1 else 1.0
        n_members = int(min(max(at_once * room / default, 1.0), max_members))
        each = max(at_once, 1.0) * room / n_members
        kept = [entry for entry, s in zip(own, seconds, strict=True) if s <= each]
        kept = kept or [min(zip(seconds, range(len(own)), own, strict=True))[2]]
        others = (entry for entry in entries if entry.candidate.is_extra)
        kept += [entry for entry in others if entry.seconds * self._n / n_trained <= each]
        self.is_cut |= len(kept) < len(entries) or n_members < max_members
        return kept, n_members
