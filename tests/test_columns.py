"""Columns of the user's table: scaling, imputation, categories, weights and messages."""

import datetime
import pickle
import sys
import warnings
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.special import ndtri

from rfmlearn.kernels._points import Points
from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._frames import check_table
from rfmlearn.tables._numeric import SCALINGS

SCALED = SCALINGS[1:]


def soft(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


def frames(data):
    """The same table in each installed library."""
    tables = [pytest.importorskip("pandas").DataFrame(data)]
    try:
        import polars
    except ImportError:
        return tables
    return [*tables, polars.DataFrame(data, strict=False)]


def encode(X, sample_weight=None, **parameters):
    encoder = ColumnEncoder(**parameters)
    return encoder.fit_transform(check_table(X), sample_weight).dense(), encoder


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def pd():
    return pytest.importorskip("pandas")


@pytest.fixture
def pl():
    return pytest.importorskip("polars")


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
    Z, encoder = encode(X, [1, 2, 0, 0], scaling=scaling)
    assert encoder.levels_ == [[]]
    assert encoder.coordinate_names_ == ["x2"]
    assert encoder.coordinate_columns_.tolist() == [2]
    assert Z.shape == (4, 1) and Z[2, 0] == Z[3, 0]


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
    _, encoder = encode(X, [1, 1, 0, 0])
    assert encoder.levels_ == [["a", "b"]]
    assert encoder.coordinate_names_ == ["x1", "x0=a", "x0=b"]
    Z = encoder.transform(X)
    np.testing.assert_allclose(Z.numeric[:3, 0], [-1, 1, 0])
    np.testing.assert_array_equal(Z.dense()[:, 1:], [[1, 0], [0, 1], [0, 0], [0, 0]])


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
    weighted = ColumnEncoder(scaling).fit(table, w)
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


@pytest.mark.parametrize("w", [[1, -1, 1], [0, 0, 0], [1, np.nan, 1], [1, np.inf, 1]])
def test_wrong_weights(w):
    with pytest.raises(ValueError, match="finite and non-negative, and at least one weight positive"):
        ColumnEncoder().fit(np.ones((3, 1)), w)


def test_wrong_number_of_weights():
    with pytest.raises(ValueError, match=r"must have shape \(3,\), got \(2,\)"):
        ColumnEncoder().fit(np.ones((3, 1)), [1, 1])


# Categories


def test_frame_names_and_coordinates():
    data = {"age": [1.0, None, 3.0], "color": ["red", "blue", None], "ok": [True, False, True], "n": [1, 2, 3]}
    for X in frames(data):
        Z, encoder = encode(X)
        assert encoder.n_features_in == 4
        assert encoder.column_names == list(data)
        assert encoder.numeric_.tolist() == [0, 3] and encoder.categorical_.tolist() == [1, 2]
        names = ["age", "n", "age_missing", "color=blue", "color=red", "color_missing", "ok=False", "ok=True"]
        assert encoder.coordinate_names_ == names
        assert encoder.coordinate_columns_.tolist() == [0, 3, 0, 1, 1, 1, 2, 2]
        a = np.sqrt(1.5)
        expected = [
            [-1, -a, 0, 0, 1, 0, 0, 1],
            [0, 0, 1, 1, 0, 0, 1, 0],
            [1, a, 0, 0, 0, 1, 0, 1],
        ]
        np.testing.assert_allclose(Z, expected, atol=1e-15)


def test_points_and_their_codes():
    (X, *_) = frames({"c": ["b", "a", "b"], "x": [1, 2, 3]})
    points = ColumnEncoder().fit_transform(X)
    assert isinstance(points, Points)
    assert points.codes.dtype == np.int32 and points.codes.tolist() == [[1], [0], [1]]
    assert points.numeric.flags.c_contiguous
    assert points.widths == (1, 2)
    assert len(ColumnEncoder().fit(X).coordinate_names_) == points.n_coordinates


def test_unseen_categories():
    for train, new in zip(frames({"c": ["a", "b"]}), frames({"c": ["z", None]}), strict=True):
        np.testing.assert_array_equal(ColumnEncoder().fit(train).transform(new).dense(), np.zeros((2, 2)))
    for train, new in zip(frames({"c": ["a", None]}), frames({"c": ["z", None]}), strict=True):
        np.testing.assert_array_equal(ColumnEncoder().fit(train).transform(new).dense(), [[0, 1], [0, 1]])


def test_column_of_none_is_ignored_whatever_comes_later(pd):
    for train in frames({"c": [None, None], "x": [1.0, 2.0]}):
        encoder = ColumnEncoder().fit(train)
        assert encoder.coordinate_names_ == ["x"]
        assert encoder.coordinate_columns_.tolist() == [1]
        for value in ("a", 3.0, None):
            points = encoder.transform(pd.DataFrame({"c": [value], "x": [1.5]}))
            assert points.widths == (1, 0)
            np.testing.assert_allclose(points.dense(), [[0]])


def test_category_with_one_level_has_no_coordinate():
    for train in frames({"c": ["a", "a"], "m": ["a", None], "x": [1.0, 2.0]}):
        Z, encoder = encode(train)
        assert encoder.levels_ == [[], ["a", None]]
        assert encoder.coordinate_names_ == ["x", "m=a", "m_missing"]
        assert encoder.coordinate_columns_.tolist() == [2, 1, 1]
        np.testing.assert_allclose(Z, [[-1, 1, 0], [1, 0, 1]])
        for new in frames({"c": ["a", "z", None], "m": ["a", "a", "a"], "x": [1.0, 1.0, 1.0]}):
            points = encoder.transform(new)
            assert points.widths == (1, 0, 2)
            np.testing.assert_allclose(points.dense(), [[-1, 1, 0]] * 3)


def test_pandas_categories_drop_unused_and_keep_their_order(pd):
    column = pd.Categorical(["b", "a", "b", None], categories=["z", "b", "a"], ordered=True)
    _, encoder = encode(pd.DataFrame({"c": column, "n": pd.Categorical([10, 9, 9, 10])}))
    assert encoder.levels_ == [["b", "a", None], [9, 10]]


def test_polars_types(pl):
    X = pl.DataFrame(
        {
            "cat": pl.Series(["b", "a", None], dtype=pl.Categorical),
            "enum": pl.Series(["b", "a", "a"], dtype=pl.Enum(["b", "a", "c"])),
            "bool": [True, None, False],
            "dec": pl.Series([Decimal("1.5"), None, Decimal("2.5")], dtype=pl.Decimal(10, 2)),
            "int": pl.Series([1, None, 3], dtype=pl.Int8),
            "null": pl.Series([None, None, None], dtype=pl.Null),
            "obj": pl.Series([1, 2.5, None], dtype=pl.Object),
        }
    )
    Z, encoder = encode(X, scaling=None)
    assert encoder.categorical_.tolist() == [0, 1, 2, 5]
    assert encoder.levels_ == [["a", "b", None], ["b", "a"], [False, True, None], []]
    assert encoder.coordinate_columns_.tolist() == [3, 4, 6, 3, 4, 6, 0, 0, 0, 1, 1, 2, 2, 2]
    assert not any(name.startswith("null") for name in encoder.coordinate_names_)
    np.testing.assert_allclose(Z[:, :3], [[1.5, 1, 1], [2, 2, 2.5], [2.5, 3, 1.75]])


def test_fit_in_one_library_transform_in_another():
    data = {"x": [1.0, 2.0, None], "c": ["a", None, "b"], "k": [1, 2, 3], "b": [True, False, True]}
    tables = frames(data)
    tables.append(np.array(list(zip(*data.values(), strict=True)), dtype=object))
    encoder = ColumnEncoder(categorical_features=[1, 2, 3]).fit(tables[0])
    expected = encoder.transform(tables[0]).dense()
    assert expected.shape == (3, 1 + 1 + 3 + 3 + 2)
    for table in tables[1:]:
        np.testing.assert_array_equal(encoder.transform(check_table(table)).dense(), expected)


def test_pandas_nullable_types(pd):
    X = pd.DataFrame(
        {
            "i": pd.array([1, None, 3], dtype="Int64"),
            "f": pd.array([1.5, 2.5, None], dtype="Float64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "s": pd.array(["x", None, "y"], dtype="string"),
            "u": pd.array([1, 2, 3], dtype="UInt8"),
            "z": pd.arrays.SparseArray([0.0, 1.0, 0.0]),
        }
    )
    Z, encoder = encode(X, scaling=None)
    assert encoder.numeric_.tolist() == [0, 1, 4, 5]
    assert encoder.levels_ == [[False, True, None], ["x", "y", None]]
    np.testing.assert_allclose(Z[:, :4], [[1, 1.5, 1, 0], [2, 2.5, 2, 1], [3, 2, 3, 0]])
    assert encoder.coordinate_names_[4:6] == ["i_missing", "f_missing"]


def test_object_columns_of_a_frame(pd):
    columns = {
        "numbers": [1, 2.5, None],
        "decimals": [Decimal("1.5"), Decimal("NaN"), Decimal("2.5")],
        "digits": ["1", "2", "1"],
        "bools": [True, None, False],
        "mixed": [1, "a", None],
    }
    X = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in columns.items()})
    X.loc[0, "mixed"] = pd.NA
    Z, encoder = encode(X, scaling=None)
    assert encoder.numeric_.tolist() == [0, 1]
    np.testing.assert_allclose(Z[:, :2], [[1, 1.5], [2.5, 2], [1.75, 2.5]])
    assert encoder.levels_ == [["1", "2"], [False, True, None], ["a", None]]


