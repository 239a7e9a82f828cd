"""Features that neural networks have learned, by the average gradient outer product (AGOP).

Needs torch, all but `target_linearity`: ``pip install "rfmlearn[torch]"``. It is imported when a function is called.
"""

from ..targets._linearity import target_linearity
from ._ansatz import LayerAnsatz, NeuralFeatureAnsatz
from ._module_gradients import module_agop
from ._network import neural_feature_ansatz
from ._recorder import TrainingRecorder
from ._speed_limit import SpeedLimited

__all__ = [
    "LayerAnsatz",
    "NeuralFeatureAnsatz",
    "SpeedLimited",
    "TrainingRecorder",
    "module_agop",
    "neural_feature_ansatz",
    "target_linearity",
]
