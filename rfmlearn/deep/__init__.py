"""Layers of learned maps and random features: deep recursive feature machines."""

from ._layers import Layer

__all__ = ["Layer"]
