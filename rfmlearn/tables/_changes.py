"""Categories of new rows that are not what a model knows: what is refused, and what is told."""

from __future__ import annotations

import numpy as np

from ..runtime._trouble import warn_user
from ._values import family, plain, some

_FEWEST_ROWS = 10  # of which none is known, before anybody is told


def check_values(column, levels, found):
    """Compare the values of a categorical column with the levels that were seen in fit.

    Values never seen count as missing, which is meant for some of them. Where none is known, or where known ones have
    changed their type and not all are recognised, something else has happened to the column.

    Parameters
    ----------
    column : Column
    levels : list
        Of more than one value, or of one and None.
    found : ndarray of int
        As `Factor.match` returns it for the column's factor.

    Raises
    ------
    ValueError
        If no value is known and the type has changed, or if a change of type has lost something ("01001", 1001).

    Warns
    -----
    UserWarning
        If the type has changed and some values are not known, or if none of several values in ten rows or more is.
    """
    factor = column.factor
    counts = factor.counts()[:-1]
    unknown = [plain(factor.values[k]) for k in np.flatnonzero((counts > 0) & (found < 0))]
    if not unknown:
        return
    known = [level for level in levels if level is not None]
    changed = {family(value) for value in unknown}.isdisjoint({family(level) for level in known})
    is_any_known = bool((counts[found >= 0] > 0).any())
    lost = _lost(unknown, known) if changed else None
    what = f"Column {column.name!r} holds {family(unknown[0])} such as {some(unknown)}"
    then = f"in fit it held {family(known[0])} such as {some(known)}"
    if lost is not None:
        value, level = lost
        raise ValueError(f"{what}, but {then}: {value!r} is not {level!r}. Pass the column in the type that it had.")
    if changed and not is_any_known:
        raise ValueError(f"{what}, but {then}: no value is known. Pass the column in the type that it had.")
    if changed:
        warn_user(f"{what}, which count as missing, but {then}. Pass the column in the type that it had.")
    elif not is_any_known and len(unknown) > 1 and counts.sum() >= _FEWEST_ROWS:  # one may be a new shop
        warn_user(f"{what}, none of which was seen in fit, where it held {some(known)}: all count as missing.")


def _lost(values, levels):
    """A value and a level that are the same number, of which one has lost its zeros; or None."""
    by_number = {number: level for level in levels if (number := _number(level)) is not None}
    for value in values:
        if (number := _number(value)) is not None and number in by_number:
            return value, by_number[number]
    return None


def _number(value):
    if family(value) not in ("text", "numbers"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
