"""Gradients of any fitted estimator with respect to its input, and their average outer product (AGOP)."""

from ._input_gradients import input_gradients

__all__ = ["input_gradients"]
