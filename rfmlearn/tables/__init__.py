"""Tables as users have them, turned into points."""

from ._encoder import ColumnEncoder

__all__ = ["ColumnEncoder"]
