"""What a module is called with: examples of equal or of different length, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Number

import torch

from ..neural._gradients import as_tensor, check_loaded, first_parameter

MASK = "attention_mask"
_ALONE = ""  # the key of an argument that is passed without a name


@dataclass(frozen=True)
class Examples:
    """Arguments of a module, by example.

    Attributes
    ----------
    rows : list of dict of str to tensor
        Of each example, without an axis of examples.
    options : dict
        Arguments that are the same for all, such as ``use_cache=False``.
    device : torch.device
        Where batches are moved.
    dtype : torch.dtype
        Of batches of numbers that are not integers.
    """

    rows: list[dict[str, torch.Tensor]]
    options: dict
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def read(cls, module, inputs):
        """Tensors, dicts of tensors, or lists of these by example, checked."""
        check_loaded(module)
        rows, options = _as_rows(inputs)
        if not rows:
            raise ValueError("inputs have no example.")
        for i, row in enumerate(rows):
            for name, value in row.items():
                if value.is_floating_point() and not torch.isfinite(value).all():
                    raise ValueError(f"inputs{name and f'[{name!r}]'} contain NaN or infinity in example {i}.")
            if MASK in row and not row[MASK].any():
                raise ValueError(f"example {i} has no token: its attention_mask is zero everywhere.")
        parameter = first_parameter(module)
        return cls(rows, options, parameter.device, parameter.dtype)

    def __len__(self):
        return len(self.rows)

    def batches(self, batch_size, chosen=None):
        """Yield places of examples and their arguments; in a batch all are of one shape, so that none is padded."""
        groups: dict[tuple, list[int]] = {}
        for i in range(len(self)) if chosen is None else chosen:
            groups.setdefault(tuple((name, value.shape) for name, value in self.rows[i].items()), []).append(int(i))
        for places in groups.values():
            for start in range(0, len(places), batch_size):
                batch = places[start : start + batch_size]
                yield batch, {name: self._stack(name, batch) for name in self.rows[batch[0]]}

    def _stack(self, name, places):
        values = torch.stack([self.rows[i][name] for i in places])
        return values.to(self.device, self.dtype if values.is_floating_point() else None)

    def run(self, module, batch):
        """What the module returns for a batch."""
        if _ALONE in batch:
            return module(batch[_ALONE])
        return module(**batch, **self.options)


def tokens_of(row):
    """Whole numbers that an example is a sequence of, or None."""
    found = row.get("input_ids", row.get(_ALONE))
    return found if found is not None and found.ndim == 1 and not found.is_floating_point() else None


def _as_rows(inputs):
    if isinstance(inputs, Mapping):
        return _rows_of_mapping(inputs)
    if hasattr(inputs, "__array__"):  # tensors, arrays and data frames
        whole = _as_tensor(inputs, "inputs")
        if whole.ndim == 0:
            raise ValueError("inputs must have an example along their first axis, got a single number.")
        return [{_ALONE: value} for value in whole], {}
    if not isinstance(inputs, Sequence) or isinstance(inputs, str):
        raise TypeError(
            "inputs must be a tensor, a dict of tensors, or a list of tensors or dicts, one for each example; got a "
            f"{type(inputs).__name__}."
        )
    return [_row(value, i) for i, value in enumerate(inputs)], {}


def _rows_of_mapping(inputs):
    """Arguments by name, each with an example along its first axis, or a list of examples of different length."""
    options = {name: value for name, value in inputs.items() if value is None or isinstance(value, Number | str)}
    named = {name: value for name, value in inputs.items() if name not in options}
    if not named:
        raise ValueError("inputs are a dict without a tensor.")
    counts = {name: len(value) for name, value in named.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"inputs must have as many examples under every name, got {counts}.")
    columns = {
        name: [_as_tensor(v, f"inputs[{name!r}][{i}]") for i, v in enumerate(value)] for name, value in named.items()
    }
    n = next(iter(counts.values()))
    return [{name: column[i] for name, column in columns.items()} for i in range(n)], options


def _row(value, i):
    if isinstance(value, Mapping):
        return {name: _as_tensor(v, f"inputs[{i}][{name!r}]") for name, v in value.items()}
    row = _as_tensor(value, f"inputs[{i}]")
    if row.ndim == 0:
        raise ValueError(
            f"inputs[{i}] is a single number: each entry of a list is an example. Pass an array instead, or a list of "
            "sequences."
        )
    return {_ALONE: row}


def _as_tensor(value, name):
    try:
        return as_tensor(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, got a {type(value).__name__}: {error}") from error
