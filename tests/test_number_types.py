"""Estimators on numbers of any type."""

import numpy as np
import pytest
from estimator_data import ESTIMATORS, KERNELS
from mixed_frames import FORMS, columns, pandas_frame, polars_frame, scores, target
from numpy.testing import assert_allclose

from rfmlearn import RFMRegressor


@pytest.fixture(params=[pandas_frame, polars_frame], ids=["pandas", "polars"])
def to_frame(request):
    return request.param


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_single_precision_stays(Estimator, kernel, form):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4)).astype(np.float32)
    y = X[:, 0] * 2 + np.sin(X[:, 1])
    y = y if Estimator is RFMRegressor else (y > 0).astype(int)
    single = Estimator(kernel, feature_matrix=form, max_iter=2).fit(X, y)
    double = Estimator(kernel, feature_matrix=form, max_iter=2).fit(X.astype(np.float64), y)
    assert single.dual_coef_.dtype == np.float32
    assert double.dual_coef_.dtype == np.float64
    assert scores(single, X).dtype == np.float32
    assert scores(double, X.astype(np.float64)).dtype == np.float64
    assert_allclose(scores(single, X), scores(double, X.astype(np.float64)), rtol=1e-2, atol=2e-3)
    assert_allclose(single.feature_importances_, double.feature_importances_, atol=1e-3)


def test_single_precision_of_a_frame(to_frame):
    table = {name: columns()[name] for name in ("age", "noise", "color")}
    y = target(RFMRegressor, table)
    frame, single = to_frame(table), to_frame(table)
    if to_frame is pandas_frame:
        single = single.astype({"age": np.float32, "noise": np.float32})
    else:
        pl = pytest.importorskip("polars")
        single = single.with_columns(pl.col("age", "noise").cast(pl.Float32))
    ours = RFMRegressor(max_iter=1).fit(single, y).predict(single)
    assert ours.dtype == np.float32
    assert_allclose(ours, RFMRegressor(max_iter=1).fit(frame, y).predict(frame), rtol=1e-2, atol=1e-3)


def test_double_precision_model_takes_single_precision_points():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    model = RFMRegressor(max_iter=1).fit(X, X[:, 0])
    assert_allclose(model.predict(X.astype(np.float32)), model.predict(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool, np.float16, object])
def test_numbers_of_any_type(dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 5, size=(40, 3))
    y = X[:, 0] + 0.5 * X[:, 1]
    expected = RFMRegressor(max_iter=1).fit(X.astype(float), y).predict(X.astype(float))
    given = X.astype(dtype)
    assert_allclose(RFMRegressor(max_iter=1).fit(given, y).predict(given), expected, rtol=2e-3, atol=0.02)


def test_nullable_numbers_of_pandas():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    values = rng.integers(0, 9, size=60).astype(float)
    values[::7] = np.nan
    y = np.nan_to_num(values) + rng.normal(size=60)
    plain = pd.DataFrame({"a": values, "b": y})
    nullable = plain.astype({"a": "Int64", "b": "Float64"})
    ours = RFMRegressor(max_iter=1).fit(nullable, y).predict(nullable)
    assert_allclose(ours, RFMRegressor(max_iter=1).fit(plain, y).predict(plain), rtol=1e-10)
