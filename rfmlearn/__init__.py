"""Recursive feature machines: kernel machines that learn their features by the average gradient outer product."""

from ._classifier import RFMClassifier
from ._classifier_cv import RFMClassifierCV
from ._regressor import RFMRegressor
from ._regressor_cv import RFMRegressorCV
from .images._classifier import ConvRFMClassifier

__version__ = "0.1.0"

__all__ = ["ConvRFMClassifier", "RFMClassifier", "RFMClassifierCV", "RFMRegressor", "RFMRegressorCV", "__version__"]
