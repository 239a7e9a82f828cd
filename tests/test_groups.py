"""Rows that belong together: left out together by the ridge, the codes of categories and the calibration."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GroupKFold

from rfmlearn import ConvRFMClassifier, RFMClassifier, RFMRegressor, RFMRegressorCV


@pytest.fixture
def copies(rng):
    """40 groups of 8 near-copies, whose targets have noise of their group."""
    centers = rng.normal(size=(40, 3))
    y = np.repeat(centers[:, 0] + rng.normal(size=40), 8)
    X = np.repeat(centers, 8, axis=0) + 0.01 * rng.normal(size=(320, 3))
    return X, y, np.repeat(np.arange(40), 8)


def error_by_group(X, y, groups, fit):
    errors = []
    for train, test in GroupKFold(5).split(X, y, groups):
        errors.append((fit(train).predict(X[test]) - y[test]) ** 2)
    return np.mean(np.concatenate(errors))


def test_the_ridge_is_that_of_groups(copies):
    X, y, groups = copies
    alone, together = RFMRegressor().fit(X, y), RFMRegressor().fit(X, y, groups=groups)
    assert together.alpha_ > 30 * alone.alpha_
    assert together.history_[-1]["leave_one_out_loss"] > 10 * alone.history_[-1]["leave_one_out_loss"]
    plain = error_by_group(X, y, groups, lambda train: RFMRegressor().fit(X[train], y[train]))
    grouped = error_by_group(X, y, groups, lambda train: RFMRegressor().fit(X[train], y[train], groups=groups[train]))
    assert grouped < 0.9 * plain


def test_the_search_passes_groups_on(copies):
    X, y, groups = copies
    model = RFMRegressorCV([{}], cv=3, random_state=0).fit(X, y, groups=groups)
    single = RFMRegressor().fit(X, y, groups=groups)
    assert min(member.alpha for group in model.members_ for member in group.machines) >= single.alpha_ / 4


def test_probabilities_are_calibrated_on_groups(copies):
    X, y, groups = copies
    alone, together = RFMClassifier().fit(X, y > 0), RFMClassifier().fit(X, y > 0, groups=groups)
    assert together.predict_proba(X).max(axis=1).mean() < alone.predict_proba(X).max(axis=1).mean() - 0.02


def test_categories_are_coded_by_other_groups(copies):
    X, y, groups = copies
    table = pd.DataFrame({"patient": pd.Categorical(groups.astype(str)), "x": X[:, 1]})
    alone, together = (RFMRegressor(categorical_encoding="target").fit(table, y, groups=g) for g in (None, groups))
    # Every patient is one group: its code says nothing of its own targets, and the column can matter little.
    assert together.feature_importances_[0] < 0.5 < alone.feature_importances_[0]


def test_labels_of_groups_may_be_anything(copies):
    X, y, groups = copies
    one = RFMRegressor(max_iter=0).fit(X, y, groups=groups)
    for labels in (groups * 7 - 3, groups.astype(str), pd.Series(groups.astype(float)), list(groups)):
        assert_array_equal(RFMRegressor(max_iter=0).fit(X, y, groups=labels).predict(X[:9]), one.predict(X[:9]))


def test_groups_of_one_row_are_no_groups(copies):
    X, y, _ = copies
    one, other = (RFMRegressor(max_iter=1).fit(X[::8], y[::8], groups=g) for g in (None, np.arange(40)))
    assert_allclose(one.predict(X), other.predict(X), rtol=1e-9, atol=1e-12)


def test_rows_of_no_weight_are_in_no_group(copies):
    X, y, groups = copies
    weights = (groups < 30).astype(float)
    some = groups < 30
    one = RFMRegressor(max_iter=1).fit(X, y, weights, groups=groups)
    other = RFMRegressor(max_iter=1).fit(X[some], y[some], groups=groups[some])
    assert_allclose(one.predict(X), other.predict(X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMClassifier])
def test_odd_groups_are_refused(Estimator, copies):
    X, y, groups = copies
    y = y if Estimator is RFMRegressor else y > 0
    with pytest.raises(ValueError, match="groups must hold at least two different groups, got 1: 3"):
        Estimator().fit(X, y, groups=np.full(320, 3))
    with pytest.raises(ValueError, match="groups has 319 labels, but X has 320 rows"):
        Estimator().fit(X, y, groups=groups[:-1])
    with pytest.raises(ValueError, match="groups has a missing label"):
        Estimator().fit(X, y, groups=np.where(groups == 5, np.nan, groups))


def test_images_in_groups(rng):
    """Near-copies of images: one at a time, their twins give them away."""
    images = np.repeat(rng.normal(size=(30, 6, 6)), 4, axis=0) + 0.05 * rng.normal(size=(120, 6, 6))
    y, groups = np.repeat(rng.integers(0, 2, 30), 4), np.repeat(np.arange(30), 4)
    settings = dict(depth=1, max_iter=0, standardize=False, random_state=0)
    alone, together = (ConvRFMClassifier(**settings).fit(images, y, groups=g) for g in (None, groups))
    assert together.leave_one_out_loss_ > 2 * alone.leave_one_out_loss_
    assert together.predict_proba(images).max(axis=1).mean() < alone.predict_proba(images).max(axis=1).mean()
