"""Recursive feature machines: kernel machines that learn their features by the average gradient outer product."""

from ._classifier import RFMClassifier
from ._regressor import RFMRegressor

__version__ = "0.1.0"

__all__ = ["RFMClassifier", "RFMRegressor", "__version__"]
