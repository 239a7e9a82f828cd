"""The search: machines fitted in folds, weak settings dropped early, the rest compared on more rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ..rfm._settings import make_encoder, make_recursion
from ..runtime._budget import ALPHAS
from ..runtime._side_by_side import side_by_side
from ..runtime._threads import thread_limit
from ..solvers import Weights
from ..targets._calibration import Link
from ..targets._outcomes import Outcomes
from ._encodings import Encodings
from ._folds import Folds


@dataclass(frozen=True)
class Candidate:
    """One machine that might become a member: settings, a round, and a ridge.

    Attributes
    ----------
    index : int
        Of its settings, which it shares with the other rounds and ridges of one recursion.
    n_iter : int
    cautious : bool
        Whether its ridge is the next larger one than leave-one-out chose, which has seen what the features have seen.
    """

    index: int
    n_iter: int
    cautious: bool


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
        Mean time to fit its recursion in a fold, which all its rounds share.
    """

    candidate: Candidate
    predictions: np.ndarray
    link: Link
    seconds: float


@dataclass(kw_only=True)
class Race:
    """Data that all candidates run on.

    Parameters
    ----------
    X : table
    outcomes : Outcomes
    weights : Weights
        Zero for rows that do not count.
    make_model : callable
        Settings to an unfitted single model, of which only the parameters are read.
    settings : list of dict
    seed : int
    n_jobs : int
    sizes : dict
        Numbers of rows at which recursions look.
    deadline : float
        By `time.perf_counter`; no recursion is begun after it, but those of the first settings.
    on_progress : callable
        Called with the number of recursions finished, that of all, and what they are.

    Attributes
    ----------
    missed : set of int
        Indices of settings that the deadline has cut off.
    trouble : list of str
        What solutions have warned of.
    """

    X: object
    outcomes: Outcomes
    weights: Weights
    make_model: Callable
    settings: list[dict]
    seed: int
    n_jobs: int
    sizes: dict = field(default_factory=dict)
    deadline: float = np.inf
    on_progress: Callable = lambda done, total, what: None
    missed: set = field(default_factory=set)
    trouble: list = field(default_factory=list)

    def __post_init__(self):
        self._models = [self.make_model(setting) for setting in self.settings]
        self._encodings = Encodings(self.X, self.outcomes, self.weights)

    @property
    def smallest_ridge(self):
        """The smallest number that any candidate might add to the diagonal of its Gram matrix."""
        alphas = [ALPHAS[0] if isinstance(model.alpha, str) else model.alpha for model in self._models]
        return min(alphas) / self.weights.total.max()

    def run(self, indices, folds: Folds, dtype=np.float64) -> list[Scored]:
        """Held-out predictions of every round and ridge of some settings, computed in a precision.

        Settings whose folds were not all finished at the deadline are left out, and noted in `missed`.
        """
        jobs = [(index, number) for index in indices for number in range(len(folds))]
        self._encodings.expect([(make_encoder(self._models[index]), number) for index, number in jobs])
        results: dict[int, list] = {index: [] for index in indices}
        with thread_limit(1 if self.n_jobs > 1 else self.n_jobs):
            pieces = [
                partial(self._score_fold, index, number, folds.pairs[number], dtype, index == indices[0])
                for index, number in jobs
            ]
            scored = side_by_side(pieces, self.n_jobs)
            for done, ((index, _), result) in enumerate(zip(jobs, scored, strict=True), start=1):
                results[index].append(result)
                self.trouble += [] if result is None else result[2]
                self.on_progress(done, len(jobs), f"{len(indices)} settings in {len(folds)} folds")
        self.missed |= {index for index, parts in results.items() if any(part is None for part in parts)}
        return [
            scored
            for index, parts in results.items()
            if index not in self.missed
            for scored in self._collect(index, parts, folds)
        ]

    def start(self, index, rows, cautious):
        """An unfitted recursion of some settings on training rows, and how these are encoded."""
        fold = self._encodings.encode(make_encoder(self._models[index]), rows).astype(np.float64)
        return fold, self._recursion(index, fold, rows, cautious)

    def _recursion(self, index, fold, rows, cautious=False, **options):
        rng = np.random.RandomState(self.seed)
        model, names, weights = self._models[index], fold.encoder.coordinate_names_, self.weights[rows]
        options |= self.sizes
        recursion = make_recursion(model, fold.points, names, fold.codes, weights, rng, **options)
        return replace(recursion, cautious=cautious)

    def _score_fold(self, index, number, pair, dtype, is_first):
        """Scores of the test rows for every round and ridge; None after the deadline."""
        start = time.perf_counter()
        model, (train, test) = self._models[index], pair
        if start > self.deadline and not is_first:
            self._encodings.skip(make_encoder(model), number)
            return None
        fold = self._encodings.fold(make_encoder(model), number, train, test).astype(dtype)
        recursion = self._recursion(index, fold, train, solver="cholesky")
        scores, trouble = {}, []
        for current in recursion.rounds(model.max_iter):
            trouble += current.trouble
            coefs = {False: current.machine.dual_coef} if model.alpha != "cautious" else {}
            if isinstance(model.alpha, str):
                cautious = recursion.solve_cautiously(current)
                trouble += [cautious.trouble] if cautious.trouble else []
                coefs[True] = cautious.coef
            stacked = replace(current.machine, dual_coef=np.hstack([*coefs.values()])).decision(fold.test_points)
            for kind, part in zip(coefs, np.split(stacked, len(coefs), axis=1), strict=True):
                scores[current.n_iter, kind] = fold.target.decode(part)
        return scores, time.perf_counter() - start, trouble

    def _collect(self, index, parts, folds):
        rows = folds.rows
        weights = self.weights.total[rows] * folds.shares
        seconds = float(np.mean([seconds for _, seconds, _ in parts]))
        for n_iter, cautious in parts[0][0]:
            scores = np.concatenate([part[n_iter, cautious] for part, _, _ in parts])
            link = self.outcomes.calibrate(scores, rows, weights)
            yield Scored(Candidate(index, n_iter, cautious), link(scores), link, seconds)
