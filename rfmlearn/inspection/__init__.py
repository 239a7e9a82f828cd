"""Pictures of what was learned; they need matplotlib, ``pip install "rfmlearn[plot]"``."""

from ._agop_display import AGOPDisplay
from ._importance_display import FeatureImportanceDisplay
from ._neural_features import NFADisplay
from ._patch_agop import PatchAGOPDisplay
from ._path_display import RFMPathDisplay
from ._projection_display import ProjectionDisplay

__all__ = [
    "AGOPDisplay",
    "FeatureImportanceDisplay",
    "NFADisplay",
    "PatchAGOPDisplay",
    "ProjectionDisplay",
    "RFMPathDisplay",
]
