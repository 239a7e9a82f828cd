"""The only door to names of scikit-learn that are private or differ between its versions."""

import functools

import numpy as np
from sklearn.base import _fit_context as _validating_parameters
from sklearn.utils import _safe_indexing
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "DocumentedMixin",
    "HasMethods",
    "Interval",
    "StrOptions",
    "_fit_context",
    "_safe_indexing",
    "check_weights",
    "is_pandas_na",
    "laplace_approximation_constants",
    "numbers_of_any_size",
    "unset_random_states",
    "wants_frame",
]


# The largest weight of a row, or one divided by it, must not exceed it: sums and products with ridges stay finite.
_LARGEST_WEIGHT = 1e300


def _fit_context(*, prefer_skip_nested_validation):
    """What surrounds every fit: parameters are validated, and a fit that fails leaves the estimator as it was.

    Whatever ends a fit, an interrupt from the keyboard too, an estimator is what it was before: the old model or none,
    never the new encoder of a table with the old machine.
    """

    def decorate(fit):
        @functools.wraps(fit)
        def fit_whole(estimator, *args, **keywords):
            before = vars(estimator).copy()
            try:
                return fit(estimator, *args, **keywords)
            except BaseException:
                vars(estimator).clear()
                vars(estimator).update(before)
                raise

        return _validating_parameters(prefer_skip_nested_validation=prefer_skip_nested_validation)(fit_whole)

    return decorate


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


def unset_random_states(estimator):
    """Sorted names of parameters of an estimator, and of those within it, that are random states without a value."""
    return sorted(
        name
        for name, value in estimator.get_params().items()
        if value is None and name.rpartition("__")[2] == "random_state"
    )


def numbers_of_any_size():
    """Within it, checks of scikit-learn sum and cast numbers that overflow without a warning of NumPy's.

    What does not pass the check is told of by name, and all else has nothing to fear.
    """
    return np.errstate(over="ignore", invalid="ignore")


def check_weights(sample_weight, X, name="sample_weight"):
    """Weights as float64; ValueError for what is no number, and for NaN, infinite, negative or only zero ones.

    The message begins with the name given.
    """
    if np.ma.is_masked(sample_weight):
        raise ValueError(f"{name} has masked entries: every row needs a weight.")
    try:
        given = np.asarray(1.0 if sample_weight is None else sample_weight)
        if given.dtype.kind in "USMmcV" or (given.dtype == object and any(isinstance(v, str) for v in given.ravel())):
            raise ValueError(f"{name} must hold real numbers, got {given.dtype.name}.")
        with numbers_of_any_size():
            weights = _check_sample_weight(sample_weight, X, dtype="float64", ensure_non_negative=True)
    except (TypeError, ValueError, OverflowError) as error:
        if name in str(error):
            raise
        raise ValueError(f"{name}: {error}") from error
    if not (weights > 0).any():
        raise ValueError(f"{name} must have a positive entry: all {len(weights)} weights are zero.")
    if not _LARGEST_WEIGHT**-1 <= (largest := float(weights.max())) <= _LARGEST_WEIGHT:
        raise ValueError(
            f"the largest entry of {name} must lie between {_LARGEST_WEIGHT**-1:g} and {_LARGEST_WEIGHT:g}, "
            f"got {largest:g}: multiply all weights by a constant."
        )
    return weights
