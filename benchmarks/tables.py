"""Tables in the npz format that the accuracy benchmarks read, and how they are split.

A set is a file with ``X_num`` (n, d) of floats with NaN, ``X_cat`` (n, k) of integer codes with -1 for missing, and
``y``, integer classes or floats. It becomes a DataFrame with category columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

_SMALLEST_CLASS = 6


def find_sets(folder):
    """Names of all sets under a folder."""
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in Path(folder).rglob("*.npz"))


def load_set(folder, name, max_train=2000, max_test=2000, seed=0):
    """Whether it is classification, and the training and test parts of one fixed split.

    Classes with fewer than six rows are left out. A quarter of the rows is for testing, `max_test` at most; at most
    ``max_train + max_test`` are used. Numeric targets are in units of their standard deviation in training.
    """
    with np.load(Path(folder) / f"{name}.npz") as arrays:
        numeric, codes, y = arrays["X_num"], arrays["X_cat"], arrays["y"]
    classes = y.dtype.kind in "iu"
    table = _to_frame(numeric, codes)
    rng, rows = np.random.default_rng(seed), np.arange(len(y))
    if classes:
        rows = _without_rare(rows, y)
    if len(rows) > max_train + max_test:
        rows = rng.choice(rows, max_train + max_test, replace=False)
    if classes:
        rows = _without_rare(rows, y)
    n_test = min(max_test, max(len(rows) // 4, 1))
    strata = y[rows] if classes else None
    train, test = train_test_split(rows, test_size=n_test, random_state=seed, stratify=strata)
    if classes:
        labels = np.unique(y[train])
        test = test[np.isin(y[test], labels)]
        y = np.searchsorted(labels, y)
    else:
        y = (y - y[train].mean()) / (y[train].std() or 1.0)
    train_part, test_part = (table.iloc[part].reset_index(drop=True) for part in (train, test))
    return classes, train_part, y[train], test_part, y[test]


def _to_frame(numeric, codes):
    table = pd.DataFrame({f"n{j}": column.astype(float) for j, column in enumerate(numeric.T)}, index=range(len(codes)))
    for j, column in enumerate(codes.T):
        levels = pd.Index([f"v{level}" for level in range(int(column.max()) + 1)], dtype=object)
        table[f"c{j}"] = pd.Categorical.from_codes(column, categories=levels)
    return table


def _without_rare(rows, y):
    labels, counts = np.unique(y[rows], return_counts=True)
    return rows[np.isin(y[rows], labels[counts >= _SMALLEST_CLASS])]
