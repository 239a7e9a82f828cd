"""What the estimators that choose their settings share: race, ensemble, refit, report."""

from __future__ import annotations

import copy
from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions
from ..kernels import LpqLaplaceKernel
from ..large._plan import LargePlan
from ..rfm._compression import CompressibleMixin, agop_of, deviation_of
from ..rfm._plans import choose_plan
from ..rfm._settings import check_kernel
from ..runtime._budget import EFFORTS, PARTED_COPIES, SearchBudget
from ..runtime._large_budget import LargeBudget
from ..runtime._memory import as_bytes
from ..runtime._progress import log_to_stderr, progress
from ..runtime._threads import n_threads_in_force, thread_limit
from ..runtime._trouble import warn_of_trouble, warn_user
from ..tables._base import TableEstimator
from ..tables._copies import Copies
from ..tables._encoder import ColumnEncoder
from ..tables._frames import take_rows
from ._extra_members import ExtraModels, check_extra_members
from ._failures import warn_of_failures
from ._folds import make_folds
from ._large_members import fit_large_members
from ._members import fit_chosen
from ._own_models import OwnModels
from ._portfolio import CHEAPEST, default_settings
from ._race import Race
from ._results import candidate_params, cv_results, summary, what_went_wrong
from ._rungs import run_rungs
from ._scoring import make_score
from ._selection import Selector
from ._timetable import Timetable

# Parameters of the single models that are not compared, but decided by the search.
_DECIDED = {"n_iter_no_change", "time_limit", "max_memory", "callback", "class_weight", "random_state", "verbose"}
_DECIDED |= {"loss", "quantile", "power"}


