"""How fast this machine is now: asked only where a time limit is to be kept."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ..runtime._budget import PROBED_ROWS
from ..solvers import CholeskyFactor


@dataclass(frozen=True)
class Pace:
    """Seconds that factors of square arrays take.

    Attributes
    ----------
    per_cube : float
        Seconds of a factor of n rows in double precision, over n^3.
    """

    per_cube: float

    @property
    def per_operation(self):
        """Seconds of one addition or multiplication of a factor in double precision."""
        return 3 * self.per_cube

    @classmethod
    def measure(cls, n=PROBED_ROWS, clock=time.perf_counter):
        """Factor small arrays, for some hundredths of a second: the fastest of three, after one that loads loops."""
        seconds = []
        for size in (2, n, n, n):
            array, start = np.eye(size), clock()
            CholeskyFactor(array, np.ones(size))
            seconds.append(clock() - start)
        return cls(min(seconds[1:]) / n**3)

    def factor(self, n, single=False):
        """Predicted seconds of a factor of n rows; in single precision half of those in double."""
        return self.per_cube * n**3 * (0.5 if single else 1.0)
