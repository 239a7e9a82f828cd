"""Trouble in a solution: a warning for the user, and a record for the model that is fitted."""

from __future__ import annotations

import contextlib
import warnings
from contextvars import ContextVar

from sklearn.exceptions import ConvergenceWarning

_collected: ContextVar[list[str] | None] = ContextVar("rfmlearn_trouble", default=None)


def warn_of_solution(message):
    """A `ConvergenceWarning`, noted by whoever collects them in this thread."""
    messages = _collected.get()
    if messages is not None and message not in messages:
        messages.append(message)
    warnings.warn(message, ConvergenceWarning, stacklevel=3)


@contextlib.contextmanager
def collect_trouble():
    """List of the messages of `warn_of_solution` in this block, which are given all the same."""
    messages: list[str] = []
    token = _collected.set(messages)
    try:
        yield messages
    finally:
        _collected.reset(token)
