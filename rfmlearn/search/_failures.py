"""Candidates that failed, and what the user is told of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from sklearn.exceptions import FitFailedWarning


@dataclass(frozen=True)
class Failure:
    """Why a candidate was left out.

    Attributes
    ----------
    error : Exception
    params : dict
        Its settings.
    n_rows : int
        Rows that it was fitted to.
    """

    error: Exception
    params: dict[str, Any]
    n_rows: int

    @property
    def message(self):
        """What the user is told."""
        what = ", ".join(f"{name}={value!r}" for name, value in self.params.items()) or "the defaults"
        kind = type(self.error).__name__
        return f"A candidate was left out, since its fit to {self.n_rows} rows failed: {what}. {kind}: {self.error}"


def warn_of_failures(failures, stacklevel):
    """One `FitFailedWarning` for each failure."""
    for failure in failures:
        warnings.warn(failure.message, FitFailedWarning, stacklevel=stacklevel + 1)
