"""Splits as they were given: which rows they mean, what splitters see, and that each of them is used."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from search_data import ESTIMATORS, data, in_float64, rung, with_budget
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)  # fmt: skip

from rfmlearn import RFMRegressor, RFMRegressorCV
from rfmlearn.search._splits import Given, read_splits

PLAIN = [{"max_iter": 0, "alpha": 0.1}]
Exact = in_float64(RFMRegressorCV)
N = 12
GIVEN = Given(np.zeros((N, 2)), np.zeros(N))


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):
    return request.param


MASK = np.arange(N) < 4


@pytest.mark.parametrize(("part", "rows"), [
    ([3, 1, 1, 2], [3, 1, 1, 2]),
    ((0, -1, -N), [0, 11, 0]),
    (range(2, 5), [2, 3, 4]),
    ((k for k in (5, 4)), [5, 4]),
    (slice(None, None, 5), [0, 5, 10]),
    (MASK, [0, 1, 2, 3]),
    (MASK.tolist(), [0, 1, 2, 3]),
    (pd.Series(MASK, index=range(100, 100 + N)), [0, 1, 2, 3]),
    (pd.Series(MASK, dtype="boolean"), [0, 1, 2, 3]),
    (pd.Index([7, 6]), [7, 6]),
    (pd.Series([7, 6], dtype="Int64"), [7, 6]),
    (np.array([1, 0], np.uint64), [1, 0]),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_rows_mean_what_they_mean_in_numpy(part, rows):
    ((train, test),) = read_splits([(part, [0])], GIVEN, N)
    assert_array_equal(train, rows)
    assert_array_equal(test, [0])


@pytest.mark.parametrize(("cv", "message"), [
    ([], "cv gives no split"),
    (iter([]), "cv gives no split.*generator"),
    ([([0], [1]), ([0, 12], [1])], "training rows of split 1 of cv must be numbers from -12 to 11.* got 12"),
    ([([0], [-13])], "test rows of split 0 of cv must be numbers from -12 to 11.* got -13"),
    ([([0], [1.5])], "test rows of split 0 of cv must be row numbers or a boolean mask"),
    ([([0], "ab")], "test rows of split 0 of cv must be row numbers"),
    ([([[0], [1]], [2])], "training rows of split 0 of cv must be row numbers or a boolean mask of one dimension"),
    ([([0], [True] * 5)], "test rows of split 0 of cv are a mask of length 5, but X has 12 rows"),
    ([[0, 1, 2]], "split 0 of cv must be a pair"),
    ([3, 4], "split 0 of cv must be a pair.* got 3"),
])  # fmt: skip
def test_what_is_no_split_is_named(cv, message):
    with pytest.raises(ValueError, match=message):
        read_splits(cv, GIVEN, N)


@pytest.mark.parametrize(("cv", "message"), [
    ([], "cv gives no split"),
    ([(range(30), []), (range(30), range(30, 60))], "split 0 of cv has 30 training and 0 test rows"),
    ([(range(30), range(30, 60)), ([], range(30))], "split 1 of cv has 0 training and 30 test rows"),
    ([(range(30), [60])], "test rows of split 0 of cv"),
])  # fmt: skip
def test_errors_of_a_fit_name_the_split(Estimator, cv, message):
    with pytest.raises(ValueError, match=message):
        Estimator(PLAIN, cv=cv).fit(*data(Estimator))


def expected_predictions(X, y, pairs):
    """Average of what single models predict for each row that some split tests; NaN for others."""
    total, counts = np.zeros(len(y)), np.zeros(len(y))
    for train, test in pairs:
        predictions = RFMRegressor(**PLAIN[0]).fit(X[train], y[train]).predict(X[test])
        np.add.at(total, test, predictions)
        np.add.at(counts, test, 1)
    return np.divide(total, counts, out=np.full(len(y), np.nan), where=counts > 0)


SHUFFLED = np.random.default_rng(3).permutation(60)
DRAWN = np.random.default_rng(4).integers(0, 60, 60)
PAIRS = {
    "bootstrap of as many rows": [(DRAWN, np.setdiff1d(np.arange(60), DRAWN)), (DRAWN[::-1], [0, 1])],
    "all rows, shuffled": [(SHUFFLED, SHUFFLED[:9]), (SHUFFLED[:40], SHUFFLED[40:])],
    "repeats in a test part": [(np.arange(30), [40, 31, 40])],
    "negative numbers": [(np.arange(-60, -20), [-1, -2])],
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.filterwarnings("ignore:cv has copies of rows on both sides")
def test_predictions_are_those_of_the_splits_that_were_given(name):
    X, y = data(RFMRegressorCV)
    pairs = PAIRS[name]
    model = Exact(PLAIN, cv=pairs).fit(X, y)
    expected = expected_predictions(X, y, pairs)
    assert_allclose(model.oof_prediction_, expected, rtol=1e-8)
    assert model.n_splits_ == len(pairs)
    assert model.predict_interval(X, 0.5).shape == (60, 2)


SPLITTERS = [KFold(4), RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), ShuffleSplit(3, random_state=0),
             TimeSeriesSplit(4), PredefinedSplit(np.arange(60) % 3 - 1), LeaveOneOut()]  # fmt: skip


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_splitters_of_scikit_learn(cv):
    X, y = data(RFMRegressorCV)
    model = Exact(PLAIN, cv=cv).fit(X, y)
    assert model.n_splits_ == cv.get_n_splits(X, y)
    assert_allclose(model.oof_prediction_, expected_predictions(X, y, list(cv.split(X, y))), rtol=1e-8)


@pytest.mark.filterwarnings("ignore:cv has copies of rows on both sides")
def test_rows_of_no_weight_take_no_part():
    X, y = data(RFMRegressorCV)
    weight = (np.arange(60) % 4 > 0).astype(float)
    pairs = [(np.arange(30), np.arange(30, 60)), (DRAWN, SHUFFLED[:20])]
    model = Exact(PLAIN, cv=pairs).fit(X, np.where(weight, y, 1e9), weight)
    kept = [(np.array([r for r in a if weight[r]]), np.array([r for r in b if weight[r]])) for a, b in pairs]
    assert_allclose(model.oof_prediction_, expected_predictions(X, y, kept), rtol=1e-8)


class Watching(KFold):
    """A splitter that keeps what it was given."""

    def split(self, X, y=None, groups=None):
        self.seen = X, y, groups
        return super().split(X)


def test_splitters_see_what_was_passed_to_fit(Estimator):
    X, y = data(Estimator)
    frame, groups = pd.DataFrame(X, index=range(100, 160), columns=list("abc")), [f"g{k % 7}" for k in range(60)]
    forms = [(frame, pd.Series(y, index=frame.index), groups), (X.tolist(), y.tolist(), None), (X, y, np.array(groups))]
    for table, targets, labels in forms:
        cv = Watching(3)
        Estimator(PLAIN, cv=cv).fit(table, targets, groups=labels)
        assert all(seen is passed for seen, passed in zip(cv.seen, (table, targets, labels), strict=True))
    if Estimator is RFMRegressorCV:
        cv, Y = Watching(3), np.column_stack([y, y])
        RFMRegressorCV(PLAIN, cv=cv).fit(X, Y)
        assert cv.seen[1] is Y
        with pytest.raises(ValueError, match="continuous"):
            RFMRegressorCV(PLAIN, cv=StratifiedKFold(3)).fit(X, y)


# A search that thins tables of more than a few rows.
Small = with_budget(RFMRegressorCV, rungs=(rung(50, 40, 1),))
HELD_OUT = np.r_[-np.ones(200), np.zeros(100)]
MANY = {
    "time series": TimeSeriesSplit(5),
    "a hold-out": PredefinedSplit(HELD_OUT),
    "an early hold-out": PredefinedSplit(HELD_OUT[::-1]),
    "one shuffled split": ShuffleSplit(1, test_size=0.4, random_state=0),
    "a hold-out of three rows": [(range(3, 300), range(3))],
    "little to train on": [(range(4), range(4, 300)), (range(100, 300), range(100))],
    "bootstrap": [(np.arange(300) // 2, range(150, 300))],
    "as many folds as few": KFold(30),
    "groups": GroupKFold(3),
}


@pytest.mark.parametrize("rungs", [1, 2])
@pytest.mark.parametrize("name", MANY)
def test_every_split_is_used_where_rows_are_thinned(name, rungs):
    X, y = data(RFMRegressorCV, 300)
    groups = np.r_[np.zeros(290), np.ones(8), [2, 2]] if name == "groups" else None
    settings = PLAIN if rungs == 1 else [*PLAIN, {"max_iter": 0, "alpha": 1.0}]
    model = Small(settings, cv=MANY[name], n_search_samples=150, random_state=0).fit(X, y, groups=groups)
    pairs = list(MANY[name] if isinstance(MANY[name], list) else MANY[name].split(X, y, groups))
    assert model.n_splits_ == len(pairs)
    splits = np.array([model.cv_results_[f"split{k}_test_score"] for k in range(len(pairs))])
    assert splits.shape[1] == rungs * len(settings) - (rungs - 1) * 1
    known = ~np.isnan(model.oof_prediction_)
    assert set(np.flatnonzero(known)) <= set(np.concatenate([list(test) for _, test in pairs]))
    assert model.cv_results_["n_resources"].max() <= 150


def test_groups_of_several_types_reach_splitters():
    labels = np.array(["a", 1, 2.5] * 4, dtype=object)
    splits = read_splits(GroupKFold(3), Given(GIVEN.X, GIVEN.y, labels), N)
    expected = read_splits(GroupKFold(3), Given(GIVEN.X, GIVEN.y, np.arange(N) % 3), N)
    assert {tuple(test) for _, test in splits} == {tuple(test) for _, test in expected}
