"""Fewer rows of the same folds: what a search looks at where there are many rows."""

from __future__ import annotations

import numpy as np

from ..runtime._budget import FEWEST_TEST_ROWS
from ._folds import Folds


def thin(folds: Folds, n_rows, labels, rng, *, n_tested):
    """The same folds, each with rows in both of its parts, cut to the size of five-fold splits of so many rows.

    Where splits are complementary, as those of k-fold splitters are, rows are drawn once, and each split is cut to
    them. Other splits (a hold-out, or training rows that come before the test rows) might lose one of their parts so:
    there each draws for itself, at most four fifths of `n_rows` to train on, and the same share of all test parts. No
    row changes from one part to the other, and what was given in an order or with repeats stays so.

    Parameters
    ----------
    folds : Folds
    n_rows : int
        To train on, and to test where no more are asked for.
    labels : ndarray of int of shape (n,) or None
        Classes, which stratify where that can be done.
    rng : RandomState
    n_tested : int
        Rows of all test parts: to test costs little beside training, and more rows tell more.

    Returns
    -------
    Folds
    """
    n_tested = max(n_rows, n_tested)
    if folds.are_complementary:
        rows = _draw(folds.all_rows, n_rows, labels, rng)
        rest = np.setdiff1d(folds.all_rows, rows)
        tested = np.union1d(rows, _draw(rest, n_tested - len(rows), labels, rng))
        cut = folds.within(rows, tested)
        if all(len(part) for pair in cut.pairs for part in pair):
            return cut
    share = n_tested / len(folds.rows)
    pairs = [
        (
            _draw(train, max(n_rows * 4 // 5, 1), labels, rng),
            _draw(test, max(round(share * len(test)), FEWEST_TEST_ROWS), labels, rng),
        )
        for train, test in folds.pairs
    ]
    return Folds(tuple(pairs))


def _draw(rows, n_rows, labels, rng):
    """Rows drawn at random, in the order in which they are given, stratified by class where that can be done."""
    if len(rows) <= n_rows:
        return rows
    if not n_rows:
        return rows[:0]
    stratify = None if labels is None else labels[rows]
    if stratify is not None:
        counts = np.bincount(stratify)[np.unique(stratify)]
        if counts.min() < 2 or min(n_rows, len(rows) - n_rows) < len(counts):
            stratify = None
    from sklearn.model_selection import train_test_split  # takes long to import

    drawn, _ = train_test_split(np.arange(len(rows)), train_size=n_rows, random_state=rng, stratify=stratify)
    return rows[np.sort(drawn)]