def test_categories_of_mixed_types_do_not_depend_on_order():
    values = [1, "a", 2.5, None, (1, 2), "b", datetime.date(2020, 1, 1), -3]
    column = np.empty((len(values), 1), dtype=object)
    column[:, 0] = values
    _, encoder = encode(column, categorical_features=[0])
    _, backwards = encode(column[::-1], categorical_features=[0])
    assert encoder.levels_ == backwards.levels_
    assert len(encoder.levels_[0]) == 8
    assert encoder.levels_[0][-1] is None


def test_categories_that_are_numbers(rng):
    X = np.column_stack([rng.normal(size=6), [3, 1, 2, 1, np.nan, 3]])
    Z, encoder = encode(X, categorical_features=[1])
    assert encoder.levels_ == [[1.0, 2.0, 3.0, None]]
    np.testing.assert_array_equal(Z[:, 1:], np.eye(4)[[2, 0, 1, 0, 3, 2]])


@pytest.mark.parametrize(
    "spec",
    [[1], (1,), {1}, np.array([1]), [False, True, False], np.array([False, True, False]), ["b"], np.array(["b"])],
)
def test_ways_to_name_categories(spec, pd):
    X = pd.DataFrame({"a": [1, 2], "b": [5, 6], "c": [7, 8]})
    _, encoder = encode(X, categorical_features=spec)
    assert encoder.categorical_.tolist() == [1]
    assert encoder.coordinate_names_ == ["a", "c", "b=5", "b=6"]


