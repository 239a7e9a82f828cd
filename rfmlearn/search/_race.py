"""The search: machines fitted in folds, weak settings dropped early, the rest compared on more rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from joblib import Parallel, delayed

from ..recursion._ridge_choice import ALPHAS
from ..runtime._threads import blas_limit
from ..tables._frames import take_rows
from ..targets._outcomes import Classes, Numbers
from ._folds import Folds

# Ridges of held-out scores, in units of the one that leave-one-out chose: it has seen what the features have seen.
SCALES = (1.0, 3.0)
# Rows on which a recursion compares ridges and measures distances: fewer than in a single fit, where time matters less.
_ROWS_LOOKED_AT = {"n_ridge_rows": 700, "n_bandwidth_rows": 400}


@dataclass(frozen=True)
class Candidate:
    """One machine that might become a member: settings, a round, and a ridge.

    Attributes
    ----------
    path : int
        Index of its settings, which it shares with the other rounds and ridges of one recursion.
    n_iter : int
    scale : float
        Multiple of the ridge of leave-one-out.
    """

    path: int
    n_iter: int
    scale: float


@dataclass
class Scored:
    """A candidate's held-out predictions on one rung of the race.

    Attributes
    ----------
    candidate : Candidate
    predictions : ndarray of shape (n_test_rows, ...)
        In the order of the folds' `rows`.
    link : callable
        From scores to predictions.
    seconds : float
        Mean time to fit its recursion in a fold, which all its rounds share.
    """

    candidate: Candidate
    predictions: np.ndarray
    link: Callable
    seconds: float


@dataclass
class Race:
    """Data that all candidates run on.

    Parameters
    ----------
    X : table
    outcome : Numbers or Classes
    sample_weight, row_weight : ndarray of shape (n,)
        With and without weights of classes.
    make_model : callable
        Settings to an unfitted single model.
    settings : list of dict
    seed : int
    n_jobs : int
    deadline : float
        By `time.perf_counter`; no recursion is begun after it, but those of the first settings.
    on_progress : callable
        Called with the number of recursions finished, that of all, and what they are.
    """

    X: object
    outcome: Numbers | Classes
    sample_weight: np.ndarray
    row_weight: np.ndarray
    make_model: Callable
    settings: list[dict]
    seed: int
    n_jobs: int
    deadline: float = np.inf
    on_progress: Callable = lambda done, total, what: None
    missed: set = field(default_factory=set)

    @property
    def smallest_ridge(self):
        """The smallest number that any candidate might add to the diagonal of its Gram matrix."""
        alphas = [self.make_model(setting).alpha for setting in self.settings]
        return min(ALPHAS[0] if alpha == "auto" else alpha for alpha in alphas) / self.sample_weight.max()

    def run(self, paths, folds: Folds, dtype=np.float64) -> list[Scored]:
        """Held-out predictions of every round and ridge of some settings, computed in a precision.

        Settings whose folds were not all finished at the deadline are left out, and noted in `missed`.
        """
        jobs = [(path, pair) for path in paths for pair in folds.pairs]
        results: dict[int, list] = {path: [] for path in paths}
        with blas_limit(1 if self.n_jobs > 1 else None):
            parallel = Parallel(n_jobs=self.n_jobs, backend="threading", return_as="generator", pre_dispatch="n_jobs")
            outcomes = parallel(delayed(self._score_fold)(path, *pair, dtype, path == paths[0]) for path, pair in jobs)
            for done, ((path, _), result) in enumerate(zip(jobs, outcomes, strict=True), start=1):
                results[path].append(result)
                self.on_progress(done, len(jobs), f"{len(paths)} settings in {len(folds)} folds")
        self.missed |= {path for path, parts in results.items() if any(part is None for part in parts)}
        return [
            scored
            for path, parts in results.items()
            if path not in self.missed
            for scored in self._collect(path, parts, folds)
        ]

    def start(self, path, rows, dtype=np.float64, **parameters):
        """An unfitted recursion of some settings on training rows: its model, and how to decode its targets."""
        model = self.make_model(self.settings[path] | {"random_state": self.seed} | parameters)
        weights = self.sample_weight[rows]
        targets, decode = self.outcome.code(rows, weights)
        data = take_rows(self.X, rows), weights, self.row_weight[rows], targets
        recursion = model._start(*data, dtype=dtype, **_ROWS_LOOKED_AT)
        return model, recursion, decode

    def _score_fold(self, path, train, test, dtype, is_first):
        """Scores of the test rows for every round and ridge; None after the deadline."""
        start = time.perf_counter()
        if start > self.deadline and not is_first:
            return None
        model, recursion, decode = self.start(path, train, dtype, solver="cholesky")
        points = model._encoder.transform(take_rows(self.X, test)).astype(dtype)
        scores = {}
        for iterate in recursion.rounds(model.max_iter):
            coefs = [
                iterate.dual_coef if scale == 1.0 else recursion.coef_at(iterate, iterate.alpha * scale)
                for scale in SCALES
            ]
            transformed = iterate.feature_matrix.transform(points)
            stacked = iterate.kernel.product(iterate.points, np.hstack(coefs), transformed)
            for scale, part in zip(SCALES, np.split(stacked, len(SCALES), axis=1), strict=True):
                scores[iterate.n_iter, scale] = decode(part)
        return scores, time.perf_counter() - start

    def _collect(self, path, parts, folds):
        rows = folds.rows
        weights = self.sample_weight[rows] * folds.shares
        seconds = float(np.mean([seconds for _, seconds in parts]))
        for n_iter, scale in parts[0][0]:
            scores = np.concatenate([part[n_iter, scale] for part, _ in parts])
            predictions, link = self.outcome.calibrate(scores, rows, weights)
            yield Scored(Candidate(path, n_iter, scale), predictions, link, seconds)
