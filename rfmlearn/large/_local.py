"""The fit of the local machines of one tree."""

from __future__ import annotations

import numpy as np

from ..runtime._large_budget import LEAF_SHARE
from ._leaf import Leaf
from ._parts import LocalPart
from ._rows import LeafPlan
from ._tree import TreeGrower


def fit_local(fit, number, rows, sample, metric, kernel, start):
    """Grow a tree, and fit the machines of its leaves: some trees to what the global machine leaves.

    Parameters
    ----------
    fit : LargeRecursion
    number : int
        Of the tree.
    rows : RowsHere
        All rows, in the coordinates of the feature matrix, with their residuals.
    sample : tuple (points, targets)
        Of the rows ``fit.draws.sample``, in original coordinates.
    metric : ndarray of shape (n_coordinates,)
        Diagonal of the feature matrix.
    kernel : Kernel
    start : float
        Where the choice of the ridge begins.

    Returns
    -------
    part : LocalPart
        With a share of one.
    predicted : ndarray of shape (s, n_outputs)
        Predictions of the rows that are held out by machines of the others.
    trouble : list of str

    Notes
    -----
    Rows that no column tells apart may be more than one machine is for. Some of them, drawn at random, stand for all.
    """
    draws, most = fit.draws, fit.budget.leaf_rows_of(number)
    rng = np.random.RandomState(draws.tree_seeds[number])
    tree, leaves = _grow(fit, rows, sample, metric, most, rng)
    plan = LeafPlan.of(
        leaves,
        tree.n_leaves,
        draws.held_out,
        most,
        rng,
        on_residuals=fit.budget.learns_residuals(number),
        settings={"kernel": kernel, "adaptive": fit.pilot.adaptive, "alpha": fit.pilot.alpha, "start": start},
    )
    predicted = np.empty((len(draws.held_out), rows.n_outputs))
    found, trouble = list[Leaf](), list[str]()
    coef = np.zeros((len(rows), rows.n_outputs), dtype=np.float64 if kernel.is_smooth else np.float32)
    with rows.fit_leaves(plan) as results:
        for leaf in results:
            first = plan.starts[len(found)]
            coef[first : first + len(leaf.coef)] = leaf.coef
            asked = np.searchsorted(draws.held_out, plan.asked(len(found)))
            predicted[asked] = np.concatenate([leaf.predicted, leaf.beyond])
            found.append(leaf)
            trouble += [] if leaf.trouble is None else [leaf.trouble]
            fit.on_progress(len(found), tree.n_leaves, f"leaves of tree {number + 1} of {len(draws.tree_seeds)}")
    part = LocalPart(
        tree=tree,
        rows=plan.rows,
        starts=plan.starts,
        coef=coef,
        bandwidths=np.array([leaf.bandwidth for leaf in found]),
        alphas=np.array([leaf.alpha for leaf in found]),
        share=1.0,
        most=most,
    )
    return part, predicted, trouble[:1]


def _grow(fit, rows, sample, metric, leaf_rows, rng):
    """A tree that is grown on a sample, and the leaf of each row.

    Where the sample is not all rows, leaves have as many of its rows as makes `leaf_rows` of all on average, less what
    the numbers of rows differ by.
    """
    (points, targets), places = sample, fit.draws.sample
    decides = np.isin(places, fit.draws.held_out, assume_unique=True, invert=True)
    if len(places) < len(rows):
        leaf_rows *= LEAF_SHARE * len(places) / len(rows)
    tree, _ = TreeGrower(points, metric, targets, fit.weights.total[places], decides, leaf_rows, rng).grow()
    return tree, rows.leaves(tree)
