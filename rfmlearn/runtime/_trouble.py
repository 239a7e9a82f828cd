"""Trouble in a solution, told to the user once a fit is over."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning


def warn_of_trouble(messages, stacklevel=3):
    """One `ConvergenceWarning` for each different message."""
    for message in dict.fromkeys(messages):
        warnings.warn(message, ConvergenceWarning, stacklevel=stacklevel + 1)
