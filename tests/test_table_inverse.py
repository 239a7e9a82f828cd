"""Tables of coordinates: the encoding of columns, undone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._numeric import SCALINGS


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inverse_of_numbers(scaling, dtype, rng):
    X = (rng.normal(size=(40, 5)) * [1, 1e3, 1e-9, 1, 1] + [0, 5, 0, 2, 0]).astype(dtype)
    X[::7, 1], X[:, 3], X[:, 4] = np.nan, 4.0, np.nan
    X[::5, 0] = 0.0  # ties
    encoder = ColumnEncoder(scaling).fit(X)
    back = encoder.inverse_transform(encoder.transform(X).dense())
    assert back.dtype == dtype
    unit = np.array([1, 1e3, 1e-9, 1, 1])  # rounding is relative to the spread of a column
    assert_allclose(back / unit, X / unit, atol=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_inverse_of_frames(library, rng):
    pd, pl = (pytest.importorskip(name) for name in ("pandas", "polars"))
    numbers, colours = rng.normal(size=9), [*list("xyzx"), None, *list("yxyz")]
    numbers[2] = np.nan
    if library == "pandas":
        X = pd.DataFrame({"a": numbers, "b": pd.Categorical(colours, list("zyx")), "c": ["k"] * 9})
    else:
        X = pl.DataFrame({"a": numbers, "b": pl.Series(colours, dtype=pl.Enum(list("zyx"))), "c": ["k"] * 9})
    encoder = ColumnEncoder().fit(X)
    back = encoder.inverse_transform(encoder.transform(X).dense())
    assert type(back) is type(X) and list(back.columns) == ["a", "b", "c"]
    assert [str(t) for t in back.dtypes] == [str(t) for t in X.dtypes]
    assert back["b"][0] == "x" and back["c"].to_list() == X["c"].to_list()
    codes = [encoder.transform(table).codes.tolist() for table in (X, back)]
    assert codes[0] == codes[1]
    assert_allclose(back["a"].to_numpy(), numbers)


def test_inverse_of_objects_and_of_what_lies_outside(rng):
    X = np.array([[1.0, "red"], [2.0, "blue"], [4.0, None]], dtype=object)
    encoder = ColumnEncoder("robust").fit(X)
    back = encoder.inverse_transform(encoder.transform(X).dense())
    assert back.dtype == object and back[:, 1].tolist() == ["red", "blue", None]
    assert_allclose(back[:, 0].astype(float), [1.0, 2.0, 4.0])
    far = encoder.inverse_transform(np.array([[7.0, 0.2, 0.4, 0.1]]))
    assert np.isfinite(far[0, 0]) and far[0, 0] > 1e3 and far[0, 1] == "red"
