"""Trouble in a solution or in a table, told to the user."""

from __future__ import annotations

import sys
import warnings

from sklearn.exceptions import ConvergenceWarning

_PACKAGE = __name__.partition(".")[0]


def warn_of_trouble(messages, stacklevel=3):
    """One `ConvergenceWarning` for each different message."""
    for message in dict.fromkeys(messages):
        warnings.warn(message, ConvergenceWarning, stacklevel=stacklevel + 1)


def warn_user(message):
    """A `UserWarning` at the line outside of this package from which it was called, however deep."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def _is_ours(frame):
    name = frame.f_globals.get("__name__", "")
    return name == _PACKAGE or name.startswith((f"{_PACKAGE}.", "sklearn.", "contextlib", "joblib."))
