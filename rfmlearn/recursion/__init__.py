"""The recursion: solve, take gradients, form a new feature matrix; and the machine that comes of it."""

from ._agop import AGOP
from ._feature_matrix import FeatureMatrix
from ._machine import Machine
from ._round import Round

__all__ = ["AGOP", "FeatureMatrix", "Machine", "Round"]
