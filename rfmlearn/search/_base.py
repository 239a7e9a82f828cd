"""What the estimators that choose their settings share: race, ensemble, refit, report."""

from __future__ import annotations

import time
import warnings
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions
from ..runtime._memory import check_memory
from ..runtime._progress import log_to_stderr, progress
from ..runtime._threads import blas_limit, n_threads_in_force
from ..tables._base import TableEstimator
from ..tables._encoder import ColumnEncoder
from ..tables._frames import take_rows
from ._ensemble import select_ensemble, shrink_to
from ._folds import make_folds
from ._members import fit_members
from ._portfolio import default_settings
from ._race import SCALES, Candidate, Race
from ._results import candidate_params, cv_results, summary
from ._scoring import make_score

# Tables of more rows than this run two rungs: all settings on so many training rows, then the survivors.
_ONE_RUNG = 800
_FIRST_RUNG_ROWS = 700
_SURVIVORS = 4
# Parameters of the single models that are not compared, but decided by the search.
_OWN_PARAMETERS = {
    "alpha_scale", "n_iter_no_change", "time_limit", "callback", "class_weight", "random_state", "verbose"
}  # fmt: skip
# Machines that are only compared take float32, for half the time, if no ridge is smaller than this.
_SMALLEST_RIDGE_IN_FLOAT32 = 1e-5
# The ensemble is held to the default model as if by so many rows of evidence for it.
_DOUBT = 100
# Up to so many rows members are fitted side by side, each with a square array of its own.
_REFIT_TOGETHER = 3000


