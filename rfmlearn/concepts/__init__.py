"""Concepts as directions in the activations of any model: found, detected, recorded and steered along.

What touches a module needs torch, ``pip install "rfmlearn[torch]"``; it is imported when it is first called.
"""

from ._activations import record_activations
from ._layer_probe import LayerProbe
from ._probe import ConceptProbe
from ._steering import steer
from ._token_strength import TokenStrength

__all__ = ["ConceptProbe", "LayerProbe", "TokenStrength", "record_activations", "steer"]
