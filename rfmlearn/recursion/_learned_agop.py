"""The AGOP of a fitted machine: what was learned of it, and all of it on request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..runtime._memory import refuse_square
from ._feature_matrix import blocks_diagonal
from ._machine import Machine


@dataclass(frozen=True, kw_only=True)
class AGOP:
    """The AGOP of a fitted machine over its training rows: what was learned of it, and all of it on request.

    Parameters
    ----------
    machine : Machine
        Whose gradients are averaged.
    sample : tuple (rows or None, weights)
        Training rows over which it is averaged.
    center : bool
        Whether the mean gradient of each output is subtracted first.
    dtype : str
        Precision in which it is computed.
    blocks : tuple of ndarray
        In the form that the feature matrix has: a vector for a diagonal.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> agop = RFMRegressorCV([{"max_iter": 1}], cv=2).fit(X, y).members_[0].agop
    >>> agop.diagonal.shape, agop.array.shape
    ((10,), (10, 10))
    """

    machine: Machine
    sample: tuple[np.ndarray | None, np.ndarray]
    center: bool
    dtype: str
    blocks: tuple[np.ndarray, ...]

    @property
    def diagonal(self):
        """Diagonal entries, shape (n_coordinates,)."""
        return blocks_diagonal(self.blocks)

    @cached_property
    def array(self):
        """All entries, shape (n_coordinates, n_coordinates).

        Where less was learned they are computed when they are first asked for: d^2 numbers and O(n m d + m d^2)
        operations for d coordinates and averages over m of n rows. Pickles leave them out.
        """
        if len(self.blocks) == 1 and self.blocks[0].ndim == 2:
            return self.blocks[0]
        refuse_square(self.machine.centers.n_coordinates, "agop_")
        return self.machine.astype(self.dtype).full_agop(self.sample, center=self.center)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "array"}
