"""Checks of a loss, its parameters, and targets that it allows."""

from __future__ import annotations

import numpy as np


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


def check_targets_of_loss(model, Y, name):
    """Refuse targets that a loss does not allow, naming both."""
    if np.ndim(model.quantile) == 1 and Y.shape[1] > 1:
        raise ValueError(
            f"{name} has {Y.shape[1]} outputs, and quantile={model.quantile!r} asks for several of each: give one "
            "quantile, or fit one output at a time."
        )
    if model.loss not in ("poisson", "gamma", "tweedie"):
        return
    least, is_gamma = float(Y.min()), model.loss == "gamma" or (model.loss == "tweedie" and model.power == 2)
    if least < 0 or (is_gamma and least == 0):
        allowed = "positive" if is_gamma else "at least 0"
        raise ValueError(f"{name} must be {allowed} for loss={model.loss!r}, got {least:g}.")
    if not Y.max(axis=0).min() > 0:
        raise ValueError(f"{name} must have a positive value in each output for loss={model.loss!r}, but all are 0.")
