"""The encoder of a table: messages about columns, types and memory."""

import datetime
import pickle
import sys

import numpy as np
import pytest
from encoded_tables import encode, frames

from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._numeric import SCALINGS

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
