"""Nothing of the user's stays in a fitted model but what predictions need: no labels of rows, no names, no memory."""

import gc
import pickle

import numpy as np
import pytest

from rfmlearn import (
    AGOPFeatureMap,
    DeepRFMClassifier,
    DeepRFMRegressor,
    RFMClassifier,
    RFMClassifierCV,
    RFMRegressor,
    RFMRegressorCV,
)

N = 60
SECRET = "planted"
SETTINGS = [{"max_iter": 1}, {"max_iter": 0, "categorical_encoding": "target"}]
REGRESSORS = {
    "single": RFMRegressor(max_iter=1),
    "full": RFMRegressor("gaussian", feature_matrix="full", max_iter=1, scaling=None),
    "cg": RFMRegressor("laplace", solver="cg", alpha=1.0, max_iter=1, scaling="standard"),
    "search": RFMRegressorCV(SETTINGS, cv=2),
    "deep": DeepRFMRegressor(n_layers=1),
    "map": AGOPFeatureMap(RFMRegressor(max_iter=1)),
}
CLASSIFIERS = {
    "single": RFMClassifier(max_iter=1),
    "search": RFMClassifierCV(SETTINGS, cv=2),
    "deep": DeepRFMClassifier(n_layers=1),
    "map": AGOPFeatureMap(RFMClassifier(max_iter=1)),
}
MODELS = [*REGRESSORS.items(), *CLASSIFIERS.items()]
WITH_GROUPS = (RFMRegressor, RFMClassifier, RFMRegressorCV, RFMClassifierCV)
WITH_VALIDATION = (RFMRegressor, RFMClassifier, DeepRFMRegressor, DeepRFMClassifier)


def classifies(model):
    return any(model is other for other in CLASSIFIERS.values())


def planted_index(pd, kind):
    names = [f"{SECRET}{i}" for i in range(N)]
    if kind == "plain":
        return pd.Index(names, name=f"{SECRET}_index")
    if kind == "multiple":
        return pd.MultiIndex.from_arrays([names, range(N)], names=[f"{SECRET}_a", f"{SECRET}_b"])
    return pd.CategoricalIndex(names)


def planted(pd, kind, classes):
    """Table, targets and what else fit takes, with secrets wherever pandas has room for one."""
    rng, index = np.random.default_rng(0), planted_index(pd, kind)
    x = rng.normal(size=N)
    shop = pd.Categorical(rng.choice(["u", "v"], N), categories=["u", "v", f"{SECRET}_level"])
    X = pd.DataFrame({"x": x, "shop": shop, "z": rng.normal(size=N)}, index=index)
    X["day"] = pd.Series(pd.date_range("2020", periods=N), index=index)
    X.columns.name = f"{SECRET}_columns"
    X.attrs["note"] = X["x"].attrs["note"] = f"{SECRET}_attrs"
    labels = np.where(x > 0, "old", "young")
    y = pd.Categorical(labels, categories=["old", "young", f"{SECRET}_class"]) if classes else x
    y = pd.Series(y, index=index, name=f"{SECRET}_target")
    others = {
        "sample_weight": pd.Series(1.0 + np.arange(N) % 2, index=index, name=f"{SECRET}_weight"),
        "groups": pd.Series([f"{SECRET}_group{i % 10}" for i in range(N)], index=index, name=f"{SECRET}_groups"),
    }
    return X, y, others


@pytest.mark.parametrize("kind", ["plain", "multiple", "categories"])
@pytest.mark.parametrize(("name", "model"), MODELS)
def test_nothing_planted_is_in_a_pickle(name, model, kind, pd):
    X, y, given = planted(pd, kind, classifies(model))
    if not isinstance(model, WITH_GROUPS):
        del given["groups"]
    if isinstance(model, WITH_VALIDATION):
        given |= {"X_val": X[::-1], "y_val": y[::-1], "sample_weight_val": given["sample_weight"][::-1]}
    data = pickle.dumps(model.fit(X, y, **given))
    assert b"shop" in data  # or nothing would ever be found
    assert SECRET.encode() not in data


def arrays_within(model):
    """All arrays that can be reached from a model, by way of attributes, containers, and the arrays they look into."""
    seen, found, queue = set(), [], [model.__dict__]
    while queue:
        thing = queue.pop()
        if id(thing) in seen or isinstance(thing, (type, str, bytes)) or type(thing).__name__ == "module":
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            found.append(thing)
            queue.append(thing.base)
        elif not callable(thing) or hasattr(thing, "__dict__"):
            queue += [other for other in gc.get_referents(thing) if type(other).__name__ not in ("function", "frame")]
    return found


def numbers(classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * N, 3))
    return X, (X[:, 0] > 0).astype(int) if classes else X[:, 0].copy()


@pytest.mark.parametrize("form", ["array", "part of an array", "pandas", "columns of pandas", "float32"])
@pytest.mark.parametrize(("name", "model"), MODELS)
def test_no_array_looks_into_memory_of_the_user(name, model, form, pd):
    X, y = numbers(classifies(model))
    X = X.astype(np.float32) if form == "float32" else X
    part, targets, weights = X[:N], y[:N], np.ones(2 * N)[:N]
    if form == "pandas":
        given = pd.DataFrame(part, copy=False)
    elif form == "columns of pandas":
        given = pd.DataFrame({"a": part[:, 0], "b": part[:, 1]}, copy=False)
    else:
        given = part if form == "part of an array" else part.copy()
    model.fit(given, targets, sample_weight=weights)
    lent = [X, y, weights, *([given] if isinstance(given, np.ndarray) else [given[name].to_numpy() for name in given])]
    arrays = arrays_within(model)
    assert len(arrays) > 5
    for array in arrays:
        assert not any(np.shares_memory(array, other) for other in lent)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_names_of_columns_are_copied(library):
    X = pytest.importorskip(library).DataFrame({"a": np.arange(30.0), "b": np.arange(30.0) % 7})
    model = RFMRegressor(max_iter=0).fit(X, np.arange(30.0))
    names = model.feature_names_in_
    assert names.dtype == object and {type(name) for name in names} == {str}
    assert names.base is None and (library == "polars" or not np.shares_memory(names, np.asarray(X.columns)))
