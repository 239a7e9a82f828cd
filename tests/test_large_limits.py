"""Limits on time and memory of fits to many rows, by predictions alone; what is done in the end."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from large_data import FEW, SINGLE, SMALL, SmallRegressor, SmallRegressorCV, data_for, finished, large_recursion, values
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from rfmlearn import RFMClassifierCV, RFMRegressor, RFMRegressorCV, estimate_memory
from rfmlearn.large._plan import LargePlan
from rfmlearn.large._rates import Rates
from rfmlearn.recursion._pace import Pace
from rfmlearn.runtime._large_budget import LargeBudget
from rfmlearn.runtime._memory import as_bytes

RATES = Rates(per_pair=2e-9, per_operation=1e-10)


def plan_for(n, d=20, n_outputs=1, budget=None):
    return LargePlan(
        n_samples=n, n_coordinates=d, n_outputs=n_outputs, point_bytes=8 * n * d, budget=budget or LargeBudget()
    )


def work(plan):
    budget, n = plan.budget, plan.n_samples
    m = n if plan.is_exact else budget.landmarks_of(n)
    return m, budget.n_global_rounds, budget.trees_of(n), budget.leaf_rows


# Time


@pytest.mark.parametrize("n", [30_000, 200_000, 2_000_000])
def test_less_time_means_less_of_everything(n):
    plan = plan_for(n)
    full = plan.seconds(RATES)
    plans = [plan.within_time(full * share, RATES) for share in (2, 1, 0.7, 0.4, 0.2, 0.05, 1e-9)]
    assert plans[0] == plan
    for more, less in pairwise(plans):
        assert all(a >= b for a, b in zip(work(more), work(less), strict=True))
    for share, cut in zip((2, 1, 0.7, 0.4, 0.2), plans, strict=False):
        assert cut.seconds(RATES) <= share * full or cut == plans[-1]
    assert work(plans[-1]) == (200, 0, 1, 500)


def test_half_the_time_is_kept_for_all_rows():
    plan, pace = plan_for(200_000), Pace(per_cube=1e-10 / 3)
    assert plan.seconds_after_rounds(pace, 10.0) == 5.0
    assert plan.seconds_after_rounds(pace, 1e9) < 1e6
    assert plan.seconds_after_rounds(Pace(per_cube=0.0), 10.0) == 0.0


@pytest.mark.parametrize("left", [1e6, -1.0])
def test_what_is_left_decides(left, rng, monkeypatch):
    monkeypatch.setattr(Rates, "measure", lambda kernel, points: RATES)
    X = rng.normal(size=(400, 3))
    Y = np.sin(3 * X[:, :1])
    budget = replace(SMALL, n_landmarks=300, n_global_rounds=1, leaf_rows=100)
    recursion = large_recursion(X, Y, budget=budget)
    final = finished(recursion.within_time(lambda: left))
    if left > 0:
        assert not final.trouble and final.n_iter == 2
        assert_array_equal(final.machine.centers.numeric, finished(recursion).machine.centers.numeric)
    else:
        assert "time_limit left 0 seconds" in final.trouble[0] and final.n_iter == 1
        assert "200 landmarks and 1 trees with leaves of 100 rows are fitted" in final.trouble[0]


@pytest.mark.parametrize("Estimator", SINGLE)
def test_limits_of_estimators(Estimator):
    X, y = data_for(Estimator)
    plain, far = (Estimator(time_limit=limit, random_state=0).fit(X, y) for limit in (None, 1e6))
    assert_array_equal(values(plain, X), values(far, X))
    with pytest.warns(ConvergenceWarning, match="time_limit left 0 seconds .* Increase time_limit"):
        least = Estimator(time_limit=1e-9, random_state=0).fit(X, y)
    assert least.n_iter_ == 0 and np.isfinite(values(least, X)).all()


def test_limit_of_a_search():
    X, y = data_for(SmallRegressorCV)
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model = SmallRegressorCV(FEW, cv=2, time_limit=1e-6, random_state=0).fit(X, y)
    assert len(model.members_) == 1 and "time_limit left" in model.fit_warnings_[0]


# Memory


@pytest.mark.parametrize(
    "text, expected",
    [("4GB", 4e9), ("500 MB", 5e8), ("1.5gib", 1.5 * 2**30), ("7b", 7), ("2kB", 2000), (3e9, 3e9), (None, None)],
)
def test_sizes(text, expected):
    assert as_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "4", "GB", "0GB", "-1GB", "4 G", "1e9B", "inf"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match='max_memory must be a number of bytes or a text as "500MB" or "4GB", got'):
        RFMRegressor(max_memory=text).fit(*data_for(RFMRegressor, 20))
    with pytest.raises(ValueError, match="max_memory"):
        RFMRegressorCV(max_memory=text).fit(*data_for(RFMRegressorCV, 200))


@pytest.mark.parametrize("value", [0, -1, [1], np.nan])
def test_what_is_no_number_of_bytes(value):
    with pytest.raises(ValueError, match="'max_memory' parameter"):
        RFMRegressor(max_memory=value).fit(*data_for(RFMRegressor, 20))


@pytest.mark.parametrize("n", [12_000, 60_000, 1_000_000])
def test_less_memory_means_smaller_parts_and_never_larger_ones(n):
    plan = plan_for(n)
    assert plan.within_memory(None) == plan.within_memory(1e15) == plan
    smallest = list(plan._smaller_in_memory())[-1]
    for limit in np.linspace(plan.n_bytes, smallest.n_bytes, 6):
        cut = plan.within_memory(limit)
        assert cut.n_bytes <= limit and all(a <= b for a, b in zip(work(cut), work(plan), strict=True))
    with pytest.raises(
        MemoryError, match=r"max_memory=50MB is too small to fit .* rows: it takes .*MB at least"
    ) as error:
        plan.within_memory(5e7)
    least = 1e6 * float(str(error.value).split("takes ")[1].split("MB")[0])
    assert plan.within_memory(least).n_bytes <= least < 1.1 * smallest.n_bytes


def test_estimates():
    assert estimate_memory(10_000, 20) > 8 * 10_000**2
    for n in (12_000, 60_000, 1_000_000):
        assert estimate_memory(n, 20) == plan_for(n).n_bytes
        assert estimate_memory(n, 20, dtype="float32") < estimate_memory(n, 20)
    assert estimate_memory(10_000, 20, max_memory="400MB") <= 4e8
    assert estimate_memory(60_000, 20, solver="packed") > 60_000**2
    with pytest.raises(MemoryError, match='max_memory=400MB is too small for solver="cholesky": 10000 rows take'):
        estimate_memory(10_000, 20, solver="cholesky", max_memory="400MB")


@pytest.mark.parametrize("Estimator", SINGLE)
def test_a_limit_divides_rows_that_would_else_be_one_machine(Estimator):
    X, y = data_for(Estimator, 120)
    whole, roomy = (Estimator(max_memory=size, random_state=0).fit(X, y) for size in (None, "1GB"))
    assert_array_equal(values(whole, X), values(roomy, X))
    assert roomy.solver_ == "cholesky"
    needed = estimate_memory(3000, X.shape[1], int(y.max()) if hasattr(whole, "classes_") else 1)
    X, y = data_for(Estimator, 3000)
    model = Estimator(max_memory=0.97 * needed, max_iter=1, random_state=0)
    model.large_budget = replace(SMALL, exact_up_to=5000)
    assert model.fit(X, y).solver_ == "two_level"
    with pytest.raises(MemoryError, match="max_memory=1MB"):
        Estimator(max_memory="1MB").fit(X, y)


@pytest.mark.parametrize("Search", [RFMRegressorCV, RFMClassifierCV])
def test_a_limit_on_memory_of_a_search(Search):
    X, y = data_for(Search, 300)
    with pytest.raises(MemoryError, match="max_memory=1MB"):
        Search(FEW, cv=2, max_memory="1MB").fit(X, y)
    one, other = (Search(FEW, cv=2, max_memory=size, random_state=0).fit(X, y) for size in (None, "1GB"))
    assert_array_equal(values(one, X), values(other, X))
    with pytest.raises(ValueError, match=r"settings\[0\] must not hold max_memory"):
        Search([{"max_memory": 1e9}]).fit(X, y)


def test_what_the_machine_has_not_is_refused(monkeypatch):
    monkeypatch.setattr("rfmlearn.runtime._memory.available_bytes", lambda: 50e6)
    with pytest.raises(MemoryError, match=r"only 0.0466 GiB are available. Give max_memory"):
        SmallRegressor().fit(*data_for(SmallRegressor))
