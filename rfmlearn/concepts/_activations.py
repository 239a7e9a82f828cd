"""Activations of the layers of a torch module."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from ..neural._module_gradients import check_module, check_sizes, import_torch


def record_activations(module, inputs, layers=None, *, token="last", batch_size=32):
    """Outputs of the layers of a torch module for some inputs, as an array.

    Parameters
    ----------
    module : torch.nn.Module
        Is run in evaluation mode and without gradients; all is as before afterwards.
    inputs : tensor, dict of tensors, or list
        A tensor or array is passed as the only argument, with an example along its first axis; a dict gives arguments
        by name, as tokenizers do. For examples of different length a list with a tensor, a sequence of tokens or a dict
        for each of them, without an axis of examples; or a dict of such lists. Examples of one shape are run together,
        and nothing is padded. Arguments that are single values, such as ``use_cache=False``, are passed every time.
        Numbers are moved to the device of the module's parameters, those that are not integers to their dtype.
    layers : str, list of str or None, default=None
        Names of sub-modules, as in ``module.named_modules()``. None takes the parts of the longest
        `torch.nn.ModuleList` that lies in no other one, which are the blocks of a transformer; where there is none,
        those of the longest `torch.nn.Sequential`.
    token : {"last", "mean", "all"} or int, default="last"
        Which tokens are taken of a layer that returns (examples, tokens, width): the last one, the mean over all, all
        of them, or the one at a place, counted from the end if negative. If `inputs` have an ``attention_mask``, padded
        tokens do not count, on either side. Layers that return (examples, width) have one token.
    batch_size : int, default=32
        Examples in one pass.

    Returns
    -------
    ndarray of shape (n_examples, n_layers, width) or list of n_examples ndarray of shape (n_tokens, n_layers, width)
        In the order of `inputs` and `layers`; a list if `token` is "all". In float64 if the module computes so, else in
        float32. If a layer returns several things, the first one is taken.

    Raises
    ------
    ImportError
        If torch is missing.
    TypeError
        If `module` is no torch module, `inputs` are no numbers, or a layer returns no tensor, or a complex one.
    ValueError
        If a layer does not exist, is a convolution, is not reached or called more than once; if layers have different
        widths; if parameters are on the device "meta"; if inputs or activations are not finite; if an example has too
        few tokens, or other ones than its ``attention_mask``.

    Examples
    --------
    >>> import torch
    >>> from rfmlearn.concepts import record_activations
    >>> module = torch.nn.Sequential(torch.nn.Embedding(10, 4), torch.nn.Linear(4, 4))
    >>> record_activations(module, [[1, 2, 3], [4, 5]]).shape
    (2, 2, 4)
    >>> record_activations(module, torch.tensor([[1, 2, 3]]), layers="0", token="mean").shape
    (1, 1, 4)
    """
    check_module(module, "record_activations")
    check_sizes(batch_size=batch_size)
    if token not in ("last", "mean", "all") and (isinstance(token, bool) or not isinstance(token, Integral)):
        raise ValueError(f"token must be 'last', 'mean', 'all' or a whole number, got {token!r}.")
    torch = import_torch("record_activations")
    from ._examples import MASK, Examples
    from ._modules import frozen, hooked, named_layers

    parts = named_layers(module, layers)
    examples = Examples.read(module, inputs)
    found: list = [None] * len(examples)
    with frozen(module), torch.no_grad():
        for places, batch in examples.batches(batch_size):
            recorder = _Recorder(len(places))
            with hooked(parts, recorder.hook):
                examples.run(module, batch)
            states = recorder.stacked(parts)  # (examples, tokens, layers, width)
            for i, state in zip(places, states, strict=True):
                _check_finite(state, parts, i)
                found[i] = _choose(state, examples.rows[i].get(MASK), token, i)
    return found if token == "all" else np.stack(found)


class _Recorder:
    """Outputs of layers in one pass."""

    def __init__(self, n):
        self.n = n
        self.outputs: dict = {}

    def hook(self, name):
        """A forward hook that keeps the output of a layer."""
        from ._modules import first_tensor

        def keep(part, arguments, output):
            if name in self.outputs:
                raise ValueError(
                    f"layer {name!r} is called more than once in a pass: name a layer that is called once, such as the "
                    "module around it."
                )
            state = first_tensor(output, name).detach()
            if state.ndim not in (2, 3) or len(state) != self.n:
                raise ValueError(
                    f"layer {name!r} must return (examples, width) or (examples, tokens, width), got shape "
                    f"{tuple(state.shape)} for {self.n} example(s): name another layer."
                )
            if state.is_complex():
                raise TypeError(f"layer {name!r} returns complex numbers: name another layer.")
            state = state.double() if state.element_size() == 8 else state.float()
            # A clone, because what comes next may write into it.
            self.outputs[name] = (state[:, None] if state.ndim == 2 else state).cpu().clone().numpy()

        return keep

    def stacked(self, names):
        """Outputs in the order of names, along the last axis but one."""
        if missing := [name for name in names if name not in self.outputs]:
            raise ValueError(f"layer {missing[0]!r} is not reached in the forward pass: leave it out.")
        for axis, what, way in ((2, "widths", ""), (1, "numbers of tokens", "")):
            sizes = {name: self.outputs[name].shape[axis] for name in names}
            if len(set(sizes.values())) > 1:
                raise ValueError(
                    f"layers have different {what}, {_by_size(sizes)}: record them apart, one call for each{way}."
                )
        return np.stack([self.outputs[name] for name in names], axis=2)


def _by_size(sizes):
    groups: dict[int, list[str]] = {}
    for name, size in sizes.items():
        groups.setdefault(size, []).append(name)
    return "; ".join(f"{size}: {', '.join(names[:5])}{', ...' * (len(names) > 5)}" for size, names in groups.items())


def _check_finite(state, names, i):
    if not np.isfinite(state).all():
        layer = list(names)[int(np.flatnonzero(~np.isfinite(state).all(axis=(0, 2)))[0])]
        raise ValueError(f"the activations of layer {layer!r} are NaN or infinite for example {i}.")


def _choose(state, mask, token, i):
    """Of tokens along the first axis those, or that one, which was asked for."""
    if mask is not None and len(state) > 1:
        if mask.numel() != len(state):
            raise ValueError(
                f"attention_mask of example {i} is for {mask.numel()} token(s), but the layers return {len(state)}: "
                "which of them count is not known."
            )
        state = state[mask.reshape(-1).bool().cpu().numpy()]
    if isinstance(token, str):
        return {"last": lambda: state[-1], "mean": lambda: state.mean(axis=0), "all": lambda: state}[token]()
    if not -len(state) <= token < len(state):
        raise ValueError(f"token is {token}, but example {i} has {len(state)} token(s).")
    return state[token]
