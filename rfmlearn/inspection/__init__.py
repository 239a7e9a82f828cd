"""Pictures of what was learned, and a page about a model; they need matplotlib, ``pip install "rfmlearn[plot]"``."""

from ._agop_display import AGOPDisplay
from ._importance_display import FeatureImportanceDisplay
from ._leaf_agop_display import LeafAGOPDisplay
from ._local_importances import local_importances
from ._neural_features import NFADisplay
from ._patch_agop import PatchAGOPDisplay
from ._path_display import RFMPathDisplay
from ._projection_display import ProjectionDisplay
from ._slope_display import SlopeDisplay
from ._training_display import TrainingDisplay
from .report._page import write_report

__all__ = [
    "AGOPDisplay",
    "FeatureImportanceDisplay",
    "LeafAGOPDisplay",
    "NFADisplay",
    "PatchAGOPDisplay",
    "ProjectionDisplay",
    "RFMPathDisplay",
    "SlopeDisplay",
    "TrainingDisplay",
    "local_importances",
    "write_report",
]
