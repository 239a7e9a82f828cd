"""Which estimators have a closed form of their gradient, by their exact type: their own, or one registered here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

# The method by which an estimator brings its own gradient: from the output asked for to what `register` describes.
HOOK = "_input_gradient"

# What stands in a pipeline for no step.
PASSES = (None, "passthrough")

# Keyed by the root of the module and the name of the class, so that no estimator need be imported to be known.
_BUILDERS: dict[tuple[str, str], Callable] = {}


def register(root, *names):
    """Decorator of a function ``build(estimator, output)`` for the classes of these names in the package `root`.

    It returns a function from a table to the gradients of the output, of shape (n_outputs, m, n_columns), or None if
    the estimator has no closed form as it is configured.
    """

    def keep(build):
        _BUILDERS.update({(root, name): build for name in names})
        return build

    return keep


def closed_form(estimator, output):
    """The gradient of an output of a fitted estimator as a function of a table, or None.

    Only the exact type counts, as a subclass may predict otherwise.
    """
    kind = type(estimator)
    build = vars(kind).get(HOOK) or _BUILDERS.get((kind.__module__.partition(".")[0], kind.__name__))
    if build is None:
        return None
    check_is_fitted(estimator)
    return build(estimator, output)


def closed_form_names():
    """Names of the classes that have closed forms."""
    return sorted(name for _, name in _BUILDERS)


def numbers(estimator, X):
    """A table as float64, checked as the estimator of scikit-learn checks what it predicts."""
    return validate_data(estimator, X, reset=False, dtype=np.float64)