@pytest.mark.parametrize("spec", [None, [], (), [False, False]])
def test_no_categories(spec):
    assert encode(np.ones((2, 2)), categorical_features=spec)[1].categorical_.size == 0
    assert encode(np.ones((2, 2)))[1].categorical_.size == 0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("auto", "must be 'from_dtype', None, .* got 'auto'"),
        (1, "must be 'from_dtype', None, .* got 1"),
        ([0.5], r"must be 'from_dtype', None, .* got \[0.5\]"),
        ([[0]], r"must be 'from_dtype', None, .* got \[\[0\]\]"),
        ([True], "as a mask must have length 2, got 1"),
        ([0, 2], r"categorical_features=\[2\] are not among the columns of X"),
        ([-1], r"categorical_features=\[-1\] are not among the columns of X"),
        (["b", "q"], r"categorical_features=\['q'\] are not among the columns of X, \['a', 'b'\]"),
    ],
)
def test_wrong_categories(spec, message, pd):
    with pytest.raises(ValueError, match=message):
        ColumnEncoder(categorical_features=spec).fit(pd.DataFrame({"a": [1, 2], "b": [5, 6]}))


def test_names_need_a_table_with_names(pd):
    for X in (np.ones((2, 2)), pd.DataFrame(np.ones((2, 2)))):
        with pytest.raises(ValueError, match=r"categorical_features=\['a'\] are names, but X has no column names"):
            ColumnEncoder(categorical_features=["a"]).fit(X)


def test_names_that_are_not_strings_are_not_used(pd):
    assert encode(pd.DataFrame(np.ones((2, 2))))[1].column_names == ["x0", "x1"]


def test_booleans_can_be_numbers():
    for X in frames({"b": [True, False, True]}):
        np.testing.assert_array_equal(encode(X, scaling=None, categorical_features=None)[0], [[1], [0], [1]])
    np.testing.assert_array_equal(encode(np.array([[True], [False]]), scaling=None)[0], [[1], [0]])


# Arrays of objects


@pytest.mark.parametrize("scaling", SCALINGS)
def test_objects_that_are_numbers_are_numbers(scaling, rng):
    X = rng.normal(size=(10, 3))
    X[2, 1] = np.nan
    expected, _ = encode(X, scaling=scaling)
    objects = X.astype(object)
    np.testing.assert_array_equal(encode(objects, scaling=scaling)[0], expected)
    objects[2, 1] = None
    np.testing.assert_array_equal(encode(objects, scaling=scaling)[0], expected)
    np.testing.assert_array_equal(encode(objects, scaling=scaling, categorical_features=None)[0], expected)
    np.testing.assert_array_equal(encode(X.astype(str), scaling=scaling)[0], expected)


