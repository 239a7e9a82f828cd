"""Weights of rows for estimators of any kind: what their `fit` calls them."""

from __future__ import annotations

from inspect import Parameter, signature

from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter


def weight_parameter(estimator):
    """What `fit` of an estimator calls weights of rows.

    Parameters
    ----------
    estimator : estimator
        A pipeline gives them to its last step; searches, and other estimators that hand on what they do not know, to
        the estimators in them.

    Returns
    -------
    str or None
        None if it takes none.

    Notes
    -----
    Where metadata routing is enabled, those in a pipeline or a search get what they have requested.
    """
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if isinstance(estimator, Pipeline) and not get_config()["enable_metadata_routing"]:
        name, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    hands_on = any(p.kind is Parameter.VAR_KEYWORD for p in signature(estimator.fit).parameters.values())
    return "sample_weight" if hands_on else None
