"""Within scikit-learn: model selection, wrappers, routing and containers."""

import numpy as np
import pytest
from contract_data import labelled_rows, target_for
from estimator_data import ESTIMATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_val_predict, cross_validate
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from rfmlearn import RFMClassifier, RFMRegressor
from rfmlearn.kernels import LaplaceKernel


@pytest.fixture
def data():
    return labelled_rows()


# Model selection


def test_grid_search_over_a_pipeline_of_columns(data):
    pd = pytest.importorskip("pandas")
    X, y, _ = data
    table = pd.DataFrame(X, columns=list("abcd"))
    table["color"] = np.where(X[:, 2] > 0, "red", "blue")
    prepare = ColumnTransformer([("numbers", StandardScaler(), list("abcd")), ("color", OneHotEncoder(), ["color"])])
    pipe = Pipeline([("prepare", prepare), ("rfm", RFMRegressor(max_iter=1))])
    grid = {"rfm__alpha": [1e-2, 1e3], "rfm__kernel": ["laplace", LaplaceKernel(2.0)]}
    search = GridSearchCV(pipe, grid, cv=3, error_score="raise").fit(table, y)
    assert search.best_params_["rfm__alpha"] == 1e-2  # 1e3 predicts the mean
    assert search.best_score_ > 0.5
    assert search.predict(table).shape == (60,)


def test_randomized_search_of_a_classifier_on_strings(data):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"a": data[0][:, 0], "b": data[0][:, 1], "c": np.where(data[0][:, 2] > 0, "u", "v")})
    space = {"alpha": np.logspace(-3, 0, 10), "feature_matrix": ["full", "diagonal", "block"]}
    search = RandomizedSearchCV(
        RFMClassifier(max_iter=1), space, n_iter=4, cv=3, scoring="neg_log_loss", random_state=0, error_score="raise"
    ).fit(table, data[2])
    assert search.best_score_ > -np.log(2)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_cross_val_predict_equals_fitting_by_hand(method, data):
    X, _, labels = data
    cv = KFold(3, shuffle=True, random_state=0)
    model = RFMClassifier(max_iter=1, random_state=0)
    crossed = cross_val_predict(model, X, labels, cv=cv, method=method)
    for train, test in cv.split(X):
        by_hand = getattr(clone(model).fit(X[train], labels[train]), method)(X[test])
        if method == "predict":
            assert_array_equal(crossed[test], by_hand)
        else:
            assert_allclose(crossed[test], by_hand, rtol=1e-9, atol=1e-12)


def test_cross_validate_with_several_scorers(data):
    X, _, labels = data
    scores = cross_validate(
        RFMClassifier(max_iter=1), X, labels, cv=3, scoring=["accuracy", "roc_auc", "neg_log_loss"], error_score="raise"
    )
    assert scores["test_roc_auc"].mean() > 0.8
    assert scores["test_accuracy"].mean() > 0.7


# Wrappers


def test_calibrated_classifier(data):
    X, _, labels = data
    model = CalibratedClassifierCV(RFMClassifier(max_iter=1), cv=3).fit(X, labels)
    assert model.score(X, labels) > 0.8


def test_voting_classifier(data):
    X, _, labels = data
    members = [("rfm", RFMClassifier(max_iter=1)), ("linear", LogisticRegression())]
    assert VotingClassifier(members, voting="soft").fit(X, labels).score(X, labels) > 0.8


def test_bagging_and_stacking_regressors(data):
    X, y, _ = data
    assert BaggingRegressor(RFMRegressor(max_iter=1), 3, random_state=0).fit(X, y).score(X, y) > 0.7
    assert StackingRegressor([("rfm", RFMRegressor(max_iter=1))], Ridge(), cv=3).fit(X, y).score(X, y) > 0.7


def test_transformed_target(data):
    X, y, _ = data
    model = TransformedTargetRegressor(RFMRegressor(max_iter=1), func=np.sinh, inverse_func=np.arcsinh)
    assert model.fit(X, y).score(X, y) > 0.5


def test_multioutput_regressor_without_feature_learning_equals_the_native_one(data):
    X, y, _ = data
    Y = np.column_stack([y, X[:, 2] ** 2])
    wrapped = MultiOutputRegressor(RFMRegressor(alpha=0.1, max_iter=0)).fit(X, Y)
    assert_allclose(wrapped.predict(X), RFMRegressor(alpha=0.1, max_iter=0).fit(X, Y).predict(X), rtol=1e-9, atol=1e-10)


