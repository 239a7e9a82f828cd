"""Targets: codes for the solver, and the way back to predictions, probabilities and intervals."""

from ._calibration import Link
from ._codes import Target

__all__ = ["Link", "Target"]
