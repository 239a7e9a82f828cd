"""The plan of a fit: where the Gram matrix lives, in which precision, who solves, and how much memory that takes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from ..kernels import Kernel
from ..kernels._packed_pairs import packed_bytes
from ..runtime._budget import (
    FIXED_BYTES,
    ITERATIVE_FROM,
    MIXED_FROM,
    N_LEARNING_ROWS,
    PACKED_LANDMARKS,
    PACKED_LANDMARKS_EVERY,
    QUICK_FROM,
    SLOW_BLOCK,
)
from ..runtime._loss_budget import COPIED_SHARE
from ..runtime._memory import refuse_beyond


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a recursion over so many points is computed. It follows from their number alone, not from the machine.

    Attributes
    ----------
    n_samples, n_coordinates, n_outputs : int
    matrix_entries : int
        Numbers of the feature matrix.
    block_entries : int
        Those of its largest block.
    dtype : dtype
        Precision of the points.
    iterative : bool
        Whether rounds are solved by preconditioned conjugate gradients in float32, all but the last.
    quick : bool
        Whether rounds before the last are solved in float32, by a factor.
    mixed : bool
        Whether the last round takes a float32 factor and float64 refinement.
    n_learning_rows : int
        Rows of rounds that only learn features, if the last round packs the Gram matrix of all; else 0.
    copied_share : float
        Share of the Gram matrix that is copied where systems of some of the rows are solved, for other losses than
        squared error.
    """

    n_samples: int
    n_coordinates: int
    n_outputs: int
    matrix_entries: int
    block_entries: int
    dtype: np.dtype
    iterative: bool = False
    quick: bool = False
    mixed: bool = False
    n_learning_rows: int = 0
    copied_share: float = 0.0

    @property
    def gram_bytes(self):
        """Bytes of the Gram matrix, of which there is one at a time, and of what is copied of it."""
        if self.n_learning_rows:
            return max(packed_fit_bytes(self.n_samples), self.dtype.itemsize * self.n_learning_rows**2)
        return int((1 + self.copied_share) * self.n_samples**2 * (4 if self.mixed else self.dtype.itemsize))

    def for_loss(self):
        """The same for a loss other than squared error, in float64."""
        return replace(self, copied_share=COPIED_SHARE, dtype=np.dtype(np.float64), mixed=False)

    @property
    def point_bytes(self):
        """Bytes of points, gradients, targets and coefficients."""
        per_row = self.n_coordinates * (3 + self.n_outputs) + 4 * self.n_outputs
        return self.n_samples * per_row * (4 if self.mixed else self.dtype.itemsize)

    @property
    def matrix_bytes(self):
        """Bytes of feature matrix, AGOP and the next root, and of what the eigenvectors of a block take beside them."""
        return 8 * (3 * self.matrix_entries + 6 * self.block_entries)

    @property
    def n_bytes(self):
        """Bytes of a fit at its peak, beside the table."""
        return self.gram_bytes + self.point_bytes + self.matrix_bytes + FIXED_BYTES

    def seconds_after_rounds(self, pace, time_limit):
        """Predicted seconds of the factor of all rows that comes after approximate rounds; none else."""
        return pace.factor(self.n_samples, single=self.mixed) if self.iterative else 0.0

    def check(self):
        """Refuse what does not fit in the memory available.

        Raises
        ------
        MemoryError
            With the estimate, what is available, and the way out.
        """
        refuse_beyond(self.n_bytes, self._complaint)

    def _complaint(self, available):
        matrix = self.matrix_bytes
        if matrix > max(self.gram_bytes, available / 2):
            return (
                f"a feature matrix over {self.n_coordinates} coordinates takes about {matrix / 2**30:.3g} GiB, but "
                f'only {available / 2**30:.3g} GiB are available. Take feature_matrix="diagonal".'
            )
        if self.n_learning_rows:
            return (
                f"fitting {self.n_samples} rows with a packed Gram matrix takes about {self.n_bytes / 2**30:.3g} GiB, "
                f"but only {available / 2**30:.3g} GiB are available. Fit at most about "
                f"{int(self.n_samples * (max(available - FIXED_BYTES, 0) / self.n_bytes) ** 0.5)} rows (a random "
                "subsample)."
            )
        itemsize = 4 if self.mixed else self.dtype.itemsize
        # The largest n with n^2 + n rows / n_samples no more than what is there.
        room = max(available - FIXED_BYTES - matrix, 0) / itemsize
        linear = self.point_bytes / self.n_samples / itemsize
        affordable = int((linear**2 / 4 + room) ** 0.5 - linear / 2)
        return (
            f"fitting {self.n_samples} rows takes about {self.n_bytes / 2**30:.3g} GiB ({self.gram_bytes / 2**30:.3g} "
            f"GiB of it for the Gram matrix), but only {available / 2**30:.3g} GiB are available. Fit at most about "
            f"{affordable} rows (a random subsample), or give X as float32, which halves the need, or take "
            'solver="packed", which needs n_samples^2 bytes.'
        )


