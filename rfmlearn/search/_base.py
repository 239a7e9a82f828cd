"""What the estimators that choose their settings share: race, ensemble, refit, report."""

from __future__ import annotations

import time
from functools import partial
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions
from ..kernels import LpqLaplaceKernel
from ..recursion._plan import make_plan
from ..runtime._budget import SearchBudget
from ..runtime._progress import log_to_stderr, progress
from ..runtime._side_by_side import side_by_side
from ..runtime._threads import n_threads_in_force, thread_limit
from ..runtime._trouble import warn_of_trouble
from ..tables._base import TableEstimator
from ..tables._encoder import ColumnEncoder
from ..tables._frames import take_rows
from ._folds import make_folds
from ._members import fit_members
from ._portfolio import default_settings
from ._race import Race
from ._results import candidate_params, cv_results, summary
from ._scoring import make_score
from ._selection import Selector
from ._thinning import thin

# Parameters of the single models that are not compared, but decided by the search.
_OWN_PARAMETERS = {"n_iter_no_change", "time_limit", "callback", "class_weight", "random_state", "verbose"}


class BaseRFMCV(TableEstimator):
    """Search, ensemble and prediction on outcomes of either kind."""

    budget: ClassVar[SearchBudget] = SearchBudget()

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

    def _fit(self, X, given, outcomes, weights, groups, labels):
        """Search, select, and fit the members on all rows of positive weight; what was selected."""
        start = time.perf_counter()
        rng = check_random_state(self.random_state)
        kept = weights.rows > 0
        rows = np.flatnonzero(kept)
        folds = make_folds(self.cv, given, labels, groups, rng, kept)
        score = make_score(self.scoring, outcomes, given, getattr(self, "classes_", None), weights)
        race = self._make_race(X, outcomes, weights, rows, rng, start)
        selector = Selector(weights, score.or_worst, self.max_members, self.budget.doubt, self.scoring)
        with log_to_stderr(self.verbose), progress(self.verbose) as race.on_progress:
            rungs = self._run_rungs(race, selector, score, folds, labels, rng)
            entries, final_folds = rungs[-1]
            selection = selector.select(entries, final_folds)
            score.require_any()
            self._refit(race, selection.chosen, rows)
        self.cv_results_ = cv_results(rungs, race, score)
        self.best_index_ = sum(len(entries) for entries, _ in rungs[:-1]) + selection.best
        self.best_score_ = selection.best_score
        self.best_params_ = candidate_params(race.settings, entries[selection.best].candidate)
        self.n_splits_ = len(final_folds)
        scored = selection.rows, weights.total[selection.rows]
        self.ensemble_score_ = score(selection.predictions[selection.rows], *scored)
        self.fit_warnings_ = self._collect_warnings(race)
        warn_of_trouble(self.fit_warnings_, stacklevel=3)
        return selection

    def _collect_warnings(self, race):
        messages = [message for group in self.members_ for message in group.trouble]
        if race.trouble:
            messages.append(f"{race.trouble[0]} (So in {len(race.trouble)} solutions while settings were compared.)")
        if race.missed:
            messages.append(
                f"time_limit={self.time_limit} was reached: {len(race.settings) - len(race.missed)} of "
                f"{len(race.settings)} settings were compared. Increase time_limit to compare more."
            )
        return messages

    def _make_race(self, X, outcomes, weights, rows, rng, start):
        n_jobs = n_threads_in_force() if self.n_jobs is None else effective_n_jobs(self.n_jobs)
        encoder = ColumnEncoder("robust", self.categorical_features)
        points = encoder.fit_transform(take_rows(X, rows), weights.total[rows])
        settings, n_codes = self.settings, outcomes.n_codes
        if settings is None:
            n_numeric, n_categorical = len(encoder.numeric_), len(encoder.categorical_)
            settings = default_settings(points.n_coordinates, n_numeric, n_codes, n_categorical > 0)
        else:
            self._check_settings(settings)
        make_plan(len(rows), points.widths, n_codes, kernel=LpqLaplaceKernel()).check()
        deadline = np.inf if self.time_limit is None else start + self.time_limit / 2
        return Race(
            X=X,
            outcomes=outcomes,
            weights=weights,
            make_model=self._make_model,
            settings=settings,
            seed=int(rng.randint(2**31 - 1)),
            n_jobs=n_jobs,
            deadline=deadline,
            sizes={"n_ridge_rows": self.budget.n_ridge_rows, "n_bandwidth_rows": self.budget.n_bandwidth_rows},
        )

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

    def _run_rungs(self, race, selector, score, folds, labels, rng):
        """All settings on few rows, the survivors on more; pairs of entries and folds for each rung."""
        n, budget = len(folds.all_rows), self.budget
        settings = list(range(len(race.settings)))
        searched = folds if n <= self.n_search_samples else thin(folds, self.n_search_samples, labels, rng)
        if n <= budget.one_rung or len(settings) <= budget.n_survivors:
            return [(race.run(settings, searched), searched)]
        first = thin(searched, budget.first_rung_rows * 5 // 4, labels, rng, keep_tests=True)
        dtype = np.float32 if race.smallest_ridge >= budget.smallest_ridge_in_float32 else np.float64
        entries = race.run(settings, first, dtype)
        survivors = selector.survivors(entries, first, budget.n_survivors)
        score.require_any()
        return [(entries, first), (race.run(survivors, searched, dtype), searched)]

    def _refit(self, race, chosen, rows):
        by_index: dict[int, list] = {}
        for entry, weight in chosen:
            by_index.setdefault(entry.candidate.index, []).append((entry, weight))
        # One recursion after another where square arrays are large, on all threads; else one to a thread.
        n_jobs = race.n_jobs if len(rows) <= self.budget.refit_together else 1
        with thread_limit(1 if n_jobs > 1 else race.n_jobs):
            pieces = [partial(fit_members, race, index, chosen, rows) for index, chosen in by_index.items()]
            self.members_ = []
            for group in side_by_side(pieces, n_jobs):
                self.members_.append(group)
                race.on_progress(len(self.members_), len(by_index), "settings fitted on all rows")
        self.weights_ = np.array([member.weight for group in self.members_ for member in group.machines])
        shares = [group.weight * group.column_importances(self.n_features_in_) for group in self.members_]
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
            (member.weight, member.n_iter, member.alpha, group.params)
            for group in self.members_
            for member in group.machines
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
