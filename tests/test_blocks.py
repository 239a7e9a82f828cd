"""Tables of many rows, block by block: the same points and predictions, and hardly more memory than these take."""

import tracemalloc
import warnings

import numpy as np
import pytest
from mixed_frames import columns, object_array, pandas_frame, polars_frame
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn import RFMClassifier, RFMRegressor
from rfmlearn.solvers import Weights
from rfmlearn.tables._blocks import in_blocks, row_blocks
from rfmlearn.tables._copies import merge_copies
from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._frames import check_table, take_rows
from rfmlearn.tables._same_rows import first_of_each

N = 60


class InSevens(ColumnEncoder):
    rows_at_once = 7
    entries = 20


def with_dates(frame):
    frame["day"] = np.datetime64("2024-02-27", "s") + np.arange(len(frame)) * np.timedelta64(7, "h")
    frame["text of numbers"] = np.array([*map(str, range(len(frame)))], dtype=object)
    return frame.astype({"text of numbers": object})


def floats(dtype, order="C"):
    X = np.random.default_rng(1).normal(size=(N, 9)).round(1)
    X[::4, 2], X[5, 3], X[:, 4] = np.nan, np.nan, 3.0
    return np.array(X, dtype=dtype, order=order)


TABLES = {
    "pandas": lambda: pandas_frame(columns(N)),
    "dates and text": lambda: with_dates(pandas_frame(columns(N))),
    "polars": lambda: polars_frame(columns(N)),
    "objects": lambda: object_array(columns(N)),
    "float32": lambda: floats(np.float32),
    "float64": lambda: floats(np.float64),
    "by columns": lambda: floats(np.float32, "F"),
    "whole": lambda: np.arange(3 * N).reshape(N, 3) % 7,
}


def assert_same_points(actual, desired):
    assert_array_equal(actual.numeric, desired.numeric, strict=True)
    assert_array_equal(actual.codes, desired.codes, strict=True)


@pytest.mark.parametrize("scaling", [None, "standard", "robust", "quantile"])
@pytest.mark.parametrize("kind", TABLES)
def test_points_are_the_same_in_blocks(kind, scaling):
    X, rng = check_table(TABLES[kind]()), np.random.default_rng(0)
    for coding in ("one_hot", "ordinal", "target"):
        for weights in (None, rng.uniform(0.5, 2, N)):
            whole, parts = (Encoder(scaling, coding=coding) for Encoder in (ColumnEncoder, InSevens))
            given = weights, np.linspace(-1, 1, N)[:, None]
            assert_same_points(parts.fit_transform(X, *given), whole.fit_transform(X, *given))
            assert_same_points(parts.transform(X), points := whole.transform(X))
            for rows, block in zip(range(0, N, 13), row_blocks(X, 13), strict=True):
                assert_same_points(whole.transform(block, known=True), points[rows : rows + 13])


def test_all_equal_rows_and_columns_that_do_not_vary():
    X = np.full((N, 3), 2.5, dtype=np.float32)
    assert InSevens().fit_transform(X).numeric.shape == (N, 0)
    X[-1, 1] = np.nan  # in the last block only
    points = InSevens().fit_transform(X)
    assert_array_equal(points.numeric[:, 0], np.arange(N) == N - 1)


