"""Numbers for categories: their order, or what the targets of their rows are on average."""

from __future__ import annotations

import numpy as np

from ..runtime._budget import N_TARGET_FOLDS

CODINGS = ("one_hot", "ordinal", "target")
_TINY = np.finfo(np.float64).tiny


class OrdinalCoding:
    """Each category is its place among the levels of its column; missing and unseen ones are NaN.

    Parameters
    ----------
    levels : list of list
        Levels of each column in order, None (the last) standing for missing values.
    """

    def __init__(self, levels):
        self._n_known = np.array([len(known) - (None in known[-1:]) for known in levels], dtype=np.int32)
        self.columns = np.arange(len(levels))
        self.suffixes = [""] * len(levels)

    def fit_transform(self, codes, targets, sample_weight, groups=None):
        """Numbers of integer codes, shape (n, n_columns)."""
        return self.transform(codes)

    def transform(self, codes):
        """Numbers of integer codes, shape (n, n_columns)."""
        return np.where((codes >= 0) & (codes < self._n_known), codes, np.nan)


class TargetCoding:
    r"""Each category is the average of each coded target over its rows, shrunk towards that of all rows.

    With weight n, mean m and variance s^2 of the rows of a category, and m_0 and s_0^2 those of all rows, the average
    is ``l m + (1 - l) m_0`` with ``l = n s_0^2 / (n s_0^2 + s^2)``, the empirical Bayes estimate that
    `sklearn.preprocessing.TargetEncoder` takes for weights of one. Training rows get averages over the other folds of a
    5-fold split, lest the code tell a row its own target, or with groups one of its own group; unseen categories get
    the average of all. A single row or group, for which there are no others, gets the averages of all.

    Parameters
    ----------
    levels : list of list
        Levels of each column.
    """

    def __init__(self, levels):
        self._sizes = [len(known) for known in levels]

    def fit_transform(self, codes, targets, sample_weight, groups=None):
        """Numbers of the training rows, shape (n, n_columns * n_outputs)."""
        n_outputs, n_columns = targets.shape[1], len(self._sizes)
        self.columns = np.repeat(np.arange(n_columns), n_outputs)
        self.suffixes = [f"_target{k}" if n_outputs > 1 else "_target" for k in range(n_outputs)] * n_columns
        self._tables = self._averages(codes, targets, sample_weight)
        numbers = self.transform(codes)
        for train, test in _folds(len(codes), groups):
            numbers[test] = _look_up(self._averages(codes[train], targets[train], sample_weight[train]), codes[test])
        return numbers

    def transform(self, codes):
        """Numbers of new rows, shape (m, n_columns * n_outputs)."""
        return _look_up(self._tables, codes)

    def _averages(self, codes, targets, weight):
        """For each column the averages of its levels and, last, of all rows: shape (n_levels + 1, n_outputs)."""
        total = weight.sum()
        if not total:
            return [np.zeros((size + 1, targets.shape[1])) for size in self._sizes]
        mean = weight @ targets / total
        variance = weight @ (targets - mean) ** 2 / total
        tables = []
        for column, size in zip(codes.T, self._sizes, strict=True):
            places = np.where(column < 0, size, column)  # a column of one level has none, and codes of -1
            count = np.bincount(places, weight, size + 1)[:, None]
            inside = np.where(count > 0, _sums(places, weight, targets, size + 1) / np.maximum(count, _TINY), mean)
            spread = _sums(places, weight, (targets - inside[places]) ** 2, size + 1) / np.maximum(count, _TINY)
            evidence = count * variance
            share = np.divide(evidence, evidence + spread, out=np.zeros_like(inside), where=evidence > 0)
            table = mean + share * (inside - mean)
            table[size] = mean
            tables.append(table)
        return tables


def _folds(n, groups):
    """Pairs of training and test rows; none if there is nothing to leave out."""
    from sklearn.model_selection import GroupKFold, KFold  # takes long to import

    if groups is None:
        return KFold(min(N_TARGET_FOLDS, n), shuffle=True, random_state=0).split(np.empty(n)) if n > 1 else ()
    n_groups = len(np.unique(groups))
    return GroupKFold(min(N_TARGET_FOLDS, n_groups)).split(np.empty(n), groups=groups) if n_groups > 1 else ()


def _sums(column, weight, targets, size):
    return np.stack([np.bincount(column, weight * target, size) for target in targets.T], axis=1)


def _look_up(tables, codes):
    """Averages of codes, of which -1, an unseen level, is the last."""
    width = tables[0].shape[1]
    numbers = np.empty((len(codes), len(tables) * width))
    for k, (table, column) in enumerate(zip(tables, codes.T, strict=True)):
        numbers[:, k * width : (k + 1) * width] = table[column]
    return numbers


def make_coding(name, levels):
    """The coding of a name; None for indicators, which need no numbers."""
    if name not in CODINGS:
        raise ValueError(f"coding must be one of {CODINGS}, got {name!r}.")
    return None if name == "one_hot" or not levels else {"ordinal": OrdinalCoding, "target": TargetCoding}[name](levels)
