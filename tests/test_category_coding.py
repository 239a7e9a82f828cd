"""Codings of categories by one number, alone and in the estimators."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GroupKFold, KFold
from sklearn.preprocessing import TargetEncoder

from rfmlearn import RFMClassifier, RFMRegressor
from rfmlearn.tables._categories import OrdinalCoding, TargetCoding, make_coding
from rfmlearn.tables._encoder import ColumnEncoder


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    size = pd.Categorical(rng.choice(["small", "large", "middle"], 90), ["small", "middle", "large"], ordered=True)
    town = rng.choice([f"t{k}" for k in range(12)], 90)
    X = pd.DataFrame({"x": rng.normal(size=90), "size": size, "town": town})
    y = X["x"].to_numpy() + np.array([int(t[1:]) for t in town]) ** 2 / 30
    return X, y


def test_ordinal_follows_the_order_of_the_type(table):
    X, _ = table
    encoder = ColumnEncoder("standard", coding="ordinal")
    points = encoder.fit_transform(X)
    assert encoder.coordinate_names_ == ["x", "size", "town"]
    assert_array_equal(encoder.coordinate_columns_, [0, 1, 2])
    means = [points.numeric[(X["size"] == level).to_numpy(), 1].mean() for level in ("small", "middle", "large")]
    assert means == sorted(means)
    assert not points.levels


def test_missing_and_unseen_levels_are_missing_numbers():
    coding = OrdinalCoding([["a", "b", None], ["c", "d"]])
    assert_array_equal(coding.transform(np.array([[0, 1], [2, -1]])), [[0, 1], [np.nan, np.nan]])
    X = pd.DataFrame({"c": pd.Categorical(["a", "b", None, "b"])})
    encoder = ColumnEncoder("standard", coding="ordinal").fit(X)
    assert encoder.coordinate_names_ == ["c", "c_missing"]
    new = encoder.transform(pd.DataFrame({"c": pd.Categorical(["z", "a"])})).numeric
    assert_array_equal(new[:, 1], [1, 0])


def test_target_coding_is_that_of_sklearn_for_new_rows(table):
    _, y = table
    codes = np.random.default_rng(1).integers(0, 4, (90, 2))
    coding = TargetCoding([["a"] * 4] * 2)
    coding.fit_transform(codes, y[:, None], np.ones(90))
    expected = TargetEncoder(target_type="continuous").fit(codes, y).transform(codes)
    assert_allclose(coding.transform(codes), expected)
    both = TargetCoding([["a"] * 4] * 2)
    both.fit_transform(codes, np.column_stack([y, -y]), np.ones(90))
    assert_array_equal(both.columns, [0, 0, 1, 1])
    assert_allclose(both.transform(codes)[:, ::2], expected)
    assert_allclose(both.transform(codes)[:, 1::2], -expected)


def test_target_coding_counts_rows_by_weight(table):
    _, y = table
    rng = np.random.default_rng(1)
    codes, repeats = rng.integers(0, 4, (90, 2)), rng.integers(0, 3, 90)
    weighted, repeated = TargetCoding([["a"] * 5] * 2), TargetCoding([["a"] * 5] * 2)
    weighted.fit_transform(codes, y[:, None], repeats.astype(float))
    repeated.fit_transform(codes.repeat(repeats, axis=0), y.repeat(repeats)[:, None], np.ones(repeats.sum()))
    new = np.array([[0, 1], [2, 3], [4, -1]])  # a level without rows and an unseen one: the average of all
    assert_allclose(weighted.transform(new), repeated.transform(new))
    assert_allclose(weighted.transform(new)[2], np.average(y, weights=repeats))


def test_target_coding_does_not_tell_a_row_its_own_target():
    # Every row is its own category: a code that had seen the row would be its target.
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    codes = np.arange(200)[:, None]
    coded = TargetCoding([list(range(200))]).fit_transform(codes, y[:, None], np.ones(200))
    assert abs(np.corrcoef(coded[:, 0], y)[0, 1]) < 0.2


def code(codes, y, weights, groups=None):
    return TargetCoding([[None] * 6] * codes.shape[1]).fit_transform(codes, y, weights, groups)


@pytest.fixture
def grouped(rng):
    """Codes of two columns, two targets, weights, and groups of several sizes in no order."""
    groups = rng.choice([4, 7, 9, 12, 20, 33, 41], 120, p=[0.05, 0.3, 0.2, 0.1, 0.1, 0.05, 0.2])
    return rng.integers(-1, 6, (120, 2)), rng.normal(size=(120, 2)), rng.uniform(0.5, 2, 120), groups


def test_code_of_a_row_does_not_depend_on_targets_of_its_group(grouped, rng):
    codes, y, weights, groups = grouped
    coded, alone = code(codes, y, weights, groups), code(codes, y, weights)
    for group in np.unique(groups):
        inside = groups == group
        changed = np.where(inside[:, None], rng.normal(size=y.shape), y)
        again = code(codes, changed, weights, groups)
        assert_array_equal(again[inside], coded[inside])
        assert np.abs(again[~inside] - coded[~inside]).max() > 1e-3
        # Or any coding would have passed: without groups rows of one group tell each other's targets.
        assert np.abs(code(codes, changed, weights)[inside] - alone[inside]).max() > 1e-3


@pytest.mark.parametrize("n_groups", [2, 3, 5, 7])
def test_every_row_is_coded_by_the_groups_of_other_folds(n_groups, grouped):
    codes, y, weights, groups = grouped
    _, groups = np.unique(groups, return_inverse=True)
    groups = groups % n_groups
    coded = code(codes, y, weights, groups)
    for train, test in GroupKFold(min(5, n_groups)).split(codes, groups=groups):
        others = TargetCoding([[None] * 6] * 2)
        others.fit_transform(codes[train], y[train], weights[train])
        assert_array_equal(coded[test], others.transform(codes[test]))


def test_one_group_is_coded_by_all_rows(grouped):
    codes, y, weights, _ = grouped
    coding = TargetCoding([[None] * 6] * 2)
    assert_array_equal(coding.fit_transform(codes, y, weights, np.full(120, 3)), coding.transform(codes))
    assert code(codes[:1], y[:1], weights[:1]).shape == (1, 4)


def test_without_groups_rows_are_coded_in_five_shuffled_folds(grouped):
    codes, y, weights, _ = grouped
    coded = code(codes, y, weights)
    for train, test in KFold(5, shuffle=True, random_state=0).split(codes):
        others = TargetCoding([[None] * 6] * 2)
        others.fit_transform(codes[train], y[train], weights[train])
        assert_array_equal(coded[test], others.transform(codes[test]))


def test_encoder_passes_groups_on(table, rng):
    X, y = table
    groups = rng.integers(0, 8, len(X))
    changed = np.where(groups == 2, -y, y)
    for given, same in ((groups, True), (None, False)):
        encoder = ColumnEncoder("standard", coding="target")
        points = [encoder.fit_transform(X, targets=t[:, None], groups=given).numeric for t in (y, changed)]
        scale = [encoder.fit(X, targets=t[:, None], groups=given)._numeric_block for t in (y, changed)]
        codes = [block.inverse(p)[groups == 2] for block, p in zip(scale, points, strict=True)]
        assert np.allclose(codes[0], codes[1], atol=1e-10) == same


def test_names():
    assert make_coding("one_hot", [["a"]]) is None
    assert make_coding("target", []) is None
    with pytest.raises(ValueError, match="coding must be one of"):
        make_coding("hash", [["a"]])


@pytest.mark.parametrize("coding", ["ordinal", "target"])
def test_estimators(table, coding):
    X, y = table
    model = RFMRegressor(categorical_encoding=coding, random_state=0).fit(X[:60], y[:60])
    assert model.score(X[60:], y[60:]) > 0.5
    assert_allclose(model.feature_importances_.sum(), 1)
    labels = np.where(y > np.median(y), "high", np.where(y > np.quantile(y, 0.2), "low", "none"))
    model = RFMClassifier(categorical_encoding=coding, random_state=0).fit(X[:60], labels[:60])
    assert model.score(X[60:], labels[60:]) > 0.5
    constant = X.assign(land="here")  # a level that is not coded at all
    assert RFMRegressor(categorical_encoding=coding).fit(constant[:60], y[:60]).score(constant[60:], y[60:]) > 0.5
    unseen = X[60:].assign(town="elsewhere")
    assert np.isfinite(model.predict_proba(unseen)).all()


def test_target_coding_helps_where_levels_are_many():
    rng = np.random.default_rng(0)
    codes, effects = rng.integers(0, 100, (500, 3)), rng.normal(size=(100, 3))
    y = sum(effects[codes[:, j], j] for j in range(3)) + 0.5 * rng.normal(size=500)
    X = pd.DataFrame({f"town{j}": pd.Categorical(codes[:, j].astype(str)) for j in range(3)})
    ordinal, target = (
        RFMRegressor(categorical_encoding=coding).fit(X[:400], y[:400]).score(X[400:], y[400:])
        for coding in ("ordinal", "target")
    )
    assert target > max(ordinal, 0) + 0.2
