"""Weight matrices of a torch module, and where to take the gradient with respect to what they multiply.

A weight matrix W maps vectors h (inputs, patches, tokens) to ``W h``. A tap adds a zero, the probe, to the output of
the layer or to one of its arguments. The gradient with respect to the probe is that with respect to ``W h`` or to h,
it belongs to this use of the layer alone, and operations in place or arguments that are the same tensor do no harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import torch
from torch import nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
_CELLS = (nn.RNNCell, nn.LSTMCell, nn.GRUCell)
_SUPPORTED = (nn.Linear, *CONVOLUTIONS, nn.MultiheadAttention, *_RECURRENT, *_CELLS)


@dataclass(frozen=True)
class WeightMatrix:
    """A weight matrix in a module.

    Attributes
    ----------
    name : str
    kind : str
    module : torch.nn.Module
        Which has it, and is hooked.
    read : callable
        Gives the matrix of this module, a tensor of shape (n_out, n_in).
    argument : tuple (position, keyword) or None
        The argument of the module that the matrix multiplies; None if its product is the output of the module, or the
        first of several.
    channel_axis : int
        Axis of that argument or output along which its vectors lie.
    """

    name: str
    kind: str
    module: nn.Module
    read: Callable[[nn.Module], torch.Tensor]
    argument: tuple[int, str] | None = None
    channel_axis: int = -1

    @property
    def has_tangent_kernel(self):
        """Whether the gradient is that with respect to ``W h``."""
        return self.argument is None

    def array(self):
        """The matrix in float64."""
        return self.read(self.module).detach().cpu().double().numpy()

    def input_agop(self, second_moment):
        """AGOP with respect to h, of shape (n_in, n_in), from the second moment of the gradients at the tap."""
        if self.argument is not None:
            return second_moment
        W = self.array()
        return W.T @ second_moment @ W  # the gradient with respect to h is W^T times that with respect to W h


def weight_matrices(module) -> list[WeightMatrix]:
    """All weight matrices that are supported, in the order of `module.named_modules()`."""
    found: list[WeightMatrix] = []
    projections = set()
    for path, child in module.named_modules():
        prefix = path or type(child).__name__.lower()
        if isinstance(child, nn.MultiheadAttention):
            projections.add(child.out_proj)  # never called: its parent uses the weight
            for k, role in enumerate(("query", "key", "value")):
                read = partial(_projection, k=k)
                found.append(WeightMatrix(f"{prefix}.{role}", f"attention {role}", child, read, (k, role)))
            found.append(WeightMatrix(f"{prefix}.out_proj", "linear", child, attrgetter("out_proj.weight")))
        elif isinstance(child, nn.Linear) and child not in projections:
            found.append(WeightMatrix(prefix, "linear", child, attrgetter("weight")))
        elif isinstance(child, CONVOLUTIONS):
            kind, axis = type(child).__name__.lower(), -1 - len(child.kernel_size)
            found.append(WeightMatrix(prefix, kind, child, _patch_matrix, channel_axis=axis))
        elif isinstance(child, _RECURRENT):
            found.append(WeightMatrix(f"{prefix}.input", "recurrent", child, _first_layer_matrix, (0, "input")))
        elif isinstance(child, _CELLS):
            found.append(WeightMatrix(f"{prefix}.input", "recurrent", child, attrgetter("weight_ih"), (0, "input")))
            found.append(WeightMatrix(f"{prefix}.hidden", "recurrent", child, attrgetter("weight_hh"), (1, "hx")))
    return found


def named_matrices(module, names=None) -> list[WeightMatrix]:
    """Weight matrices of these names, None for all, in the order of the module; an error if there are none."""
    matrices = weight_matrices(module)
    if not matrices:
        supported = ", ".join(kind.__name__ for kind in _SUPPORTED)
        raise ValueError(f"module, a {type(module).__name__}, has no supported layer; supported are {supported}.")
    if names is None:
        return matrices
    known = [matrix.name for matrix in matrices]
    for name in names:
        if name not in known:
            raise ValueError(f"there is no layer {name!r} with weights that are supported, there are {known}.")
    return [matrix for matrix in matrices if matrix.name in names]


def _projection(attention, k):
    """Query, key or value weights of an attention layer, for k = 0, 1, 2."""
    if attention.in_proj_weight is not None:
        return attention.in_proj_weight.chunk(3)[k]
    return (attention.q_proj_weight, attention.k_proj_weight, attention.v_proj_weight)[k]


def _patch_matrix(convolution):
    """Weights over whole patches, channels first; those of several groups lie along the diagonal."""
    return torch.block_diag(*convolution.weight.flatten(1).chunk(convolution.groups))


def _first_layer_matrix(recurrent):
    """Input weights of the first layer, of all gates and both directions."""
    directions = ["weight_ih_l0", "weight_ih_l0_reverse"] if recurrent.bidirectional else ["weight_ih_l0"]
    return torch.cat([getattr(recurrent, name) for name in directions])


@contextlib.contextmanager
def tapped(matrices, inputs=None):
    """Tap the module while it runs; gives a dict of names to the probes of every call, in order.

    `inputs`, a dict, gets copies of what the matrices have multiplied under the same names, None where that is unknown.
    """
    probes: dict[str, list[torch.Tensor]] = {matrix.name: [] for matrix in matrices}
    handles = []
    try:
        for matrix in matrices:
            kept = None if inputs is None else inputs.setdefault(matrix.name, [])
            tap = _Tap(matrix, probes[matrix.name], kept)
            if matrix.argument is None:
                handles.append(matrix.module.register_forward_hook(tap.after, with_kwargs=True))
            else:
                handles.append(matrix.module.register_forward_pre_hook(tap.before, with_kwargs=True))
        yield probes
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True)
class _Tap:
    """Hooks that add a probe to the output or to an argument of a module, and keep it."""

    matrix: WeightMatrix
    probes: list[torch.Tensor]
    inputs: list[torch.Tensor | None] | None = None

    def after(self, module, args, kwargs, output):
        """Forward hook: the output, or the first of several, plus a probe."""
        if self.inputs is not None:
            # What the output projection of attention gets is not seen from outside.
            hidden = isinstance(module, nn.MultiheadAttention)
            self.inputs.append(None if hidden else (args[0] if args else kwargs["input"]).detach().clone())
        if isinstance(output, tuple):
            return self._plus_probe(output[0]), *output[1:]
        return self._plus_probe(output)

    def before(self, module, args, kwargs):
        """Forward pre-hook: one argument plus a probe."""
        position, keyword = self.matrix.argument or (0, "input")
        value = args[position] if position < len(args) else kwargs.get(keyword)
        if keyword == "hx":
            shifted = self._shift_state(module, args[0] if args else kwargs["input"], value)
        elif isinstance(value, torch.Tensor):
            shifted = self._plus_probe(value)
        else:
            raise TypeError(f"the input of layer {self.matrix.name!r} must be a tensor, got a {type(value).__name__}.")
        if position < len(args):
            return (*args[:position], shifted, *args[position + 1 :]), kwargs
        return args, kwargs | {keyword: shifted}

    def _shift_state(self, cell, start, state):
        """Hidden state of a cell, zeros at the start of a sequence; an LSTM cell has its memory beside it."""
        if state is None:
            zeros = start.new_zeros(*start.shape[:-1], cell.hidden_size)
            state = (zeros, zeros) if isinstance(cell, nn.LSTMCell) else zeros
        if isinstance(state, tuple):
            return self._plus_probe(state[0]), state[1]
        return self._plus_probe(state)

    def _plus_probe(self, tensor):
        if self.inputs is not None and self.matrix.argument is not None:
            self.inputs.append(tensor.detach().clone())
        probe = torch.zeros_like(tensor, requires_grad=True)
        self.probes.append(probe)
        return tensor + probe
