"""Sub-modules by name, their outputs, and what is done to a module while these are recorded or changed."""

from __future__ import annotations

import contextlib
import copy
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ..neural._gradients import not_training
from ..neural._weights import CONVOLUTIONS
from ..runtime._trouble import warn_user


def named_layers(module, layers):
    """Sub-modules by name, in the order of `layers`; for None the blocks that a stack of a module is made of."""
    if layers is None:
        layers = _blocks(module)
    if not isinstance(layers, Iterable):
        raise TypeError(f"layers must be a name, a list of names or None, got a {type(layers).__name__}.")
    names = [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise ValueError("layers is empty: give at least one name, or None for the blocks of the module.")
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"layers must be names of sub-modules, got {wrong[0]!r}.")
    if len(set(names)) < len(names):
        raise ValueError(f"layers names {next(name for name in names if names.count(name) > 1)!r} twice.")
    known = dict(module.named_modules(remove_duplicate=False))
    for name in names:
        if name not in known:
            raise ValueError(f"module has no layer {name!r}; {_hint(name, [other for other in known if other])}")
        if isinstance(known[name], CONVOLUTIONS):
            raise ValueError(
                f"layer {name!r} is a convolution, whose channels do not lie along the last axis of what it returns: "
                "name a layer behind it that has them there."
            )
    parts = {name: known[name] for name in names}
    first = {id(part): name for name, part in reversed(parts.items())}
    for name, part in parts.items():
        if first[id(part)] != name:
            raise ValueError(f"layers {first[id(part)]!r} and {name!r} are the same module: name one of them.")
    return parts


def _blocks(module):
    """Names of the parts of the longest list of modules that lies in no other one, or of the longest sequence."""
    for kind in (torch.nn.ModuleList, torch.nn.Sequential):
        lists = {name: part for name, part in module.named_modules() if isinstance(part, kind) and len(part)}
        outer = {n: p for n, p in lists.items() if not any(n.startswith(f"{o}." if o else "") for o in lists if o != n)}
        if outer:
            name = max(outer, key=lambda name: len(outer[name]))
            return [f"{name}.{key}" if name else key for key, _ in outer[name].named_children()]
    names = [name for name, _ in module.named_modules() if name]
    raise ValueError(
        "module has no torch.nn.ModuleList or Sequential whose parts would be taken for its layers: give layers. "
        + _listed(names)
    )


def _hint(name, known):
    close = difflib.get_close_matches(name, known, n=5)
    return f"did you mean {', '.join(map(repr, close))}? {_listed(known)}" if close else _listed(known)


def _listed(names, most=40):
    if not names:
        return "It has no sub-modules."
    more = f", and {len(names) - most} more (see module.named_modules())" if len(names) > most else ""
    return f"Its layers are {', '.join(map(repr, names[:most]))}{more}."


def first_tensor(output, name):
    """The output of a layer, or the first one of several."""
    first = output
    if isinstance(output, Mapping):
        first = next(iter(output.values()), None)
    elif isinstance(output, tuple | list):
        first = output[0] if output else None
    if not isinstance(first, torch.Tensor):
        raise TypeError(
            f"layer {name!r} returns a {type(output).__name__} whose first part is no tensor, but a "
            f"{type(first).__name__}: name another layer."
            if first is not output
            else f"layer {name!r} returns no tensor, but a {type(output).__name__}: name another layer."
        )
    return first


def with_first(output, tensor):
    """The output of a layer with another first tensor; the old one is left as it is."""
    if isinstance(output, torch.Tensor):
        return tensor
    if isinstance(output, Mapping):
        new: Any = copy.copy(output)
        new[next(iter(output))] = tensor
        return new
    if hasattr(output, "_replace"):  # a named tuple
        return output._replace(**{output._fields[0]: tensor})
    return type(output)([tensor, *output[1:]])


@contextlib.contextmanager
def hooked(parts, make_hook):
    """Forward hooks on sub-modules by name until the end, also of one by an error."""
    handles: list = []
    try:
        for name, part in parts.items():
            handles.append(part.register_forward_hook(make_hook(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def steering(module, parts, make_hook):
    """Hooks as `hooked` has them; at the end of a block that ran the module, what was not reached is told of."""
    reached: set[str | None] = set()  # None is the module itself

    def noting(name):
        change = None if name is None else make_hook(name)

        def hook(part, arguments, output):
            reached.add(name)
            return output if change is None else change(part, arguments, output)

        return hook

    with hooked(parts, noting), hooked({None: module}, noting):
        yield
    if None in reached and (missing := [name for name in parts if name not in reached]):
        warn_user(
            f"layer {missing[0]!r} was not reached while the module ran, so that it was not steered there: name "
            "another layer."
        )


@contextlib.contextmanager
def frozen(module):
    """All of a module in evaluation mode, and no parameter differentiated, until the end."""
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    with not_training(module):
        try:
            for parameter in learned:
                parameter.requires_grad_(False)
            yield
        finally:
            for parameter in learned:
                parameter.requires_grad_(True)
