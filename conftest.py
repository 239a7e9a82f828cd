"""Doctests that need an optional package wait for it."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["rfmlearn/neural/*"]
