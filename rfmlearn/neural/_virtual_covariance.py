"""What layers get, and where the loss would have it go: features, and the virtual covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import nn

from ._gradients import evaluation_mode, flat_outputs, where_samples_lie
from ._weights import CONVOLUTIONS, tapped


@dataclass
class LayerInputs:
    """What a weight matrix multiplies, h, and the gradients J of the loss with respect to it.

    Attributes
    ----------
    features : list of tensor of shape (m, d)
        Of the samples of each batch, all positions and calls beside each other.
    known : bool
        Whether what the matrix multiplies is seen from outside.
    cross, second : tensor of shape (width, width)
        ``sum J h^T`` and ``sum J J^T`` over samples and positions.
    """

    features: list = field(default_factory=list)
    known: bool = True
    cross: torch.Tensor | None = None
    second: torch.Tensor | None = None

    def add_gradients(self, J, h):
        """Add one call: rows of gradients, and the vectors they belong to."""
        J, h = (rows.detach().cpu().double().flatten(0, -2) for rows in (J, h))
        cross, second = J.T @ h, J.T @ J
        self.cross = cross if self.cross is None else self.cross + cross
        self.second = second if self.second is None else self.second + second

    def features_array(self):
        """Features of all samples, (n, d); None where they are unknown, or not the same number for each."""
        if not self.known or len({block.shape[1] for block in self.features}) != 1:
            return None
        return torch.cat(self.features).numpy()

    def virtual_covariance(self, learning_rate):
        """``sum (h - eta J)(h - eta J)^T - h h^T`` with the learning rate eta; None where unknown."""
        if not self.known or self.cross is None:
            return None
        first = self.cross + self.cross.T
        return (learning_rate**2 * self.second - learning_rate * first).numpy()


def layer_inputs(module, X, y, survey, *, loss, batch_size):
    """Inputs of all layers reached: a dict of names to `LayerInputs`, and the mean loss (None without y).

    Parameters
    ----------
    loss : callable
        From outputs and targets of a batch to their mean loss.
    """
    found = {matrix.name: LayerInputs() for matrix in survey.reached}
    total = None if y is None else 0.0
    batch_size = batch_size if survey.one_row_each else 1
    with evaluation_mode(module):
        for start in range(0, len(X), batch_size):
            batch = X[start : start + batch_size].clone()
            inputs: dict[str, list] = {}
            with tapped(survey.reached, inputs) as probes:
                outputs = module(batch)
            flat_outputs(outputs, batch)
            _add_features(found, inputs, survey)
            if y is not None:
                value = _scalar(loss(outputs, y[start : start + batch_size])) * (len(batch) / len(X))
                total += value.item()
                _add_gradients(found, value, probes, inputs, survey)
    return found, total


def _scalar(value):
    """The loss of a batch, or an error that says what it should be."""
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        what = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
        raise TypeError(f"loss must return a tensor with one number, the mean over samples, got {what}.")
    if not torch.isfinite(value):
        raise ValueError(f"the loss is {value.item()}: training has diverged, or y and outputs do not fit the loss.")
    return value.reshape(())


def _add_features(found, inputs, survey):
    """Add what layers got in a run, a row for each sample."""
    for matrix in survey.reached:
        layer, calls = found[matrix.name], inputs[matrix.name]
        layer.known = layer.known and None not in calls
        if layer.known:
            axes = survey.sample_axes[matrix.name] if survey.one_row_each else [None] * len(calls)
            rows = [_by_sample(h, matrix.channel_axis, axis) for h, axis in zip(calls, axes, strict=False)]
            layer.features.append(torch.cat(rows, dim=1).cpu().double())


def _by_sample(h, channel_axis, sample_axis):
    """One row for each sample; the only one, if there is no axis of samples."""
    if sample_axis is None:
        return h.reshape(1, -1)
    return where_samples_lie(h, channel_axis, sample_axis).flatten(1)


def _add_gradients(found, value, probes, inputs, survey):
    """Add the gradients of a loss, by one backward pass."""
    places = [(matrix, call) for matrix in survey.reached for call in range(len(probes[matrix.name]))]
    if not value.requires_grad:
        raise ValueError("the loss cannot be differentiated: it depends on no layer, or outputs were detached.")
    gradients = torch.autograd.grad(value, [probes[m.name][k] for m, k in places], allow_unused=True)
    for (matrix, call), gradient in zip(places, gradients, strict=True):
        h = inputs[matrix.name][call]
        if gradient is None or h is None:
            continue
        J = gradient.movedim(matrix.channel_axis, -1)
        if isinstance(matrix.module, CONVOLUTIONS):
            h = _patches(matrix.module, h)
        if matrix.has_tangent_kernel:
            J = J @ matrix.read(matrix.module).detach()
        found[matrix.name].add_gradients(J, h.movedim(matrix.channel_axis, -1))


def _patches(convolution, images):
    """All patches that a convolution sees, channels first: by one of its kind that only copies."""
    n_dims, width = len(convolution.kernel_size), convolution.in_channels // convolution.groups
    n_numbers = width * math.prod(convolution.kernel_size)
    copier = CONVOLUTIONS[n_dims - 1](
        convolution.in_channels,
        convolution.groups * n_numbers,
        convolution.kernel_size,
        stride=convolution.stride,
        padding=convolution.padding,
        dilation=convolution.dilation,
        groups=convolution.groups,
        bias=False,
        padding_mode=convolution.padding_mode,
        device="meta",  # weights are not drawn
    )
    weights = torch.eye(n_numbers).to(images).reshape(-1, width, *convolution.kernel_size)
    copier.weight = nn.Parameter(weights.repeat(convolution.groups, *[1] * (n_dims + 1)), requires_grad=False)
    return copier(images)
