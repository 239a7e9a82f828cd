"""Second moments of the gradients of a module's outputs, at the probes of its weight matrices or at its input."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import numpy as np
import torch

from ..runtime._budget import MAX_EXACT_OUTPUTS
from ..targets._read import without_torch
from ._weights import WeightMatrix, tapped


@dataclass
class GradientMoments:
    """Moments of the gradients at one tap: at every use of a weight matrix, over samples.

    Attributes
    ----------
    centered : bool
        Whether means are taken.
    second : tensor of shape (width, width) or None
        ``sum_i w_i sum_l sum_p g_ilp g_ilp^T`` over samples i, outputs l and positions p, in float64.
    means : dict of (output, call) to tensor of shape (n_positions, width)
        ``sum_i w_i g_ilp``.
    aligned : bool
        Whether all samples have had the same positions, without which there are no means.
    """

    centered: bool
    second: torch.Tensor | None = None
    means: dict = field(default_factory=dict)
    aligned: bool = True

    def add(self, key, gradient, root_weight):
        """Add gradients times the root of their weights; the first axis is that of samples, or they are of one."""
        gradient = gradient.detach().cpu().double()
        rows = gradient.flatten(0, -2)
        product = rows.T @ rows
        self.second = product if self.second is None else self.second + product
        if self.centered:
            self._add_mean(key, gradient, root_weight)

    def _add_mean(self, key, gradient, root_weight):
        """Add to the means, if every sample has the same number of positions as all before."""
        n = len(root_weight)
        if n > 1 and len(gradient) != n:
            self.aligned = False
            return
        positions = gradient.flatten(0, -2).unflatten(0, (n, -1))
        mean = torch.tensordot(root_weight, positions, 1)
        so_far = self.means.setdefault(key, torch.zeros_like(mean))
        if so_far.shape == mean.shape:
            so_far += mean
        else:
            self.aligned = False

    def matrices(self, name):
        """Second moments of gradients, and of those minus their means: None if not taken, NaN if not aligned."""
        if self.second is None or not torch.isfinite(self.second).all():
            found = "no gradient" if self.second is None else "NaN or infinite gradients"
            raise ValueError(f"the outputs have {found} with respect to {name}.")
        second = self.second.numpy()
        if not self.centered:
            return second, None
        if not self.aligned:
            return second, np.full_like(second, np.nan)
        means = torch.cat(list(self.means.values()))
        centered = second - (means.T @ means).numpy()
        # What is left of gradients that are the same for all samples is rounding.
        negligible = np.trace(centered) <= 1e-10 * np.trace(second)
        return second, np.zeros_like(centered) if negligible else centered


@contextlib.contextmanager
def evaluation_mode(module):
    """Gradients on, also within `torch.inference_mode`, and all of the module in evaluation mode until the end."""
    with not_training(module), torch.inference_mode(False), torch.enable_grad():
        yield


@contextlib.contextmanager
def not_training(module):
    """All of the module in evaluation mode until the end."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


@contextlib.contextmanager
def untouched_randomness(module):
    """Until the end, what a module draws leaves the random numbers of torch as they were."""
    devices = {p.device.index for p in module.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(sorted(devices)):
        yield


def as_tensor(values):
    """A tensor without gradients. Arrays are copied: torch takes none that are reversed or of another byte order."""
    if isinstance(values, torch.Tensor):
        if values.is_meta:
            raise TypeError("it lies on the device 'meta', which holds no numbers")
        return values.detach()
    array = np.asarray(without_torch(values))
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))


def check_loaded(module):
    """ValueError if parameters have no numbers."""
    without_data = [name for name, p in module.named_parameters() if p.is_meta]
    if without_data:
        raise ValueError(
            f"parameter {without_data[0]!r} of module lies on the device 'meta', which holds no numbers: load "
            "weights, or move the module by to_empty."
        )


def first_parameter(module):
    """The first one of floating numbers, which tells device and dtype; an empty tensor if there is none."""
    return next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))


def as_samples(module, X):
    """Samples as a tensor where the parameters are, numbers that are not integers in their dtype."""
    check_loaded(module)
    parameter = first_parameter(module)
    try:
        X = as_tensor(X)
    except TypeError as error:
        raise TypeError(f"X must be a tensor or an array of numbers, got a {type(X).__name__}: {error}") from error
    if X.ndim == 0 or len(X) == 0:
        raise ValueError(f"X must have at least one sample along its first axis, got shape {tuple(X.shape)}.")
    X = X.to(parameter.device, parameter.dtype if X.is_floating_point() else None)
    if not torch.isfinite(X).all():
        raise ValueError("X contains NaN or infinity.")
    return X


def run(module, X):
    """Outputs of shape (m, k)."""
    return flat_outputs(module(X), X)


def flat_outputs(output, X):
    """What a module has returned for samples X as a tensor of shape (m, k), or an error that says what it should be."""
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"module must return a tensor, got a {type(output).__name__}: wrap it in one that does.")
    if output.ndim == 0 or len(output) != len(X):
        raise ValueError(
            f"module must return one output for each sample along the first axis, got shape {tuple(output.shape)} for "
            f"{len(X)} samples."
        )
    return output.reshape(len(X), -1)


