"""What the user passed to `fit`, and the splits of it that the user's own `cv` gives."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from .._sklearn_compat import _safe_indexing, numbers_of_any_size
from ..tables._libraries import at_hand
from ..targets._checks import check_group_labels


@dataclass(frozen=True)
class Given:
    """Table, targets and groups as they were passed: what splitters and scorers of the user's see.

    Attributes
    ----------
    X : table
        Tables of libraries of which scikit-learn takes no rows are read, by pandas or polars.
    y : array-like
    groups : array-like or None
    """

    X: object
    y: object
    groups: object = None

    @classmethod
    def of(cls, X, y, groups=None):
        """What was passed to `fit`."""
        return cls(at_hand(X), at_hand(y, "y"), groups)

    def part(self, rows):
        """Table and targets of some rows, of the types that were passed."""
        return _safe_indexing(self.X, rows), _safe_indexing(self.y, rows)


def read_splits(cv, given: Given, n):
    """Pairs of training and test rows of a splitter or an iterable: in its order, with its repeats.

    Parameters
    ----------
    cv : splitter or iterable
    given : Given
        Splitters see it.
    n : int
        Rows of the table.

    Returns
    -------
    list of (train, test)
        Arrays of row numbers from 0 to n - 1. Negative numbers count from the end, and masks and slices mean what they
        mean in NumPy.

    Raises
    ------
    ValueError
        If there is no split, or one is not a pair of rows of the table; the message names it.
    """
    splits = cv.split(given.X, given.y, _with_order(given.groups)) if hasattr(cv, "split") else cv
    with numbers_of_any_size():  # splitters look what kind of targets they were given
        pairs = [_read_pair(number, split, n) for number, split in enumerate(splits)]
    if not pairs:
        raise ValueError(
            "cv gives no split: there must be at least one pair of training and test rows. (A generator gives them "
            "once only; a list can be used again.)"
        )
    return pairs


def _with_order(groups):
    """Groups as they were passed, or integers where labels of several types have no order: splitters sort them."""
    try:
        np.unique(groups)
    except TypeError:
        return check_group_labels(groups, groups)
    return groups


def _read_pair(number, split, n):
    parts = list(islice(split, 3)) if np.iterable(split) and not isinstance(split, str) else [split]
    if len(parts) != 2:
        raise ValueError(f"split {number} of cv must be a pair of training and test rows, got {_shown(split)}.")
    names = (f"{part} rows of split {number} of cv" for part in ("training", "test"))
    return tuple(_read_part(name, part, n) for name, part in zip(names, parts, strict=True))


def _read_part(name, part, n):
    """Row numbers of one part."""
    rows = np.arange(n)
    if isinstance(part, slice):
        return rows[part]
    asked = np.array(list(part)) if np.iterable(part) and not isinstance(part, str) else np.asarray(part)
    if asked.ndim != 1 or (asked.size and asked.dtype.kind not in "biu"):
        raise ValueError(f"{name} must be row numbers or a boolean mask of one dimension, got {_shown(part)}.")
    if asked.dtype.kind == "b":
        if len(asked) != n:
            raise ValueError(f"{name} are a mask of length {len(asked)}, but X has {n} rows.")
        return rows[asked]
    outside = asked[(asked < -n) | (asked >= n)]
    if len(outside):
        raise ValueError(f"{name} must be numbers from {-n} to {n - 1}, since X has {n} rows, got {outside[0]}.")
    return rows[asked.astype(np.intp)]


def _shown(value):
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