def test_a_number_that_is_missing_in_the_last_rows_only():
    X = floats(np.float64)[:, [0, 1]]
    encoder, later = InSevens().fit(X), X.copy()
    later[-1, 0] = np.nan
    points = encoder.transform(later).numeric
    assert points[-1, 0] == 0 and points.shape == (N, 2)
    assert_array_equal(points[:-1], encoder.transform(X).numeric[:-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parts_of_other_precision_come_in_that_of_fit(dtype):
    encoder = ColumnEncoder("robust").fit(floats(dtype))
    for other in (np.float16, np.float32, np.float64):
        points = encoder.transform(check_table(floats(other)))
        assert points.dtype == dtype
        assert_allclose(points.numeric, encoder.transform(floats(dtype)).numeric, atol=5e-3)


@pytest.mark.parametrize("make", [TABLES["pandas"], TABLES["float64"]])
def test_infinity_is_refused_by_name_wherever_it_is(make):
    X = check_table(make())
    encoder, later = InSevens().fit(X), X.copy()
    if isinstance(X, np.ndarray):
        later[-1, 1] = np.inf
    else:
        later.iloc[-1, 1] = np.inf
    with pytest.raises(ValueError, match=r"infinity .* in column '(x1|noise)'"):
        encoder.transform(later)


# Functions of blocks


@pytest.mark.parametrize("kind", TABLES)
def test_blocks_are_rows_in_their_order(kind):
    X = check_table(TABLES[kind]())
    blocks = [*row_blocks(X, 25)]
    assert [len(block) for block in blocks] == [25, 25, 10]
    assert next(row_blocks(X, N)) is X
    for start, block in zip((0, 25, 50), blocks, strict=True):
        rows = take_rows(X, np.arange(start, start + len(block)))
        assert_array_equal(np.asarray(block, dtype=object).astype(str), np.asarray(rows, dtype=object).astype(str))
        assert not isinstance(X, np.ndarray) or np.shares_memory(block, X)


def test_what_a_function_makes_of_blocks():
    X = np.arange(30.0).reshape(10, 3)
    for n_rows in (1, 3, 5, 10, 100):
        sizes = []

        def sums(block, sizes=sizes):
            sizes.append(len(block))
            return block.astype(np.float32)[:, :2]

        assert_array_equal(in_blocks(sums, X, n_rows), X[:, :2].astype(np.float32), strict=True)
        assert max(sizes) <= n_rows and sum(sizes) == 10
    assert_array_equal(in_blocks(lambda block: block[:, 0], X, 4), X[:, 0])


@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMClassifier])
def test_decisions_in_blocks(Estimator):
    X = pandas_frame(columns(N))
    y = (np.arange(N) % 3).astype(float if Estimator is RFMRegressor else str)
    model = Estimator(max_iter=1).fit(X, y)
    actual = model._in_blocks(model._decide, X, n_rows=11)
    assert_allclose(actual, model._in_blocks(model._decide, X), rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        model._in_blocks(model._decide, X.rename(columns={"age": "Age"}), n_rows=11)


def test_categories_are_looked_at_as_a_whole():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame({"a": np.arange(N) % 7 * 1.0, "c": np.array(["u", "v", "w"], dtype=object)[np.arange(N) % 3]})
    model = RFMRegressor(max_iter=0).fit(X, np.arange(N))

    def decide(values):
        return model._in_blocks(model._decide, X.assign(c=values), n_rows=20)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decide(np.where(np.arange(N) < 40, X["c"], "x" + X["c"]))  # unknown, all of them, in the last block
    with pytest.warns(UserWarning, match="none of which was seen in fit") as told:
        decide("x" + X["c"])
    assert len(told) == 1
    with pytest.raises(ValueError, match="no value is known"):
        decide(np.arange(N))


# Memory


def extra_memory(function):
    """What a function takes at its peak besides what it returns."""
    tracemalloc.start()
    try:
        _kept = function()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - after


def test_a_table_of_float32_is_not_copied(tmp_path):
    n, d = 100_000, 32
    X = np.memmap(tmp_path / "table", dtype=np.float32, mode="w+", shape=(n, d))
    X[:] = np.random.default_rng(0).normal(size=(n, d))
    weights = Weights.of(np.ones(n))
    assert np.shares_memory(check_table(X), X)
    encoder = ColumnEncoder("robust")
    assert extra_memory(lambda: encoder.fit_transform(X, weights.total)) < 0.9 * X.nbytes
    assert extra_memory(lambda: encoder.transform(X)) < 0.9 * X.nbytes
    assert extra_memory(lambda: merge_copies(X, np.zeros(n, dtype=int), weights)) < 0.9 * X.nbytes


def test_copies_of_many_rows_take_linear_memory():
    n = 100_000
    X = np.random.default_rng(0).integers(0, 60, size=(n, 3)).astype(np.float32)
    labels, weights = (X[:, 0] > 30).astype(int), Weights.of(np.ones(n))
    assert extra_memory(lambda: merge_copies(X, labels, weights)) < 100 * n


def test_the_first_of_each():
    codes = np.random.default_rng(0).integers(0, 20, 50)
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    assert_array_equal(first_of_each(codes), first[inverse])
