"""Estimators that choose their settings: search, ensemble, refit."""

from ._members import Member, MemberGroup

__all__ = ["Member", "MemberGroup"]
