"""Models that are copied, stored and mapped into memory, and what a fit leaves."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from contract_data import labelled_rows, target_for
from estimator_data import ESTIMATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier

from rfmlearn import RFMClassifier, RFMRegressor
from rfmlearn.tables._frames import check_table


@pytest.fixture
def data():
    return labelled_rows()


@pytest.fixture(params=ESTIMATORS)
def fitted(request, data):
    Estimator = request.param
    return Estimator(max_iter=2, random_state=0).fit(data[0], target_for(Estimator, data))


@pytest.fixture(params=["pandas", "polars"])
def to_frame(request):
    return pytest.importorskip(request.param).DataFrame


def outputs(model, X):
    methods = ["predict", "predict_proba", "decision_function"]
    return [getattr(model, method)(X) for method in methods if hasattr(model, method)]


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_predict_the_same(copier, fitted, data):
    copied = copier(fitted)
    for ours, theirs in zip(outputs(copied, data[0]), outputs(fitted, data[0]), strict=True):
        assert_array_equal(ours, theirs)
    assert_array_equal(copied.agop_, fitted.agop_)
    assert copied.history_ == fitted.history_


@pytest.mark.parametrize("feature_matrix", ["full", "diagonal", "block"])
@pytest.mark.parametrize("kernel", ["laplace", "product_laplace", "sum_power_laplace"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_memory_mapped_model_predicts_the_same(Estimator, kernel, feature_matrix, data, tmp_path):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(data[0], columns=list("abcd"))
    table["e"] = np.where(data[0][:, 3] > 0, "u", "v")
    model = Estimator(kernel, feature_matrix=feature_matrix, max_iter=1).fit(table, target_for(Estimator, data))
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert not mapped.dual_coef_.flags.writeable  # or nothing was mapped
    for ours, theirs in zip(outputs(mapped, table), outputs(model, table), strict=True):
        if theirs.dtype.kind == "f":
            assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
        else:
            assert_array_equal(ours, theirs)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_fits_on_memory_mapped_data(Estimator, data, tmp_path):
    y = target_for(Estimator, data)
    if Estimator is RFMClassifier:
        y = (y == "high").astype(int)
    weights = np.ones(60)
    joblib.dump((data[0], y, weights), tmp_path / "data.joblib")
    X, mapped_y, mapped_weights = joblib.load(tmp_path / "data.joblib", mmap_mode="r")
    assert not X.flags.writeable
    ours = Estimator(max_iter=1).fit(X, mapped_y, sample_weight=mapped_weights).predict(X)
    assert_allclose(ours, Estimator(max_iter=1).fit(data[0], y).predict(data[0]), rtol=1e-9)


@pytest.mark.parametrize("scaling", [None, "robust"])
@pytest.mark.parametrize("mode", ["r", "c"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_mapped_table_in_single_precision_is_read_where_it_is(Estimator, mode, scaling, data, tmp_path):
    """Mode "c" would let a write into the table pass."""
    X, y = data[0].astype(np.float32), target_for(Estimator, data)
    X[::7, 1] = np.nan
    np.save(tmp_path / "table.npy", X)
    mapped = np.load(tmp_path / "table.npy", mmap_mode=mode)
    assert np.shares_memory(check_table(mapped), mapped)
    model, expected = (Estimator(scaling=scaling, max_iter=1).fit(A, y, X_val=A, y_val=y) for A in (mapped, X))
    for ours, theirs in zip(outputs(model, mapped), outputs(expected, X), strict=True):
        assert_array_equal(ours, theirs)
    assert model.dual_coef_.dtype == np.float32
    assert_array_equal(mapped, X)


def test_pickle_holds_no_square_array():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    size = len(pickle.dumps(RFMRegressor(max_iter=1).fit(X, X[:, 0])))
    assert size < 300 * 300 * 8 / 4


def test_fitted_attributes_are_all_set_by_fit(fitted, to_frame, data):
    names = {name for name in dir(fitted) if name.endswith("_") and not name.startswith("_")}
    expected = {
        *("agop_", "feature_importances_", "feature_matrix_", "kernel_", "n_iter_", "history_", "dual_coef_"),
        "n_features_in_",
    }
    assert expected <= names
    table = to_frame({name: data[0][:, j] for j, name in enumerate("abcd")})
    assert list(clone(fitted).fit(table, data[2 if is_classifier(fitted) else 1]).feature_names_in_) == list("abcd")
