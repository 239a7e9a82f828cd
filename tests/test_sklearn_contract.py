"""The contract of scikit-learn: its own checks and parameters."""

import inspect

import pytest
from contract_data import labelled_rows, target_for
from estimator_data import ESTIMATORS
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

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

# Each kernel with each feature matrix, dtype, scaling and order of rows is tested in test_estimators and test_tables.
VARIANTS = [
    {},
    {"kernel": "laplace", "feature_matrix": "full", "solver": "cg", "alpha": 0.1, "scaling": "quantile"},
    {"kernel": "sum_power_laplace", "feature_matrix": "block"},
]


@pytest.fixture
def data():
    return labelled_rows()


# Two settings of one round and two folds do for the contract; what is chosen among more is tested elsewhere.
SETTINGS = [{"max_iter": 1}, {"kernel": "gaussian", "feature_matrix": "full", "max_iter": 1}]
SEARCHES = [Estimator(SETTINGS, cv=2) for Estimator in (RFMRegressorCV, RFMClassifierCV)]
LAYERED = [
    AGOPFeatureMap(),
    AGOPFeatureMap(LogisticRegression(), n_components=1, scaling=None),
    AGOPFeatureMap(n_layers=2, n_random_features=20),
    DeepRFMClassifier(n_layers=2, n_random_features=20),
    DeepRFMRegressor(n_layers=2, n_random_features=20, random_features="fourier"),
]


@pytest.mark.filterwarnings("ignore:cv has copies of rows on both sides")  # as the check of weights wants it
@parametrize_with_checks(
    [Estimator(**variant) for Estimator in ESTIMATORS for variant in VARIANTS] + SEARCHES + LAYERED
)
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_kinds():
    assert is_regressor(RFMRegressor()) and not is_classifier(RFMRegressor())
    assert is_classifier(RFMClassifier()) and not is_regressor(RFMClassifier())


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_parameter_has_a_constraint(Estimator):
    assert set(Estimator._parameter_constraints) == set(inspect.signature(Estimator).parameters)


def test_classifier_has_the_parameters_of_the_regressor():
    regressor, classifier = (list(inspect.signature(Estimator).parameters) for Estimator in ESTIMATORS)
    of_one = [set(names) - set(others) for names, others in ((regressor, classifier), (classifier, regressor))]
    assert of_one == [{"quantile", "power"}, {"class_weight"}]
    shared = [[name for name in names if name not in set.union(*of_one)] for names in (regressor, classifier)]
    assert shared[0] == shared[1]


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
    html = estimator.fit(data[0], target_for(Estimator, data))._repr_html_()
    assert "Fitted" in html and f"/generated/rfmlearn.{Estimator.__name__}.html" in html


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_not_fitted(method, data):
    with pytest.raises(NotFittedError, match="RFMClassifier"):
        getattr(RFMClassifier(), method)(data[0])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_clone_of_fitted_is_not_fitted(Estimator, data):
    estimator = Estimator(max_iter=1).fit(data[0], target_for(Estimator, data))
    with pytest.raises(NotFittedError):
        clone(estimator).predict(data[0])
