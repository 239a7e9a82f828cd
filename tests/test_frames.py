"""Tables as users have them: what may come in, and which columns are meant."""

import numpy as np
import pytest
from scipy import sparse
from table_data import encode, frames

from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._frames import check_table, find_columns, take_rows

# Columns by mask, index or name


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


def test_columns_come_in_the_order_asked_for():
    def find(asked):
        return find_columns(asked, ["a", "b", "c"], True, "features", "None").tolist()

    assert find([2, 0, 2]) == [2, 0, 2]
    assert find(["c", "a"]) == find(np.array(["c", "a"], dtype=object)) == [2, 0]
    assert find([True, False, True]) == [0, 2]
    assert find([]) == []


# Rows


def test_rows_in_any_order_and_repeated():
    for X in [*frames({"a": [5.0, 6.0, 7.0], "c": ["u", "v", "w"]}), np.array([[5.0], [6.0], [7.0]])]:

        def first(table):
            return [*(table[:, 0] if isinstance(table, np.ndarray) else table["a"])]

        for rows in ([2, 0, 1], [1, 1, 1], [0, 2], [2, 1, 0, 0]):
            assert first(take_rows(X, np.array(rows))) == [5.0 + row for row in rows]
        assert first(take_rows(X, slice(1, 3))) == [6.0, 7.0]
        assert take_rows(X, np.arange(3)) is X


def test_rows_by_place_and_not_by_label(pd):
    X = pd.DataFrame({"a": [5.0, 6.0, 7.0]}, index=[2.0, 0.0, 1.0])
    assert take_rows(X, np.array([0, 2]))["a"].tolist() == [5.0, 7.0]
    assert take_rows(X, slice(0, 1))["a"].tolist() == [5.0]


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
