"""Columns that an estimator, or any step of a pipeline, takes for categories have no gradient."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from rfmlearn import AGOPFeatureMap, RFMRegressor
from rfmlearn.gradients import input_gradients
from rfmlearn.gradients._categorical import categorical_columns
from rfmlearn.tables._encoder import column_shares

MACHINE = RFMRegressor(max_iter=0, categorical_features=[1])
NAMES = ["x0", "x1", "x2"]


def one_hot(columns):
    return ColumnTransformer([("code", OneHotEncoder(), columns)], remainder="passthrough")


def plain_scaling():
    return ColumnTransformer([("s", StandardScaler(), [0])], remainder="passthrough", verbose_feature_names_out=False)


CASES = {
    "machine": MACHINE,
    "boosting": HistGradientBoostingRegressor(max_iter=2, categorical_features=[1]),
    "after a step": make_pipeline(SimpleImputer(), MACHINE),
    "after two": make_pipeline(VarianceThreshold(), "passthrough", SimpleImputer(), MACHINE),
    "boosting after a step": make_pipeline(
        StandardScaler(), HistGradientBoostingRegressor(max_iter=2, categorical_features=[False, True, False])
    ),
    "columns in another order": make_pipeline(
        ColumnTransformer([("k", "passthrough", [1, 0, 2])], verbose_feature_names_out=False),
        RFMRegressor(max_iter=0, categorical_features=[0]),
    ),
    "scaled beside": make_pipeline(plain_scaling(), MACHINE),
    "encoder by place": make_pipeline(one_hot([1]), Ridge()),
    "encoder by mask": make_pipeline(one_hot([False, True, False]), Ridge()),
    "encoder by slice": make_pipeline(one_hot(slice(1, 2)), Ridge()),
    "encoder by function": make_pipeline(one_hot(lambda X: [1]), Ridge()),
    "map": make_pipeline(AGOPFeatureMap(RFMRegressor(max_iter=0), categorical_features=[1]), RFMRegressor(max_iter=0)),
    "search": GridSearchCV(make_pipeline(SimpleImputer(), MACHINE), {"simpleimputer__strategy": ["mean"]}, cv=2),
    "scaled target": TransformedTargetRegressor(make_pipeline(SimpleImputer(), MACHINE)),
    "pipeline in a pipeline": make_pipeline(SimpleImputer(), make_pipeline(VarianceThreshold(), MACHINE)),
}


@pytest.fixture
def table(rng):
    X = rng.normal(size=(60, 3))
    X[:, 1] = np.arange(60) % 3
    return X, X[:, 0] + X[:, 1]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:.*constant:UserWarning")
def test_columns_of_every_step(case, table):
    X, y = table
    model = CASES[case].fit(X, y)
    for estimator in (model, FrozenEstimator(model)):
        np.testing.assert_array_equal(categorical_columns(estimator, NAMES), [1])
    with pytest.raises(ValueError, match="Column 'x1' is categorical"):
        input_gradients(model, X)
    assert input_gradients(model, X, features=[0, 2]).shape == (1, 60, 2)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (make_pipeline(OrdinalEncoder(), Ridge()), [0, 1, 2]),
        (make_pipeline(PCA(), MACHINE), []),  # its second coordinate is no column
        (make_pipeline(FunctionTransformer(), MACHINE), []),  # nobody knows what comes out
        (make_pipeline(StandardScaler(), Ridge()), []),
        (HistGradientBoostingRegressor(max_iter=2), []),
        (Ridge(), []),
    ],
)
@pytest.mark.filterwarnings("ignore:Column 'x")  # which is no category but for this test
def test_all_or_none(model, expected, table):
    np.testing.assert_array_equal(categorical_columns(model.fit(*table), NAMES), expected)


def test_names_of_a_frame(table):
    pd = pytest.importorskip("pandas")
    X, y = pd.DataFrame(table[0], columns=["a", "kind", "c"]), table[1]
    for model in (
        make_pipeline(SimpleImputer().set_output(transform="pandas"), RFMRegressor(categorical_features=["kind"])),
        make_pipeline(one_hot(["kind"]), Ridge()),
        make_pipeline(one_hot(slice("kind", "kind")), Ridge()),
    ):
        model.fit(X, y)
        with pytest.raises(ValueError, match="Column 'kind' is categorical"):
            input_gradients(model, X)
        # As an array it has no names to follow.
        assert set(categorical_columns(model, NAMES)) <= {1}


def test_functions_and_models_without_attributes():
    assert not len(categorical_columns(lambda X: X[:, 0], NAMES))
    assert not len(categorical_columns(object(), NAMES))


def test_shares_of_columns_are_not_negative():
    shares = column_shares(np.array([3.0, -3e-49, 1.0, -1e-20]), np.array([0, 1, 2, 2]), 3)
    np.testing.assert_array_equal(shares, [0.75, 0.0, 0.25])
