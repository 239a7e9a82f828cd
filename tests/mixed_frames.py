"""A table with columns of every kind in each library, and targets for it."""

import numpy as np
import pytest
from sklearn.base import is_classifier

from rfmlearn import RFMRegressor

FORMS = ["full", "diagonal", "block"]


def columns(n=150, seed=0):
    """A column of every kind by name; None and NaN where a value is missing."""
    rng = np.random.default_rng(seed)
    table = {
        "age": rng.uniform(20, 60, n),
        "noise": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        "color": rng.choice(["blue", "green", "red"], n).astype(object),
        "city": rng.choice(["Lima", "Oslo", "Pune", "Rome"], n).astype(object),
        "flag": rng.random(n) < 0.5,
    }
    table["color"][rng.random(n) < 0.1] = None
    return table


def pandas_frame(table):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(table)
    for name in {"color"} & set(table):
        frame[name] = frame[name].astype("category")
    for name in {"city"} & set(table):
        frame[name] = frame[name].astype("string")
    return frame


def polars_frame(table):
    pl = pytest.importorskip("polars")
    data = {name: values.tolist() for name, values in table.items()}
    schema = {"age": pl.Float64, "noise": pl.Float64, "color": pl.Categorical, "city": pl.String, "flag": pl.Boolean}
    frame = pl.DataFrame(data, schema={name: schema.get(name) for name in table})
    return frame.with_columns(pl.col("noise").fill_nan(None)) if "noise" in table else frame


def object_array(table):
    return np.column_stack([np.asarray(values, dtype=object) for values in table.values()])


def target(Estimator, table, seed=1):
    """Depends on age and color only."""
    rng = np.random.default_rng(seed)
    y = (table["age"] - 40) / 12 + 2.0 * (table["color"] == "red") + 0.1 * rng.normal(size=len(table["age"]))
    return y if Estimator is RFMRegressor else np.where(y > np.median(y), "high", "low")


def scores(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)
