"""Tables in the npz format that the accuracy benchmarks read.

A set is a file with ``X_num`` (n, d) of floats with NaN, ``X_cat`` (n, k) of integer codes with -1 for missing, and
``y``, integer classes or floats. They become a DataFrame with category columns, split with a fixed seed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split


def find_sets(folder):
    """Names of all sets under a folder."""
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in Path(folder).rglob("*.npz"))


def load_set(folder, name, max_rows, seed=0):
    """Whether it is classification, and training and test parts: three quarters and a quarter of at most `max_rows`."""
    with np.load(Path(folder) / f"{name}.npz") as arrays:
        numeric, codes, y = arrays["X_num"], arrays["X_cat"], arrays["y"]
    table = pd.DataFrame({f"n{j}": column.astype(float) for j, column in enumerate(numeric.T)}, index=range(len(y)))
    for j, column in enumerate(codes.T):
        table[f"c{j}"] = pd.Categorical([None if code < 0 else f"v{code}" for code in column])
    classes = y.dtype.kind in "iu"
    rows = np.random.default_rng(seed).permutation(len(y))[:max_rows]
    if classes:
        counts = pd.Series(y[rows]).value_counts()
        rows = rows[np.isin(y[rows], counts.index[counts >= 4])]
        y = np.searchsorted(np.unique(y[rows]), y)
    train, test = train_test_split(rows, test_size=0.25, random_state=seed, stratify=y[rows] if classes else None)
    parts = [table.iloc[train].reset_index(drop=True), y[train], table.iloc[test].reset_index(drop=True), y[test]]
    if not classes:
        mean, deviation = parts[1].mean(), parts[1].std() or 1.0
        parts[1], parts[3] = (parts[1] - mean) / deviation, (parts[3] - mean) / deviation
    return classes, *parts