def test_multioutput_classifier(data):
    X, _, labels = data
    model = MultiOutputClassifier(RFMClassifier(max_iter=1)).fit(
        X, np.column_stack([labels, (X[:, 3] > 0).astype(str)])
    )
    assert [len(classes) for classes in model.classes_] == [2, 2]
    assert model.predict(X).shape == (60, 2)


def test_select_from_model_keeps_the_relevant_columns(data):
    X, y, _ = data
    selector = SelectFromModel(RFMRegressor(max_iter=2), max_features=1, threshold=-np.inf).fit(X, y)
    assert_array_equal(selector.get_support(), [True, False, False, False])


def test_permutation_importance_agrees_with_feature_importances(data):
    X, y, _ = data
    model = RFMRegressor(max_iter=2).fit(X, y)
    permuted = permutation_importance(model, X, y, n_repeats=3, random_state=0).importances_mean
    assert np.argmax(permuted) == np.argmax(model.feature_importances_) == 0


# Routing and containers


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_weights_and_validation_tables_pass_through_a_pipeline(Estimator, data):
    X, y = data[0], target_for(Estimator, data)
    train, val = slice(0, 40), slice(40, 60)
    weights = np.random.default_rng(1).uniform(0.5, 2, size=40)
    model = Estimator(max_iter=3, scaling=None, random_state=0)
    with config_context(enable_metadata_routing=True):
        routed = clone(model).set_fit_request(sample_weight=True, X_val=True, y_val=True)
        scaler = MinMaxScaler(feature_range=(-2, 2))
        try:
            pipe = Pipeline([("scale", scaler), ("rfm", routed)], transform_input=["X_val"])
        except TypeError:
            pytest.skip("this scikit-learn has no Pipeline(transform_input=...)")
        pipe.fit(X[train], y[train], sample_weight=weights, X_val=X[val], y_val=y[val])
    scaler = MinMaxScaler(feature_range=(-2, 2)).fit(X[train])
    model.fit(scaler.transform(X[train]), y[train], sample_weight=weights, X_val=scaler.transform(X[val]), y_val=y[val])
    losses, routed_losses = ([r["validation_loss"] for r in m.history_] for m in (model, pipe[-1]))
    assert_allclose(routed_losses, losses, rtol=1e-9)
    method = "predict" if Estimator is RFMRegressor else "predict_proba"
    assert_allclose(getattr(pipe, method)(X), getattr(model, method)(scaler.transform(X)), rtol=1e-9)


def test_validation_tables_that_nobody_asked_for_are_refused(data):
    X, y, _ = data
    with config_context(enable_metadata_routing=True):
        pipe = make_pipeline(StandardScaler(), RFMRegressor())
        with pytest.raises(ValueError, match="X_val"):
            pipe.fit(X, y, X_val=X, y_val=y)


def test_weights_in_cross_validation_by_routing(data):
    X, y, _ = data
    weights = np.r_[np.ones(30), np.zeros(30)]
    cv = KFold(2)  # all rows of the second half weigh nothing
    with config_context(enable_metadata_routing=True):
        model = RFMRegressor().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        with pytest.raises(ValueError, match=r"(?i)weights .*zero"):
            cross_validate(model, X, y, cv=cv, params={"sample_weight": weights}, error_score="raise")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_between_steps_keep_their_names(library, data):
    module = pytest.importorskip(library)
    X, y, _ = data
    table = module.DataFrame({name: X[:, j] for j, name in enumerate("abcd")})
    with config_context(transform_output=library):
        pipe = make_pipeline(StandardScaler(), RFMRegressor(max_iter=1)).fit(table, y)
        from_frame = pipe.predict(table)
    assert list(pipe[-1].feature_names_in_) == list("abcd")
    by_hand = make_pipeline(StandardScaler(), RFMRegressor(max_iter=1)).fit(X, y)
    assert not hasattr(by_hand[-1], "feature_names_in_")
    assert isinstance(from_frame, np.ndarray)
    assert_allclose(from_frame, by_hand.predict(X), rtol=1e-9)
