"""The contract of scikit-learn: its own checks, parameters, model selection, wrappers, routing and persistence."""

import copy
import inspect
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from rfmlearn import (
    AGOPFeatureMap,
    DeepRFMClassifier,
    DeepRFMRegressor,
    RFMClassifier,
    RFMClassifierCV,
    RFMRegressor,
    RFMRegressorCV,
)
from rfmlearn.kernels import LaplaceKernel

ESTIMATORS = [RFMRegressor, RFMClassifier]
VARIANTS = [
    {},
    {"kernel": "laplace", "feature_matrix": "full", "alpha": 0.1, "scaling": "standard"},
    {"feature_matrix": "block"},
    {"kernel": "product_laplace"},
    {"kernel": "lpq_laplace", "feature_matrix": "full"},
    {"kernel": "sum_power_laplace"},
    {"kernel": "gaussian"},
    {"solver": "cg"},
    {"scaling": "quantile"},
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other would take most of the time of tests this small."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def data():
    """Rows, a target, and two classes of it named by strings."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = X[:, 0] * 2 + np.sin(X[:, 1]) + 0.1 * rng.normal(size=60)
    return X, y, np.where(y > np.median(y), "high", "low")


def target_for(Estimator, data):
    return data[2] if Estimator is RFMClassifier else data[1]


@pytest.fixture(params=ESTIMATORS)
def fitted(request, data):
    Estimator = request.param
    return Estimator(max_iter=2, random_state=0).fit(data[0], target_for(Estimator, data))


@pytest.fixture(params=["pandas", "polars"])
def to_frame(request):
    return pytest.importorskip(request.param).DataFrame


# Two settings and two folds do for the contract; what is chosen among more is tested elsewhere.
SEARCHES = [
    Estimator(settings, cv=2, max_members=max_members)
    for Estimator in (RFMRegressorCV, RFMClassifierCV)
    for settings, max_members in (([{}, {"kernel": "gaussian", "feature_matrix": "full"}], 6), ([{"max_iter": 1}], 1))
]


LAYERED = [
    AGOPFeatureMap(),
    AGOPFeatureMap(LogisticRegression(), n_components=1, scaling=None),
    AGOPFeatureMap(n_layers=2, n_random_features=20),
    DeepRFMClassifier(n_layers=2, n_random_features=20),
    DeepRFMRegressor(n_layers=2, n_random_features=20, random_features="fourier"),
]


@parametrize_with_checks(
    [Estimator(**variant) for Estimator in ESTIMATORS for variant in VARIANTS] + SEARCHES + LAYERED
)
def test_sklearn_checks(estimator, check):
    check(estimator)


# Parameters


def test_kinds():
    assert is_regressor(RFMRegressor()) and not is_classifier(RFMRegressor())
    assert is_classifier(RFMClassifier()) and not is_regressor(RFMClassifier())


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_parameters_are_those_of_the_signature(Estimator):
    names = list(inspect.signature(Estimator).parameters)
    estimator = Estimator()
    assert sorted(estimator.get_params()) == sorted(names)
    assert set(Estimator._parameter_constraints) == set(names)


def test_classifier_has_the_parameters_of_the_regressor():
    regressor, classifier = (list(inspect.signature(Estimator).parameters) for Estimator in ESTIMATORS)
    assert [name for name in classifier if name != "class_weight"] == regressor
    assert "class_weight" in classifier


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_set_params_clone_and_repr(Estimator):
    kernel = LaplaceKernel(3.25)
    estimator = Estimator().set_params(kernel=kernel, alpha=0.375, max_iter=7)
    assert estimator.get_params()["kernel"] is kernel
    copied = clone(estimator)
    assert copied is not estimator
    assert copied.get_params() == estimator.get_params()
    assert repr(copied) == repr(estimator)
    for part in (Estimator.__name__, "alpha=0.375", "max_iter=7", "3.25"):
        assert part in repr(estimator)
    with pytest.raises(ValueError, match="Invalid parameter 'bandwith'"):
        estimator.set_params(bandwith=1.0)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_only_the_kernel_may_be_given_by_position(Estimator):
    assert Estimator("gaussian").kernel == "gaussian"
    with pytest.raises(TypeError):
        Estimator("gaussian", 1.0)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_constructor_accepts_what_fit_refuses(Estimator, data):
    estimator = Estimator(alpha=-1)  # the constructor must not check
    with pytest.raises(ValueError, match="'alpha' parameter"):
        estimator.fit(data[0], target_for(Estimator, data))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_html_repr_before_and_after_fit(Estimator, data):
    estimator = Estimator(max_iter=1)
    assert Estimator.__name__ in estimator._repr_html_()
    assert "Fitted" in estimator.fit(data[0], target_for(Estimator, data))._repr_html_()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_not_fitted(method, data):
    with pytest.raises(NotFittedError, match="RFMClassifier"):
        getattr(RFMClassifier(), method)(data[0])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_clone_of_fitted_is_not_fitted(Estimator, data):
    estimator = Estimator(max_iter=1).fit(data[0], target_for(Estimator, data))
    with pytest.raises(NotFittedError):
        clone(estimator).predict(data[0])


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
    model = VotingClassifier(members, voting="soft").fit(X, labels)
    mean = np.mean([member.predict_proba(X) for member in model.estimators_], axis=0)
    assert_allclose(model.predict_proba(X), mean, rtol=1e-12)
    assert model.score(X, labels) > 0.8


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


# Persistence


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


def test_pickle_holds_no_square_array():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    size = len(pickle.dumps(RFMRegressor(max_iter=1).fit(X, X[:, 0])))
    assert size < 300 * 300 * 8 / 4


def test_fitted_attributes_are_all_set_by_fit(fitted, to_frame, data):
    names = {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")}
    expected = {
        *("agop_", "feature_importances_", "feature_matrix_", "kernel_", "n_iter_", "history_", "dual_coef_"),
        "n_features_in_",
    }
    assert expected <= names
    table = to_frame({name: data[0][:, j] for j, name in enumerate("abcd")})
    assert list(clone(fitted).fit(table, data[2 if is_classifier(fitted) else 1]).feature_names_in_) == list("abcd")
