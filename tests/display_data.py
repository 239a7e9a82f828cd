"""Tables for the tests of displays, and what these tests look at."""

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def numbers(n=60, d=4):
    X = np.random.default_rng(0).normal(size=(n, d))
    return X, X[:, 0] + 0.5 * X[:, -1]


def mixed(n=40):
    rng = np.random.default_rng(1)
    age = np.where(np.arange(n) % 7 == 0, np.nan, rng.normal(size=n))
    columns = {"age $": age, "a&b": rng.normal(size=n), "colour": np.array(["red", "green"])[np.arange(n) % 2]}
    return columns, (np.arange(n) % 2) + 0.1 * rng.normal(size=n)


def pandas_table():
    columns, _ = mixed()
    return pd.DataFrame(columns, index=np.zeros(40)).astype({"colour": "category", "a&b": np.float32})


TABLES = {
    "float64": lambda: numbers(40)[0],
    "float32": lambda: numbers(40)[0].astype(np.float32),
    "objects": lambda: np.array(list(zip(*mixed()[0].values(), strict=True)), dtype=object),
    "pandas": pandas_table,
    "pandas, names that are no strings": lambda: pandas_table().set_axis(range(3), axis=1),
    "pandas, names like those of copies": lambda: pandas_table().set_axis(["a", "a_shuffled", "b"], axis=1),
    "polars": lambda: pl.DataFrame(mixed()[0]),
}


def draw(display):
    display.figure_.canvas.draw()
    return display


def tick_names(axis):
    return [text.get_text() for text in axis.get_ticklabels()]
