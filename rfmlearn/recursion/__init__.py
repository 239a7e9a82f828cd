"""Solve, take gradients, form a new feature matrix, and again; the machine that comes of it."""

from ._feature_matrix import FeatureMatrix
from ._learned_agop import AGOP
from ._machine import Machine
from ._round import Round

__all__ = ["AGOP", "FeatureMatrix", "Machine", "Round"]
