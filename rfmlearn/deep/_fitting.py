"""How a map fits the estimator of a layer to its points."""

from __future__ import annotations

from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from .._sklearn_compat import numbers_of_any_size, unset_random_states
from ..rfm._classifier import RFMClassifier
from ..rfm._regressor import RFMRegressor


def fitter(template, y, task, by_row, rng):
    """Function from points, shape (n, d), to an estimator that is fitted to them.

    Parameters
    ----------
    template : estimator or None
        Unfitted; None is a single machine for the task.
    y : ndarray
    task : {"regression", "classification"}
    by_row : dict
        Weights and groups, if there are any, by the name that `fit` knows them by.
    rng : numpy.random.RandomState
        Seeds estimators that have no seed.
    """
    if template is None:
        single = RFMRegressor if task == "regression" else RFMClassifier
        template = single(kernel="laplace", feature_matrix="full", scaling=None)
    for name in by_row:
        if not has_fit_parameter(template, name):
            raise ValueError(f"{name} was given, but fit of estimator={type(template).__name__} takes no {name}.")

    def fit(H):
        model = clone(template)
        model.set_params(**{name: rng.randint(2**31 - 1) for name in unset_random_states(model)})
        try:
            with numbers_of_any_size():  # others cast to the precision of H, and refuse what has no place in it
                return model.fit(H, y, **by_row)
        except ValueError as error:
            if isinstance(model, (RFMRegressor, RFMClassifier)):
                raise
            raise ValueError(f"estimator={type(template).__name__} cannot be fitted: {error}") from error

    return fit
