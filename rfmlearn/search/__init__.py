"""Estimators that choose their settings: search, ensemble, refit."""

from ._extra_members import ExtraMember
from ._members import Member, MemberGroup

__all__ = ["ExtraMember", "Member", "MemberGroup"]
