"""Public names are documented: summary, every parameter by its name, attributes, and an example."""

import inspect

import numpy as np
import pytest

import rfmlearn
import rfmlearn.datasets
import rfmlearn.deep
import rfmlearn.gradients
import rfmlearn.images
import rfmlearn.inspection
import rfmlearn.kernels
import rfmlearn.neural
from rfmlearn import (
    AGOPFeatureMap,
    ConvRFMClassifier,
    DeepRFMClassifier,
    DeepRFMRegressor,
    RFMClassifier,
    RFMClassifierCV,
    RFMRegressor,
    RFMRegressorCV,
)

validate = pytest.importorskip("numpydoc.validate").validate
docscrape = pytest.importorskip("numpydoc.docscrape")

# No docstring, no summary, parameters that are missing, unknown, in another order, or without a description.
SERIOUS = {"GL08", "SS01", "SS06", "PR01", "PR02", "PR03", "PR07", "PR10"}


def public(module):
    return [f"{module.__name__}.{name}" for name in module.__all__ if not name.startswith("__")]


ESTIMATORS = [
    RFMRegressor,
    RFMClassifier,
    RFMRegressorCV,
    RFMClassifierCV,
    ConvRFMClassifier,
    AGOPFeatureMap,
    DeepRFMClassifier,
    DeepRFMRegressor,
]
MODULES = [
    rfmlearn,
    rfmlearn.datasets,
    rfmlearn.deep,
    rfmlearn.gradients,
    rfmlearn.images,
    rfmlearn.inspection,
    rfmlearn.kernels,
    rfmlearn.neural,
    rfmlearn.recursion,
    rfmlearn.search,
]
NAMES = [name for module in MODULES for name in public(module)]
METHODS = [
    f"rfmlearn.{Estimator.__name__}.{method}"
    for Estimator in ESTIMATORS
    for method in (
        "fit",
        "predict",
        "predict_proba",
        "decision_function",
        "predict_interval",
        "predict_quantiles",
        "predict_set",
        "summary",
        "transform",
        "inverse_transform",
        "report",
    )
    if hasattr(Estimator, method)
]


def find(name):
    found = rfmlearn
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", NAMES + METHODS)
def test_summary_and_parameters(name):
    errors = [f"{code} {message}" for code, message in validate(name)["errors"] if code in SERIOUS]
    assert errors == []


@pytest.mark.parametrize("name", NAMES + METHODS)
def test_parameters_are_those_of_the_signature(name):
    thing = find(name)
    documented = docscrape.get_doc_object(thing)["Parameters"]
    names = [part.strip() for parameter in documented for part in parameter.name.split(",")]
    signature = [name for name in inspect.signature(thing).parameters if name not in ("self", "args", "kwargs")]
    assert names == signature


@pytest.mark.parametrize("name", NAMES)
def test_example(name):
    assert docscrape.get_doc_object(find(name))["Examples"]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_defaults_in_the_docstring_are_those_of_the_signature(Estimator):
    signature = inspect.signature(Estimator).parameters
    for parameter in docscrape.get_doc_object(Estimator)["Parameters"]:
        assert ", default=" in parameter.type, parameter.name
        stated = eval(parameter.type.split(", default=")[1], {})
        assert stated == signature[parameter.name].default, parameter.name


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_attributes_are_those_of_a_fitted_estimator(Estimator):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "b"])
    known = {"cv": 2, "max_iter": 1, "n_layers": 1}
    parameters = {name: value for name, value in known.items() if name in Estimator().get_params(deep=False)}
    if Estimator is ConvRFMClassifier:
        parameters |= {"image_shape": (1, 2), "padding": "same"}  # a table of pixels
    model = Estimator(**parameters).fit(X, (X["a"] > 0).astype(int))
    fitted = {name for name in dir(model) if name.endswith("_") and not name.startswith("_")}
    assert not any(hasattr(Estimator(), name) for name in fitted)
    documented = {attribute.name for attribute in docscrape.get_doc_object(Estimator)["Attributes"]}
    assert documented == fitted