def test_lists_of_numbers_and_strings():
    Z, encoder = encode([[1.0, "a"], [3.0, "b"], [None, "a"]])
    assert encoder.categorical_.tolist() == [1]
    np.testing.assert_allclose(Z, [[-1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0]])
    assert encode([[1.0, "a"], [3.0, "b"]], categorical_features=[0, 1])[1].levels_ == [[1.0, 3.0], ["a", "b"]]


@pytest.mark.parametrize("wrong", [{"foo": "bar"}, [1], {1}])
@pytest.mark.parametrize("others", [1.0, "a"])
@pytest.mark.parametrize("spec", ["from_dtype", [0]])
def test_objects_that_are_neither_string_nor_number(wrong, others, spec):
    X = np.full((4, 1), others, dtype=object)
    X[0, 0] = wrong
    with pytest.raises(TypeError, match=r"argument must be .* string.* number"):
        encode(X, categorical_features=spec)


def test_dictionary_among_numbers_is_a_type_error():
    X = np.ones((4, 2), dtype=object)
    X[0, 0] = {"foo": "bar"}
    for spec in ("from_dtype", None, [1]):
        with pytest.raises(TypeError, match=r"argument must be .* string.* number"):
            encode(X, categorical_features=spec)


def test_numbers_too_large_for_a_float(pd):
    X = np.array([[10**400], [1]], dtype=object)
    with pytest.raises(ValueError, match="'x0' is not numeric: int too large"):
        encode(X, categorical_features=None)


# Messages about columns


def test_strings_that_are_not_categories():
    for X in frames({"x": [1.0, 2.0], "color": ["a", "b"]}):
        with pytest.raises(ValueError, match=r"'color' .*is not numeric.* List it in categorical_features"):
            encode(X, categorical_features=None)
    with pytest.raises(ValueError, match="'x1' is not numeric: could not convert"):
        encode(np.array([[1, "a"]], dtype=object), categorical_features=None)


def test_category_dtype_that_is_not_declared(pd):
    X = pd.DataFrame({"c": pd.Categorical([1, 2]), "o": pd.Series(["1", "2"], dtype=object)})
    with pytest.raises(ValueError, match="'c' of dtype category is not numeric"):
        encode(X, categorical_features=None)
    with pytest.raises(ValueError, match="'o' is not numeric: it holds strings"):
        encode(X, categorical_features=[0])


def test_dates_are_refused_unless_categories():
    day = datetime.datetime(2020, 1, 1)
    for X in frames({"x": [1.0, 2.0], "when": [day, None]}):
        with pytest.raises(ValueError, match=r"'when' of dtype .* encode it as numbers first"):
            encode(X)
        assert encode(X, categorical_features=["when"])[1].levels_ == [[day, None]]
    with pytest.raises(ValueError, match=r"'x0' of dtype datetime64.* encode it as numbers first"):
        encode(np.array([["2020-01-01"]], dtype="datetime64[D]"))


def test_complex_columns_are_refused(pd):
    with pytest.raises(ValueError, match="'z' of dtype complex128 is not numeric"):
        encode(pd.DataFrame({"z": [1j, 2.0]}))


def test_infinity_is_refused_by_column():
    for X in frames({"x": [1.0, 2.0], "y": [1.0, -np.inf]}):
        with pytest.raises(ValueError, match=r"contains infinity .* in column 'y'"):
            encode(X)
    with pytest.raises(ValueError, match=r"contains infinity .* in column 'x1'"):
        encode(np.array([[1.0, np.inf]], dtype=object))
    encoder = ColumnEncoder().fit(np.ones((2, 1)))
    with pytest.raises(ValueError, match="contains infinity"):
        encoder.transform(np.array([[np.inf]]))


def test_wrong_scaling():
    with pytest.raises(ValueError, match=r"scaling must be one of .*'robust'.*, got 'minmax'"):
        ColumnEncoder("minmax").fit(np.ones((2, 1)))


# Checking a table


def test_check_table_returns_frames_as_they_are():
    for X in frames({"a": [1, 2]}):
        assert check_table(X) is X


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("u8", "f8"), ("?", "f8"), ("O", "O"), ("U3", "O")],
)
def test_check_table_dtypes(dtype, expected):
    assert check_table(np.ones((2, 2), dtype=dtype)).dtype == np.dtype(expected)


