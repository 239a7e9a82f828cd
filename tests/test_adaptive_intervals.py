"""Intervals and quantiles whose width follows the errors: coverage, widths, and what comes in and out."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn import RFMRegressor, RFMRegressorCV
from rfmlearn.runtime import _memory
from rfmlearn.targets._bands import QuantileBand
from rfmlearn.targets._conformal import IntervalScores

METHODS = "constant", "studentized", "scaled"
FEW = [{"max_iter": 1}, {"kernel": "gaussian"}]


def search(**parameters):
    return RFMRegressorCV(FEW, cv=3, random_state=0, **parameters)


MODELS = {"single": RFMRegressor, "search": search, "large": lambda: RFMRegressor(solver="two_level", random_state=0)}
SIZES = {"single": 400, "search": 400, "large": 1500}
BOTH = pytest.mark.parametrize("make", [RFMRegressor, search])


def noisy(n, seed=0):
    """The noise has a deviation of 0.1 where the second column is negative, and of 1 elsewhere."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, np.sin(2 * X[:, 0]) + np.where(X[:, 1] > 0, 1.0, 0.1) * rng.normal(size=n), X[:, 1] > 0


@pytest.fixture(scope="module", params=MODELS)
def fitted(request):
    return request.param, MODELS[request.param]().fit(*noisy(SIZES[request.param])[:2])


@pytest.fixture(scope="module")
def small():
    X, y, _ = noisy(80)
    return {make: make().fit(X, y) for make in (RFMRegressor, search)}, noisy(20, 1)[0]


def test_wide_where_it_is_noisy_and_narrow_elsewhere(fitted):
    _, model = fitted
    X, y, is_noisy = noisy(2000, seed=1)
    widths = {}
    for method in METHODS:
        low, high = model.predict_interval(X, 0.9, method=method).T
        inside, widths[method] = (low <= y) & (y <= high), high - low
        assert 0.85 < inside.mean() < 0.96
        if method == "scaled":
            assert inside[is_noisy].mean() > 0.7 and inside[~is_noisy].mean() > 0.85
            ratio = np.median(widths[method][is_noisy]) / np.median(widths[method][~is_noisy])
            assert ratio > 2
    assert np.ptp(widths["constant"]) < 1e-9
    assert widths["scaled"].mean() < 0.9 * widths["constant"].mean()
    assert_array_equal(model.predict_interval(X, 0.9), model.predict_interval(X, 0.9, method="scaled"))


def test_studentized_is_wider_where_there_are_no_rows():
    X, y, _ = noisy(100)
    model = RFMRegressor(max_iter=0).fit(X, y)
    near, far = np.ptp(model.predict_interval([[0.5, 0.5], [40.0, 40.0]], 0.8, method="studentized"), axis=1)
    _, std = model.predict([[0.5, 0.5], [40.0, 40.0]], return_std=True)
    assert far > near
    assert_allclose(far / near, std[1] / std[0])


@pytest.mark.parametrize("form", ["diagonal", "full"])
def test_single_machines_cover_new_rows_though_features_saw_the_old_ones(form):
    shares = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(660, 12))
        y = X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=660)
        model = RFMRegressor(feature_matrix=form).fit(X[:60], y[:60])
        low, high = model.predict_interval(X[60:], 0.8, method="constant").T
        shares.append(np.mean((low <= y[60:]) & (y[60:] <= high)))
    assert 0.75 < np.mean(shares) < 0.9


@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
@settings(max_examples=50, deadline=None)
def test_bands_of_quantiles_never_become_narrower_as_errors_are_larger(seed, coverage):
    rng = np.random.default_rng(seed)
    levels, weight, predicted = np.array([0.01, 0.3, 0.7, 0.99]), np.ones(40), np.sort(rng.normal(size=(5, 4)))
    errors = rng.normal(size=(40, 1)) * rng.uniform(0.1, 3) - np.sort(rng.normal(size=(40, 4)))
    bands = [QuantileBand(levels, errors, weight, predicted, factor) for factor in (1.0, 1.2, 2.0)]
    widths = np.array([np.subtract(*band.interval(coverage)[::-1]) for band in bands])
    assert np.all(np.diff(widths, axis=0) >= -1e-12)


def test_bands_of_quantiles_are_interpolated_between_levels_and_end_with_the_outermost():
    rng = np.random.default_rng(0)
    predicted, errors = np.array([[0.0, 1.0, 5.0], [0.0, 0.1, 0.2]]), 3 * rng.normal(size=(99, 3))
    band = QuantileBand(np.array([0.1, 0.5, 0.9]), errors, np.ones(99), predicted)
    outermost = np.array([[0.0, 5.0], [0.0, 0.2]])
    for coverage, ends in ((0.4, np.array([[0.5, 3.0], [0.05, 0.15]])), (0.8, outermost), (0.95, outermost)):
        moved = np.transpose(band.interval(coverage)) - ends
        assert_allclose(moved, np.broadcast_to([-1.0, 1.0], (2, 2)) * moved[0, 1], atol=1e-12)


