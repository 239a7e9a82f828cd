"""Codes of targets for the solver, and the way back to predictions and intervals."""

from ._calibration import Link
from ._codes import Target

__all__ = ["Link", "Target"]
