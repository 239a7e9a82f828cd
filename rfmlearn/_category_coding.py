"""Numbers for categories: their order, or what the targets of their rows are on average."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

CODINGS = ("one_hot", "ordinal", "target")
_FOLDS = 5


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

    def fit_transform(self, codes, targets):
        """Numbers of integer codes, shape (n, n_columns)."""
        return self.transform(codes)

    def transform(self, codes):
        """Numbers of integer codes, shape (n, n_columns)."""
        return np.where((codes >= 0) & (codes < self._n_known), codes, np.nan)


class TargetCoding:
    """Each category is the average of each coded target over its rows, shrunk towards that of all rows.

    The shrinkage is that of empirical Bayes (`sklearn.preprocessing.TargetEncoder`). Training rows get averages over
    the other folds of a 5-fold split, lest the code tell a row its own target; unseen categories get the average of
    all. Sample weights are not used.
    """

    def __init__(self, levels):
        self._n_columns = len(levels)

    def fit_transform(self, codes, targets):
        """Numbers of the training rows, shape (n, n_columns * n_outputs)."""
        n_outputs = targets.shape[1]
        self.columns = np.repeat(np.arange(self._n_columns), n_outputs)
        self.suffixes = [f"_target{k}" if n_outputs > 1 else "_target" for k in range(n_outputs)] * self._n_columns
        self._encoders = [TargetEncoder(target_type="continuous").fit(codes, target) for target in targets.T]
        numbers = self.transform(codes)
        if len(codes) < 2:
            return numbers
        for train, test in KFold(min(_FOLDS, len(codes)), shuffle=True, random_state=0).split(codes):
            for k, target in enumerate(targets.T):
                encoder = TargetEncoder(target_type="continuous").fit(codes[train], target[train])
                numbers[test, k::n_outputs] = encoder.transform(codes[test])
        return numbers

    def transform(self, codes):
        """Numbers of new rows, shape (m, n_columns * n_outputs)."""
        parts = np.stack([encoder.transform(codes) for encoder in self._encoders], axis=2)
        return parts.reshape(len(codes), -1)


def make_coding(name, levels):
    """The coding of a name; None for indicators, which need no numbers."""
    if name not in CODINGS:
        raise ValueError(f"coding must be one of {CODINGS}, got {name!r}.")
    return None if name == "one_hot" or not levels else {"ordinal": OrdinalCoding, "target": TargetCoding}[name](levels)
