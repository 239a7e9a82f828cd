"""Numeric columns: scaling, imputation and weights."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtri
from table_data import encode

from rfmlearn import RFMRegressor
from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._numeric import SCALINGS

SCALED = SCALINGS[1:]


def soft(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


# Scaling


def test_standard_is_mean_and_population_deviation(rng):
    X = rng.normal(3, 7, size=(50, 3))
    Z, _ = encode(X)
    np.testing.assert_allclose(Z, (X - X.mean(0)) / X.std(0), atol=1e-13)


def test_none_leaves_numbers_alone(rng):
    X = rng.normal(size=(20, 3)) * [1e-300, 1, 1e300]
    X[:, 1] = 4.0  # also a constant one, which is left out
    Z, encoder = encode(X, scaling=None)
    np.testing.assert_array_equal(Z, X[:, [0, 2]])
    assert encoder.coordinate_names_ == ["x0", "x2"]
    assert encoder.coordinate_columns_.tolist() == [0, 2]


def test_robust_is_median_and_quartiles_softly_clipped(rng):
    X = rng.standard_cauchy(size=(99, 2))  # 99 rows: all three quartiles are rows
    low, mid, high = np.quantile(X, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf")
    Z, _ = encode(X, scaling="robust")
    np.testing.assert_allclose(Z, soft((X - mid) / (high - low)), rtol=1e-12, atol=1e-13)
    assert np.abs(Z).max() < 3


def test_robust_falls_back_to_half_the_range():
    x = np.array([0.0] * 8 + [-1.0, 3.0])[:, None]
    Z, _ = encode(x, scaling="robust")
    np.testing.assert_allclose(Z, soft(x / 2))


def test_quantile_is_normal_scores_of_mid_ranks(rng):
    x = np.exp(rng.permutation(20.0 * np.arange(9) / 9))[:, None]
    Z, encoder = encode(x, scaling="quantile")
    np.testing.assert_allclose(Z[np.argsort(x[:, 0]), 0], soft(ndtri((np.arange(9) + 0.5) / 9)), atol=1e-12)
    between = np.sort(x, axis=0)[3:5].mean(axis=0, keepdims=True)
    expected = soft(ndtri((np.array([3, 4]) + 0.5) / 9).mean())
    np.testing.assert_allclose(encoder.transform(between).numeric, [[expected]])
    outside = encoder.transform(np.array([[-1e300], [1e300]])).numeric
    np.testing.assert_allclose(outside[:, 0], [Z.min(), Z.max()])


def test_quantile_ties_share_a_score():
    Z, _ = encode(np.array([[0.0], [0.0], [0.0], [1.0]]), scaling="quantile")
    np.testing.assert_allclose(Z[:, 0], soft(ndtri([3 / 8, 3 / 8, 3 / 8, 7 / 8])))


def test_quantile_keeps_a_bounded_number_of_knots(rng):
    x = rng.normal(size=(5000, 1))
    Z, encoder = encode(x, scaling="quantile")
    assert len(pickle.dumps(encoder)) < 30_000
    np.testing.assert_allclose(Z[np.argsort(x[:, 0]), 0], soft(ndtri((np.arange(5000) + 0.5) / 5000)), atol=0.06)


@pytest.mark.parametrize("scaling", SCALED)
def test_scaling_is_odd_and_equivariant(scaling, rng):
    X = rng.integers(-5, 6, size=(40, 3)).astype(float)
    Z, _ = encode(X, scaling=scaling)
    np.testing.assert_allclose(encode(-X, scaling=scaling)[0], -Z, atol=1e-12)
    np.testing.assert_allclose(encode(3 * X + 7, scaling=scaling)[0], Z, atol=1e-12)


@pytest.mark.parametrize("scaling", SCALED)
@pytest.mark.parametrize("power", [-1000, -60, 60, 1000])
def test_scaling_ignores_magnitude_exactly(scaling, power, rng):
    X = rng.normal(size=(30, 2))
    X[3, 0] = np.nan
    np.testing.assert_array_equal(encode(np.ldexp(X, power), scaling=scaling)[0], encode(X, scaling=scaling)[0])


@pytest.mark.parametrize("scaling", SCALED)
def test_far_from_zero_the_spread_counts(scaling):
    x = np.arange(16.0)[:, None]
    np.testing.assert_allclose(encode(x + 2.0**50, scaling=scaling)[0], encode(x, scaling=scaling)[0], atol=1e-14)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1e-300, 5e-324, np.finfo(float).max])
def test_constant_columns_have_no_coordinate(scaling, value):
    X = np.full((7, 2), value)
    X[2, 1] = np.nan
    Z, encoder = encode(X, scaling=scaling, categorical_features=None)
    np.testing.assert_array_equal(Z, np.isnan(X[:, [1]]))
    assert encoder.coordinate_names_ == ["x1_missing"]
    assert encoder.coordinate_columns_.tolist() == [1]
    points = encoder.transform(np.array([[3.0, -1e308], [np.nan, 3.0], [-1e308, np.nan]]))
    assert points.widths == (1,)
    np.testing.assert_array_equal(points.numeric, [[0], [0], [1]])


@pytest.mark.parametrize("scaling", SCALINGS)
def test_columns_all_missing_have_no_coordinate(scaling):
    X = np.column_stack([np.arange(5.0), np.full(5, np.nan)])
    Z, encoder = encode(X, scaling=scaling)
    assert encoder.coordinate_names_ == ["x0"]
    assert encoder.coordinate_columns_.tolist() == [0]
    np.testing.assert_array_equal(Z, encode(X[:, :1], scaling=scaling)[0])
    points = encoder.transform(np.array([[1.0, 9.0], [1.0, np.nan]]))
    assert points.widths == (1,)
    np.testing.assert_array_equal(points.numeric, Z[[1, 1]])


@pytest.mark.parametrize("scaling", SCALINGS)
def test_columns_constant_where_weights_are_positive_have_no_coordinate(scaling):
    X = np.array([["a", 1.0, 0.0], ["a", 1.0, 2.0], ["b", 5.0, 1.0], [None, np.nan, 1.0]], dtype=object)
    model = RFMRegressor(scaling=scaling, max_iter=0).fit(X, [0.0, 1.0, 7.0, 7.0], [1, 2, 0, 0])
    assert model.coordinate_names_ == ["x2"]
    assert model.coordinate_columns_.tolist() == [2]
    assert np.ptp(model.predict(X)[2:]) == 0


@pytest.mark.parametrize("scaling", SCALINGS)
def test_one_row(scaling):
    Z, encoder = encode([[1.0, np.nan]], scaling=scaling)
    assert Z.shape == (1, 0)
    assert encoder.coordinate_names_ == [] and encoder.coordinate_columns_.tolist() == []
    points = encoder.transform(np.array([[3.0, 9.0], [np.nan, np.nan]]))
    assert len(points) == 2 and points.widths == (0,)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_table_without_numeric_columns(scaling, pd):
    Z, encoder = encode(pd.DataFrame({"c": ["a", "b", "a"]}), scaling=scaling)
    np.testing.assert_array_equal(Z, [[1, 0], [0, 1], [1, 0]])
    assert encoder.dtype_ == np.float64


@pytest.mark.parametrize("scaling", SCALED)
def test_new_numbers_out_of_proportion_stay_finite(scaling):
    _, encoder = encode(np.arange(5.0)[:, None] * 1e-300, scaling=scaling)
    Z = encoder.transform(np.array([[1e300], [-1e300], [np.nan]])).numeric
    assert np.isfinite(Z).all()
    assert Z[0] > 1 and Z[1] < -1 and Z[2] == 0
    assert np.isfinite(np.square(Z.astype(np.float32))).all()


def test_none_keeps_float32_finite():
    _, encoder = encode(np.arange(3, dtype=np.float32)[:, None], scaling=None)
    Z = encoder.transform(np.array([[1e300]])).numeric
    assert Z.shape == (1, 1) and Z.dtype == np.float32 and np.isfinite(Z).all()


NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, 1e300, -1e300, 1e-300, 5e-324, np.nan, np.finfo(float).max, -np.finfo(float).max]),
)
TABLES = arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=NUMBERS)


@pytest.mark.parametrize("scaling", SCALINGS)
@settings(max_examples=80, deadline=None)
@given(X=TABLES, new=arrays(np.float64, (4, 3), elements=NUMBERS), weights=st.data())
def test_any_numbers_encode_to_finite_ones(scaling, X, new, weights):
    w = weights.draw(arrays(np.float64, len(X), elements=st.one_of(st.just(1.0), st.floats(1e-320, 1e308))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for sample_weight in (None, w):
            encoder = ColumnEncoder(scaling).fit(X, sample_weight)
            for table in (X, new[:, : X.shape[1]]):
                assert np.isfinite(encoder.transform(table).dense()).all()


# Missing numbers


@pytest.mark.parametrize("scaling", SCALINGS)
def test_missing_numbers_are_imputed_and_indicated(scaling):
    X = np.array([[1.0, 5], [np.nan, 6], [4, 7], [7, 8]])
    Z, encoder = encode(X, scaling=scaling)
    assert encoder.coordinate_names_ == ["x0", "x1", "x0_missing"]
    np.testing.assert_array_equal(encoder.coordinate_columns_, [0, 1, 0])
    np.testing.assert_array_equal(Z[:, 2], [0, 1, 0, 0])
    assert Z[1, 0] == pytest.approx(4.0 if scaling is None else 0.0)
    # the second column is missing only now
    new = encoder.transform(np.array([[4.0, np.nan]])).numeric
    np.testing.assert_allclose(new, [[Z[2, 0], 6.5 if scaling is None else 0.0, 0.0]])


def test_imputed_mean_is_weighted():
    Z, _ = encode(np.array([[1.0], [2.0], [np.nan]]), [1, 3, 1], scaling=None)
    np.testing.assert_allclose(Z[2], [1.75, 1.0])


def test_row_without_weight_does_not_count():
    X = np.array([["a", 1.0], ["b", 2.0], [None, np.nan], ["z", 1e300]], dtype=object)
    model = RFMRegressor(scaling="standard", max_iter=0).fit(X, [0.0, 1.0, 7.0, 7.0], [1, 1, 0, 0])
    assert model.coordinate_names_ == ["x1", "x0=a", "x0=b"]
    np.testing.assert_allclose(model.X_fit_.dense(), [[-1, 1, 0], [1, 0, 1]])


# Weights


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("n", [6, 40, 3000])
def test_weight_is_repetition(scaling, n, rng, pd):
    table = pd.DataFrame(
        {
            "normal": rng.normal(1e3, 1, size=n),
            "tied": rng.integers(0, 5, size=n) / 10,
            "heavy": rng.standard_cauchy(size=n) ** 3,
            "holes": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
            "color": rng.choice(["red", "green", None], size=n),
        }
    )
    w = rng.integers(0, 5, size=n)
    w[0] = 1
    weighted = ColumnEncoder(scaling).fit(table[w > 0], w[w > 0])
    repeated = ColumnEncoder(scaling).fit(table.iloc[np.repeat(np.arange(n), w)])
    assert weighted.coordinate_names_ == repeated.coordinate_names_
    expected = repeated.transform(table).dense()
    np.testing.assert_allclose(weighted.transform(table).dense(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_scale_of_weights_does_not_count(scaling, rng):
    X, w = rng.normal(size=(20, 2)), rng.integers(1, 4, size=20)
    expected, _ = encode(X, w, scaling=scaling)
    for factor in (1e-300, 3.0, 1e300):
        np.testing.assert_allclose(encode(X, w * factor, scaling=scaling)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_weight_of_next_to_nothing_counts(scaling):
    X = np.array([["a", 1.0, 1.0], ["b", 2.0, np.nan], ["c", np.nan, 5.0]], dtype=object)
    Z, encoder = encode(X, [1e300, 1e-300, 5e-324], scaling=scaling)
    assert encoder.levels_ == [["a", "b", "c"]]
    assert encoder.coordinate_names_[:4] == ["x1", "x2", "x1_missing", "x2_missing"]
    assert np.isfinite(Z).all()


# Memory


class NarrowEncoder(ColumnEncoder):
    entries = 30  # eight columns at a time


@pytest.mark.parametrize("scaling", SCALINGS)
def test_blocks_of_columns_do_not_show(scaling, rng):
    X = rng.normal(size=(30, 23))
    X[::7, ::5], X[:, 3], X[:, 11] = np.nan, 2.0, np.nan
    expected, whole = encode(X, scaling=scaling)
    Z, encoder = encode(X, Encoder=NarrowEncoder, scaling=scaling)
    np.testing.assert_array_equal(Z, expected)
    assert encoder.coordinate_names_ == whole.coordinate_names_
    np.testing.assert_array_equal(encoder.inverse_transform(Z), whole.inverse_transform(Z))


def peak_of(f, *arguments):
    """Bytes that a call allocates at most beyond those that were there before."""
    tracemalloc.start()
    f(*arguments)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_single_precision_is_never_copied_whole(scaling, rng):
    X = rng.normal(size=(20_000, 120)).astype(np.float32)
    encoder = ColumnEncoder(scaling)
    # The points are as large as X, and a copy in double precision would be twice as large.
    assert peak_of(encoder.fit, X) < X.nbytes
    assert peak_of(encoder.transform, X) < 2 * X.nbytes
    assert peak_of(encoder.fit_transform, X) < 2.5 * X.nbytes
    assert not np.shares_memory(encoder.transform(X).numeric, X)
