"""Vectors added to what the layers of a torch module return."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import numpy as np

from ..neural._module_gradients import check_module, import_torch
from ..targets._read import without_torch


def steer(module, vectors, strength=1.0, *, layers=None):
    """Add vectors to the outputs of layers of a torch module, at every token, within a ``with`` block.

    Parameters
    ----------
    module : torch.nn.Module
        Is left as it was, also after an error.
    vectors : dict of str to array-like of shape (width,), or array-like of shape (n_layers, width)
        By name of the layer, or in the order of `layers`.
    strength : float, array-like of shape (n_layers,) or dict of str to float, default=1.0
        What vectors are multiplied by; 0 leaves the outputs of a layer as they are, bit by bit.
    layers : str, list of str or None, default=None
        Names of sub-modules, if `vectors` are an array; None stands for the same ones as in `record_activations`.

    Returns
    -------
    context manager
        Of any function that calls the module. Several concepts are added up by nesting.

    Raises
    ------
    ImportError
        If torch is missing.
    TypeError
        If `module` is no torch module. Within the block, if a layer returns no tensor.
    ValueError
        If a layer does not exist, a vector is not finite, or has another width than the output of its layer. Of most
        layers that are made of others the width is known in the first pass only. Within the block, if what is to be
        added is more than the dtype of an output holds.

    Warns
    -----
    UserWarning
        At the end of the block, if the module ran and a layer was not reached.

    Notes
    -----
    Vectors take the dtype and the device of the output. If a layer returns several things, it is the first that is
    added to. A layer that is called several times in a pass is steered every time. Whoever calls the module within the
    block, other threads too, gets it steered.

    References
    ----------
    Beaglehole, Radhakrishnan, Boix-Adsera and Belkin, arXiv 2502.03708.

    Examples
    --------
    >>> import torch
    >>> from rfmlearn.concepts import steer
    >>> module = torch.nn.Sequential(torch.nn.Identity())
    >>> with steer(module, {"0": [1.0, -1.0]}, strength=0.5):
    ...     module(torch.zeros(1, 2))
    tensor([[ 0.5000, -0.5000]])
    """
    check_module(module, "steer")
    torch = import_torch("steer")
    from ._modules import steering

    parts, vectors = checked_vectors(module, vectors, layers)
    strengths = _by_layer(strength, list(parts))
    added = {name: torch.as_tensor(strengths[name] * vectors[name]) for name in parts if strengths[name] != 0}

    def make_hook(name):
        vector = added[name]
        largest = float(vector.abs().max())

        def change(h):
            if largest > torch.finfo(h.dtype).max:
                raise ValueError(
                    f"strength times the vector of layer {name!r} is {largest:.3g}, too much for {h.dtype}."
                )
            return vector.to(h)

        return adding(name, change, width=len(vector))

    return Steered(lambda: steering(module, {name: parts[name] for name in added}, make_hook))


class Steered(contextlib.AbstractContextManager):
    """Can be entered any number of times, one after the other or within each other."""

    def __init__(self, enter):
        self._enter = enter
        self._entered: list = []

    def __enter__(self):
        context = self._enter()
        context.__enter__()
        self._entered.append(context)

    def __exit__(self, *error):
        return self._entered.pop().__exit__(*error)


def adding(name, change, width):
    """A forward hook that adds something to the output of a layer."""
    from ._modules import first_tensor, with_first

    def add(part, arguments, output):
        h = first_tensor(output, name)
        if not h.is_floating_point():
            raise TypeError(f"layer {name!r} returns {h.dtype} and no floating numbers: nothing can be added to them.")
        check_width(name, width, h.shape[-1] if h.ndim else 0)
        return with_first(output, h + change(h))

    return add


def check_width(name, width, found):
    """ValueError unless a vector is as wide as the output of its layer."""
    if width != found:
        raise ValueError(f"the vector of layer {name!r} has width {width}, but the layer returns width {found}.")


def checked_vectors(module, vectors, layers):
    """Layers by name, and their vectors as arrays of float64."""
    import torch

    from ._modules import named_layers

    if isinstance(vectors, Mapping):
        if layers is not None:
            raise ValueError("layers must not be given if vectors are a dict, whose keys are the layers.")
        if not vectors:
            raise ValueError("vectors is empty: give a vector for at least one layer.")
        parts, rows = named_layers(module, list(vectors)), list(vectors.values())
    else:
        parts, rows = named_layers(module, layers), _rows(vectors)
        if len(rows) != len(parts):
            raise ValueError(
                f"vectors have {len(rows)} row(s) for {len(parts)} layer(s), {', '.join(list(parts)[:5])}"
                f"{', ...' * (len(parts) > 5)}: give layers, with one name for each row."
            )
    found = {name: _vector(row, name) for name, row in zip(parts, rows, strict=True)}
    for name, part in parts.items():
        if isinstance(part, torch.nn.Linear | torch.nn.Embedding):  # of others attributes may mean other things
            check_width(name, len(found[name]), part.weight.shape[0 if isinstance(part, torch.nn.Linear) else 1])
    return parts, found


def _numbers(values, name):
    """A float64 array of what may be a tensor of any dtype on any device."""
    try:
        return np.asarray(without_torch(values), dtype=np.float64)
    except (TypeError, ValueError, NotImplementedError) as error:  # the last one on the device "meta"
        raise TypeError(f"{name} must be numbers: {error}") from error


def _rows(vectors):
    array = _numbers(vectors, "vectors")
    if array.ndim not in (1, 2):
        raise ValueError(f"vectors must be a dict or of shape (n_layers, width), got shape {array.shape}.")
    return np.atleast_2d(array)


def _vector(vector, name):
    vector = _numbers(vector, f"the vector of layer {name!r}")
    if vector.ndim != 1:
        raise ValueError(f"the vector of layer {name!r} must be of shape (width,), got shape {vector.shape}.")
    if not np.isfinite(vector).all():
        raise ValueError(f"the vector of layer {name!r} contains NaN or infinity.")
    return vector


def _by_layer(strength, names):
    """Strengths by name."""
    if isinstance(strength, Mapping):
        if set(strength) != set(names):
            odd = sorted(set(strength) ^ set(names))
            raise ValueError(f"strength and vectors must have the same layers; only one of them has {odd[0]!r}.")
        strength = [strength[name] for name in names]
    array = _numbers(strength, "strength")
    if array.ndim > 1 or (array.ndim == 1 and len(array) != len(names)):
        raise ValueError(f"strength must be a number, or one for each of {len(names)} layers, got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"strength must be finite, got {strength!r}.")
    return dict(zip(names, np.broadcast_to(array, len(names)).tolist(), strict=True))
