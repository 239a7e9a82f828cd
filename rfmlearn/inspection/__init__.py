"""Pictures of what was learned; they need matplotlib, ``pip install "rfmlearn[plot]"``."""

from ._patch_agop import PatchAGOPDisplay

__all__ = ["PatchAGOPDisplay"]