def test_check_table_takes_anything_like_an_array():
    class Like:
        def __array__(self, dtype=None, copy=None):
            return np.array([[1, 2], [3, 4]], dtype=dtype)

    np.testing.assert_array_equal(check_table(Like()), [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(check_table([[1, 2], [3, 4]]), [[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([1.0, 2.0], ValueError, "Expected 2D array, got 1D array instead"),
        (np.ones((2, 2, 2)), ValueError, "Found array with dim 3"),
        (np.ones((0, 2)), ValueError, "Found array with 0 sample"),
        (np.ones((2, 0)), ValueError, "Found array with 0 feature"),
        (sparse.csr_array(np.eye(2)), TypeError, "Sparse data was passed"),
        (np.ones((2, 2), dtype=complex), ValueError, "Complex data not supported"),
        ([[1.0, np.inf]], ValueError, "Input X contains infinity"),
    ],
)
def test_check_table_keeps_the_usual_messages(X, error, message):
    with pytest.raises(error, match=message):
        check_table(X)


def test_check_table_names_the_estimator():
    with pytest.raises(ValueError, match="required by Someone"):
        check_table(np.ones((0, 2)), estimator="Someone")


def test_check_table_refuses_frames_without_rows_or_columns():
    for X in frames({"a": [1.0]}):
        with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
            check_table(X[:0])
        # without columns polars may forget the number of rows
        with pytest.raises(ValueError, match=r"Found array with 0 (feature|sample)\(s\)"):
            check_table(X[[]])


def test_check_table_refuses_repeated_names(pd):
    with pytest.raises(ValueError, match=r"must be unique, but these are repeated: \['a'\]"):
        check_table(pd.DataFrame(np.ones((1, 3)), columns=["a", "b", "a"]))


# Types and memory


@pytest.mark.parametrize("scaling", SCALINGS)
def test_float32_stays(scaling, pd, rng):
    X = rng.normal(size=(20, 2))
    X[0, 0] = np.nan
    Z64, _ = encode(X.astype(np.float32).astype(np.float64), scaling=scaling)
    for table in (X.astype(np.float32), pd.DataFrame(X.astype(np.float32), columns=["a", "b"])):
        Z, encoder = encode(table, scaling=scaling)
        assert Z.dtype == np.float32
        np.testing.assert_array_equal(Z, Z64.astype(np.float32))
        assert encoder.transform(X).dtype == np.float32  # the type belongs to the training table


def test_float32_needs_all_numeric_columns(pd):
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": ["u", "v"]}).astype({"a": "float32", "b": "float16"})
    assert encode(X)[0].dtype == np.float32
    assert encode(X.astype({"b": "Float32"}))[0].dtype == np.float32
    assert encode(X.astype({"b": "float64"}))[0].dtype == np.float64
    assert encode(X.astype({"b": "int8"}))[0].dtype == np.float64
    assert encode(X[["c"]])[0].dtype == np.float64


@pytest.mark.parametrize("scaling", SCALINGS)
def test_layout_of_memory_does_not_count_and_input_stays(scaling, rng):
    X = rng.normal(size=(12, 4))
    X[1, 1] = np.nan
    expected, _ = encode(X, scaling=scaling)
    wide = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)
    for table in (X.copy(), np.asfortranarray(X), wide[::2, ::3], X[::-1].copy()[::-1]):
        before = table.copy()
        table.flags.writeable = False
        np.testing.assert_array_equal(encode(table, scaling=scaling)[0], expected)
        np.testing.assert_array_equal(table, before)


def test_frames_stay():
    for X in frames({"a": [1.0, None, 3.0], "c": ["u", None, "v"]}):
        before = X.clone() if hasattr(X, "clone") else X.copy()
        for scaling in SCALINGS:
            encode(X, scaling=scaling)
        assert X.equals(before)


def test_pickling():
    for X in frames({"a": [1.0, None, 3.0], "c": ["u", None, "v"]}):
        for scaling in SCALINGS:
            Z, encoder = encode(X, scaling=scaling)
            np.testing.assert_array_equal(pickle.loads(pickle.dumps(encoder)).transform(X).dense(), Z)


def test_table_libraries_are_not_needed(monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.delitem(sys.modules, "polars", raising=False)
    np.testing.assert_allclose(encode([[1.0], [3.0]])[0], [[-1], [1]])


def test_column_names_are_matched_by_position(pd):
    encoder = ColumnEncoder(scaling=None).fit(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"p": [5.0], "q": [6.0]})).numeric, [[5.0, 6.0]])
