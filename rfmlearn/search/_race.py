"""The search: candidates scored in folds, of which none is computed twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..runtime._budget import EXTRA_SHARE, PILOT_ROWS
from ..runtime._side_by_side import side_by_side
from ..runtime._threads import thread_limit
from ._candidates import Candidate, Scored
from ._extra_members import ExtraModels
from ._failures import Failure
from ._folds import Folds
from ._own_models import OwnModels
from ._timetable import Timetable


@dataclass(kw_only=True)
class Race:
    """What is compared, and what came of it.

    Settings are known by their indices; those of members of other families come after them. A candidate that fails is
    left out, and the others go on.

    Parameters
    ----------
    own : OwnModels
        Settings of the single models.
    extra : ExtraModels
        Members of other families, if any.
    n_jobs : int
        Folds that are computed side by side.
    suspicions : list of str
        What the user was told of the columns.
    timetable : Timetable or None
        Which settings are begun, and with how many rounds, where time is limited.
    on_progress : callable
        Called with the number of recursions finished, that of all, and what they are.

    Attributes
    ----------
    missed : set of int
        Indices of settings for which there was no time.
    failures : dict of int to Failure
        Why settings, or members of other families, were left out, by index.
    trouble : list of str
        What solutions have warned of.
    """

    own: OwnModels
    extra: ExtraModels
    n_jobs: int
    suspicions: list = field(default_factory=list)
    timetable: Timetable | None = None
    on_progress: Callable = lambda done, total, what: None
    missed: set = field(default_factory=set)
    trouble: list = field(default_factory=list)
    failures: dict = field(default_factory=dict)

    def __post_init__(self):
        self._done: dict[tuple, tuple] = {}

    @property
    def n_compared(self):
        """Settings that are compared where time does not matter: all but a spare one."""
        return len(self.own) - (self.own.are_default and self.timetable is not None)

    @property
    def extra_indices(self):
        """Indices of members of other families."""
        return list(range(len(self.own), len(self.own) + len(self.extra)))

    def of(self, index):
        """The models among which an index is, and its place among them."""
        return (self.own, index) if index < len(self.own) else (self.extra, index - len(self.own))

    def params(self, index):
        """What candidates of an index have in common, as `cv_results_` says it."""
        models, place = self.of(index)
        return models.params(place)

    def last_round(self, index):
        """The last round of some settings for which there is time."""
        last = self.own.last_round(index)
        return last if self.timetable is None else self.timetable.last_round(index, last)

    def start(self, index, rows, n_iter):
        """An unfitted recursion of some settings on all rows, with so many rounds, and how these are encoded."""
        return self.own.start(index, rows, few_agop_rows=self.timetable is not None and not n_iter)

    def note_failure(self, index, error, n_rows=PILOT_ROWS[0]):
        """Remember why a candidate is left out, when it first fails."""
        self.failures.setdefault(index, Failure(error, self.params(index), n_rows))

    @property
    def first_error(self):
        """What the first of the settings that failed has raised."""
        return self.failures[min(self.failures)].error

    def run(self, indices, folds: Folds) -> list[Scored]:
        """Held-out predictions of every round of some settings; of splits that were run before those of then.

        Settings for whose folds there is no time are left out, and noted in `missed`; those that fail in `failures`.

        Raises
        ------
        Exception
            What the first setting that failed has raised, if none is left.
        """
        jobs = [(index, pair) for index in indices for pair in folds.pairs]
        fresh = [(index, pair) for index, pair in jobs if (index, id(pair)) not in self._done]
        self.own.expect([(index, pair) for index, pair in fresh if index < len(self.own)])
        with thread_limit(1 if self.n_jobs > 1 else self.n_jobs):
            pieces = [partial(self._try_fold, index, pair, folds) for index, pair in fresh]
            scored = side_by_side(pieces, self.n_jobs)
            for done, ((index, pair), result) in enumerate(zip(fresh, scored, strict=True), start=1):
                self._done[index, id(pair)] = pair, result  # a pair that is kept is the only one with its id
                self.trouble += [] if result is None else result[2]
                self.on_progress(done, len(fresh), f"{len(indices)} settings in {len(folds)} folds")
        results = {index: [self._done[index, id(pair)][1] for pair in folds.pairs] for index in indices}
        left_out = {index for index, parts in results.items() if any(part is None for part in parts)}
        self.missed |= left_out - set(self.failures)
        if self.failures and all(index in left_out for index in indices if index < len(self.own)):
            raise self.first_error
        return [
            scored
            for index, parts in results.items()
            if index not in left_out
            for scored in self._collect(index, parts, folds)
        ]

    def _try_fold(self, index, pair, folds):
        """Scores of the test rows for every round, seconds, and what solutions have warned of.

        None where there is no time for these settings, or they fail or have failed before.
        """
        is_own = index < len(self.own)
        if index in self.failures or index in self.missed or (is_own and not self._admits(index, folds)):
            if is_own:
                self.own.skip(index, pair)
            return None
        try:
            return self._score_own(index, pair) if is_own else self._score_extra(index, pair, folds)
        except Exception as error:
            self.note_failure(index, error, len(pair[0]))
            return None

    def _admits(self, index, folds):
        return self.timetable is None or self.timetable.admits(index, folds)

    def _score_own(self, index, pair):
        start = time.perf_counter()
        scores, trouble = self.own.score(index, pair, self.last_round(index))
        seconds = time.perf_counter() - start
        if self.timetable is not None:
            self.timetable.record(index, len(pair[0]), seconds)
        return scores, seconds, trouble

    def _score_extra(self, index, pair, folds):
        start = time.perf_counter()
        scores = self.extra.score(index - len(self.own), *pair)
        seconds = time.perf_counter() - start
        if self.timetable is not None and seconds * (len(folds) + 1) > EXTRA_SHARE * self.timetable.limit:
            self.missed.add(index)
            return None
        return {0: scores}, seconds, []

    def _collect(self, index, parts, folds):
        rows, (models, _) = folds.rows, self.of(index)
        weights = self.own.weights.total[rows] * folds.shares
        seconds = float(np.mean([seconds for _, seconds, _ in parts]))
        for n_iter in parts[0][0]:
            scores = np.concatenate([part[n_iter] for part, _, _ in parts])
            link = models.calibrate(scores, rows, weights)
            yield Scored(Candidate(index, n_iter, models is self.extra), link(scores), link, seconds)
