"""Strengths that are affine in the state of a token."""

from __future__ import annotations

import numpy as np
import torch


class Gate:
    """The strength of a direction at one layer: ``c . [h; 1]``.

    Parameters
    ----------
    weight : tensor of shape (width + 1,)
        c, divided by `scale`.
    vector : tensor of shape (width,)
        The direction.
    scale : tensor of shape (width + 1,) or None
        Units of the weights; None means one.
    """

    def __init__(self, weight, vector, scale=None):
        self.weight = weight
        self.vector = vector
        self.scale = scale

    def scaled(self):
        """C itself."""
        return self.weight if self.scale is None else self.weight * self.scale

    def added(self, h):
        """What is added to states."""
        return self.strength_and_change(h)[1]

    def strength_and_change(self, h):
        """Strengths of tokens, and what is added: computed in single precision at least, in the dtype of states."""
        dtype = torch.promote_types(h.dtype, torch.float32)
        c, vector = self.scaled().to(h.device, dtype), self.vector.to(h.device, dtype)
        strength = h.to(dtype) @ c[:-1] + c[-1]
        return strength.detach(), (strength[..., None] * vector).to(h.dtype)


def first_gates(module, examples, parts, vectors, batch_size):
    """Gates of strength zero, in units in which states are of size one; sizes are those of the first batch."""
    norms = _typical_norms(module, examples, parts, batch_size)
    gates = {}
    for name, vector in vectors.items():
        width = len(vector)
        vector = torch.as_tensor(vector, device=examples.device)
        # A weight of one on the constant adds a vector as long as a state, and so do weights of one on all entries of a
        # state together, if these agree in sign: a first step of AdamW moves all weights by the learning rate.
        norm = max(norms[name], np.finfo(np.float32).tiny)
        size = norm / float(vector.norm())
        scale = torch.full((width + 1,), size / (norm * width**0.5), dtype=torch.float64)
        scale[-1] = size
        weight = torch.zeros(width + 1, device=examples.device, requires_grad=True)
        gates[name] = Gate(weight, vector, scale.to(examples.device))
    return gates


def _typical_norms(module, examples, parts, batch_size):
    """Median norm of the states that layers return, unsteered: the first token of a text can be many times larger."""
    from ._modules import first_tensor, hooked

    norms: dict = {name: [] for name in parts}

    def make_hook(name):
        def add(part, arguments, output):
            norms[name].append(first_tensor(output, name).detach().double().norm(dim=-1).ravel().cpu())

        return add

    with torch.no_grad(), hooked(parts, make_hook):
        for _, batch in examples.batches(batch_size, range(min(batch_size, len(examples)))):
            examples.run(module, batch)
    if missing := [name for name, found in norms.items() if not found]:
        raise ValueError(f"layer {missing[0]!r} is not reached in the forward pass: leave it out.")
    return {name: float(torch.cat(found).median()) for name, found in norms.items()}
