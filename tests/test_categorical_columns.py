"""Columns of categories, of any library and in arrays of objects."""

import datetime
from decimal import Decimal

import numpy as np
import pytest
from encoded_tables import encode, frames

from rfmlearn.kernels._points import Points
from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._frames import check_table
from rfmlearn.tables._numeric import SCALINGS

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
