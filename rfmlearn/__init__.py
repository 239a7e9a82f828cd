"""Recursive feature machines: kernel machines that learn their features by the average gradient outer product."""

from ._warmup import warmup
from .deep._classifier import DeepRFMClassifier
from .deep._feature_map import AGOPFeatureMap
from .deep._regressor import DeepRFMRegressor
from .gradients._average import average_gradient_outer_product
from .images._classifier import ConvRFMClassifier
from .rfm._classifier import RFMClassifier
from .rfm._plans import estimate_memory
from .rfm._regressor import RFMRegressor
from .search._classifier import RFMClassifierCV
from .search._regressor import RFMRegressorCV

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
    "estimate_memory",
    "warmup",
]
