"""Gradients of any fitted estimator with respect to its input, and their average outer product (AGOP)."""

from ._average import average_gradient_outer_product
from ._input_gradients import input_gradients

__all__ = ["average_gradient_outer_product", "input_gradients"]
