"""Checks of a loss, its parameters, and targets that it allows."""

from __future__ import annotations

import numpy as np
from sklearn.utils import column_or_1d

from ._checks import check_numbers
from ._loss_targets import LOG_LINKS


def check_loss(model):
    """Refuse parameters of a loss that do not go together."""
    levels = model.quantile
    if model.loss not in ("quantile", "expectile"):
        if levels is not None:
            raise ValueError(
                f"quantile={levels!r} is for loss='quantile' and loss='expectile' only, got loss={model.loss!r}."
            )
        return
    if levels is None:
        raise ValueError(
            f"loss={model.loss!r} needs quantile: a number between 0 and 1, or several in ascending order, as "
            "quantile=[0.05, 0.5, 0.95]."
        )
    try:
        array = np.asarray(levels, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.ndim > 1 or not array.size or not np.all((array > 0) & (array < 1)):
        raise ValueError(f"quantile must be a number or a list of numbers with 0 < quantile < 1, got {levels!r}.")
    if array.ndim and np.any(np.diff(array) <= 0):
        raise ValueError(f"quantile must be in ascending order, without equal ones, got {levels!r}.")


def is_for_one_output(model):
    """Whether a loss is for one target at a time."""
    return model.loss in LOG_LINKS or np.ndim(model.quantile) == 1


def check_targets(model, X, y, name="y"):
    """Numeric targets as `check_numbers` has them; of one dimension where a loss is for one output."""
    y = check_numbers(model, X, y, name)
    if not is_for_one_output(model):
        return y
    if y.ndim == 2 and y.shape[1] > 1:
        what = f"loss={model.loss!r}" if model.loss in LOG_LINKS else f"quantile={model.quantile!r}"
        raise ValueError(f"{name} has {y.shape[1]} outputs, but {what} is for one: fit one output at a time.")
    return column_or_1d(y, warn=True)


def check_targets_of_loss(model, Y, name):
    """Refuse targets that a loss does not allow, naming both."""
    if model.loss not in LOG_LINKS:
        return
    least, is_gamma = float(Y.min()), model.loss == "gamma" or (model.loss == "tweedie" and model.power == 2)
    if least < 0 or (is_gamma and least == 0):
        allowed = "positive" if is_gamma else "at least 0"
        raise ValueError(f"{name} must be {allowed} for loss={model.loss!r}, got {least:g}.")
    if not Y.max() > 0:
        raise ValueError(f"{name} must have a positive value for loss={model.loss!r}, but all are 0.")
