"""What may come in as a table."""

import numpy as np
import pytest
from encoded_tables import frames
from scipy import sparse

from rfmlearn.tables._frames import check_table


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
