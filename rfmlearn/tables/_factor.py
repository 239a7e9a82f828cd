"""A column of categories as places among its distinct values, and these among the levels that a model knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._values import is_missing, meaning, plain


@dataclass(frozen=True)
class Factor:
    """A column as places among its distinct values.

    Attributes
    ----------
    values : list
        The distinct values, and others that its type allows.
    codes : ndarray of int of shape (n,)
        Place among them of each row's value, -1 where it is missing.
    in_order : bool
        Whether `values` are in the order of the column's type, as those of a pandas category or a polars Enum are.
    """

    values: list
    codes: np.ndarray
    in_order: bool = False

    @classmethod
    def without_missing(cls, values, codes):
        """A factor whose codes of missing values are -1."""
        codes = codes.astype(np.int32, copy=False)
        missing = [place for place, value in enumerate(values) if is_missing(value)]
        return cls(values, np.where(np.isin(codes, missing), -1, codes) if missing else codes)

    @classmethod
    def of_numbers(cls, data):
        """Factor of an array of numbers or booleans."""
        data = data.astype(np.float64) if data.dtype.itemsize > 8 else data  # Python has no longdouble
        low, high = data.min(), data.max()
        if data.dtype.kind in "iu" and int(high) - int(low) < 2 * len(data):  # faster than to sort
            places = (data - low if data.dtype.itemsize == 8 else data.astype(np.intp) - int(low)).astype(np.intp)
            seen = np.flatnonzero(np.bincount(places))
            codes = np.zeros(seen[-1] + 1, dtype=np.int32)
            codes[seen] = np.arange(len(seen))
            return cls([int(low) + place for place in seen.tolist()], codes[places])
        _, first, codes = np.unique(data, return_index=True, return_inverse=True)
        return cls.without_missing(data[first].tolist(), codes)

    def counts(self):
        """Number of rows of each of the values, and of missing ones."""
        return np.bincount(np.asarray(self.codes, dtype=np.intp) + 1, minlength=len(self.values) + 1)[
            [*range(1, len(self.values) + 1), 0]
        ]

    def levels(self):
        """Plain values that occur, in the order of the type or else ascending; then None if one is missing."""
        seen = np.zeros(len(self.values) + 1, dtype=bool)
        seen[self.codes] = True  # -1 is the last
        values = [value for value, occurs in zip(self.values, seen, strict=False) if occurs]
        values = values if self.in_order else _ascending(values)
        return list(dict.fromkeys(map(plain, values))) + [None] * bool(seen[-1])

    def match(self, levels):
        """Place of each of the values among levels, compared by what they mean; -1 where it is none of them."""
        known = {level: place for place, level in enumerate(levels)}
        values = list(map(plain, self.values))
        found = np.array([known.get(value, -1) for value in values], dtype=np.int32)
        if (found < 0).any():
            meant: dict = {}
            for level, place in known.items():
                meant.setdefault(meaning(level), place)
            for k in np.flatnonzero(found < 0):
                found[k] = meant.get(meaning(values[k]), -1)
        return found

    def places(self, levels, found=None):
        """Place of each row's value among levels; others go where missing ones do, to None, or else get -1.

        `found` is what `match` has returned, where it is at hand.
        """
        found = self.match(levels) if found is None else found
        other = len(levels) - 1 if levels and levels[-1] is None else -1
        return np.append(np.where(found < 0, other, found), other).astype(np.int32)[self.codes]


def _ascending(values):
    try:
        return sorted(values)
    except TypeError:  # values of several types have no order of their own
        return sorted(values, key=lambda value: (type(value).__name__, str(value)))
