"""Libraries of tables: whose a table is, and those of others than NumPy, pandas and polars read into one of these."""

from __future__ import annotations

import importlib
import sys
import warnings

import numpy as np

# Objects that hold a query and no rows yet: type and module of each, and how it is run.
_QUERIES = {
    ("polars", "LazyFrame"): "collect()",
    ("narwhals", "LazyFrame"): "collect()",
    ("dask", "DataFrame"): "compute()",
    ("dask", "FrameBase"): "compute()",
    ("dask_expr", "DataFrame"): "compute()",
    ("pyspark", "DataFrame"): "toPandas()",
    ("ibis", "Table"): "to_pandas()",
    ("duckdb", "DuckDBPyRelation"): "df()",
    ("_duckdb", "DuckDBPyRelation"): "df()",
    ("daft", "DataFrame"): "to_pandas()",
}


def library_of(X):
    """Name of the library whose DataFrame `X` is, pandas or polars, or None; imports nothing."""
    for name in ("pandas", "polars"):
        if name in sys.modules and isinstance(X, getattr(sys.modules[name], "DataFrame", ())):
            return name
    return None


def at_hand(X, name="X"):
    """The table in pandas or polars, with its names and types; `X` itself if it is none of another library.

    Raises
    ------
    TypeError
        If it is a query that has not been run.
    ImportError
        If neither pandas nor polars is there to read it.
    """
    if isinstance(X, (np.ndarray, list, tuple)) or library_of(X) is not None:
        return X
    for kind in type(X).__mro__:
        query = kind.__module__.partition(".")[0], kind.__name__
        if query in _QUERIES:
            raise TypeError(
                f"{name} must be a table, got a {type(X).__name__} of {query[0].strip('_')}, which is a query that has "
                f"not been run: call .{_QUERIES[query]} first."
            )
    if hasattr(X, "to_native") and _is_of("narwhals", X):
        return at_hand(X.to_native(), name)
    if _is_column(X):
        return X
    if hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__"):
        return _from_arrow(X)
    for name in ("to_pandas", "_to_pandas"):  # of cuDF, and of Modin
        if hasattr(X, "columns") and hasattr(X, name):
            return getattr(X, name)()
    return _from_interchange(X) if hasattr(X, "__dataframe__") else X


def _is_of(library, X):
    return type(X).__module__.partition(".")[0] == library


def _is_column(X):
    """Whether it is a single column or an array, of which scikit-learn knows what to say."""
    return not hasattr(X, "columns") and (hasattr(X, "dtype") or (_is_of("pyarrow", X) and hasattr(X, "type")))


def _from_arrow(X):
    """By pandas where pyarrow can give it to pandas, which keeps categories of numbers; else by polars."""
    pyarrow = _library("pyarrow")
    if pyarrow is None:
        return _needed("polars", X).DataFrame(X)
    table = X if isinstance(X, pyarrow.Table) else pyarrow.table(X)
    if _library("pandas") is None:
        return _needed("polars", X).from_arrow(table)
    # What pandas has noted of an index, which is a column here, and of dates as objects is not asked for.
    return table.to_pandas(ignore_metadata=True, date_as_object=False, integer_object_nulls=True)


def _from_interchange(X):
    pandas = _library("pandas")
    if pandas is None:
        return _needed("polars", X).from_dataframe(X)
    with warnings.catch_warnings():  # pandas 3 announces that Arrow will replace it
        warnings.filterwarnings("ignore", message="The Dataframe Interchange Protocol", category=DeprecationWarning)
        return pandas.api.interchange.from_dataframe(X)


def _library(name):
    """A library that may be missing."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _needed(name, X):
    library = _library(name)
    if library is None:
        kind = f"{type(X).__module__}.{type(X).__name__}"
        raise ImportError(f"pandas (with pyarrow for Arrow tables) or polars is needed to read a {kind}: install one.")
    return library
