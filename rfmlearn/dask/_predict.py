"""Predictions of tables on a cluster, lazy: one task for each partition."""

from __future__ import annotations

import dask.dataframe as dd
import numpy as np
import pandas as pd

from ._run import one_thread
from ._table import check_collection


def predict_lazily(model, X, method, columns, dtype, options):
    """What a method of a model makes of each partition.

    Parameters
    ----------
    model : Future
        Of a fitted estimator.
    X : dask DataFrame or Array
    method : str
        Its name.
    columns : list or None
        Names of the columns of the result; None is a single one, of one dimension.
    dtype : dtype
        Of the result.
    options : dict
        Of the method.

    Returns
    -------
    dask Array, or Series or DataFrame with the index of X
    """
    check_collection(X, "X", f"{method}(X)")
    if isinstance(X, dd.DataFrame):
        meta = _in_frame(np.empty((0, *([len(columns)] if columns else [])), dtype), X._meta.index, columns)
        return X.map_partitions(
            _predict_frame, model, method, columns, dtype, options=options, meta=meta, enforce_metadata=False
        )
    X = X.rechunk({1: -1})
    shape = {"drop_axis": 1} if columns is None else {"chunks": (X.chunks[0], (len(columns),))}
    meta = np.empty((0,) if columns is None else (0, 0), dtype)
    return X.map_blocks(_predict_array, model, method, columns, dtype, options=options, dtype=dtype, meta=meta, **shape)


def _predict_frame(X, model, method, columns, dtype, options):
    return _in_frame(_predict_array(X, model, method, columns, dtype, options), X.index, columns)


@one_thread
def _predict_array(X, model, method, columns, dtype, options):
    if not len(X):
        return np.empty((0, *([len(columns)] if columns else [])), dtype)
    return getattr(model, method)(X, **options).astype(dtype, copy=False)


def _in_frame(values, index, columns):
    if columns is None:
        return pd.Series(values, index=index)
    return pd.DataFrame(values, index=index, columns=columns)
