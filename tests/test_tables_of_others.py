"""Tables of other libraries, and arrays of any kind: read with their names and types, or refused with the way out."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import KFold

from rfmlearn import (
    AGOPFeatureMap,
    DeepRFMRegressor,
    RFMClassifier,
    RFMRegressor,
    RFMRegressorCV,
    average_gradient_outer_product,
)
from rfmlearn.tables import _libraries
from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._frames import check_table

N = 50
RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 4, N)
X_NUMBERS = RNG.normal(size=(N, 2))
TARGET = X_NUMBERS[:, 0] + np.array([0.0, 3.0, -3.0, 6.0])[CODES]


@pytest.fixture
def frame(pd):
    columns = {
        "x": X_NUMBERS[:, 0],
        "shop": np.array(list("abcd"))[CODES],
        "z": X_NUMBERS[:, 1],
        "grade": pd.Categorical(CODES),
        "day": pd.date_range("2020", periods=N),
        "open": CODES > 1,
    }
    return pd.DataFrame(columns)


class Stream:
    """Speaks the PyCapsule interface of Arrow, and nothing else."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class Interchange:
    """Speaks the dataframe interchange protocol, and nothing else."""

    def __init__(self, table):
        self.table = table

    def __dataframe__(self, *args, **kwargs):
        return self.table.__dataframe__(*args, **kwargs)


class Gpu:
    """A frame with a way to pandas, as cuDF has one."""

    def __init__(self, table):
        self.table, self.columns = table, table.columns

    def to_pandas(self):
        return self.table


def arrow(frame):
    return pytest.importorskip("pyarrow").Table.from_pandas(frame)


FOREIGN = {
    "Arrow": arrow,
    "batch": lambda frame: arrow(frame).to_batches()[0],
    "stream": lambda frame: Stream(arrow(frame)),
    "interchange": Interchange,
    "to_pandas": Gpu,
    "narwhals": lambda frame: pytest.importorskip("narwhals").from_native(frame),
    "narwhals of Arrow": lambda frame: pytest.importorskip("narwhals").from_native(arrow(frame)),
}


@pytest.mark.filterwarnings("ignore:Interchange:DeprecationWarning")
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_tables_are_read_as_frames(kind, frame):
    X = FOREIGN[kind](frame)
    reference = RFMRegressor(max_iter=1).fit(frame, TARGET)
    model = RFMRegressor(max_iter=1).fit(X, TARGET)
    assert model.feature_names_in_.tolist() == list(frame)
    assert model.coordinate_names_ == reference.coordinate_names_
    assert_allclose(model.predict(X), reference.predict(frame), rtol=1e-12)
    with pytest.raises(ValueError, match="must be in the same order"):
        reference.predict(FOREIGN[kind](frame[frame.columns[::-1]]))


