"""Targets, weights and groups that hold something else than they should: refused by name, whatever holds them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn import ConvRFMClassifier, DeepRFMRegressor, RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV

X = np.random.default_rng(0).normal(size=(12, 2))
NUMBERS = [0.5, 1.5, -2.0] * 4
LABELS = ["a", "b"] * 6


def with_one(values, item):
    return [*values[:-1], item]


MISSING = {
    "None": with_one(NUMBERS, None),
    "NA": with_one(NUMBERS, pd.NA),
    "NaN": with_one(NUMBERS, np.nan),
    "objects": np.array(with_one(NUMBERS, None), dtype=object),
    "Int64": pd.Series([1, 2, pd.NA] * 4, dtype="Int64"),
    "frame": pd.DataFrame({"p": NUMBERS, "q": pd.Series([1, 2, pd.NA] * 4, dtype="Int64")}),
    "polars": pl.Series(with_one(NUMBERS, None)),
    "outputs": [[v, None] for v in NUMBERS],
    "masked": np.ma.masked_array(NUMBERS, mask=np.arange(12) == 3),
}
NO_NUMBERS = {
    "text": [str(v) for v in NUMBERS],
    "text as objects": np.array([str(v) for v in NUMBERS], dtype=object),
    "text in polars": pl.Series([str(v) for v in NUMBERS]),
    "one word": with_one(NUMBERS, "none"),
    "complex": np.array(NUMBERS) + 1j,
    "dates": pd.Series(pd.date_range("2026", periods=12)),
    "Python's dates": [datetime.date(2026, 1, 1 + i) for i in range(12)],
    "times": np.arange(12).astype("timedelta64[s]"),
    "huge": with_one(NUMBERS, 10**400),
    "nearly infinite": with_one(NUMBERS, 1.7e308),
    "rows of different length": [[1.0]] * 11 + [[1.0, 2.0]],
    "dict": dict(enumerate(NUMBERS)),
    "generator": (v for v in NUMBERS),
}


@pytest.mark.parametrize("y", [*MISSING.values(), *NO_NUMBERS.values()], ids=[*MISSING, *NO_NUMBERS])
@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMRegressorCV, DeepRFMRegressor])
def test_numbers_are_refused_by_name(Estimator, y):
    with pytest.raises(ValueError, match=r"^(Input )?y (must|has|contains)"):
        Estimator().fit(X, y)
    if Estimator is not RFMRegressorCV:
        with pytest.raises(ValueError, match=r"^(Input )?y_val (must|has|contains)"):
            Estimator().fit(X, NUMBERS, X_val=X, y_val=y)


@pytest.mark.parametrize("Estimator", [RFMClassifier, RFMClassifierCV])
@pytest.mark.parametrize(
    "y",
    [
        with_one(LABELS, None),
        with_one(LABELS, pd.NA),
        with_one([0, 1] * 6, np.nan),
        with_one(LABELS, 1),
        [1, "a"] * 6,
        np.array([1, "a"] * 6, dtype=object),
        pd.Series([True, False, pd.NA] * 4, dtype="boolean"),
        pd.Series(pd.Categorical(["a", "b", None] * 4)),
        pl.Series([1, 2, None] * 4),
        np.array(["2026-01-01", "NaT"] * 6, dtype="datetime64[D]"),
        np.array([1j, 2] * 6),
        np.ma.masked_array([0, 1] * 6, mask=np.arange(12) == 3),
        [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)] * 6,
        [b"a", b"b"] * 6,
        3,
        NUMBERS,
    ],
    ids=str,
)
def test_labels_are_refused_by_name(Estimator, y):
    with pytest.raises(ValueError, match=r"^(Input )?y(:| (must|has|contains))"):
        Estimator().fit(X, y)
    if Estimator is RFMClassifier:
        with pytest.raises(ValueError, match=r"^(Input )?y_val(:| (must|has|contains))"):
            RFMClassifier().fit(X, LABELS, X_val=X, y_val=y)


@pytest.mark.parametrize("labels", [[0, 1] * 6, [True, False] * 6, [1.0, 2.0] * 6])
def test_validation_labels_of_another_type(labels):
    with pytest.raises(ValueError, match="y_val has labels as"):
        RFMClassifier().fit(X, LABELS, X_val=X, y_val=labels)


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(NUMBERS, dtype="Float64"),
        pl.Series(NUMBERS),
        [Decimal(str(v)) for v in NUMBERS],
        [Fraction(str(v)) for v in NUMBERS],
        np.array(NUMBERS, dtype=object),
        np.array(NUMBERS, dtype=">f8"),
        pd.Series(pd.Categorical(NUMBERS)),
    ],
    ids=lambda y: type(y).__name__,
)
def test_numbers_in_any_container(y):
    expected = RFMRegressor(max_iter=0).fit(X, NUMBERS).predict(X)
    assert_allclose(RFMRegressor(max_iter=0).fit(X, y).predict(X), expected)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (pd.Series([3, 4] * 6, dtype="Int64"), [3, 4]),
        (pd.Series([True, False] * 6, dtype="boolean"), [False, True]),
        (np.array([3, 4] * 6, dtype=object), [3, 4]),
        (np.array([True, 3] * 6, dtype=object), [1, 3]),
        (pd.Series(LABELS, dtype="string"), ["a", "b"]),
        (pd.Series(pd.Categorical(LABELS)), ["a", "b"]),
        (pl.Series(LABELS, dtype=pl.Categorical), ["a", "b"]),
        (np.array(LABELS, dtype=object), ["a", "b"]),
    ],
    ids=str,
)
def test_labels_in_any_container(y, classes):
    found = RFMClassifier(max_iter=0).fit(X, y).classes_
    assert_array_equal(found, classes)
    assert type(found.tolist()[0]) is type(classes[0])


@pytest.mark.parametrize(
    "weights",
    [
        with_one(NUMBERS, None),
        with_one(NUMBERS, pd.NA),
        ["1"] * 12,
        np.array(["1"] * 12, dtype=object),
        np.ones(12) + 0j,
        np.arange(12).astype("datetime64[D]"),
        np.ma.masked_array(np.ones(12), mask=np.arange(12) == 3),
        with_one([1] * 12, 10**400),
        [1.7e308] * 12,
        [1e-310] * 12,
        {0: 1},
        "abc",
        [[1.0]] * 11 + [[1.0, 2.0]],
    ],
    ids=str,
)
def test_weights_are_refused_by_name(weights):
    with pytest.raises(ValueError, match="sample_weight"):
        RFMRegressor().fit(X, NUMBERS, sample_weight=weights)
    with pytest.raises(ValueError, match="sample_weight_val"):
        RFMRegressor().fit(X, NUMBERS, X_val=X, y_val=NUMBERS, sample_weight_val=weights)


@pytest.mark.parametrize(
    "groups",
    [[None] * 12, with_one(LABELS, None), 1, "ab", [1, 2], [(1, 2), (2, 3)] * 6, pd.Series([1, 2, pd.NA] * 4), {1: 2}],
    ids=str,
)
def test_groups_are_refused_by_name(groups):
    with pytest.raises(ValueError, match="groups"):
        RFMRegressor().fit(X, NUMBERS, groups=groups)


@pytest.mark.parametrize("factor", [1e300, 1e-300])
def test_class_weights_out_of_range(factor):
    with pytest.raises(ValueError, match="class_weight must lie between"):
        RFMClassifier(class_weight={"a": factor, "b": factor}).fit(X, LABELS)


@pytest.mark.parametrize("alpha", [1e308, 1e-308])
@pytest.mark.parametrize("weight", [1e-240, 1e240])
def test_any_ridge_and_any_weights_are_finite(alpha, weight):
    with np.errstate(all="raise", under="ignore"):
        model = RFMRegressor(alpha=alpha, max_iter=1).fit(X, NUMBERS, sample_weight=np.full(12, weight))
    assert np.isfinite(model.predict(X)).all()


def test_targets_as_large_as_they_may_be():
    y = 1e300 * np.sin(X[:, 0])
    model = RFMRegressor(max_iter=1).fit(X, y)
    assert_allclose(model.predict(X) / 1e300, RFMRegressor(max_iter=1).fit(X, y / 1e300).predict(X), atol=1e-9)


@pytest.mark.parametrize("size", [1e20, 1e200, 1.7e308])
def test_labels_of_any_size_are_refused_without_a_cast(size):
    with pytest.raises(ValueError, match="y: Unknown label type: continuous"):
        RFMClassifier().fit(X, size * np.sin(np.arange(12)))
    with pytest.raises(ValueError, match="y_val: Unknown label type: continuous"):
        RFMClassifier().fit(X, [1, 2] * 6, X_val=X, y_val=size * np.sin(np.arange(12)))


def test_both_infinities_are_told_of_by_name():
    both = np.array([np.inf, -np.inf] * 6)
    largest = np.array([1.7e308, -1.7e308] * 6)
    for y, match in ((both, "Input y contains infinity"), (largest, "y must not exceed 1.8e\\+306 in size")):
        with pytest.raises(ValueError, match=match):
            RFMRegressor().fit(X, y)
    with pytest.raises(ValueError, match="sample_weight contains infinity"):
        RFMRegressor().fit(X, NUMBERS, sample_weight=both)
    for Estimator in (RFMRegressor, ConvRFMClassifier):
        with pytest.raises(ValueError, match="X contains infinity"):
            Estimator().fit(np.tile(both[:, None], (1, 16)), [1, 2] * 6)


@pytest.mark.parametrize("factor", [1e160, 1e300])
def test_validation_targets_in_another_unit(factor):
    with pytest.raises(ValueError, match=r"y_val lies up to .* standard deviations of y from the mean of y"):
        RFMRegressor().fit(X, NUMBERS, X_val=X, y_val=factor * np.array(NUMBERS))
    assert RFMRegressor().fit(X, NUMBERS, X_val=X, y_val=1e100 * np.array(NUMBERS)).best_iter_ >= 0
