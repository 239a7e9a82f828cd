"""The fit of the local machines of one tree."""

from __future__ import annotations

import numpy as np

from ..runtime._spread import spread
from ._leaf import LeafTask
from ._parts import LocalPart
from ._tree import TreeGrower


def fit_local(fit, number, points, centers, metric, kernel, start, targets, held_targets):
    """Grow a tree, and fit the machines of its leaves.

    Parameters
    ----------
    fit : LargeRecursion
    number : int
        Of the tree.
    points, centers : Points
        All rows in original coordinates, and in those of the feature matrix.
    metric : ndarray of shape (n_coordinates,)
        Diagonal of the feature matrix.
    kernel : Kernel
    start : float
        Where the choice of the ridge begins.
    targets, held_targets : ndarray of shape (n, n_outputs)
        What the machines are fitted to, and what they would be fitted to if nobody had seen the rows held out.

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
    weights, draws, most = fit.weights, fit.draws, fit.budget.leaf_rows_of(number)
    rng = np.random.RandomState(draws.tree_seeds[number])
    place_of = np.full(len(weights), -1)
    place_of[draws.held_out] = np.arange(len(draws.held_out))
    grower = TreeGrower(points, metric, fit.targets, weights.total, place_of < 0, most, rng)
    tree, leaves = grower.grow()
    leaves = [rows if len(rows) <= most else rng.permutation(rows) for rows in leaves]
    seeds = rng.randint(2**31 - 1, size=len(leaves))

    def make_task(leaf):
        rows, beyond = leaves[leaf][:most], leaves[leaf][most:]
        return LeafTask(
            points=centers[rows],
            targets=targets[rows],
            weights=weights[rows],
            kernel=kernel,
            adaptive=fit.pilot.adaptive,
            alpha=fit.pilot.alpha,
            start=start,
            held_out=np.flatnonzero(place_of[rows] >= 0),
            held_targets=held_targets[rows],
            beyond=centers[beyond[place_of[beyond] >= 0]],
            seed=int(seeds[leaf]),
        )

    predicted = np.empty((len(draws.held_out), targets.shape[1]))
    found, trouble = [], []
    with spread(make_task, len(leaves)) as results:
        for rows, leaf in zip(leaves, results, strict=True):
            found.append(leaf)
            asked = place_of[rows]
            predicted[asked[asked >= 0]] = np.concatenate([leaf.predicted, leaf.beyond])
            trouble += [] if leaf.trouble is None else [leaf.trouble]
            fit.on_progress(len(found), len(leaves), f"leaves of tree {number + 1} of {len(draws.tree_seeds)}")
    starts = np.cumsum([0, *map(len, leaves)])
    coef = np.zeros((len(weights), targets.shape[1]), dtype=centers.dtype)
    for first, leaf in zip(starts, found, strict=False):
        coef[first : first + len(leaf.coef)] = leaf.coef
    part = LocalPart(
        tree=tree,
        rows=np.concatenate(leaves).astype(np.int32),
        starts=starts,
        coef=coef,
        bandwidths=np.array([leaf.bandwidth for leaf in found]),
        alphas=np.array([leaf.alpha for leaf in found]),
        share=1.0,
        most=most,
    )
    return part, predicted, trouble[:1]