@pytest.mark.parametrize(
    "model",
    [
        RFMClassifier(max_iter=0),
        RFMRegressorCV([{"max_iter": 0}], cv=2),
        DeepRFMRegressor(n_layers=1),
        AGOPFeatureMap(RFMRegressor(max_iter=0)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_all_estimators_know_the_names_of_arrow_tables(model, frame):
    X = arrow(frame)
    model.fit(X, CODES if isinstance(model, RFMClassifier) else TARGET)
    answer = getattr(model, "predict", None) or model.transform
    assert_array_equal(answer(X), answer(frame))
    with pytest.raises(ValueError, match="must be in the same order"):
        answer(X.select(list(frame)[::-1]))


@pytest.mark.filterwarnings("ignore:Interchange:DeprecationWarning")
@pytest.mark.parametrize("kind", FOREIGN)
def test_searches_split_and_score_foreign_tables(kind, frame):
    def worst(estimator, X, y):
        assert list(X) == list(frame)
        return -np.max(np.abs(estimator.predict(X) - y))

    search = RFMRegressorCV([{"max_iter": 0}], cv=KFold(2), scoring=worst)
    best = search.fit(frame, TARGET).best_score_
    targets = frame.assign(y=TARGET)[["y"]]
    assert_allclose(search.fit(FOREIGN[kind](frame), TARGET).best_score_, best)
    if kind == "narwhals":
        assert_allclose(search.fit(frame, FOREIGN[kind](targets)["y"]).best_score_, best)


def test_gradients_of_arrow_tables(frame):
    model = RFMRegressor(max_iter=1).fit(frame, TARGET)
    for method in ("closed_form", "differences"):
        given = {"features": ["z", "x"], "method": method}
        ours = average_gradient_outer_product(model, arrow(frame), **given)
        assert_array_equal(ours, average_gradient_outer_product(model, frame, **given))


def test_without_pandas_polars_reads_arrow(frame, pl, monkeypatch):
    X = Stream(arrow(frame.drop(columns="grade")))
    missing, library = ["pandas"], _libraries._library
    monkeypatch.setattr(_libraries, "_library", lambda name: None if name in missing else library(name))
    assert isinstance(check_table(X), pl.DataFrame)
    missing.append("polars")
    with pytest.raises(ImportError, match=r"needed to read a test_tables_of_others\.Stream: install one"):
        check_table(X)


def test_whole_numbers_with_gaps_of_arrow_stay_apart():
    pa = pytest.importorskip("pyarrow")
    ids = [None, 2**60, 2**60 + 1] * 5
    encoder = ColumnEncoder(categorical_features=["id"]).fit(check_table(pa.table({"id": ids})))
    assert encoder.levels_ == [[2**60, 2**60 + 1, None]]


def queries():
    pl = pytest.importorskip("polars")
    yield pl.LazyFrame({"a": [1.0, 2.0]}), "collect"
    narwhals = pytest.importorskip("narwhals")
    yield narwhals.from_native(pl.LazyFrame({"a": [1.0, 2.0]})), "collect"


def test_queries_name_the_way_out(frame):
    model = RFMRegressor(max_iter=0).fit(frame, TARGET)
    for query, way_out in queries():
        for call in (lambda query=query: model.fit(query, [1.0, 2.0]), lambda query=query: model.predict(query)):
            with pytest.raises(TypeError, match=rf"a LazyFrame of \w+, which is a query .* call \.{way_out}\(\) first"):
                call()


def test_queries_of_libraries_that_are_not_here():
    for module, name, way_out in (
        ("pyspark.sql.dataframe", "DataFrame", "toPandas"),
        ("dask.dataframe.dask_expr._collection", "DataFrame", "compute"),
        ("ibis.expr.types.relations", "Table", "to_pandas"),
        ("_duckdb", "DuckDBPyRelation", "df"),
    ):
        kind = type("Mine", (type(name, (), {"__module__": module}),), {"__module__": "somebody"})
        with pytest.raises(TypeError, match=rf"got a Mine of .* call \.{way_out}\(\) first"):
            check_table(kind())


def test_columns_alone_get_the_usual_message(frame, pl):
    columns = [frame["x"], pl.Series([1.0, 2.0]), X_NUMBERS[:, 0], [1.0, 2.0]]
    if "pyarrow" in sys.modules:
        columns += [arrow(frame)["x"], sys.modules["pyarrow"].array([1.0])]
    for column in columns:
        with pytest.raises(ValueError, match=r"Expected (2D array, got 1D array|a 2-dimensional container)"):
            check_table(column)


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        ([{"a": 1.0}, {"a": 2.0}], "a list of dicts"),
        ({"a": [1.0, 2.0]}, "a dict"),
        (np.zeros(3, dtype=[("a", float), ("b", float)]), "a structured array"),
    ],
)
def test_records_are_refused(X, kind):
    with pytest.raises(TypeError, match=rf"got {kind}: pandas\.DataFrame\(X\) makes one"):
        check_table(X)


def test_sparse_matrices_are_refused():
    for matrix in (sparse.csr_matrix(np.eye(3)), sparse.csr_array(np.eye(3)), sparse.dok_array(np.eye(3))):
        with pytest.raises(TypeError, match="Sparse data was passed"):
            check_table(matrix)


# Arrays


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u1", "u4", "u8"])
def test_byte_order_and_width_do_not_matter(dtype, pd):
    A = np.abs(10 * X_NUMBERS).astype(dtype)
    expected = ColumnEncoder("robust").fit_transform(check_table(A)).dense()
    swapped = A.astype(np.dtype(dtype).newbyteorder("S"))
    for X in (swapped, pd.DataFrame(swapped), pd.DataFrame(A), np.asfortranarray(swapped), swapped[::-1][::-1]):
        found = ColumnEncoder("robust").fit_transform(check_table(X)).dense()
        assert found.dtype == expected.dtype == (np.float32 if dtype in ("f2", "f4") else np.float64)
        assert_array_equal(found, expected)
    first = ColumnEncoder(categorical_features=[0]).fit(check_table(A))
    assert_array_equal(first.transform(check_table(swapped)).codes, first.transform(check_table(A)).codes)


def test_longdoubles_beyond_a_double_are_named(pd):
    A = X_NUMBERS.astype(np.longdouble)
    A[0, 1] = np.longdouble("1e400")
    for X, name in ((A, "x1"), (pd.DataFrame(A, columns=["a", "b"]), "b")):
        with pytest.raises(ValueError, match=rf"infinity or a value too large for .* in column '{name}'"):
            RFMRegressor(max_iter=0).fit(X, TARGET)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, ">i8", object])
def test_ids_beyond_a_double_stay_apart(dtype, pd):
    ids = (2**60 + CODES).astype(dtype)
    X = np.column_stack([ids, np.arange(N, dtype=dtype)])
    model = RFMRegressor(max_iter=0, categorical_features=[0]).fit(X, TARGET - X_NUMBERS[:, 0])
    assert len(model.coordinate_names_) == 5
    assert model.score(X, TARGET - X_NUMBERS[:, 0]) > 0.99
    expected = model.predict(X)
    for same in (X.tolist(), X.astype(object)):
        assert_array_equal(model.predict(same), expected)
    assert average_gradient_outer_product(model, X, features=[1], method="differences").shape == (1, 1)


def test_ids_in_a_list_beside_fractions_stay_apart():
    rows = [[2**53 + k % 4, k / 2] for k in range(N)]
    encoder = ColumnEncoder(categorical_features=[0]).fit(check_table(rows))
    assert encoder.levels_ == [[2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3]]


def test_what_is_masked_is_missing():
    mask = RNG.random((N, 2)) < 0.2
    for A in (X_NUMBERS, X_NUMBERS.astype(np.float32), (9 * X_NUMBERS).astype(int), X_NUMBERS.astype(object)):
        gaps = np.where(mask, np.nan, A.astype(np.float32 if A.dtype == np.float32 else float))
        found = ColumnEncoder().fit_transform(check_table(np.ma.array(A, mask=mask))).dense()
        assert_allclose(found, ColumnEncoder().fit_transform(gaps).dense(), rtol=1e-12)
    big = np.ma.array([[2**60], [2**60 + 1], [0]], mask=[[0], [0], [1]])
    assert ColumnEncoder(categorical_features=[0]).fit(check_table(big)).levels_ == [[2**60, 2**60 + 1, None]]