def packed_fit_bytes(n):
    """Bytes of a packed Gram matrix and of its preconditioner, two arrays of float32 while it is made."""
    return packed_bytes(n) + 8 * n * min(n_packed_landmarks(n), n // 10)


def n_packed_landmarks(n):
    """Columns that precondition a packed Gram matrix of n rows."""
    fewest, most = PACKED_LANDMARKS
    return min(max(n // PACKED_LANDMARKS_EVERY, fewest), most)


def make_plan(n_samples, widths, n_outputs, *, kernel: Kernel, form="diagonal", solver="auto", dtype=np.float64):
    """The plan for so many points.

    Parameters
    ----------
    n_samples : int
    widths : sequence of int
        Number of coordinates of each block: the numeric one first, then each category.
    n_outputs : int
    kernel : Kernel
    form : {"full", "diagonal", "block"}, default="diagonal"
    solver : {"auto", "cholesky", "cg", "packed"}, default="auto"
    dtype : dtype, default=float64

    Returns
    -------
    Plan
    """
    n_coordinates = sum(widths)
    blocks = {"full": [n_coordinates**2], "block": [width**2 for width in widths], "diagonal": [n_coordinates]}[form]
    large = solver not in ("cholesky", "packed") and n_samples >= MIXED_FROM
    return Plan(
        n_samples=n_samples,
        n_coordinates=n_coordinates,
        n_outputs=n_outputs,
        matrix_entries=sum(blocks),
        block_entries=max(blocks),
        dtype=np.dtype(dtype),
        iterative=n_samples >= ITERATIVE_FROM[solver],
        quick=QUICK_FROM <= n_samples < ITERATIVE_FROM["auto"] and solver == "auto" and dtype == np.float64,
        mixed=large and kernel.has_cheap_products and dtype == np.float64,
        n_learning_rows=min(N_LEARNING_ROWS, n_samples) if solver == "packed" else 0,
    )


def warn_of_large_blocks(form, widths, names, stacklevel):
    """Warn where the eigenvectors of a feature matrix will take very long, naming the column that makes it large.

    Parameters
    ----------
    form : {"full", "diagonal", "block"}
    widths : sequence of int
        As in `make_plan`.
    names : list of str
        Of the coordinates.
    stacklevel : int
    """
    size = {"full": sum(widths), "block": max(widths), "diagonal": 0}[form]
    if size <= SLOW_BLOCK:
        return
    widest = int(np.argmax(widths))
    first = names[sum(widths[:widest])]
    what = "numeric" if widest == 0 else f'categories of one column, as "{first}"'
    ways_out = 'feature_matrix="diagonal"'
    if widest:
        ways_out += ' or categorical_encoding="target"' + (' or feature_matrix="block"' if form == "full" else "")
    warnings.warn(
        f'feature_matrix="{form}" takes the eigenvectors of a matrix over {size} coordinates in every round, '
        f"{9 * size**3:.0e} operations; {widths[widest]} of its coordinates are {what}. Take {ways_out}.",
        UserWarning,
        stacklevel=stacklevel + 1,
    )