def test_intervals_between_quantiles_grow_with_the_coverage():
    X, y, _ = noisy(300)
    model = RFMRegressor(loss="quantile", quantile=[0.05, 0.25, 0.75, 0.95], max_iter=1).fit(X, y)
    low, high = model.predict_interval(X, np.linspace(0.3, 0.95, 14)).transpose(1, 0, 2)
    assert max(np.diff(low, axis=1).max(), -np.diff(high, axis=1).min()) < 0.1 * np.std(y)


@pytest.mark.parametrize("quantile", [[0.02, 0.98], [0.1, 0.9]])
def test_bands_of_quantiles_cover_where_columns_are_many(quantile):
    shares = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(300, 120)), rng.normal(size=300)
        y += X[:, 0]
        model = RFMRegressor(loss="quantile", quantile=quantile, max_iter=2).fit(X[:60], y[:60])
        low, high = model.predict_interval(X[60:], 0.8, method="quantile").T
        shares.append(np.mean((low <= y[60:]) & (y[60:] <= high)))
    assert 0.76 < np.mean(shares) < 0.92


@pytest.mark.parametrize("form", ["diagonal", "full"])
def test_matrices_of_more_coordinates_than_rows_are_warned_of(form):
    X = np.random.default_rng(0).normal(size=(30, 40))
    model = RFMRegressor(feature_matrix=form, max_iter=1).fit(X, X[:, 0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.predict_interval(X, method="studentized")
    assert [str(each.message)[:28] for each in caught] == ["a matrix over 40 coordinates"] * (form == "full")


@BOTH
@pytest.mark.parametrize("method", METHODS)
def test_quantiles_have_their_shape_and_do_not_cross(method, make, small):
    model, new = small[0][make], small[1]
    levels = np.array([0.5, 0.05, 0.9, 0.95, 0.1, 0.4999])
    found = model.predict_quantiles(new, levels, method=method)
    assert found.shape == (20, 6)
    assert (np.diff(found[:, np.argsort(levels)], axis=1) >= 0).all()
    for k, level in enumerate(levels):
        assert_array_equal(found[:, k], model.predict_quantiles(new, level, method=method))


@pytest.mark.parametrize("name", MODELS)
def test_quantiles_are_those_of_new_rows(name):
    """In the mean over sets of rows to fit: the share below a quantile of one fit has a deviation of 0.04."""
    X, y, _ = noisy(2000, seed=1)
    levels = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    models = [MODELS[name]().fit(*noisy(SIZES[name], seed)[:2]) for seed in range(2, 6)]
    below = np.mean([y[:, None] <= model.predict_quantiles(X, levels) for model in models], axis=(0, 1))
    assert_allclose(below, levels, atol=0.05)


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 3)), min_size=1, max_size=8),
    st.fractions(min_value="1/50", max_value="49/50", max_denominator=50),
)
@settings(max_examples=100)
def test_quantiles_of_errors_against_counting(pairs, level):
    errors = np.repeat(*zip(*pairs, strict=True))
    scores = IntervalScores(np.array([e for e, _ in pairs])[:, None], None, np.array([float(w) for _, w in pairs]))
    share = max(level, 1 - level) * (len(errors) + 1)
    if share > len(errors):
        with pytest.raises(ValueError, match=f"levels={float(level):g} needs at least"):
            scores.quantile(float(level))
        return
    if 2 * level >= 1:
        expected = min(e for e in errors if np.sum(errors <= e) >= share)
    else:
        expected = max(e for e in errors if np.sum(errors >= e) >= share)
    assert scores.quantile(float(level)) == [expected]


@BOTH
@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_outputs_coverages_and_single_rows(method, make):
    X, y, _ = noisy(60)
    model = make().fit(X, np.c_[1e100 * y, np.full(60, 3.0), y])
    found = model.predict_interval(X[:7], [0.5, 0.8], method=method)
    assert found.shape == (7, 3, 2, 2)
    assert_array_equal(found[..., 1], model.predict_interval(X[:7], 0.8, method=method))
    assert_allclose(found[:1], model.predict_interval(X[:1], [0.5, 0.8], method=method), rtol=1e-6)
    assert_allclose(found[:, 1], 3.0)
    assert_allclose(found[:, 0] / 1e100, found[:, 2], rtol=1e-6, atol=1e-8)
    assert (found[..., 0, :] <= found[..., 1, :]).all()
    assert model.predict_quantiles(X[:7], [0.3], method=method).shape == (7, 3, 1)


@BOTH
@pytest.mark.parametrize("method", METHODS)
def test_constant_targets_have_intervals_of_no_width(method, make):
    X, _, _ = noisy(60)
    assert_array_equal(make().fit(X, np.full(60, 2.0)).predict_interval(X[:5], method=method), np.full((5, 2), 2.0))


