"""Tables that the accuracy benchmarks read, and how they are split.

A set in a folder is a file with ``X_num`` (n, d) of floats with NaN, ``X_cat`` (n, k) of integer codes with -1 for
missing, and ``y``, integer classes or floats. A set of OpenML is fetched by its name or number. Either becomes a
DataFrame with category columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

_SMALLEST_CLASS = 6


def find_sets(folder):
    """Names of all sets under a folder."""
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in Path(folder).rglob("*.npz"))


def read_set(folder, name):
    """Table and target of a set in a folder; integer targets are classes."""
    with np.load(Path(folder) / f"{name}.npz") as arrays:
        return _to_frame(arrays["X_num"], arrays["X_cat"]), arrays["y"]


def fetch_set(name):
    """The same of a set of OpenML, given by name or number. Columns are renamed: some libraries refuse some names."""
    which = {"data_id": int(name)} if str(name).isdigit() else {"name": name}
    try:
        data = fetch_openml(**which, as_frame=True)
    except OSError as error:  # which urllib raises without a network
        message = f"OpenML set {name!r} cannot be fetched ({error}). Without a network, use sets in a folder."
        raise ConnectionError(message) from error
    if not isinstance(data.target, pd.Series):
        raise ValueError(f"OpenML set {name!r} has no single target.")
    known = data.target.notna().to_numpy()
    table, y = data.data[known].reset_index(drop=True), data.target[known]
    table.columns = [f"x{j}" for j in range(table.shape[1])]
    numeric = table.select_dtypes("number").columns
    table = table.astype(dict.fromkeys(numeric, float) | dict.fromkeys(table.columns.difference(numeric), "category"))
    numbers = pd.api.types.is_numeric_dtype(y) and not pd.api.types.is_bool_dtype(y)  # classes come as categories
    return table, y.to_numpy(float) if numbers else pd.factorize(y, sort=True)[0]


def is_classes(y):
    """Whether a target is of classes."""
    return y.dtype.kind in "iu"


def split(y, max_train=2000, max_test=2000, seed=0):
    """Rows for training and for testing: one fixed split.

    Classes with fewer than six rows are left out. A quarter of the rows is for testing, `max_test` at most; at most
    ``max_train + max_test`` are used.
    """
    rng, rows = np.random.default_rng(seed), _without_rare(np.arange(len(y)), y)
    if len(rows) > max_train + max_test:
        rows = _without_rare(rng.choice(rows, max_train + max_test, replace=False), y)
    n_test = min(max_test, max(len(rows) // 4, 1))
    train, test = train_test_split(
        rows, test_size=n_test, random_state=seed, stratify=y[rows] if is_classes(y) else None
    )
    return _with_known_class(train, test, y)


def split_again(y, train, max_validation=20_000, seed=0):
    """Of rows for training, those to train and to score on where nothing may be seen of the test rows.

    A fifth of them is to score on, `max_validation` at most.
    """
    n_validation = min(max_validation, max(len(train) // 5, 1))
    train, validation = train_test_split(
        train, test_size=n_validation, random_state=seed, stratify=y[train] if is_classes(y) else None
    )
    return _with_known_class(train, validation, y)


def split_fold(y, fold, n_folds, max_train=2000, max_test=2000, seed=0):
    """Rows for training and for testing: one fold of a cross-validation of all rows, both parts cut to their limits.

    Folds are shuffled, and stratified by class. Classes with fewer than six rows, or than folds, are left out.
    """
    rows = _without_rare(np.arange(len(y)), y, max(_SMALLEST_CLASS, n_folds))
    folds = (StratifiedKFold if is_classes(y) else KFold)(n_folds, shuffle=True, random_state=seed)
    train, test = list(folds.split(rows, y[rows]))[fold]
    rng = np.random.default_rng([seed, fold])
    return _with_known_class(rows[rng.permutation(train)[:max_train]], rows[rng.permutation(test)[:max_test]], y)


def parts(table, y, train, test):
    """Training and test parts: X, y, X, y.

    Classes are numbered from 0 in the order of their labels; numbers are in units of their standard deviation in
    training.
    """
    if is_classes(y):
        y = np.searchsorted(np.unique(y[train]), y)
    else:
        y = (y - y[train].mean()) / (y[train].std() or 1.0)
    X_train, X_test = (table.iloc[part].reset_index(drop=True) for part in (train, test))
    return X_train, y[train], X_test, y[test]


def load_set(folder, name, max_train=2000, max_test=2000, seed=0):
    """Whether it is classification, and the training and test parts of the one fixed split."""
    table, y = read_set(folder, name)
    return is_classes(y), *parts(table, y, *split(y, max_train, max_test, seed))


def _to_frame(numeric, codes):
    table = pd.DataFrame({f"n{j}": column.astype(float) for j, column in enumerate(numeric.T)}, index=range(len(codes)))
    for j, column in enumerate(codes.T):
        levels = pd.Index([f"v{level}" for level in range(int(column.max()) + 1)], dtype=object)
        table[f"c{j}"] = pd.Categorical.from_codes(column, categories=levels)
    return table


def _without_rare(rows, y, smallest=_SMALLEST_CLASS):
    if not is_classes(y):
        return rows
    labels, counts = np.unique(y[rows], return_counts=True)
    return rows[np.isin(y[rows], labels[counts >= smallest])]


def _with_known_class(train, test, y):
    return train, test[np.isin(y[test], y[train])] if is_classes(y) else test
