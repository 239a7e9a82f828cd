"""Concepts as directions in the activations of any model: recorded, steered along, and with a strength by token.

What touches a module needs torch, ``pip install "rfmlearn[torch]"``; it is imported when it is first called.
"""

from ._activations import record_activations
from ._steering import steer
from ._token_strength import TokenStrength

__all__ = ["TokenStrength", "record_activations", "steer"]