class BaseRFMCV(CompressibleMixin, TableEstimator):
    """Search, ensemble and prediction on outcomes of either kind."""

    budgets: ClassVar[dict[str, SearchBudget]] = EFFORTS
    large_budget: ClassVar[LargeBudget] = LargeBudget(n_trees=3, landmark_work=1e13)

    _parameter_constraints: ClassVar[dict] = {
        "effort": [StrOptions(set(EFFORTS))],
        "extra_members": [list, tuple, None],
        "settings": [list, None],
        "scoring": [str, callable, None],
        "cv": ["cv_object"],
        "max_members": [Interval(Integral, 1, None, closed="left"), None],
        "n_search_samples": [Interval(Integral, 100, None, closed="left"), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "max_memory": [Interval(Real, 0, None, closed="neither"), str, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        settings=None,
        *,
        effort="medium",
        extra_members=None,
        scoring=None,
        cv=None,
        max_members=None,
        n_search_samples=None,
        categorical_features="from_dtype",
        time_limit=None,
        max_memory=None,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.settings = settings
        self.effort = effort
        self.extra_members = extra_members
        self.scoring = scoring
        self.cv = cv
        self.max_members = max_members
        self.n_search_samples = n_search_samples
        self.categorical_features = categorical_features
        self.time_limit = time_limit
        self.max_memory = max_memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @property
    def budget(self):
        """What the search spends, by effort and what else was asked for."""
        asked = {"max_members": self.max_members, "n_search_samples": self.n_search_samples}
        return replace(self.budgets[self.effort], **{name: value for name, value in asked.items() if value is not None})

    def _fit(self, X, given, outcomes, weights, groups, labels):
        """Search, select, and fit the members on all rows of positive weight; what was selected."""
        timetable = None if self.time_limit is None else Timetable(self.time_limit)
        rng = check_random_state(self.random_state)
        kept = weights.rows > 0
        rows = np.flatnonzero(kept)
        copies, weights = self._find_copies(X, outcomes, weights, rows)
        folds = make_folds(self.cv, given, labels, groups, rng, kept, copies, self.budget)
        score = make_score(self.scoring, outcomes, given, getattr(self, "classes_", None), weights)
        race = self._make_race(X, outcomes, weights, copies, rows, rng, timetable)
        race.suspicions += self._warn_of_parted_copies(folds, copies)
        with log_to_stderr(self.verbose), progress(self.verbose) as race.on_progress:
            rungs = run_rungs(race, self._selector(weights, score), folds, self.budget, labels, rng)
            selection = self._choose(race, rungs[-1], weights, score, rows)
        self._keep_members(race.own, rows)
        self.cv_results_ = cv_results(rungs, race, score)
        compared = [entry for rung in rungs for entry in rung.entries]
        self.best_index_ = next(place for place, entry in enumerate(compared) if entry is selection.best)
        self.best_score_ = selection.best_score
        self.best_params_ = candidate_params(race, selection.best.candidate)
        self.n_splits_ = len(rungs[-1].folds)
        scored = selection.rows, weights.total[selection.rows]
        self.ensemble_score_ = score(selection.predictions[selection.rows], *scored)
        self.fit_warnings_ = what_went_wrong(race, rungs, self.members_, self.time_limit)
        warn_of_trouble(self.fit_warnings_, stacklevel=5)
        failures = [failure for _, failure in sorted(race.failures.items())]
        warn_of_failures(failures, stacklevel=5)
        self.fit_warnings_ = race.suspicions + self.fit_warnings_ + [failure.message for failure in failures]
        standing, places = copies.among(rows)
        merged = weights.merge(rows, standing, places)
        return replace(selection, places=places[np.searchsorted(rows, selection.rows)], weights=merged)

    def _choose(self, race, rung, weights, score, rows):
        """Select, and fit what was selected on all rows; again without those whose fit fails; what was selected."""
        entries, n_members = rung.entries, self.budget.max_members
        if race.timetable is not None:
            n_trained = max(len(train) for train, _ in rung.folds.pairs)
            entries, n_members = race.timetable.affordable(entries, n_members, n_trained)
        selector = self._selector(weights, score, n_members)
        while True:
            selection, n_failures = selector.select(entries, rung.folds), len(race.failures)
            score.require_any()
            if race.own.is_large:
                with thread_limit(race.n_jobs):
                    self.members_, self.extra_members_, selection = fit_large_members(race, selection, rows, selector)
            else:
                self.members_, self.extra_members_ = fit_chosen(
                    race, selection.chosen, rows, rung.folds, self.budget.refit_together
                )
            if len(race.failures) == n_failures:
                return selection
            left = [entry for entry in entries if entry.candidate.index not in race.failures]
            if not any(not entry.candidate.is_extra for entry in left):
                raise race.first_error
            entries = left

    def _find_copies(self, X, outcomes, weights, rows):
        """Copies among the rows that count, and weights in units of the table in which they are one."""
        copies = Copies.find(take_rows(X, rows), outcomes.y[rows], weights[rows], self.categorical_features)
        copies = copies.spread_over(rows, len(weights))
        weights = weights.with_copies(copies)
        return copies, weights.in_units_of(weights.merge(rows, *copies.among(rows)))

    def _warn_of_parted_copies(self, folds, copies):
        """Tell the user if his splits have many copies on both sides; what was told."""
        share = folds.share_of_parted(copies.first)
        if share <= PARTED_COPIES:
            return []
        message = (
            f"cv has copies of rows on both sides: {share:.0%} of the test rows are equal in X and y to rows that are "
            "trained on, which flatters scores. Pass cv as a number, which keeps copies together, or a splitter of "
            "groups and groups of copies."
        )
        warn_user(message)
        return [message]

    def _selector(self, weights, score, max_members=None):
        max_members = self.budget.max_members if max_members is None else max_members
        return Selector(weights, score, max_members, self.budget.doubt)

    def _make_race(self, X, outcomes, weights, copies, rows, rng, timetable):
        encoder = ColumnEncoder("robust", self.categorical_features)
        points = encoder.fit_transform(take_rows(X, rows), weights.total[rows])
        suspicions = self._warn_of_suspicions(encoder)
        settings, n_codes = self.settings, outcomes.n_codes
        if settings is None:
            n_numeric, n_categorical = len(encoder.numeric_), len(encoder.categorical_)
            columns = points.n_coordinates, n_numeric, n_codes, n_categorical > 0
            settings = default_settings(self.effort, *columns, outcomes.objective is not None)
            if timetable is not None:
                settings.append(dict(CHEAPEST))
        else:
            self._check_settings(settings)
        standing, _ = copies.among(rows)
        plan = choose_plan(
            LargePlan.of(points, n_codes, self.large_budget, len(standing)),
            points.widths,
            kernel=LpqLaplaceKernel(),
            form="diagonal",
            solver="auto",
            dtype=points.dtype,
            max_memory=as_bytes(self.max_memory),
        )
        plan.check()
        large_plan = plan if isinstance(plan, LargePlan) else None
        suspicions = suspicions + self._warn_of_solvers(settings, len(standing)) if large_plan else suspicions
        budget = self.budget
        own = OwnModels(
            X=X,
            outcomes=outcomes,
            weights=weights,
            copies=copies,
            # A fold may lack the one value that makes a column of objects categorical: that is decided on all rows.
            make_model=lambda parameters: self._make_model(parameters, encoder.categorical_),
            settings=settings,
            are_default=self.settings is None,
            seed=int(rng.randint(2**31 - 1)),
            smallest_ridge_in_float32=(
                budget.smallest_ridge_in_float32 if len(standing) >= budget.float32_from else np.inf
            ),
            large=large_plan.budget if large_plan else self.large_budget,
            large_plan=large_plan,
            sizes={"n_ridge_rows": budget.n_ridge_rows, "n_bandwidth_rows": budget.n_bandwidth_rows},
        )
        extra, n_jobs = self._make_extra(X, outcomes, weights, rng), self._n_jobs(len(standing))
        return Race(own=own, extra=extra, n_jobs=n_jobs, timetable=timetable, suspicions=suspicions)

    def _n_jobs(self, n_rows):
        """Threads for folds and settings: for few rows they would wait for the interpreter, and for each other."""
        if n_rows < self.budget.side_by_side_from:
            return 1
        return n_threads_in_force() if self.n_jobs is None else effective_n_jobs(self.n_jobs)

    def _make_extra(self, X, outcomes, weights, rng):
        members, classes = self.extra_members or [], getattr(self, "classes_", None)
        check_extra_members(members, "predict_proba" if outcomes.are_classes else "predict")
        seed = int(rng.randint(2**31 - 1)) if members else 0
        return ExtraModels(members, X, outcomes, weights, classes, seed)

    def _warn_of_solvers(self, settings, n_rows):
        """Tell the user that all rows are fitted in one way; what was told."""
        others = {name for s in settings if (name := s.get("solver", "auto")) not in ("auto", "two_level")}
        if not others:
            return []
        message = (
            f"settings ask for solver={sorted(others)}, but {n_rows} rows are fitted with solver='two_level', so that "
            f"all machines leave the same rows out. Take {self._single.__name__} for another solver."
        )
        warn_user(message)
        return [message]

    def _check_settings(self, settings):
        if not settings:
            raise ValueError("settings must hold at least one dict of parameters, got an empty list.")
        for k, parameters in enumerate(settings):
            if not isinstance(parameters, dict):
                raise TypeError(f"settings[{k}] must be a dict of parameters, got {parameters!r}.")
            if own := _DECIDED.intersection(parameters):
                raise ValueError(
                    f"settings[{k}] must not hold {', '.join(sorted(own))}: {type(self).__name__} sees to it."
                )
            try:
                check_kernel(self._make_model(parameters))
            except (TypeError, ValueError) as error:
                raise ValueError(f"settings[{k}] is not for {self._single.__name__}: {error}") from error

    def _make_model(self, parameters, categorical=None):
        categorical = self.categorical_features if categorical is None else categorical
        model = self._single(**({"categorical_features": categorical} | parameters))
        model._validate_params()
        return model

    def _keep_members(self, own, rows):
        """Keep what is known of the members, which were fitted to some rows of a table."""
        self.__dict__.pop("compression_", None)
        self.weights_ = np.array([member.weight for group in self.members_ for member in group.machines])
        shares = [group.weight * group.column_importances(self.n_features_in_) for group in self.members_]
        self.feature_importances_ = np.sum(shares, axis=0) / self.weights_.sum()

    def _machines(self):
        return [member.machine for group in self.members_ for member in group.machines]

    def _with_machines(self, machines):
        """A copy with as many other machines."""
        model, machines = copy.copy(self), iter(machines)
        model.members_ = []
        for group in self.members_:
            members = tuple(
                replace(member, machine=next(machines), deviation=deviation_of(member.deviation))
                for member in group.machines
            )
            agop = agop_of(group.agop, members[0].machine)
            model.members_.append(replace(group, machines=members, agop=agop))
        if hasattr(self, "_errors"):
            model._errors = self._errors.without_rows()
        return model

    def _left_out_squares(self):
        raise ValueError(
            f"compress of {type(self).__name__} measures the loss of the ensemble on rows: pass X and y of rows that "
            "fit has not seen, some hundred of them at least."
        )

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
        ] + [(member.weight, None, None, member.params) for member in self.extra_members_]
        name = self._default_score if self.scoring is None else self.scoring
        n_compared = int(np.isfinite(self.cv_results_["mean_fit_time"]).sum())  # not those that failed
        return summary(n_compared, self.n_splits_, name, self.best_score_, self.ensemble_score_, members)

    def _average(self, X):
        """Weighted average of the members' predictions for the user's table."""
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        parts = [member.predict(X, known=k > 0) for k, member in enumerate(self.members_)]
        parts += [member.predict(X) for member in self.extra_members_]
        return sum(parts[1:], start=parts[0])