@pytest.mark.parametrize("method", METHODS)
def test_copies_weights_and_groups(method):
    X, y, _ = noisy(60)
    counts = np.arange(60) % 3 + 1
    rows, thrice, settings = np.repeat(np.arange(60), counts), np.tile(np.arange(60), 3), {"max_iter": 0}

    def interval(**given):
        return RFMRegressor(**settings).fit(**given).predict_interval(X[:9], method=method)

    once = interval(X=X, y=y)
    assert_allclose(interval(X=X[thrice], y=y[thrice]), once, rtol=1e-6)
    assert_allclose(interval(X=X, y=y, sample_weight=np.full(60, 0.7)), once, rtol=1e-6)
    weighted = interval(X=X, y=y, sample_weight=counts)
    assert_allclose(interval(X=X[rows], y=y[rows]), weighted, rtol=1e-5)
    rng = np.random.default_rng(0)
    X, y = X[thrice] + 1e-4 * rng.normal(size=(180, 2)), y[thrice] + 1e-4 * rng.normal(size=180)
    alone, grouped = (interval(X=X, y=y, groups=groups) for groups in (None, thrice))
    assert np.ptp(grouped, axis=1).mean() > 2 * np.ptp(alone, axis=1).mean()


@pytest.mark.filterwarnings("ignore:cv has copies of rows on both sides")
def test_searches_take_copies_zero_weights_and_splits_that_leave_rows_out():
    X, y, _ = noisy(90)
    X, y = np.r_[X, X[:20]], np.r_[y, y[:20]]
    weights = np.where(np.arange(110) % 11 == 3, 0, 1 + np.arange(110) % 2)
    splits = [(np.arange(40, 110), np.arange(20)), (np.arange(20), np.arange(40, 80))]
    for cv in (3, splits):
        model = RFMRegressorCV(FEW, cv=cv, random_state=0).fit(X, y, sample_weight=weights)
        for method in METHODS:
            low, high = model.predict_interval(X, method=method).T
            assert 0.7 < np.mean((low <= y) & (y <= high)) and np.isfinite(high).all()


def test_members_of_other_families_count_too():
    from sklearn.linear_model import LinearRegression

    X, y, _ = noisy(80)
    model = search(extra_members=[LinearRegression()]).fit(X, X[:, 0] + 0.1 * y)
    assert model.extra_members_
    for method in METHODS:
        low, high = model.predict_interval(X, method=method).T
        assert 0.75 < np.mean((low <= X[:, 0] + 0.1 * y) & (X[:, 0] + 0.1 * y <= high))


@BOTH
def test_frames_and_categories(make):
    X, y, _ = noisy(80)
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(np.where(X[:, 1] > 0, "noisy", "quiet"))})
    found = make().fit(frame, y).predict_interval(frame, 0.8)
    width = np.ptp(found, axis=1)
    assert np.median(width[X[:, 1] > 0]) > 1.5 * np.median(width[X[:, 1] <= 0])


@BOTH
def test_few_rows_have_constant_intervals(make):
    X, y, _ = noisy(40)
    model = make().fit(X, y)
    assert_array_equal(model.predict_interval(X), model.predict_interval(X, method="constant"))


@BOTH
def test_nothing_is_made_before_it_is_asked_for_and_pickles_leave_it_out(make, small):
    model, new = make().fit(*noisy(80)[:2]), small[1]
    before = len(pickle.dumps(model))
    expected = [model.predict_interval(new, method=method) for method in METHODS]
    assert len(pickle.dumps(model)) == before
    copy = pickle.loads(pickle.dumps(model))
    assert_allclose([copy.predict_interval(new, method=method) for method in METHODS], expected)


def test_memory_is_refused_before_it_is_taken(small, monkeypatch):
    model = RFMRegressor(max_iter=0).fit(*noisy(80)[:2])
    monkeypatch.setattr(_memory, "available_bytes", lambda: 2**10)
    with pytest.raises(MemoryError, match=r"predict_interval takes .* rows"):
        model.predict_interval(small[1])


@BOTH
@pytest.mark.parametrize("method", ["Scaled", "", None, 3, ["scaled"], "jackknife"])
def test_unknown_methods(method, make, small):
    model, new = small[0][make], small[1]
    for ask in (lambda: model.predict_interval(new, method=method), lambda: model.predict_quantiles(new, 0.5, method)):
        with pytest.raises(ValueError, match=r"method must be one of 'auto', 'scaled', .*'constant'"):
            ask()


@pytest.mark.parametrize("levels", [0, 1.0, [0.5, 1.5], [], [[0.5]], "0.5", [None], 0.001, [0.999]])
def test_bad_levels(levels, small):
    with pytest.raises(ValueError, match="levels"):
        small[0][search].predict_quantiles(small[1], levels)


@pytest.mark.parametrize("name", MODELS)
def test_compressed_models_say_what_they_lack(name):
    X, y, _ = noisy(600 if name == "large" else 100)
    model = MODELS[name]().fit(X, y)
    smaller = model.compress(100.0, X, y)
    for method in ("studentized", "scaled"):
        with pytest.raises(ValueError, match="compressed model"):
            smaller.predict_interval(X, method=method)
    if name == "single":
        with pytest.raises(ValueError, match="predict_interval needs the training rows"):
            smaller.predict_interval(X)
        return
    assert_array_equal(smaller.predict_interval(X), smaller.predict_interval(X, method="constant"))
    width = np.ptp(model.predict_interval(X[:1], method="constant"))
    assert_allclose(np.ptp(smaller.predict_interval(X[:1])), width)
