"""Targets of a network as tensors, and the loss that is meant where none is given."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ..targets._read import without_torch
from ._gradients import as_tensor


def as_targets(y, n_samples):
    """Targets as a tensor of finite numbers, one entry along the first axis for each sample."""
    try:
        y = as_tensor(y)
    except TypeError as error:
        raise TypeError(f"y must be a tensor or an array of numbers, got a {type(y).__name__}: {error}") from error
    if y.ndim == 0 or len(y) != n_samples:
        raise ValueError(f"y must have a target for each of the {n_samples} samples, got shape {tuple(y.shape)}.")
    if not torch.isfinite(y).all():
        raise ValueError("y contains NaN or infinity.")
    return y


def are_labels(y):
    """Whether targets are class labels: whole numbers by their type, one for each sample."""
    return y.ndim == 1 and not y.is_floating_point() and not y.is_complex()


def target_table(y) -> tuple[np.ndarray, str]:
    """Targets as NumPy columns, and their task."""
    array = without_torch(y)
    return (array, "classification") if are_labels(y) else (array.reshape(len(array), -1), "regression")


def default_loss(outputs, y):
    """Cross-entropy of labels, squared error of floating numbers, both as means."""
    if are_labels(y) and outputs.ndim == 2 and outputs.shape[1] > 1:
        lowest, highest = int(y.min()), int(y.max())
        if lowest < 0 or highest >= outputs.shape[1]:
            raise ValueError(
                f"labels in y go from {lowest} to {highest}, but the module has {outputs.shape[1]} outputs, for labels "
                f"from 0 to {outputs.shape[1] - 1}: code the labels, or give loss."
            )
        return F.cross_entropy(outputs, y.long())
    if y.is_floating_point() and y.numel() == outputs.numel():
        return F.mse_loss(outputs, y.reshape(outputs.shape).to(outputs))
    raise ValueError(
        f"for outputs of shape {tuple(outputs.shape)} and y of shape {tuple(y.shape)} and {y.dtype} no loss is meant "
        "by default (cross-entropy for whole numbers with an output for each class, squared error for floats of the "
        "shape of the outputs): give loss, a function of both that returns the mean over samples."
    )
