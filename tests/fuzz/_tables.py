"""Tables of drawn columns, in the containers and layouts in which users keep them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from ._values import NUMBERS, PLAIN, TEXTS

try:
    import pandas as pd
except ImportError:
    pd = None
try:
    import polars as pl
except ImportError:
    pl = None

NAMES = ["age", "income", "colour", "when", "x 5", "état", ""]
LAYOUTS = ("as it is", "fortran", "strided", "reversed", "read-only", "big-endian", "float32", "float16", "list")
PANDAS_TYPES = ("category", "string", "Int64", "Float64", "boolean", "object", "float32", "ordered", "unused levels")


def _objects(X):
    """A table of any library as an array, without a type that all columns have in common."""
    if isinstance(X, np.ndarray):
        return X
    return np.array(X.rows() if hasattr(X, "rows") else X.astype(object).values.tolist(), dtype=object)


# What is no table, or hardly one.
MISSHAPEN = {
    "one dimension": lambda X: _objects(X)[:, 0],
    "three dimensions": lambda X: _objects(X)[:, :, None],
    "no columns": lambda X: X[:, :0] if isinstance(X, np.ndarray) else X[[]],
    "fewer rows": lambda X: X[:-1],
    "nested lists": lambda X: _objects(X).tolist(),
    "ragged lists": lambda X: [list(row)[: 1 + k % 2] for k, row in enumerate(_objects(X))],
    "sparse": lambda X: scipy.sparse.csr_array(np.eye(len(X))),
    "masked": lambda X: np.ma.masked_greater(np.random.default_rng(0).normal(size=(len(X), 2)), 0.5),
    "complex": lambda X: np.ones((len(X), 2)) * 1j,
    "records": lambda X: np.zeros(len(X), dtype=[("a", float), ("b", int)]),
    "repeated names": lambda X: X if pd is None else pd.DataFrame(_objects(X)[:, [0, 0]], columns=["a", "a"]),
    "names of two types": lambda X: X if pd is None else pd.DataFrame(_objects(X)[:, [0, 0]], columns=["a", 1]),
    "one Series": lambda X: X if pd is None else pd.Series(_objects(X)[:, 0]),
    "dictionary": lambda X: {"a": list(_objects(X)[:, 0])},
    "None": lambda X: None,
}


@dataclass(frozen=True)
class TablePlan:
    """What the columns of a table are, so that other tables of the same columns can be drawn."""

    container: str
    columns: tuple[str, ...]
    layout: str
    types: tuple[str | None, ...]

    @classmethod
    def draw(cls, rng, hostile):
        containers = ["array", "array", *(["pandas"] * 2 if pd else []), *(["polars"] if pl else []), "objects"]
        container = str(rng.choice(containers if hostile else containers[:-1]))
        width = int(rng.choice([1, 2, 3, 4, 6]))
        kinds = list(NUMBERS) + (list(TEXTS) if container != "array" else [])
        columns = [
            str(rng.choice(kinds if hostile and rng.random() < 0.5 else list(PLAIN["NUMBERS"]))) for _ in range(width)
        ]
        if not hostile and container != "array" and rng.random() < 0.5:
            columns[-1] = "words"
        odd = hostile and rng.random() < 0.5
        layout = str(rng.choice(LAYOUTS)) if odd and container == "array" else LAYOUTS[0]
        types = tuple(str(rng.choice(PANDAS_TYPES)) if odd and rng.random() < 0.3 else None for _ in columns)
        return cls(container, tuple(columns), layout, types)

    def table(self, rng, z):
        """Rows of it."""
        columns = [{**NUMBERS, **TEXTS}[kind](rng, z + 0.3 * rng.normal(size=len(z))) for kind in self.columns]
        names = NAMES[: len(columns)]
        if self.container == "pandas":
            series = [_series(values, kind) for values, kind in zip(columns, self.types, strict=True)]
            return pd.DataFrame(dict(zip(names, series, strict=True)))
        if self.container == "polars":
            return pl.DataFrame([_polars(name, values) for name, values in zip(names, columns, strict=True)])
        if self.container == "objects":
            table = np.empty((len(z), len(columns)), dtype=object)
            for j, values in enumerate(columns):
                table[:, j] = list(values)
            return table
        return laid_out(np.column_stack(columns), self.layout)


def _series(values, kind):
    """A pandas column of some type, or of its own where it cannot be of that."""
    try:
        series = pd.Series(values)
    except UnicodeEncodeError:  # half of a pair of characters, which pandas takes for objects where pyarrow is there
        series = pd.Series(values, dtype=object)
    try:
        if kind == "ordered":
            return series.astype(pd.CategoricalDtype(sorted(series.dropna().unique()), ordered=True))
        if kind == "unused levels":
            return series.astype("category").cat.add_categories(["never"])
        return series if kind is None else series.astype(kind)
    except Exception:  # pandas raises errors of many types for values that are not of the kind
        return series


def _polars(name, values):
    try:
        return pl.Series(name, values, strict=False)
    except Exception:  # polars refuses some objects by errors of its own
        return pl.Series(name, [str(value).encode("utf8", "replace").decode() for value in values])


def laid_out(X, layout):
    """The same numbers in another memory layout or type."""
    if layout == "fortran":
        return np.asfortranarray(X)
    if layout == "strided":
        return np.repeat(X, 2, axis=0)[::2]
    if layout == "reversed":
        return np.ascontiguousarray(X[::-1])[::-1]
    if layout == "read-only":
        X = X.copy()
        X.flags.writeable = False
        return X
    if layout == "big-endian":
        return X.astype(X.dtype.newbyteorder(">"))
    if layout in ("float32", "float16"):
        with np.errstate(all="ignore"):
            return X.astype(layout)
    return X.tolist() if layout == "list" else X


def wrapped(rng, values):
    """A vector as an array, list, Series or something else that holds it."""
    if np.ndim(values) != 1 or not len(values) or rng.random() < 0.6:
        return values
    kind = rng.choice(["list", "pandas", "polars", "category"])
    try:
        if kind == "pandas" and pd:
            return pd.Series(values, index=np.arange(len(values)) + 7)
        if kind == "category" and pd and isinstance(values[0], str):
            return pd.Series(values, dtype="category")
        if kind == "polars" and pl and values.dtype != object and values.dtype.kind not in "cSe":
            return pl.Series(values)
    except UnicodeEncodeError:  # half of a pair of characters, which pandas does not take where pyarrow is there
        return values
    return values.tolist()


def short(value, width=60):
    """A value in few words."""
    text = repr(value).replace("\n", " ")
    if hasattr(value, "dtype") or hasattr(value, "columns"):
        text = f"{type(value).__name__} {getattr(value, 'shape', '')} {getattr(value, 'dtype', '')}"
    return text if len(text) <= width else f"{text[: width - 3]}..."
