"""Large tables block by block: a function of rows, without anything of the size of all of them on the way."""

from __future__ import annotations

import numpy as np

from ..runtime._budget import BLOCK_ROWS
from ._frames import take_rows


def row_slices(n, n_rows=BLOCK_ROWS):
    """Slices of at most `n_rows` consecutive rows that make up n rows, in their order."""
    return [slice(start, min(start + n_rows, n)) for start in range(0, n, n_rows)]


def row_blocks(X, n_rows=BLOCK_ROWS):
    """Blocks of consecutive rows of a table that `check_table` has passed, each made when it is asked for.

    They are views of arrays, memory-mapped ones too, and of DataFrames where the library makes such. A table of no more
    rows than one block comes as it is.

    Parameters
    ----------
    X : ndarray, pandas.DataFrame or polars.DataFrame
    n_rows : int, default=65536

    Yields
    ------
    table
        Of the kind of X.
    """
    slices = row_slices(len(X), n_rows)
    yield from (take_rows(X, rows) for rows in slices) if len(slices) > 1 else (X,)


def in_blocks(function, X, n_rows=BLOCK_ROWS):
    """What a function makes of the rows of a table, one block of rows at a time.

    Parameters
    ----------
    function : callable
        Of a table, to an array with a row for each of its rows, all of one type and of one shape but for the rows.
    X : ndarray, pandas.DataFrame or polars.DataFrame
        As `check_table` has passed it.
    n_rows : int, default=65536

    Returns
    -------
    ndarray
        ``function(X)``, if a row of it depends on that row of X alone.
    """
    slices = row_slices(len(X), n_rows)
    if len(slices) <= 1:
        return function(X)
    blocks = zip(slices, row_blocks(X, n_rows), strict=True)
    rows, block = next(blocks)
    part = function(block)
    whole = np.empty((len(X), *part.shape[1:]), dtype=part.dtype)
    whole[rows] = part
    for rows, block in blocks:
        whole[rows] = function(block)
    return whole
