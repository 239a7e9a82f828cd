"""Categories of one column, told apart by its library: as Python tells its values apart, one by one."""

from decimal import Decimal

import numpy as np
import pytest

from rfmlearn.tables._column import Column, Factor, column_values
from rfmlearn.tables._encoder import ColumnEncoder

WORDS = ["b", "a", None, "é", "10", "9", "b", "a", None, "Z"] * 3
NUMBERS = [2.0, np.nan, -0.0, 0.0, 1e300, 2.0, -3.5, np.nan, 0.5, 0.0]
MIXED = [1, "a", True, 1.0, None, 2.5, np.nan, "b", Decimal("2.5"), Decimal("NaN"), (1, "x"), False, 0, -0.0]


def naive(values, order=None):
    """Levels and codes of Python values."""
    known = [value for value in values if value is not None and value == value]
    distinct = list(dict.fromkeys(known))
    try:
        levels = sorted(distinct) if order is None else [value for value in order if value in distinct]
    except TypeError:
        levels = sorted(distinct, key=lambda value: (type(value).__name__, str(value)))
    levels += [None] * (len(known) < len(values))
    return levels, [levels.index(value) if value in levels else len(levels) - 1 for value in values]


def arrays():
    yield "floats", np.array(NUMBERS), NUMBERS, None
    yield "single", np.array(NUMBERS[:4], dtype=np.float32), NUMBERS[:4], None
    yield "objects", np.array([*WORDS, None], dtype=object)[:-1], WORDS, None
    mixed = np.empty(len(MIXED), dtype=object)
    mixed[:] = MIXED
    yield "mixed", mixed, MIXED, None


def pandas_columns(pd):
    order = ["10", "unused", "b", "a", "Z", "é", "9"]
    yield "str", pd.Series(WORDS), WORDS, None
    yield "string", pd.Series(WORDS, dtype="string"), WORDS, None
    yield "object", pd.Series(WORDS, dtype=object), WORDS, None
    yield "category", pd.Series(pd.Categorical(WORDS, order)), WORDS, order
    yield "mixed", pd.Series(MIXED, dtype=object), MIXED, None
    yield "float64", pd.Series(NUMBERS), NUMBERS, None
    yield "float16", pd.Series([1.0, 0.5, np.nan, 1.0], dtype=np.float16), [1.0, 0.5, None, 1.0], None
    yield "int8", pd.Series([3, -1, 3], dtype=np.int8), [3, -1, 3], None
    yield "Int64", pd.Series([3, None, 1, 3], dtype="Int64"), [3, None, 1, 3], None
    inside = pd.arrays.FloatingArray(np.array([1.0, np.nan, 0.5]), np.array([False, False, True]))
    yield "Float64", pd.Series(inside), [1.0, None, None], None
    yield "bool", pd.Series([True, False, True]), [True, False, True], None
    yield "boolean", pd.Series([True, None, False], dtype="boolean"), [True, None, False], None
    yield "sparse", pd.Series(pd.arrays.SparseArray([0, 2, 0, 1])), [0, 2, 0, 1], None
    yield "sparse bool", pd.Series(pd.arrays.SparseArray([True, False, True])), [True, False, True], None
    yield "all missing", pd.Series([None, None], dtype="string"), [None, None], None
    yield "no level used", pd.Series(pd.Categorical([None, None], ["a"])), [None, None], ["a"]


def polars_columns(pl):
    order = ["10", "unused", "b", "a", "Z", "é", "9"]
    yield "String", pl.Series(WORDS), WORDS, None
    yield "Categorical", pl.Series(WORDS, dtype=pl.Categorical), WORDS, None
    yield "Enum", pl.Series(WORDS, dtype=pl.Enum(order)), WORDS, order
    yield "Float64", pl.Series(NUMBERS), NUMBERS, None
    yield "Int16", pl.Series([3, None, 1, 3], dtype=pl.Int16), [3, None, 1, 3], None
    yield "Boolean", pl.Series([True, None, False]), [True, None, False], None
    yield "all missing", pl.Series([None, None], dtype=pl.String), [None, None], None
    yield "Null", pl.Series([None, None]), [None, None], None
    yield "Object", pl.Series([1, 2.5, None, 1], dtype=pl.Object), [1, 2.5, None, 1], None


def assert_as_naive(columns):
    for name, data, values, order in columns:
        factor = Column(data, "x").factor
        levels, codes = naive(values, order)
        found = factor.levels()
        assert [*map(repr, found)] == [*map(repr, levels)], name
        assert factor.places(found).tolist() == codes, name
        # Seen through the levels of another column: unseen ones go where missing ones do.
        assert factor.places(["a", None]).tolist() == [0 if value == "a" else 1 for value in values], name
        assert factor.places(["a"]).tolist() == [0 if value == "a" else -1 for value in values], name


def test_arrays():
    assert_as_naive(arrays())


def test_columns_of_pandas(pd):
    assert_as_naive(pandas_columns(pd))


def test_columns_of_polars(pl):
    assert_as_naive(polars_columns(pl))


def test_levels_keep_the_order_of_a_type():
    assert Factor(["z", "b", "a"], np.array([2, 0, 2]), in_order=True).levels() == ["z", "a"]
    assert Factor(["z", "b", "a"], np.array([2, 0, -1])).levels() == ["a", "z", None]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("coding", ["one_hot", "target"])
def test_python_objects_are_made_of_objects_only_and_once(library, coding, monkeypatch):
    made = []

    def counting(data):
        made.append(str(data.dtype).lower())
        return column_values(data)

    frame = pytest.importorskip(library)
    texts, objects = ["u", "v", None, "u"], [1, True, None, 3]
    X = frame.DataFrame({"text": texts, "n": [1.0, 2.0, 3.0, 4.0], "flag": [True, False, True, True]})
    if library == "pandas":
        X = X.assign(object=frame.Series(objects, dtype=object), category=X["text"].astype("category"))
    else:
        X = X.with_columns(
            frame.Series("object", objects, dtype=frame.Object), category=X["text"].cast(frame.Enum("uv"))
        )
    encoder = ColumnEncoder(coding=coding)
    monkeypatch.setattr("rfmlearn.tables._column.column_values", counting)
    for call in (encoder.fit_transform, encoder.fit):
        call(X, targets=np.arange(4.0)[:, None])
        types = [str(dtype).lower() for dtype in X.dtypes]  # text are objects where pandas is old
        assert sorted(made) == sorted(name for name in types if name.startswith(("object", "boolean")))
        made.clear()
    encoder.transform(X)
    assert made.count("object") == types.count("object") > 0
