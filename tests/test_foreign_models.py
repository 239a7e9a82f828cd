"""Gradients of models of other libraries: XGBoost, LightGBM and CatBoost, alone, around and inside of others."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rfmlearn import AGOPFeatureMap
from rfmlearn import average_gradient_outer_product as agop
from rfmlearn.gradients import input_gradients

SETTINGS = {
    "xgboost": {"n_estimators": 40, "n_jobs": 1},
    "lightgbm": {"n_estimators": 60, "n_jobs": 1, "verbose": -1},
    "catboost": {"iterations": 100, "verbose": 0, "allow_writing_files": False, "thread_count": 1},
}
PREFIXES = {"xgboost": "XGB", "lightgbm": "LGBM", "catboost": "CatBoost"}
pytestmark = pytest.mark.filterwarnings("ignore:.*(constant|half a deviation).*:UserWarning")


@pytest.fixture(params=SETTINGS)
def library(request):
    pytest.importorskip(request.param)
    return request.param


def make(library, kind, **settings):
    module = pytest.importorskip(library)
    return getattr(module, PREFIXES[library] + kind)(**SETTINGS[library], **settings)


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(400, 3))
    return X, X[:, 0] + X[:, 1] ** 2


def assert_known(G):
    """Of ``x0 + x1^2`` over normal rows."""
    np.testing.assert_allclose(G.diagonal(), [1.0, 4.0, 0.0], rtol=0.5, atol=0.2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.filterwarnings("default")
def test_regressors_are_warned_of_and_get_steps_that_suit(library, dtype, table):
    X, y = table[0].astype(dtype), table[1]
    model = make(library, "Regressor").fit(X, y)
    with pytest.warns(UserWarning, match="constant.*half a deviation") as caught:
        assert_known(agop(model, X))
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="constant"):
        agop(model, X, step=1e-3)


def test_around_and_inside_of_others(library, table):
    X, y = table
    model = make(library, "Regressor")
    for estimator in (
        make_pipeline(StandardScaler(), model),
        GridSearchCV(model, {"max_depth": [3, 4]}, cv=2),
        TransformedTargetRegressor(model),
    ):
        assert_known(agop(estimator.fit(X, y), X))
    model = clone(model).fit(X, y)
    expected = agop(model, X)
    for function in (model.predict, lambda X: model.predict(X).tolist(), lambda X: model.predict(X)[:, None]):
        np.testing.assert_allclose(agop(function, X), expected, rtol=1e-5, atol=1e-6)


def test_frames(library, table):
    pd = pytest.importorskip("pandas")
    X, y = table
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = make(library, "Regressor").fit(frame, y)
    np.testing.assert_allclose(agop(model, frame, features=["b", "a"]), agop(model, frame)[[1, 0]][:, [1, 0]])
    numbers = np.random.default_rng(1).integers(0, 6, size=(400, 2))
    mixed = pd.DataFrame({"i": numbers[:, 0], "j": numbers[:, 1].astype("int8"), "f": X[:, 0].astype("f4")})
    model = make(library, "Regressor").fit(mixed, numbers @ [1.0, 2.0])
    before = mixed.copy()
    np.testing.assert_allclose(agop(model, mixed).diagonal(), [1.0, 4.0, 0.0], rtol=0.3, atol=0.1)
    pd.testing.assert_frame_equal(mixed, before)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifiers(library, n_classes, table):
    X, y = table
    labels = np.digitize(y, [0.5, 2.0][: n_classes - 1])
    model = make(library, "Classifier").fit(X, labels)
    gradient = input_gradients(model, X)
    assert gradient.shape == (n_classes, 400, 3)
    np.testing.assert_allclose(gradient.sum(axis=0), 0.0, atol=1e-4)
    diagonal = agop(model, X).diagonal()
    assert diagonal[2] < 0.1 * diagonal[:2].min()
    with pytest.raises(ValueError, match=r"gives labels, which have no gradient"):
        agop(model, X, output="prediction")


def test_in_the_feature_map(library, table):
    X, y = table
    fitted = AGOPFeatureMap(make(library, "Regressor")).fit(X, y)
    assert type(fitted.estimator_).__name__ == PREFIXES[library] + "Regressor"
    assert fitted.agop_[2, 2] < 0.1 * fitted.agop_.diagonal()[:2].min()
    labels = (y > 1).astype(int)
    fitted = AGOPFeatureMap(make(library, "Classifier"), random_state=0).fit(X, labels, np.ones(400))
    assert fitted.agop_[2, 2] < 0.1 * fitted.agop_.diagonal()[:2].min()
    with pytest.raises(ValueError, match=r"task='regression', but estimator=\w+Classifier is for classification"):
        AGOPFeatureMap(make(library, "Classifier"), task="regression").fit(X, labels)
    pipeline = make_pipeline(AGOPFeatureMap(make(library, "Regressor")), KNeighborsRegressor())
    assert cross_val_score(pipeline, X, y, cv=2).min() > 0.7


def test_boosters(table):
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    X, y = table
    booster = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(X, y))
    for function in (booster, booster.predict):
        assert_known(agop(function, X))
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(X, y), 40)
    for function in (booster.inplace_predict, lambda X: booster.predict(xgboost.DMatrix(X))):
        assert_known(agop(function, X))


def test_categories_of_catboost(table):
    pd = pytest.importorskip("pandas")
    X, _ = table
    codes = np.arange(400) % 3
    for column, names in ((codes, "ints"), (np.array(["r", "g", "b"])[codes], "strings")):
        frame = pd.DataFrame({"x": X[:, 0], "kind": column, "z": X[:, 2]})
        model = make("catboost", "Regressor", cat_features=["kind"]).fit(frame, X[:, 0] + codes)
        with pytest.raises(ValueError, match="Column 'kind' is categorical"):
            agop(model, frame)
        diagonal = agop(model, frame, features=["x", "z"]).diagonal()
        np.testing.assert_allclose(diagonal, [1.0, 0.0], rtol=0.3, atol=0.1, err_msg=names)
