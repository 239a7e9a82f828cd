"""Folds of a search: the splits of all rows, and the smaller ones on which many candidates are compared first."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length

from ..runtime._budget import N_FOLDS, SearchBudget
from ._splits import Given, read_splits


@dataclass(frozen=True)
class Folds:
    """Pairs of training and test rows.

    Attributes
    ----------
    pairs : tuple of (train, test)
        Arrays of row numbers.
    """

    pairs: tuple[tuple[np.ndarray, np.ndarray], ...]

    def __len__(self):
        return len(self.pairs)

    @property
    def rows(self):
        """Rows of all test parts one after another; with repeated splits a row occurs several times."""
        return np.concatenate([test for _, test in self.pairs])

    @property
    def shares(self):
        """For each entry of `rows` one over the number of its occurrences, so that every row counts once."""
        rows = self.rows
        return 1.0 / np.bincount(rows)[rows]

    def share_of_parted(self, first):
        """Share of the test rows that are copies of rows of their training part, by the first of all copies."""
        parted = [np.isin(first[test], first[train]) for train, test in self.pairs]
        return float(np.mean(np.concatenate(parted)))

    @property
    def all_rows(self):
        """Rows of all parts, training and test, each once."""
        return np.unique(np.concatenate([part for pair in self.pairs for part in pair]))

    @property
    def are_complementary(self):
        """Whether each split tests the rows on which it does not train, and all rows are tested equally often."""
        rows = self.all_rows
        counts = np.bincount(self.rows, minlength=rows[-1] + 1)[rows]
        return bool((counts == counts[0]).all()) and all(
            len(train) + len(test) == len(rows) == len(np.union1d(train, test)) for train, test in self.pairs
        )

    def within(self, train_rows, test_rows):
        """The same folds with training and test parts cut to the given rows."""
        return Folds(
            tuple((train[np.isin(train, train_rows)], test[np.isin(test, test_rows)]) for train, test in self.pairs)
        )


def make_folds(cv, given: Given, labels, groups, random_state, kept, copies, budget: SearchBudget):
    """The folds that the user's `cv` means.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        None is 5-fold, repeated as `budget` says. Numbers and None stratify classes and shuffle.
    given : Given
        What the user passed to fit, which splitters see.
    labels : ndarray of int of shape (n,) or None
        Classes, which stratify.
    groups : array-like of shape (n,) or None
    random_state : RandomState
    kept : ndarray of bool of shape (n,)
        Rows of positive weight; the others are taken out of every part.
    copies : Copies
        Numbers and None keep copies of a row together.
    budget : SearchBudget

    Raises
    ------
    ValueError
        If a fold has no training or no test rows, or groups are not as many as rows.
    """
    check_consistent_length(given.X, groups)
    if cv is None or isinstance(cv, Integral):
        everything = np.flatnonzero(kept)
        rows, places = copies.among(everything)
        splitter = _default_splitter(cv, labels, groups, random_state, rows, budget)
        stratifier = np.zeros(len(kept)) if labels is None else labels
        group_rows = None if groups is None else np.asarray(groups)[rows]
        with warnings.catch_warnings():
            # A class with fewer rows than folds is spread as far as it goes.
            warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
            parts = splitter.split(rows, stratifier[rows], group_rows)
            pairs = [(everything[np.isin(places, a)], everything[np.isin(places, b)]) for a, b in parts]
    else:
        pairs = [(a[kept[a]], b[kept[b]]) for a, b in read_splits(cv, given, len(kept))]
    for k, (train, test) in enumerate(pairs):
        if not len(train) or not len(test):
            raise ValueError(f"split {k} of cv has {len(train)} training and {len(test)} test rows of positive weight; "
                             "both must be positive.")  # fmt: skip
    return Folds(tuple(pairs))


def _default_splitter(cv, labels, groups, random_state, rows, budget):
    """Shuffled k-fold splits that suit the labels and groups there are."""
    from sklearn import model_selection

    n = len(rows)
    if n < 2:
        raise ValueError(f"cross-validation needs at least two rows, got n_samples={n}.")
    n_splits = N_FOLDS if cv is None else int(cv)
    if n_splits < 2:
        raise ValueError(f"cv must be at least 2, a splitter or an iterable of splits, got {cv}.")
    if groups is not None:
        n_groups = len(np.unique(np.asarray(groups)[rows]))
        if n_groups < 2:
            raise ValueError("groups must hold at least two different groups, got 1.")
        n_splits = min(n_splits, n_groups)
        if labels is None:
            return model_selection.GroupKFold(n_splits)
        return model_selection.StratifiedGroupKFold(n_splits, shuffle=True, random_state=random_state)
    if cv is not None and n_splits > n:
        raise ValueError(f"cv={cv} has more folds than there are rows, copies of a row counted once: n_samples={n}.")
    n_splits = min(n_splits, n)
    repeats = budget.n_repeats if cv is None and n <= budget.repeated_up_to else 1
    largest = 0 if labels is None else int(np.bincount(labels[rows]).max())
    if largest >= 2:
        # More folds than rows of any class could not be stratified at all.
        return model_selection.RepeatedStratifiedKFold(
            n_splits=min(n_splits, largest), n_repeats=repeats, random_state=random_state
        )
    if repeats == 1:
        return model_selection.KFold(n_splits, shuffle=True, random_state=random_state)
    return model_selection.RepeatedKFold(n_splits=n_splits, n_repeats=repeats, random_state=random_state)
