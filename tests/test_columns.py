"""Columns of the user's table: their kinds, categories and messages, and what an encoder keeps."""

import datetime
import pickle
import sys
from decimal import Decimal

import numpy as np
import pytest
from table_data import encode, frames

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


def test_complex_columns_are_refused(pd):
    with pytest.raises(ValueError, match="'z' of dtype complex128 is not numeric"):
        encode(pd.DataFrame({"z": [1j, 2.0]}))
    for number in (1j, np.complex128(1j), np.complex64(2.0)):
        objects = pd.DataFrame({"z": np.array([number, 1.0, 2.0], dtype=object)})
        for X in (objects, objects.to_numpy()):
            with pytest.raises(TypeError, match=r"Column '(z|x0)': complex numbers such as .* are not supported"):
                encode(X)
        for X in (pd.DataFrame({"z": [0.0, 1.0, 2.0]}), np.array([[0.0], [1.0], [2.0]])):
            encoder = ColumnEncoder().fit(check_table(X))
            with pytest.raises(ValueError, match="held numbers in fit, but holds complex numbers now"):
                encoder.transform(check_table(objects if hasattr(X, "columns") else objects.to_numpy()))


def test_infinity_is_refused_by_column():
    for X in frames({"x": [1.0, 2.0], "y": [1.0, -np.inf]}):
        with pytest.raises(ValueError, match=r"contains infinity .* in column 'y'"):
            encode(X)
    with pytest.raises(ValueError, match=r"contains infinity .* in column 'x1'"):
        encode(np.array([[1.0, np.inf]], dtype=object))
    encoder = ColumnEncoder().fit(np.eye(2)[:, :1])
    with pytest.raises(ValueError, match="contains infinity"):
        encoder.transform(np.array([[np.inf]]))
    assert ColumnEncoder().fit(np.ones((2, 1))).transform(np.array([[np.inf]])).n_coordinates == 0  # it does not count


def test_wrong_scaling():
    with pytest.raises(ValueError, match=r"scaling must be one of .*'robust'.*, got 'minmax'"):
        ColumnEncoder("minmax").fit(np.ones((2, 1)))


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
