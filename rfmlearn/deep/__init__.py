"""Layers of learned maps and random features: deep recursive feature machines."""

from ._classifier import DeepRFMClassifier
from ._regressor import DeepRFMRegressor

__all__ = ["DeepRFMClassifier", "DeepRFMRegressor"]