class BaseRFMCV(TableEstimator):
    """Search, ensemble and prediction on outcomes of either kind."""

    _parameter_constraints: ClassVar[dict] = {
        "settings": [list, None],
        "scoring": [str, callable, None],
        "cv": ["cv_object"],
        "max_members": [Interval(Integral, 1, None, closed="left")],
        "n_search_samples": [Interval(Integral, 100, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        settings=None,
        *,
        scoring=None,
        cv=None,
        max_members=6,
        n_search_samples=2000,
        categorical_features="from_dtype",
        time_limit=None,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.settings = settings
        self.scoring = scoring
        self.cv = cv
        self.max_members = max_members
        self.n_search_samples = n_search_samples
        self.categorical_features = categorical_features
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X, y, outcome, weights, row_weights, groups, labels):
        """Search, select, and fit the members on all rows of positive weight."""
        start = time.perf_counter()
        rng = check_random_state(self.random_state)
        kept = weights > 0
        rows = np.flatnonzero(kept)
        folds = make_folds(self.cv, X, labels, groups, rng, kept)
        score = make_score(self.scoring, outcome, y, getattr(self, "classes_", None))
        race = self._make_race(X, outcome, weights, row_weights, rows, rng, start)
        check_memory(len(rows), self._n_coordinates, outcome.code(rows[:1], weights[rows[:1]])[0].shape[1], 8)
        with log_to_stderr(self.verbose), progress(self.verbose) as race.on_progress:
            rungs = self._run_rungs(race, folds, score, labels, rng)
            entries, final_folds = rungs[-1]
            best = self._select(race, entries, final_folds, score)
            self._refit(race, rows)
        self.cv_results_ = cv_results(rungs, race, score)
        self.best_index_ = sum(len(entries) for entries, _ in rungs[:-1]) + best
        self.n_splits_ = len(final_folds)
        scored = self._oof_rows, race.sample_weight[self._oof_rows]
        self.ensemble_score_ = score(self._oof_values[self._oof_rows], *scored)
        self.fit_warnings_ = [message for member in self.members_ for message in member.trouble]
        if race.missed:
            message = (
                f"time_limit={self.time_limit} was reached: {len(race.settings) - len(race.missed)} of "
                f"{len(race.settings)} settings were compared. Increase time_limit to compare more."
            )
            self.fit_warnings_.append(message)
            warnings.warn(message, ConvergenceWarning, stacklevel=3)

    def _make_race(self, X, outcome, weights, row_weights, rows, rng, start):
        n_jobs = n_threads_in_force() if self.n_jobs is None else effective_n_jobs(self.n_jobs)
        encoder = ColumnEncoder("robust", self.categorical_features).fit(take_rows(X, rows), weights[rows])
        self._n_coordinates = len(encoder.coordinate_names_)
        settings = self.settings
        if settings is None:
            n_outputs = outcome.code(rows[:1], weights[rows[:1]])[0].shape[1]
            n_numeric, n_categorical = len(encoder.numeric_), len(encoder.categorical_)
            settings = default_settings(self._n_coordinates, n_numeric, n_outputs, n_categorical > 0)
        else:
            self._check_settings(settings)
        deadline = np.inf if self.time_limit is None else start + self.time_limit / 2
        seed = int(rng.randint(2**31 - 1))
        return Race(X, outcome, weights, row_weights, self._make_model, settings, seed, n_jobs, deadline)

    def _check_settings(self, settings):
        if not settings:
            raise ValueError("settings must hold at least one dict of parameters, got an empty list.")
        for k, parameters in enumerate(settings):
            if not isinstance(parameters, dict):
                raise TypeError(f"settings[{k}] must be a dict of parameters, got {parameters!r}.")
            if own := _OWN_PARAMETERS.intersection(parameters):
                raise ValueError(
                    f"settings[{k}] must not hold {', '.join(sorted(own))}: {type(self).__name__} sees to it."
                )
            try:
                self._make_model(parameters)
            except (TypeError, ValueError) as error:
                raise ValueError(f"settings[{k}] is not for {self._single.__name__}: {error}") from error

    def _make_model(self, parameters):
        model = self._single(**({"categorical_features": self.categorical_features} | parameters))
        model._validate_params()
        return model

    def _run_rungs(self, race, folds, score, labels, rng):
        """All settings on few rows, the survivors on more; pairs of entries and folds for each rung."""
        n = len(np.unique(folds.rows))
        paths = list(range(len(race.settings)))
        searched = folds if n <= self.n_search_samples else self._thin(folds, self.n_search_samples, labels, rng)
        if n <= _ONE_RUNG or len(paths) <= _SURVIVORS:
            return [(race.run(paths, searched), searched)]
        test_rows = np.unique(searched.rows)
        first = searched.thin(_draw(test_rows, _FIRST_RUNG_ROWS * 5 // 4, labels, rng), test_rows)
        dtype = np.float32 if race.smallest_ridge >= _SMALLEST_RIDGE_IN_FLOAT32 else np.float64
        entries = race.run(paths, first, dtype)
        survivors = self._survivors(race, entries, first, score)
        return [(entries, first), (race.run(survivors, searched, dtype), searched)]

    @staticmethod
    def _thin(folds, n_rows, labels, rng):
        rows = _draw(np.unique(folds.rows), n_rows, labels, rng)
        return folds.thin(rows, rows)

    def _survivors(self, race, entries, folds, score):
        """The default settings, and those that the ensemble on this rung takes most of, or else score best."""
        weights, scores = self._ensemble_weights(race, entries, folds, score)
        shares: dict[int, float] = {}
        best: dict[int, float] = {}
        for entry, weight, value in zip(entries, weights, scores, strict=True):
            path = entry.candidate.path
            shares[path] = shares.get(path, 0.0) + weight
            best[path] = max(best.get(path, -np.inf), value)
        order = sorted(shares, key=lambda path: (path != entries[0].candidate.path, -shares[path], -best[path]))
        return sorted(order[:_SURVIVORS])

    def _ensemble_weights(self, race, entries, folds, score):
        rows = folds.rows
        weights = race.sample_weight[rows] * folds.shares
        predictions = np.stack([entry.predictions for entry in entries])
        scores = [score(prediction, rows, weights) for prediction in predictions]
        if np.isnan(scores).any():
            raise ValueError(f"scoring={self.scoring!r} is NaN for out-of-fold predictions, which must be comparable.")
        chosen = select_ensemble(predictions, lambda P: -score(P, rows, weights), self.max_members)
        return chosen, scores

    def _select(self, race, entries, folds, score):
        weights, scores = self._ensemble_weights(race, entries, folds, score)
        reference = self._reference(race, entries)
        total = float(race.row_weight[np.unique(folds.rows)].sum())
        if self.max_members > 1:
            weights = shrink_to(weights, reference, total, _DOUBT)
        while np.count_nonzero(weights) > self.max_members:
            weights[np.flatnonzero(weights)[np.argmin(weights[weights > 0])]] = 0.0
        weights /= weights.sum()
        self._chosen = [(entry, weight) for entry, weight in zip(entries, weights, strict=True) if weight > 0]
        best = int(np.argmax(scores))
        self.best_score_ = float(scores[best])
        self.best_params_ = candidate_params(race.settings, entries[best].candidate)
        self._keep_out_of_fold(race, entries, weights, folds)
        return best

    def _reference(self, race, entries):
        """The default machine: the first settings' last round, with the ridge of leave-one-out."""
        first = entries[0].candidate.path
        last = max(entry.candidate.n_iter for entry in entries if entry.candidate.path == first)
        return next(k for k, entry in enumerate(entries) if entry.candidate == Candidate(first, last, SCALES[0]))

    def _keep_out_of_fold(self, race, entries, weights, folds):
        """Out-of-fold predictions of the ensemble; NaN for rows that were in no test part."""
        rows = folds.rows
        averaged = sum(w * entry.predictions for w, entry in zip(weights, entries, strict=True) if w > 0)
        n = len(race.sample_weight)
        total = np.zeros((n, averaged.shape[1]))
        np.add.at(total, rows, averaged)
        counts = np.bincount(rows, minlength=n)
        with np.errstate(invalid="ignore"):
            self._oof_values = total / counts[:, None]
        self._oof_rows = np.flatnonzero(counts)

    def _refit(self, race, rows):
        by_path: dict[int, list] = {}
        for entry, weight in self._chosen:
            by_path.setdefault(entry.candidate.path, []).append((entry, weight))
        # One path after another where square arrays are large, on all threads; else a path to a thread.
        n_jobs = race.n_jobs if len(rows) <= _REFIT_TOGETHER else 1
        with blas_limit(1 if n_jobs > 1 else race.n_jobs):
            parallel = Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
            fitted = parallel(delayed(fit_members)(race, path, chosen, rows) for path, chosen in by_path.items())
            self.members_ = []
            for member in fitted:
                self.members_.append(member)
                race.on_progress(len(self.members_), len(by_path), "settings fitted on all rows")
        self.weights_ = np.array([machine.weight for member in self.members_ for machine in member.machines])
        shares = [member.weight * member.column_importances(self.n_features_in_) for member in self.members_]
        self.feature_importances_ = np.sum(shares, axis=0)

    def _categorical_columns(self):
        """Indices of the columns that were taken for categories in fit; none before."""
        return self.members_[0].encoder.categorical_ if hasattr(self, "members_") else super()._categorical_columns()

    def summary(self):
        """What was compared and what was chosen, in plain words.

        Returns
        -------
        str
        """
        check_is_fitted(self)
        members = [
            (machine.weight, machine.n_iter, machine.alpha, member.params)
            for member in self.members_
            for machine in member.machines
        ]
        name = self._default_score if self.scoring is None else self.scoring
        n_compared = len(self.cv_results_["params"])
        return summary(n_compared, self.n_splits_, name, self.best_score_, self.ensemble_score_, members)

    def _average(self, X):
        """Weighted average of the members' predictions for the user's table."""
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        parts = [member.predict(X) for member in self.members_]
        return sum(parts[1:], start=parts[0])


def _draw(rows, n_rows, labels, rng):
    """Sorted rows drawn at random, stratified by class where that can be done."""
    if len(rows) <= n_rows:
        return rows
    stratify = None if labels is None else labels[rows]
    if stratify is not None and np.bincount(stratify)[np.unique(stratify)].min() < 2:
        stratify = None
    drawn, _ = train_test_split(rows, train_size=n_rows, random_state=rng, stratify=stratify)
    return np.sort(drawn)
