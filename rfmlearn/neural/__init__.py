"""Features that neural networks have learned, by the average gradient outer product (AGOP).

Needs torch: ``pip install "rfmlearn[torch]"``. It is imported when a function is called.
"""

from ._ansatz import LayerAnsatz, NeuralFeatureAnsatz
from ._module_gradients import module_agop
from ._network import neural_feature_ansatz

__all__ = ["LayerAnsatz", "NeuralFeatureAnsatz", "module_agop", "neural_feature_ansatz"]
