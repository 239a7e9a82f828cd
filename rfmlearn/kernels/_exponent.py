"""Kernels with an exponent, which says how rough functions are."""

from __future__ import annotations

from dataclasses import dataclass

from ._kernel import Kernel


@dataclass(frozen=True)
class ExponentKernel(Kernel):
    """A kernel of powers ``distance^exponent``."""

    exponent: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.exponent <= 2:
            raise ValueError(f"exponent must lie in (0, 2], got {self.exponent!r}.")

    @property
    def median_multiple(self):
        """Wide for rough kernels."""
        return 5.0 if self.exponent <= 1.5 else 1.0
