"""Leaves of a tree in the terms of the user's table: on the way to each, what its rows have in common."""

from __future__ import annotations

import numpy as np

from ..tables._dates import TIMES, from_days

# Levels of a category that are named.
_MOST_LEVELS = 3


def leaf_paths(tree, encoder):
    """A text for each leaf, such as ``carat > 0.7, cut: Ideal, Premium``.

    Conditions on one column are put together. Thresholds are in the units of the table, but for coordinates that stand
    for categories, ordinal or target coded, which are marked by "scaled".

    Parameters
    ----------
    tree : Tree
    encoder : ColumnEncoder

    Returns
    -------
    list of str
    """
    texts = [""] * tree.n_leaves
    pending: list[tuple] = [(0, {})] if len(tree.column) else []
    while pending:
        node, path = pending.pop()
        for side, child in enumerate(tree.children[node]):
            narrowed = path | {int(tree.column[node]): _narrow(tree, node, side, path, encoder)}
            if child < 0:
                texts[-1 - child] = ", ".join(_text(column, limits, encoder) for column, limits in narrowed.items())
            else:
                pending.append((child, narrowed))
    return texts if len(tree.column) else ["all rows"]


def _n_numeric(encoder):
    return encoder._numeric_block.n_coordinates


def _narrow(tree, node, side, path, encoder):
    """What a split leaves of a column: a range of its scaled numbers, or places of its levels."""
    column, threshold, start = int(tree.column[node]), float(tree.threshold[node]), tree.first_rank[node]
    if start < 0:
        low, high = path.get(column, (-np.inf, np.inf))
        return (low, min(high, threshold)) if side == 0 else (max(low, threshold), high)
    # The last rank is that of levels never seen.
    ranks = tree.ranks[start : start + len(encoder.levels_[column - _n_numeric(encoder)]) + 1]
    return path.get(column, frozenset(range(len(ranks)))) & set(np.flatnonzero((ranks <= threshold) == (side == 0)))


def _text(column, limits, encoder):
    n_numeric = _n_numeric(encoder)
    if column >= n_numeric:
        return _categories(column - n_numeric, limits, encoder)
    block, name, (low, high) = encoder._numeric_block, encoder.coordinate_names_[column], limits
    if column >= len(block.varying):
        return f"{name.removesuffix('_missing')} {'missing' if np.isfinite(low) else 'known'}"
    source = int(block.varying[column])
    if source >= len(encoder.numeric_):
        texts = [f"{value:.3g} (scaled)" for value in limits]
    else:
        texts = [_number(block, column, source, value, encoder._measures[source]) for value in limits]
    if not np.isfinite(low):
        return f"{name} ≤ {texts[1]}"
    return f"{name} > {texts[0]}" if not np.isfinite(high) else f"{texts[0]} < {name} ≤ {texts[1]}"


def _number(block, column, source, value, measure):
    """A scaled number in the units of the table."""
    if not np.isfinite(value):
        return ""
    Z = np.zeros((1, block.n_coordinates))
    Z[0, column] = value
    number = block.inverse(Z)[0, source]
    return str(from_days(np.array([number]), measure)[0])[:16] if measure in TIMES else f"{number:.4g}"


def _categories(k, places, encoder):
    """The levels of a category, those that are fewer: which it has, or has not."""
    levels = encoder.levels_[k]
    name = encoder.column_names[encoder.categorical_[k]]
    inside = [place for place in range(len(levels)) if place in places]
    outside = [place for place in range(len(levels)) if place not in places]
    negated = len(outside) < len(inside)
    shown = outside if negated else inside
    texts = ["missing" if levels[place] is None else str(levels[place]) for place in shown[:_MOST_LEVELS]]
    more = f" and {len(shown) - _MOST_LEVELS} more" if len(shown) > _MOST_LEVELS else ""
    return f"{name}: {'not ' if negated else ''}{', '.join(texts) or 'none seen'}{more}"
