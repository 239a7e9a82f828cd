"""Numbers or classes: what `task` and the targets say."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from rfmlearn import AGOPFeatureMap, DeepRFMClassifier, DeepRFMRegressor, RFMClassifier, RFMRegressor
from rfmlearn.targets._task import guess_task

N = 120
TEN = np.arange(N) % 10
NUMBERS = {
    "prices": np.exp(11 + np.linspace(-1, 1, N)).round(),
    "prices as ints": np.exp(11 + np.linspace(-1, 1, N)).astype(int),
    "years": 1950 + np.arange(N) % 60,
    "counts": np.random.default_rng(0).poisson(9, N),
    "ids": np.arange(N),
    "halves": TEN / 2,
    "single precision": (TEN / 3).astype(np.float32),
    "beyond whole numbers": (TEN % 3) * 1e19,
    "objects": np.linspace(0, 1, N).astype(object),
    "two columns": np.column_stack([TEN, TEN]),
    "labels of several kinds": np.column_stack([TEN > 3, TEN > 5]).astype(int),
    "twenty codes": np.arange(N) % 20,
    "as many as rows": np.arange(10),
}
CLASSES = {
    "digits": TEN,
    "ratings": 1 + np.arange(N) % 5,
    "ratings as floats": 1.0 + np.arange(N) % 5,
    "zero and one": (TEN > 3) * 1.0,
    "minus one and one": np.where(TEN > 3, 1, -1),
    "two large numbers": np.where(TEN > 3, 1000, 2000),
    "booleans": TEN > 3,
    "booleans as objects": (TEN > 3).astype(object),
    "strings": np.array(list("abcdefghij"))[TEN],
    "many strings": [f"s{k}" for k in np.arange(N) % 40],
    "ints as objects": (TEN % 3).astype(object),
    "two rows": [0, 1],
}


@pytest.mark.parametrize(
    ("y", "task"),
    [(y, "regression") for y in NUMBERS.values()] + [(y, "classification") for y in CLASSES.values()],
    ids=[*NUMBERS, *CLASSES],
)
@pytest.mark.filterwarnings("ignore:y has the whole numbers from 0 to 19")
def test_auto(y, task, rng):
    assert guess_task(y) == task
    weights = np.ones(len(y) + 1)
    weights[-1] = 0.0
    assert guess_task([*y, y[0]], weights) == task
    if len(y) == N:
        fitted = AGOPFeatureMap(random_state=0).fit(rng.normal(size=(N, 2)), y)
        assert type(fitted.estimator_) is (RFMRegressor if task == "regression" else RFMClassifier)


def test_types_of_frames():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    many = np.arange(N) % 40
    for y in (pd.Series(many).astype("category"), pl.Series(many.astype(str)).cast(pl.Categorical), pd.Series(TEN > 3)):
        assert guess_task(y) == "classification"
    for y in (pd.Series(many), pd.Series(many, dtype="Int64"), pl.Series(many), pd.Series(TEN / 2, dtype="Float64")):
        assert guess_task(y) == "regression"
    assert guess_task(pd.Series(TEN, dtype="Int64")) == "classification"


def test_what_is_given_is_done(rng):
    X = rng.normal(size=(N, 2))
    assert type(AGOPFeatureMap(task="regression").fit(X, TEN).estimator_) is RFMRegressor
    assert type(AGOPFeatureMap(task="classification").fit(X, np.arange(N) % 20).estimator_) is RFMClassifier
    # An estimator knows by itself.
    for task in ("auto", "regression"):
        assert type(AGOPFeatureMap(Ridge(), task=task).fit(X, TEN).estimator_) is Ridge
    for task in ("auto", "classification"):
        fitted = AGOPFeatureMap(LogisticRegression(), task=task).fit(X, np.arange(N) % 20)
        assert type(fitted.estimator_) is LogisticRegression


def test_many_labels_are_warned_of(rng):
    X = rng.normal(size=(400, 2))
    with pytest.warns(
        UserWarning, match='whole numbers from 1 to 40.*task="classification".*task="regression"'
    ) as seen:
        AGOPFeatureMap().fit(X, 1 + np.arange(400) % 40)
    assert len(seen) == 1
    for y in (1900 + np.arange(400) % 40, rng.poisson(12, 400), np.arange(400), np.arange(400) % 40 / 2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            AGOPFeatureMap().fit(X, y)


DATES = np.arange("2020-01-01", "2020-04-30", dtype="M8[D]")
STRINGS = np.array(["a", "b"] * (N // 2))


@pytest.mark.parametrize(
    ("estimator", "task", "y", "message"),
    [
        (None, "regression", STRINGS, "regression needs numbers in y, got dtype <U1"),
        (Ridge(), "auto", STRINGS, "regression needs numbers in y, got dtype <U1"),
        (None, "auto", np.column_stack([STRINGS, STRINGS]), "several columns of y are always a regression"),
        (None, "auto", DATES, "regression needs numbers in y, got dtype datetime64.*dates and times are no numbers"),
        (None, "classification", np.linspace(0, 1, N), "classification needs labels in y, got numbers that are not"),
        (None, "classification", np.column_stack([TEN, TEN]), "y should be a 1d array"),
        (LogisticRegression(), "regression", TEN, "estimator=LogisticRegression is for classification"),
        (Ridge(), "classification", TEN, "task='classification', but estimator=Ridge is for regression"),
        (make_pipeline(RandomForestClassifier()), "regression", TEN, "estimator=Pipeline is for classification"),
        (None, "ranking", TEN, "'task' parameter of AGOPFeatureMap must be"),
        (None, "auto", np.r_[TEN[1:], np.nan], "Input y contains NaN"),
        (None, "auto", [None, *STRINGS[1:]], "y has a missing label"),
    ],
)
def test_errors(estimator, task, y, message, rng):
    with pytest.raises(ValueError, match=message):
        AGOPFeatureMap(estimator, task=task).fit(rng.normal(size=(N, 2)), y)


@pytest.mark.parametrize("task", ["auto", "classification"])
def test_no_cast_of_large_numbers_is_told_of(task, rng):
    X, y = rng.normal(size=(N, 2)), (np.arange(N) % 3) * 1e19
    if task == "auto":
        AGOPFeatureMap().fit(X, y)
    else:
        with pytest.raises(ValueError, match="classification needs labels"):
            AGOPFeatureMap(task=task).fit(X, y)


def test_whole_prices_are_as_good_as_others(rng):
    X = rng.normal(size=(400, 6))
    price = np.exp(11 + 0.5 * X[:, 0] * X[:, 1] + 0.3 * X[:, 2]).round()
    model = make_pipeline(AGOPFeatureMap(random_state=0), KNeighborsRegressor(10))
    whole, cents = (cross_val_score(model, X, target, cv=3).mean() for target in (price, price + 0.5))
    assert whole == pytest.approx(cents, abs=1e-3)


@pytest.mark.parametrize("make", [lambda y: y, lambda y: y > 0])
def test_groups_reach_the_layers(make, rng):
    X = np.repeat(rng.normal(size=(40, 3)), 3, axis=0) + 1e-6 * rng.normal(size=(120, 3))
    y, groups = make(X[:, 0] + np.repeat(rng.normal(size=40), 3)), np.repeat(np.arange(40), 3)
    deep = (DeepRFMClassifier if y.dtype == bool else DeepRFMRegressor)(
        n_layers=2, n_random_features=20, random_state=0
    )
    single = RFMClassifier if y.dtype == bool else RFMRegressor
    weights = np.repeat(rng.integers(0, 2, 40), 3).astype(float)
    for model in (deep, AGOPFeatureMap(n_layers=2, n_random_features=20, random_state=0)):
        model.fit(X, y, weights, groups=groups)
        seen = model.layers_[0].estimator
        rounds = {"max_iter": 1} if model is deep else {}
        settings = dict(kernel="laplace", feature_matrix="full", scaling=None, random_state=seen.random_state)
        Z = model._encoder.transform(X[weights > 0]).dense()
        expected = single(**settings, **rounds).fit(Z, y[weights > 0], groups=groups[weights > 0])
        assert seen.history_[-1]["alpha"] == expected.history_[-1]["alpha"]
        without = clone(model).fit(X, y, weights).layers_[0].estimator
        assert without.history_[-1]["leave_one_out_loss"] < seen.history_[-1]["leave_one_out_loss"]
        with pytest.raises(ValueError, match=r"groups has .* labels, but X has"):
            model.fit(X, y, groups=groups[1:])
        with pytest.raises(ValueError, match="groups has a missing label"):
            model.fit(X, y, groups=np.where(groups == 3, np.nan, groups))
    with pytest.raises(ValueError, match=r"groups was given, but fit of estimator=Ridge takes no groups"):
        AGOPFeatureMap(Ridge()).fit(X, y * 1.0, groups=groups)