@dataclass(frozen=True)
class Survey:
    """What a module does with its samples.

    Attributes
    ----------
    reached : list of WeightMatrix
        Those through which every sample passes on its own.
    unreached : list of str
        Names of the others.
    sample_axes : dict of str to list of int
        Of those reached, the axis along which samples lie in every call, with channels last.
    one_row_each : bool
        Whether every sample has one row along this axis, at all layers reached. It has more where samples were
        flattened with other axes or concatenated, and which rows are whose is not known then.
    n_outputs : int
    """

    reached: list[WeightMatrix]
    unreached: list[str]
    sample_axes: dict[str, list[int]]
    one_row_each: bool
    n_outputs: int

    @classmethod
    def of(cls, module, X, matrices):
        """Run the module on one sample and on two; the axis that has doubled is that of samples."""
        with evaluation_mode(module):
            with tapped(matrices) as one:
                run(module, X[[0]])
            with tapped(matrices) as two:
                n_outputs = run(module, X[[0, 0]]).shape[1]
        axes, rows = {}, []
        for matrix in matrices:
            axes[matrix.name], rows_of_one = _sample_axes(one[matrix.name], two[matrix.name], matrix.channel_axis)
            rows += rows_of_one
        reached = [matrix for matrix in matrices if axes[matrix.name]]
        unreached = [name for name in axes if not axes[name]]
        return cls(reached, unreached, axes, all(n == 1 for n in rows), n_outputs)


def _sample_axes(one, two, channel_axis):
    """Axis of samples and the rows of one along it in every call, from the probes of one and of two samples.

    Both are empty where some call has no such axis.
    """
    axes, rows = [], []
    for a, b in zip(one, two, strict=False):
        a_shape, b_shape = a.movedim(channel_axis, -1).shape, b.movedim(channel_axis, -1).shape
        for axis in range(len(a_shape) - 1):
            if b_shape == (*a_shape[:axis], 2 * a_shape[axis], *a_shape[axis + 1 :]):
                axes.append(axis)
                rows.append(a_shape[axis])
    return (axes, rows) if len(axes) == len(one) == len(two) else ([], [])


def draw_projections(n_outputs, n_projections, rng):
    """Gaussian weights of shape (r, k) whose outer products have the identity as mean; None where outputs are few."""
    r = MAX_EXACT_OUTPUTS if n_projections is None else n_projections
    return None if n_outputs <= r else rng.normal(size=(r, n_outputs)) / np.sqrt(r)


def second_moments(module, X, survey, *, projections, batch_size, centered):
    """Average outer products of gradients at the taps reached: a dict of names to (raw, centred or None).

    `WeightMatrix.input_agop` makes AGOPs of them.
    """
    weights = np.full(len(X), 1 / len(X))
    moments = gradient_moments(
        module, X, survey, weights, projections=projections, batch_size=batch_size, centered=centered
    )
    return {name: found.matrices(f"the input of layer {name!r}") for name, found in moments.items()}


def gradient_moments(module, X, survey, weights, *, projections, batch_size, centered, at_input=False):
    """Moments of gradients: a dict of names to `GradientMoments`, under None those with respect to X."""
    names = [None] if at_input else [matrix.name for matrix in survey.reached]
    moments = {name: GradientMoments(centered) for name in names}
    if centered and not survey.one_row_each:
        batch_size = 1  # all rows are those of the one sample, and in the same order for each
    with evaluation_mode(module):
        for start in range(0, len(X), batch_size):
            batch = X[start : start + batch_size].clone()  # the module may change it in place
            root = torch.tensor(np.sqrt(weights[start : start + batch_size]))
            places = []
            if at_input:
                probe = torch.zeros_like(batch, requires_grad=True)
                batch = batch + probe
                places.append(_Place(None, 0, probe, None, 0))
            with tapped(survey.reached) as probes:
                outputs = run(module, batch)
            for matrix in survey.reached:
                for call, probe in enumerate(probes[matrix.name]):
                    axis = survey.sample_axes[matrix.name][call]
                    places.append(_Place(matrix.name, call, probe, matrix.channel_axis, axis))
            # Times the root of a sample's weight, so that outer products come out weighted.
            outputs = outputs * root.to(outputs)[:, None]
            if projections is not None:
                outputs = outputs @ torch.tensor(projections).to(outputs).T
            _add_gradients(moments, outputs, places, root)
    return moments


@dataclass(frozen=True)
class _Place:
    """A probe in one run: whose it is, of which call, and its axes of channels (None for all) and samples."""

    name: str | None
    call: int
    probe: torch.Tensor
    channel_axis: int | None
    sample_axis: int

    def vectors(self, gradient):
        """Gradients with the axis of samples first and that of channels last."""
        if self.channel_axis is None:
            return gradient.reshape(len(gradient), -1)
        return where_samples_lie(gradient, self.channel_axis, self.sample_axis)


def where_samples_lie(tensor, channel_axis, sample_axis):
    """With channels on the last axis, and samples, which then lie on another, on the first."""
    return tensor.movedim(channel_axis, -1).movedim(sample_axis, 0)


def _add_gradients(moments, outputs, places, root):
    """Add the gradients of a batch: one backward pass for each column of the outputs."""
    if not outputs.requires_grad:
        raise ValueError("the outputs of module cannot be differentiated: they depend on no layer, or were detached.")
    probes = [place.probe for place in places]
    columns = outputs.sum(dim=0).unbind()
    for k, column in enumerate(columns):
        more = k + 1 < len(columns)
        gradients = torch.autograd.grad(column, probes, retain_graph=more, allow_unused=True)
        for place, gradient in zip(places, gradients, strict=True):
            if gradient is not None:
                moments[place.name].add((k, place.call), place.vectors(gradient), root)
