"""The user's table, targets and weights on a cluster, as partitions that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
from dask.dataframe.dispatch import concat
from dask.delayed import delayed
from dask.sizeof import sizeof

from ..tables._frames import take_rows
from ..targets._read import as_labels, as_numbers
from ._run import Run


@dataclass(frozen=True)
class Partition:
    """Rows of a table with targets and weights, in the memory of a worker; those of weight zero are left out.

    Attributes
    ----------
    X : pandas.DataFrame or ndarray
    y : ndarray
        Numbers, or labels.
    weights : ndarray or None
    n_rows : int
        With those of weight zero.
    """

    X: Any
    y: np.ndarray
    weights: np.ndarray | None
    n_rows: int


class Table:
    """A table whose partitions lie on workers, computed once; the client knows targets and weights of all rows.

    Parameters
    ----------
    run : Run
    X : dask DataFrame or Array
    y : dask DataFrame, Series or Array
    sample_weight : dask Series or Array, default=None
    as_classes : bool
        Whether y holds labels.

    Attributes
    ----------
    y : ndarray of shape (n,) or (n, n_outputs)
        Of the rows of positive weight: numbers, or places of labels among `labels`.
    labels : ndarray or None
        All different ones, sorted.
    sample_weight : ndarray of shape (n,) or None
    starts : ndarray of int of shape (n_partitions + 1,)
        Where the rows of each partition begin.
    """

    def __init__(self, run: Run, X, y, sample_weight=None, as_classes=False):
        check_collection(X, "X", "fit(X, y)")
        parts = _partitions(X, y, sample_weight)
        self.run, self.labels = run, None
        numbers = [as_classes] * len(parts), range(len(parts))
        partitions = run.client.compute([delayed(_read)(*part, *n) for part, *n in zip(parts, *numbers, strict=True)])
        found = run.gather(run.each(_describe, partitions, [as_classes] * len(partitions)))
        sizes = np.array([len(y) for _, y, *_ in found])
        self.n_rows = sum(n_rows for n_rows, *_ in found)
        if not self.n_rows:
            raise ValueError("Found array with 0 sample(s): X has no rows in any partition.")
        if not sizes.any():
            raise ValueError(f"sample_weight must have a positive entry: all {self.n_rows} weights are zero.")
        filled = np.flatnonzero(sizes)
        self.partitions = [partitions[i] for i in filled]
        self.starts = np.cumsum([0, *sizes[filled]])
        found = [found[i] for i in filled]
        self.sample_weight = None if sample_weight is None else np.concatenate([weights for *_, weights, _ in found])
        targets = [y for _, y, *_ in found]
        if as_classes:
            self.labels, targets = _merge_labels([labels for *_, labels in found], targets)
        if len({y.shape[1:] for y in targets}) > 1:
            raise ValueError("y must have as many columns in all partitions.")
        self.y = np.concatenate(targets)

    def __len__(self):
        return int(self.starts[-1])

    def whole(self):
        """All of X, in this process."""
        return join_tables(list(self.run.results(self.run.each(_table_of, self.partitions))))

    def forget(self):
        """Let workers forget the partitions, once they have made something else of them."""
        self.partitions = []

    @property
    def outcomes(self):
        """What a target encodes: numbers, a column for each output, or places of labels."""
        return outcomes(self.y) if self.labels is None else self.y

    def take(self, rows):
        """Some rows of X, in ascending order, as a table in this process."""
        futures = [
            self.run.submit(_take, self.partitions[number], places) for number, places in split_rows(rows, self.starts)
        ]
        pieces = list(self.run.results(futures))
        return join_tables(pieces)


def outcomes(y):
    """Numbers with a column for each output."""
    return y.reshape(len(y), -1)


def join_tables(pieces):
    """Tables one after another; categories have the levels of all of them."""
    if len(pieces) == 1:
        return pieces[0]
    return concat(pieces) if hasattr(pieces[0], "columns") else np.concatenate(pieces)


def split_rows(rows, starts):
    """For each partition that has some of the rows, given in ascending order, its number and their places in it."""
    edges = np.searchsorted(rows, starts)
    for number in np.flatnonzero(np.diff(edges)):
        yield int(number), rows[edges[number] : edges[number + 1]] - starts[number]


def check_collection(X, name, method):
    """TypeError if a table is not on a cluster."""
    if isinstance(X, dd.DataFrame) or (isinstance(X, da.Array) and X.ndim == 2):
        return
    if isinstance(X, da.Array):
        raise ValueError(f"{name} must have two dimensions, got a dask Array of {X.ndim}: reshape it.")
    raise TypeError(
        f"{name} must be a dask DataFrame or a dask Array, got {type(X).__name__}: make one by "
        "dask.dataframe.from_pandas or dask.array.from_array, or take the estimator of rfmlearn itself, which has the "
        f"same {method} for tables in memory."
    )


def _partitions(X, y, sample_weight):
    """For each partition the triple of delayed X, y and weights."""
    columns = [_delayed(X), _delayed(y, X, "y")]
    if sample_weight is None:
        columns.append([None] * len(columns[0]))
    else:
        columns.append(_delayed(sample_weight, X, "sample_weight"))
    for name, column in zip(("y", "sample_weight"), columns[1:], strict=True):
        if len(column) != len(columns[0]):
            raise ValueError(
                f"{name} has {len(column)} partitions, but X has {len(columns[0])}: give both the same, as by taking "
                "them from one DataFrame, or by repartition or rechunk."
            )
    return list(zip(*columns, strict=True))


def _delayed(collection, X=None, name="X"):
    """Partitions along the rows, in their order."""
    if isinstance(collection, dd.DataFrame | dd.Series):
        return collection.to_delayed()
    if not isinstance(collection, da.Array):
        raise TypeError(
            f"{name} must be a dask Series, DataFrame or Array as X is, got {type(collection).__name__}: make one by "
            "dask.dataframe.from_pandas or dask.array.from_array."
        )
    if collection.ndim > 1:
        collection = collection.rechunk(dict.fromkeys(range(1, collection.ndim), -1))
    if isinstance(X, da.Array) and not np.isnan([*collection.chunks[0], *X.chunks[0]]).any():
        if len(collection) != len(X):
            raise ValueError(f"{name} has {len(collection)} rows, but X has {len(X)}.")
        collection = collection.rechunk({0: X.chunks[0]})
    return list(collection.to_delayed().ravel())


def _read(X, y, weights, as_classes, number):
    """A partition, checked."""
    name = f"y (partition {number})"
    y = (as_labels if as_classes else as_numbers)(y, name)
    if as_classes and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim > (1 if as_classes else 2):
        allowed = "one dimension" if as_classes else "one or two dimensions"
        raise ValueError(f"{name} must have {allowed}, got {y.ndim}.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        what = "NaN" if np.isnan(y).any() else "infinity"
        row = int(np.flatnonzero(~np.isfinite(y.reshape(len(y), -1)).all(axis=1))[0])
        raise ValueError(f"{name} contains {what} in its row {row}: every row needs a value.")
    weights = None if weights is None else as_numbers(weights, f"sample_weight (partition {number})").ravel()
    for other, values in (("y", y), ("sample_weight", weights)):
        if values is not None and len(values) != len(X):
            raise ValueError(f"partition {number} has {len(X)} rows in X, but {len(values)} in {other}.")
    if weights is None or (weights != 0).all():
        return Partition(X, y, weights, len(X))
    kept = np.flatnonzero(weights != 0)
    return Partition(take_rows(X, kept), y[kept], weights[kept], len(X))


def _describe(partition, as_classes):
    """What the client is told: rows, targets or codes of labels, weights, labels."""
    if not as_classes:
        return partition.n_rows, partition.y, partition.weights, None
    labels, codes = np.unique(partition.y, return_inverse=True)
    return partition.n_rows, codes.reshape(-1).astype(np.int32), partition.weights, labels


def _merge_labels(labels, codes):
    """All different labels, sorted, and for each partition the places of its rows among them."""
    values = [value for part in labels for value in part.tolist()]
    same_type = len({part.dtype.kind for part in labels}) == 1
    everything = np.concatenate(labels) if same_type else as_labels(np.array([*values, None], dtype=object)[:-1], "y")
    merged = np.unique(everything)
    return merged, [np.searchsorted(merged, part)[places] for part, places in zip(labels, codes, strict=True)]


def _table_of(partition):
    return partition.X


def _take(partition, rows):
    return take_rows(partition.X, rows)


@sizeof.register(Partition)
def _size(partition):
    return sizeof(partition.X) + sizeof(partition.y) + sizeof(partition.weights)
