"""What of an estimator is differentiated: predictions, probabilities or decisions."""

from __future__ import annotations

import numpy as np

METHODS = {"prediction": "predict", "probability": "predict_proba", "decision": "decision_function"}


def choose_output(estimator, output):
    """Name of the output, "auto" resolved; errors if the estimator does not have it."""
    if output != "auto" and output not in METHODS:
        raise ValueError(f'output must be "auto", "prediction", "probability" or "decision", got {output!r}.')
    if isinstance(estimator, type):
        raise TypeError(f"estimator must be a fitted instance, got the class {estimator.__name__}.")
    name = type(estimator).__name__
    if _is_function(estimator):
        if output in ("auto", "prediction"):
            return "prediction"
        raise ValueError(f"output={output!r} needs an estimator with {METHODS[output]}, but a function was given.")
    has_scores = hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")
    # CatBoost's regressors have classes_ too: an empty list.
    gives_labels = has_scores or np.size(getattr(estimator, "classes_", ())) > 0
    if output == "auto":
        if has_scores:
            return "probability" if hasattr(estimator, "predict_proba") else "decision"
        output = "prediction"
    if not hasattr(estimator, METHODS[output]):
        kind = ValueError if hasattr(estimator, "predict") else TypeError
        raise kind(f"output={output!r} needs the method {METHODS[output]}, which {name} has not.")
    if output == "prediction" and gives_labels:
        raise ValueError(
            f"output={output!r}: predict of {name} gives labels, which have no gradient. Its predict_proba or "
            "decision_function would be differentiated, if it has one of them."
        )
    return output


def output_function(estimator, output):
    """Function from a table to the output as an array of shape (m, n_outputs); predictions on the link's scale."""
    call = estimator if _is_function(estimator) else getattr(estimator, METHODS[output])
    on_link_scale = getattr(_innermost(estimator), "_on_link_scale", None) if output == "prediction" else None

    def evaluate(X):
        with np.errstate(over="ignore", invalid="ignore"):  # rows may be out of all proportion to those of fit
            values = np.atleast_1d(np.asarray(call(X)))
        if values.ndim not in (1, 2) or len(values) != len(X):
            raise ValueError(
                f"output={output!r} must have shape ({len(X)},) or ({len(X)}, n_outputs) for {len(X)} rows, "
                f"got {values.shape}."
            )
        if values.dtype.kind not in "biuf":
            raise TypeError(f"output={output!r} must be real numbers, got {values.dtype}.")
        values = values.reshape(len(X), -1)
        return values if on_link_scale is None else on_link_scale(values)

    return evaluate


def _innermost(estimator):
    """The estimator whose predictions are those of a search, a pipeline, or a regressor of targets as they are."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps") and not isinstance(estimator.steps[-1][1], str | None):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "regressor_") and is_target_as_it_is(estimator):
            estimator = estimator.regressor_
        else:
            return estimator


def is_target_as_it_is(model):
    """Whether a `sklearn.compose.TransformedTargetRegressor` leaves targets alone."""
    return model.transformer is None and model.func is None and model.inverse_func is None


def _is_function(estimator):
    return callable(estimator) and not any(hasattr(estimator, method) for method in METHODS.values())
