"""Limits on time of a search, by a clock that the tests move."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from search_data import ESTIMATORS, FEW, data, values
from sklearn.exceptions import ConvergenceWarning

from rfmlearn import RFMRegressorCV
from rfmlearn.recursion._pace import Pace
from rfmlearn.search._candidates import Candidate, Scored
from rfmlearn.search._folds import Folds
from rfmlearn.search._timetable import Timetable

LAST = 3


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        self.now += seconds


class Machines:
    """A race of settings of known cost per pair of rows, which are compared on folds of 80 % of the rows."""

    def __init__(self, per_pair, fixed, n, clock, slowness=1.0):
        self.own, self.n_jobs, self.sizes, self.large_plan = self, 1, {"n_ridge_rows": 700}, None
        self.per_pair, self.fixed, self.n, self.clock, self.slowness = per_pair, fixed, n, clock, slowness
        self.failures, self.note_failure = {}, None

    def __len__(self):
        return len(self.per_pair)

    def last_round(self, index):
        return LAST

    def seconds(self, index, n_rows, n_rounds):
        return n_rounds * (self.fixed + self.per_pair[index] * n_rows**2)

    def pilot(self, index, pair, n_rows, clock):
        n_rows = min(n_rows, len(pair[0]))
        self.clock.work(self.seconds(index, n_rows, 2))
        return n_rows, 0.0, self.seconds(index, n_rows, 1)

    def search(self, limit, n_spare=0):
        """Do what a search does, and how long it took; what it did."""
        table = Timetable(limit, self.clock)
        start, n_searched = self.clock(), min(self.n, 2000)
        fold = lambda n: Folds(tuple((np.arange(n), np.arange(n // 4)) for _ in range(5)))  # noqa: E731
        rungs = [(700, len(self) - n_spare, 5), (n_searched * 4 // 5, 4, 5)]
        table.plan(self, fold(n_searched * 4 // 5), self.n, 3000, rungs, n_spare)
        done = {}
        for n_rows in [700, n_searched * 4 // 5] if table.n_rows is None else [table.n_rows]:
            folds = fold(n_rows)
            if done and not table.allows(folds):
                break
            settings = table.settings if not done else sorted(done)[:4]
            done = {}
            for index in settings:
                if not table.admits(index, folds):
                    continue
                done[index] = n_rows
                seconds = self.slowness * self.seconds(index, n_rows, table.last_round(index, LAST) + 1)
                self.clock.work(5 * seconds)
                table.record(index, n_rows, seconds)
        entries = [
            Scored(Candidate(index, n_iter), None, None, 0.0)
            for index in done for n_iter in range(table.last_round(index, LAST) + 1)
        ]  # fmt: skip
        entries, n_members = table.affordable(entries, 6, n_searched * 4 // 5)
        for entry in sorted(entries, key=lambda entry: -entry.candidate.n_iter)[:n_members]:
            candidate = entry.candidate
            rounds = candidate.n_iter + (1.9 if candidate.n_iter else 1)
            self.clock.work(self.slowness * self.seconds(candidate.index, self.n, rounds))
        return self.clock() - start, done, table

    def least(self, tried):
        """Seconds of the cheapest setting that was tried on the fewest rows, and of its plain fit on all."""
        cheapest = min(tried, key=lambda index: self.per_pair[index])
        return self.slowness * (self.seconds(cheapest, 100, 5) + self.seconds(cheapest, self.n, 1))


@pytest.mark.parametrize("slowness", [0.7, 1.0, 1.2])
@pytest.mark.parametrize("seed", range(25))
def test_limits_are_kept_or_the_least_is_done(seed, slowness):
    rng = np.random.default_rng(seed)
    per_pair = 10 ** rng.uniform(-8, -5) * rng.uniform(1, 5, 8)
    limit, n = 10 ** rng.uniform(0, 2.5), int(rng.choice([900, 3000, 10_000]))
    machines = Machines(per_pair, 10 ** rng.uniform(-4, -2), n, Clock(), slowness)
    took, done, table = machines.search(limit)
    assert done and table.settings
    assert took <= max(1.2 * limit, limit + 1.0) or took <= 0.4 * limit + machines.least(table._costs.trials)


def test_much_time_leaves_nothing_out():
    took, done, table = Machines([1e-7] * 8, 1e-3, 3000, Clock()).search(1e4)
    assert table.n_rows is None and not table.is_cut and table.settings == list(range(8))
    assert set(done.values()) == {1600} and took < 1e4


def test_less_time_means_fewer_rows_then_fewer_settings_then_fewer_rounds():
    searches = [Machines([1e-6] * 8, 1e-3, 3000, Clock()).search(limit) for limit in (400, 80, 25, 12)]
    rows = [max(done.values()) for _, done, _ in searches]
    assert rows == sorted(rows, reverse=True) and rows[0] == 1600 > rows[-1]
    tables = [table for *_, table in searches]
    assert tables[-1].last_round(tables[-1].settings[0], LAST) < LAST
    assert all(table.is_cut for table in tables[1:])


def test_a_spare_setting_is_there_for_when_all_others_take_too_long():
    costly = Machines([1e-4, 1e-4, 1e-4, 1e-7], 1e-3, 3000, Clock())
    took, done, _ = costly.search(20.0, n_spare=1)
    assert list(done) == [3] and took < 24
    assert list(Machines([1e-7] * 4, 1e-3, 3000, Clock()).search(1e4, n_spare=1)[1]) == [0, 1, 2]


def test_pace_is_that_of_the_fastest_of_several():
    ticks = iter([0.0, 5.0, 10.0, 10.3, 20.0, 20.1, 30.0, 30.4])
    pace = Pace.measure(n=10, clock=lambda: next(ticks))
    assert_allclose(pace.factor(20), 0.1 * 8)
    assert_allclose(pace.factor(20, single=True), 0.1 * 4)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_limit_that_is_far_away_changes_nothing(Estimator):
    X, y = data(Estimator)
    one, other = (Estimator(FEW, cv=3, time_limit=limit, random_state=0).fit(X, y) for limit in (None, 1e6))
    assert_array_equal(values(one, X), values(other, X))
    assert not other.fit_warnings_


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_the_least_that_can_be_done(Estimator):
    X, y = data(Estimator, 900)
    with pytest.warns(ConvergenceWarning, match="time_limit=1e-06 was reached: 1 of .* settings .* on .* rows"):
        model = Estimator(time_limit=1e-6, random_state=0).fit(X, y)
    (group,) = model.members_
    assert [member.n_iter for member in group.machines] == [0]
    assert len(group.machines[0].machine.dual_coef) == 900
    assert model.best_params_ == model.cv_results_["params"][model.best_index_]
    assert_allclose(model.feature_importances_.sum(), 1)
    assert np.isfinite(np.asarray(values(model, X))).all()


def test_user_settings_only():
    X, y = data(RFMRegressorCV)
    with pytest.warns(ConvergenceWarning, match="1 of 2 settings"):
        model = RFMRegressorCV([{"kernel": "gaussian"}, {"scaling": "standard"}], time_limit=1e-6, cv=3).fit(X, y)
    assert {frozenset(group.params) for group in model.members_} <= {frozenset({"kernel"}), frozenset({"scaling"})}
