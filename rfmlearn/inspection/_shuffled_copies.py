"""Tables with a shuffled copy of every column beside it."""

from __future__ import annotations

import numpy as np

from ..tables._frames import find_categorical, split_table, table_names


def column_names(X):
    """Names of the columns as encoders give them: x0, x1, ... unless the table has names of type str."""
    return table_names(X)[0]


def categorical_mask(X, categorical_features):
    """Mask of the categorical columns of a table that `check_table` has passed, from mask, indices, names or types."""
    return find_categorical(categorical_features, split_table(X), table_names(X)[1])


def beside_copies(X, rows, rng):
    """The table, and after its columns a copy of each in which the values of `rows` are shuffled, each on its own.

    Parameters
    ----------
    X : ndarray, pandas or polars DataFrame
        As `check_table` has passed it.
    rows : ndarray of int
    rng : RandomState

    Returns
    -------
    table of the same library
        Columns of DataFrames keep their types, and all have names of type str.
    """
    orders = [_shuffled(len(X), rows, rng) for _ in range(X.shape[1])]
    if isinstance(X, np.ndarray):
        return np.hstack([X, np.take_along_axis(X, np.stack(orders, axis=1), axis=0)])
    names, is_polars = table_names(X)[0], hasattr(X, "get_columns")
    columns = X.get_columns() if is_polars else [X.iloc[:, j] for j in range(X.shape[1])]
    copies = dict(zip(_names_of_copies(names), zip(columns, orders, strict=True), strict=True))
    if is_polars:
        return X.hstack([column[order].alias(name) for name, (column, order) in copies.items()])
    table = X.set_axis(names, axis=1)
    shuffled = {name: column.iloc[order].set_axis(X.index) for name, (column, order) in copies.items()}
    # One assignment for all columns: an index with repeated labels could not be aligned.
    return table.assign(**shuffled)


def _shuffled(n, rows, rng):
    """Places 0, ..., n - 1 with those of some rows shuffled among themselves."""
    order = np.arange(n)
    order[rows] = rng.permutation(rows)
    return order


def _names_of_copies(names):
    """A name for each copy that no column has."""
    suffix = "_shuffled"
    while {name + suffix for name in names} & set(names):
        suffix += "_"
    return [name + suffix for name in names]
