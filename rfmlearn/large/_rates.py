"""How fast this machine does what a large fit consists of: asked only where a time limit is to be kept."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..kernels import Kernel, Points
from ..recursion._pace import Pace
from ..runtime._large_budget import PROBED_OPERATIONS_ROWS, PROBED_PAIRS


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Seconds of all threads together.

    Attributes
    ----------
    per_pair : float
        Of a value of the kernel.
    per_operation : float
        Of an addition or multiplication of a matrix product in double precision.
    """

    per_pair: float
    per_operation: float

    @classmethod
    def measure(cls, kernel: Kernel, points: Points, clock=time.perf_counter):
        """From some values, and some factors, for some tenths of a second."""
        rows, columns = (points[:size] for size in PROBED_PAIRS)
        seconds = []
        for _ in range(2):  # the first one may load loops
            start = clock()
            kernel(columns, rows)
            seconds.append(clock() - start)
        per_operation = Pace.measure(PROBED_OPERATIONS_ROWS, clock).per_operation
        return cls(per_pair=min(seconds) / (len(rows) * len(columns)), per_operation=per_operation)
