"""Recursive feature machines: kernel machines that learn their features by the average gradient outer product."""

from ._classifier import RFMClassifier
from ._classifier_cv import RFMClassifierCV
from ._feature_map import AGOPFeatureMap
from ._regressor import RFMRegressor
from ._regressor_cv import RFMRegressorCV
from .deep import DeepRFMClassifier, DeepRFMRegressor
from .gradients import average_gradient_outer_product
from .images._classifier import ConvRFMClassifier

__version__ = "0.1.0"

__all__ = [
    "AGOPFeatureMap",
    "ConvRFMClassifier",
    "DeepRFMClassifier",
    "DeepRFMRegressor",
    "RFMClassifier",
    "RFMClassifierCV",
    "RFMRegressor",
    "RFMRegressorCV",
    "__version__",
    "average_gradient_outer_product",
]
