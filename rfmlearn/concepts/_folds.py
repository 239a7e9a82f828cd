"""Folds in which layers of activations are scored."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, check_cv


def make_folds(cv, X, y, groups, rng):
    """Pairs of training and test rows; each row is tested once.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        A number shuffles, stratifies, and keeps together what belongs to a group, and copies of an example. None is 5.
    X : ndarray of shape (n, n_layers, width)
    y : ndarray of int of shape (n,)
        Zeros and ones.
    groups : ndarray of shape (n,) or None
    rng : numpy.random.RandomState

    Raises
    ------
    ValueError
        If a class has fewer examples, in different groups, than folds, a training part lacks a class or has rows that
        it is tested on, or rows are not tested once each.
    """
    cv = 5 if cv is None else cv
    if isinstance(cv, Integral):
        together = _belonging_together(X, groups)
        for label in (0, 1):
            n_examples = len(np.unique(together[y == label]))
            if n_examples < int(cv):
                raise ValueError(
                    f"cv={cv} folds need at least as many examples of each class, copies and groups counted once, got "
                    f"{n_examples} of one class (n_samples={len(y)}): lower cv, or give more examples."
                )
        splitter = StratifiedGroupKFold(int(cv), shuffle=True, random_state=rng)
        folds = list(splitter.split(np.zeros(len(y)), y, together))
    else:
        folds = list(check_cv(cv, y, classifier=True).split(X.reshape(len(X), -1), y, groups))
    for number, (train, test) in enumerate(folds):
        if len(np.unique(y[train])) < 2:
            raise ValueError(f"the training part of fold {number} of cv has only one class: stratify, or lower cv.")
        if np.isin(test, train).any():
            raise ValueError(f"fold {number} of cv has examples in its test part that are in its training part too.")
    tested = np.concatenate([test for _, test in folds])
    if not np.array_equal(np.sort(tested), np.arange(len(y))):
        raise ValueError("cv must test each example exactly once, as k-fold splitters do.")
    return folds


def _belonging_together(X, groups):
    """Numbers of the sets of rows that copies or groups connect, shape (n,)."""
    flat = X.reshape(len(X), -1)
    links = [np.unique(flat, axis=0, return_inverse=True)[1].ravel()]
    if groups is not None:
        links.append(np.unique(groups, return_inverse=True)[1].ravel() + len(X))
    rows, columns = np.tile(np.arange(len(X)), len(links)), np.concatenate(links)
    # Rows and what they share are the nodes of a graph.
    n_nodes = len(X) + 2 * len(X)
    graph = coo_array((np.ones(len(rows)), (rows, len(X) + columns)), shape=(n_nodes, n_nodes))
    return connected_components(graph, directed=False)[1][: len(X)]
