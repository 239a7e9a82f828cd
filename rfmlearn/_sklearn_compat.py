"""The only door to names of scikit-learn that are private or differ between its versions."""

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "DocumentedMixin",
    "Interval",
    "StrOptions",
    "_fit_context",
    "_safe_indexing",
    "check_weights",
    "is_pandas_na",
    "laplace_approximation_constants",
    "wants_frame",
]


def laplace_approximation_constants():
    """Weights and scales of the error functions by which `GaussianProcessClassifier` integrates its latent function."""
    from sklearn.gaussian_process._gpc import COEFS, LAMBDAS

    return COEFS, LAMBDAS


class DocumentedMixin:
    """The HTML of an estimator links to its page in the documentation, and to that of each parameter."""

    _doc_link_module = "rfmlearn"
    _doc_link_template = "https://rfmlearn.readthedocs.io/en/latest/generated/rfmlearn.{estimator_name}.html"


def wants_frame(transformer):
    """Whether `set_output` or the global configuration asks for a data frame."""
    return _get_output_config("transform", transformer)["dense"] != "default"


def check_weights(sample_weight, X, name="sample_weight"):
    """Weights as float64; ValueError for NaN, infinite, negative or only zero ones, under the name given."""
    try:
        weights = _check_sample_weight(sample_weight, X, dtype="float64", ensure_non_negative=True)
    except ValueError as error:
        if name == "sample_weight":
            raise
        raise ValueError(f"{name}: {error}") from error
    if not (weights > 0).any():
        raise ValueError(f"{name} must have a positive entry: all {len(weights)} weights are zero.")
    return weights
