"""The search: machines fitted in folds, weak settings dropped early, the rest compared on more rows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ..large._plan import LargePlan
from ..rfm._settings import make_encoder, make_kernel_of, make_recursion
from ..runtime._budget import ALPHAS, EXTRA_SHARE, PACKED_MEMBERS_FROM, PILOT_ROWS
from ..runtime._large_budget import LargeBudget
from ..runtime._side_by_side import side_by_side
from ..runtime._threads import thread_limit
from ..solvers import Weights
from ..tables._copies import Copies
from ..targets._calibration import Link
from ..targets._outcomes import Outcomes
from ._encodings import Encodings
from ._extra_members import ExtraModels
from ._failures import Failure
from ._folds import Folds
from ._timetable import Timetable


@dataclass(frozen=True)
class Candidate:
    """One machine that might become a member: settings and a round.

    Attributes
    ----------
    index : int
        Of its settings, which it shares with the other rounds of one recursion; those of members of other families come
        after all settings.
    n_iter : int
    is_extra : bool, default=False
        Whether it is a member of another family, which has one round.
    """

    index: int
    n_iter: int
    is_extra: bool = False


@dataclass(frozen=True)
class Scored:
    """A candidate's held-out predictions on one rung of the race.

    Attributes
    ----------
    candidate : Candidate
    predictions : ndarray of shape (n_test_rows, ...)
        In the order of the folds' `rows`.
    link : Link
        From scores to predictions.
    seconds : float
        Mean time to fit its recursion in a fold, which all rounds share.
    """

    candidate: Candidate
    predictions: np.ndarray
    link: Link
    seconds: float


@dataclass(kw_only=True)
class Race:
    """Data that all candidates run on.

    A candidate that fails is left out, and the others go on.

    Parameters
    ----------
    X : table
    outcomes : Outcomes
    weights : Weights
        Zero for rows that do not count.
    copies : Copies
        Rows that are fitted as one.
    make_model : callable
        Settings to an unfitted single model, of which only the parameters are read.
    settings : list of dict
    are_default : bool
        Whether they are not the user's, whom their number would tell nothing.
    seed : int
    n_jobs : int
    extra : ExtraModels
        Members of other families, if any.
    suspicions : list of str
        What the user was told of the columns.
    smallest_ridge_in_float32 : float
        As in `SearchBudget`.
    sizes : dict
        Numbers of rows at which recursions look.
    large : LargeBudget
        What a fit of many rows spends.
    large_plan : LargePlan or None
        That of the fit of all rows, if it is one.
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

    X: object
    outcomes: Outcomes
    weights: Weights
    copies: Copies
    make_model: Callable
    settings: list[dict]
    seed: int
    n_jobs: int
    extra: ExtraModels
    suspicions: list = field(default_factory=list)
    smallest_ridge_in_float32: float = np.inf
    are_default: bool = False
    sizes: dict = field(default_factory=dict)
    large: LargeBudget | None = None
    large_plan: LargePlan | None = None
    timetable: Timetable | None = None
    on_progress: Callable = lambda done, total, what: None
    missed: set = field(default_factory=set)
    trouble: list = field(default_factory=list)
    failures: dict = field(default_factory=dict)

    def __post_init__(self):
        self._models = [self.make_model(setting) for setting in self.settings]
        self._done: dict[tuple, tuple] = {}
        self._encodings = Encodings(self.X, self.outcomes, self.weights, self.copies)

    @property
    def n_compared(self):
        """Settings that are compared where time does not matter: all but a spare one."""
        return len(self.settings) - (self.are_default and self.timetable is not None)

    @property
    def is_large(self):
        """Whether all rows are divided among a global machine and local ones."""
        return self.large_plan is not None

    @property
    def smallest_ridge(self):
        """The smallest number that any candidate might add to the diagonal of its Gram matrix."""
        unit = self.weights.unit
        alphas = [ALPHAS[0] * unit if isinstance(model.alpha, str) else model.alpha for model in self._models]
        return min(alphas) / unit / self.weights.total.max()

    @property
    def quick_dtype(self):
        """Precision of machines that are only compared: single, for half the time, if no ridge is too small for it."""
        return np.float32 if self.smallest_ridge >= self.smallest_ridge_in_float32 else np.float64

    @property
    def forms(self):
        """The form of feature matrix of each setting."""
        return [model.feature_matrix for model in self._models]

    @property
    def extra_indices(self):
        """Indices of members of other families."""
        n_settings = len(self.settings)
        return list(range(n_settings, n_settings + len(self.extra)))

    def params(self, index):
        """What candidates of an index have in common, as `cv_results_` says it."""
        n_settings = len(self.settings)
        return dict(self.settings[index]) if index < n_settings else self.extra.params(index - n_settings)

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
        own = [(index, pair) for index, pair in fresh if index < len(self.settings)]
        self._encodings.expect([(make_encoder(self._models[index]), id(pair)) for index, pair in own])
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
        if self.failures and all(index in left_out for index in indices if index < len(self.settings)):
            raise self.first_error
        return [
            scored
            for index, parts in results.items()
            if index not in left_out
            for scored in self._collect(index, parts, folds)
        ]

    def _try_fold(self, index, pair, folds):
        """The same as `_score_fold`; None, too, where settings fail, or have failed before."""
        score = self._score_fold if index < len(self.settings) else self._score_extra
        if index in self.failures:
            if index < len(self.settings):
                self._encodings.skip(make_encoder(self._models[index]), id(pair))
            return None
        try:
            return score(index, pair, folds)
        except Exception as error:
            self.note_failure(index, error, len(pair[0]))
            return None

    def _score_extra(self, index, pair, folds):
        """The same as `_score_fold` for a member of another family."""
        if index in self.missed:
            return None
        start = time.perf_counter()
        scores = self.extra.score(index - len(self.settings), *pair)
        seconds = time.perf_counter() - start
        if self.timetable is not None and seconds * (len(folds) + 1) > EXTRA_SHARE * self.timetable.limit:
            self.missed.add(index)
            return None
        return {0: scores}, seconds, []

    def start(self, index, rows, n_iter):
        """An unfitted recursion of some settings on training rows, and how these are encoded."""
        with self._named(index):
            fold = self._encodings.encode(make_encoder(self._models[index]), rows).astype(np.float64)
            recursion = self._recursion(index, fold, solver=self._solver(index, len(fold.points)))
        if self.timetable is not None and not n_iter:
            # The AGOP decides nothing then, and a few rows will do for it.
            recursion = recursion.with_few_agop_rows(np.random.RandomState(self.seed))
        return fold, recursion

    def _solver(self, index, n_rows):
        """Who solves for a member: where rows are many and products dear, packed Gram matrices cost a third."""
        model = self._models[index]
        if self.is_large:
            return "two_level"
        if model.solver == "auto" and n_rows >= PACKED_MEMBERS_FROM and not make_kernel_of(model).has_cheap_products:
            return "packed"
        return "auto" if model.solver == "two_level" else model.solver

    def _recursion(self, index, fold, **options):
        rng = np.random.RandomState(self.seed)
        model, names = self._models[index], fold.encoder.coordinate_names_
        options |= self.sizes
        return make_recursion(model, fold.points, names, fold.codes, fold.weights, rng, large=self.large, **options)

    def _score_fold(self, index, pair, folds):
        """Scores of the test rows for every round; None where there is no time for these settings."""
        start = time.perf_counter()
        encoder, (train, test) = make_encoder(self._models[index]), pair
        if self.timetable is not None and not self.timetable.admits(index, folds):
            self._encodings.skip(encoder, id(pair))
            return None
        with self._named(index):
            fold = self._encodings.fold(encoder, id(pair), train, test)
            scores, trouble = self._score_quickly(index, fold, self.last_round(index))
        seconds = time.perf_counter() - start
        if self.timetable is not None:
            self.timetable.record(index, len(train), seconds)
        return scores, seconds, trouble

    def _score_quickly(self, index, fold, last_round):
        """The same as `_score_rounds`, in single precision unless something is out of its reach."""
        if self.quick_dtype is np.float32:
            with contextlib.suppress(ValueError):
                return self._score_rounds(index, fold.astype(np.float32), last_round)
        return self._score_rounds(index, fold.astype(np.float64), last_round)

    def _score_rounds(self, index, fold, last_round):
        """Scores of the test rows of a fold for every round, and what solutions have warned of."""
        scores, trouble = {}, []
        recursion = self._recursion(index, fold, solver="cholesky")
        for current in recursion.rounds(last_round):
            trouble += current.trouble
            machine = current.machine
            if self._models[index].alpha == "cautious" and current.n_iter < last_round:
                cautious = recursion.solve_cautiously(current)
                trouble += [cautious.trouble] if cautious.trouble else []
                machine = replace(machine, dual_coef=cautious.coef)
            scores[current.n_iter] = fold.target.decode(machine.decision(fold.test_points))
        return scores, trouble

    def last_round(self, index):
        """The last round of a setting."""
        last = self._models[index].max_iter
        return last if self.timetable is None else self.timetable.last_round(index, last)

    def pilot(self, index, pair, n_rows, clock):
        """Run two rounds of a setting on some training rows of a split, to see how long it takes.

        Returns
        -------
        n_rows : int
            As many as there were.
        encoding, each : float
            Seconds to encode the rows, and of each round.
        """
        last_round, start = min(1, self._models[index].max_iter), clock()
        train, test = (_spread(part, size) for part, size in zip(pair, (n_rows, n_rows // 2), strict=True))
        with self._named(index):
            fold = self._encodings.encode(make_encoder(self._models[index]), train, test)
            encoded = clock()
            self._score_quickly(index, fold, last_round)
        return len(train), encoded - start, (clock() - encoded) / (last_round + 1)

    @contextlib.contextmanager
    def _named(self, index):
        """Errors about settings name them."""
        try:
            yield
        except (TypeError, ValueError) as error:
            if self.are_default:
                raise
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(f"settings[{index}]: {error}") from error

    def _collect(self, index, parts, folds):
        rows = folds.rows
        weights = self.weights.total[rows] * folds.shares
        seconds = float(np.mean([seconds for _, seconds, _ in parts]))
        is_extra = index >= len(self.settings)
        for n_iter in parts[0][0]:
            scores = np.concatenate([part[n_iter] for part, _, _ in parts])
            link = (self.extra if is_extra else self.outcomes).calibrate(scores, rows, weights)
            yield Scored(Candidate(index, n_iter, is_extra), link(scores), link, seconds)


def _spread(rows, n_rows):
    """At most so many rows, evenly spread."""
    return rows if len(rows) <= n_rows else rows[np.linspace(0, len(rows) - 1, n_rows).astype(np.intp)]
