"""Copies of rows and replicates: which are which, and that a model does not care how often a table is repeated."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import BaggingRegressor
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import GroupKFold, KFold

from rfmlearn import ConvRFMClassifier, RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV
from rfmlearn.runtime._budget import FEWEST_CELLS
from rfmlearn.solvers import Weights
from rfmlearn.tables._copies import Copies, merge_copies
from rfmlearn.tables._same_rows import TableNumbers, same_rows

ESTIMATORS = [RFMRegressor, RFMClassifier, RFMRegressorCV, RFMClassifierCV]


def continuous(rng, n=120):
    X = rng.normal(size=(n, 4))
    return X, np.sin(X[:, 0]) + X[:, 1] + rng.normal(size=n)


def survey(rng, n=400, n_classes=2):
    """Two categories of three levels: nine places, and the outcome is noise for the most part."""
    X = rng.integers(0, 3, size=(n, 2)).astype(float)
    return X, (rng.random(n) < 0.2 + 0.2 * X[:, 0]).astype(int) * (n_classes - 1)


def copies_of(X, outcomes, sample_weight=None, groups=None):
    weights = Weights.of(np.ones(len(X)) if sample_weight is None else sample_weight, groups=groups)
    return Copies.find(X, outcomes, weights)


def fitted(Estimator, X, y, sample_weight=None):
    is_cv = Estimator in (RFMRegressorCV, RFMClassifierCV)
    options = {"settings": [{"max_iter": 1}], "cv": 3} if is_cv else {"max_iter": 1}
    y = (y > 0).astype(int) if Estimator in (RFMClassifier, RFMClassifierCV) else y
    return Estimator(**options, random_state=0).fit(X, y, sample_weight)


def values(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


# Places ----------------------------------------------------------------------------------------------------------


def test_rows_are_the_same_if_all_columns_are(rng):
    pd = pytest.importorskip("pandas")
    base = pd.DataFrame({
        "a": [1.0, 1.0, np.nan, np.nan, 0.0, 2.0],
        "b": ["u", "v", "u", "u", None, "u"],
        "c": pd.array([1, 1, None, None, 3, 4], dtype="Int64"),
    })  # fmt: skip
    X = pd.concat([base, base.iloc[::-1].assign(a=base["a"].iloc[::-1] * -1.0 * -1.0)], ignore_index=True)
    X.loc[4, "a"] = -0.0
    places = same_rows(TableNumbers(X, "from_dtype"), len(X))
    assert_array_equal(places, [0, 1, 2, 2, 4, 5, 5, 4, 2, 2, 1, 0])
    assert same_rows(TableNumbers(rng.normal(size=(50, 3)), "from_dtype"), 50) is None


def test_images_of_the_same_row_under_a_linear_map_are_the_same(rng):
    X = np.tile(rng.normal(size=(40, 7)), (2, 1))
    for dtype in (np.float64, np.float32):
        Z = (X @ rng.normal(size=(7, 5))).astype(dtype)
        Z[40:] *= 1 + 4 * np.finfo(dtype).eps
        places = same_rows(TableNumbers(Z, "from_dtype"), 80)
        assert_array_equal(places, np.tile(np.arange(40), 2))


def test_large_ids_that_are_categories_are_told_apart():
    X = np.array([[2**60], [2**60 + 1], [2**60]])
    assert_array_equal(same_rows(TableNumbers(X, [0]), 3), [0, 1, 0])


# Copies and replicates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of_classes", [False, True])
def test_repeated_rows_of_numbers_are_copies(of_classes, rng):
    X, y = continuous(rng)
    y = (y > 0).astype(int) if of_classes else y
    rows = rng.integers(0, 120, 300)
    copies = copies_of(X[rows], y[rows])
    assert_array_equal(rows[copies.first], rows)
    assert len(np.unique(copies.first)) == len(np.unique(rows)) and not copies.replicated.any()
    grouped = copies_of(X[rows], y[rows], groups=np.arange(300) % 2)
    assert (grouped.first % 2 == np.arange(300) % 2).all()


def test_rows_of_a_survey_are_replicates(rng):
    X, y = survey(rng)
    copies = copies_of(X, y)
    assert_array_equal(copies.first, np.arange(400))
    assert copies.replicated.all() and copies.repeats == 1
    assert copies_of(X, X[:, 0].astype(int)).replicated.all()  # without noise too: nine places, that is chance


def test_replicates_of_numbers_are_no_copies_but_their_copies_are(rng):
    X, _ = survey(rng)
    y = rng.normal(size=(400, 1))
    assert_array_equal(copies_of(X, y).first, np.arange(400))
    rows = rng.integers(0, 400, 600)
    assert len(np.unique(copies_of(X[rows], y[rows]).first)) == len(np.unique(rows))


@pytest.mark.parametrize("n", [1, 2, 10])
def test_what_is_a_copy_does_not_depend_on_repetition(n, rng):
    X, y = survey(rng, n_classes=5)
    mixed = np.vstack([X, rng.normal(size=(60, 2))])
    for table, outcomes in ((X, y), (mixed, np.r_[y, np.arange(60) % 2])):
        once = copies_of(table, outcomes)
        repeated = copies_of(np.tile(table, (n, 1)), np.tile(outcomes, n))
        weighted = copies_of(table, outcomes, np.full(len(table), float(n)))
        assert repeated.repeats == weighted.repeats == n * once.repeats
        assert_array_equal(weighted.replicated, once.replicated)
        assert_array_equal(repeated.replicated, np.tile(once.replicated, n))
        assert len(np.unique(repeated.first)) == len(np.unique(once.first))


NUMBERS = st.sampled_from([0.0, 1.0, 2.5, np.nan])


@given(
    rows=st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 3)), min_size=12, max_size=40),
    n=st.sampled_from([2, 3, 7]),
    of_classes=st.booleans(),
)
def test_any_table_is_judged_alike_however_often_it_is_repeated(rows, n, of_classes):
    table = np.array(rows)
    # Fewer have a factor in common by chance.
    assume(len(np.unique(np.nan_to_num(table, nan=-1.0), axis=0)) >= FEWEST_CELLS)
    X, y = table[:, :2], table[:, 2].astype(int if of_classes else float)
    once = copies_of(X, y)
    repeated, weighted = copies_of(np.tile(X, (n, 1)), np.tile(y, n)), copies_of(X, y, np.full(len(X), float(n)))
    assert_array_equal(weighted.replicated, once.replicated)
    assert_array_equal(repeated.replicated, np.tile(once.replicated, n))
    assert repeated.repeats == weighted.repeats == (n * once.repeats if once.replicated.any() else repeated.repeats)
    assert len(np.unique(repeated.first)) == len(np.unique(once.first))


def test_merged_rows_have_the_weight_of_all(rng):
    X, y = continuous(rng, 30)
    rows, w = rng.integers(0, 30, 90), rng.uniform(0.5, 2.0, 90)
    merged, outcomes, weights = merge_copies(X[rows], y[rows, None], Weights.of(w))
    assert_array_equal(merged, X[rows[np.sort(np.unique(rows, return_index=True)[1])]])
    expected = [w[(X[rows] == row).all(axis=1)].sum() for row in merged]
    assert_allclose(weights.total * weights.unit, expected)
    assert len(outcomes) == len(weights) == len(merged)


# Models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [continuous, survey])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_table_is_fitted_as_once_however_often_it_is_repeated(Estimator, table, rng):
    X, y = table(rng, 90)
    once = values(fitted(Estimator, X, y), X)
    for n in (2, 10):
        assert_allclose(values(fitted(Estimator, np.tile(X, (n, 1)), np.tile(y, n)), X), once, atol=1e-6)
        assert_allclose(values(fitted(Estimator, X, y, np.full(90, float(n))), X), once, atol=1e-6)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_copies_of_some_rows_do_no_harm(Estimator, rng):
    X, y = continuous(rng, 1200)
    X, y, X_new, y_new = X[:200], y[:200], X[200:], y[200:]
    rows = np.r_[np.arange(200), np.repeat(rng.choice(200, 40, replace=False), 9)]

    def loss(model):
        if hasattr(model, "classes_"):
            return log_loss(y_new > 0, model.predict_proba(X_new))
        return 1 - r2_score(y_new, model.predict(X_new))

    assert loss(fitted(Estimator, X[rows], y[rows])) < 1.25 * loss(fitted(Estimator, X, y))


def test_weights_are_what_copies_are(rng):
    """Also beside replicates, in single models."""
    X, y = survey(rng, 60)
    X[:20] = rng.normal(size=(20, 2))
    counts = rng.integers(1, 5, 60)
    rows = np.repeat(np.arange(60), counts)
    for Estimator in (RFMRegressor, RFMClassifier):
        one = values(fitted(Estimator, X, y, counts), X)
        assert_allclose(values(fitted(Estimator, X[rows], y[rows]), X), one, atol=1e-6)


def test_splits_that_part_copies_are_told_of(rng):
    X, y = continuous(rng, 60)
    X, y = np.r_[X, X], np.r_[y, y]
    with pytest.warns(UserWarning, match=r"cv has copies of rows on both sides: [5-9]\d% of the test rows") as caught:
        model = RFMRegressorCV([{"max_iter": 0}], cv=KFold(3, shuffle=True, random_state=0)).fit(X, y)
    assert len(caught) == 1 and caught[0].filename == __file__ and str(caught[0].message) in model.fit_warnings_
    for cv in (3, GroupKFold(3)):
        assert not RFMRegressorCV([{"max_iter": 0}], cv=cv).fit(X, y, groups=np.arange(120) % 60).fit_warnings_


def test_bagging_is_no_worse_than_its_base(rng):
    X, y = continuous(rng, 1200)
    bagged = BaggingRegressor(RFMRegressor(max_iter=1), 5, random_state=0).fit(X[:200], y[:200])
    assert bagged.score(X[200:], y[200:]) > fitted(RFMRegressor, X[:200], y[:200]).score(X[200:], y[200:]) - 0.05


def test_copies_of_images_are_one(rng):
    images, y = rng.normal(size=(40, 5, 5)), np.arange(40) % 2
    model = ConvRFMClassifier(depth=1, max_iter=0, random_state=0)
    once = model.fit(images, y).predict_proba(images)
    twice = model.fit(np.tile(images, (2, 1, 1)), np.tile(y, 2)).predict_proba(images)
    assert_allclose(twice, once, atol=1e-5)
