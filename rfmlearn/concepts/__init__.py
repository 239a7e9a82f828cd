"""Directions of concepts in the activations of networks."""

from ._layer_probe import LayerProbe
from ._probe import ConceptProbe

__all__ = ["ConceptProbe", "LayerProbe"]
