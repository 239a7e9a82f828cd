"""What a fitted model holds, and how it is written and read: pickle without the table's library, and skops."""

import gc
import inspect
import pickle
import re
import subprocess
import sys
import weakref
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rfmlearn import (
    AGOPFeatureMap,
    ConvRFMClassifier,
    DeepRFMClassifier,
    RFMClassifier,
    RFMClassifierCV,
    RFMRegressor,
    RFMRegressorCV,
)

N = 60
SETTINGS = [{"max_iter": 1}, {"kernel": "gaussian", "feature_matrix": "block", "max_iter": 1, "scaling": "quantile"}]
MODELS = {
    "regressor": RFMRegressor(max_iter=1),
    "classifier": RFMClassifier(max_iter=1, scaling="quantile"),
    "ordinal": RFMRegressor("product_laplace", max_iter=1, categorical_encoding="ordinal"),
    "target": RFMClassifier("sum_power_laplace", max_iter=1, categorical_encoding="target"),
    "regressor_cv": RFMRegressorCV(SETTINGS, cv=2, random_state=0),
    "classifier_cv": RFMClassifierCV(SETTINGS, cv=2, random_state=0),
    "map": AGOPFeatureMap(n_components=2),
    "deep": DeepRFMClassifier(n_layers=2, n_random_features=16, random_state=0),
}


# Functions and candidates that the search keeps for now; the documentation does not list them.
def columns():
    """A column of every kind by name."""
    rng = np.random.default_rng(0)
    return {
        "age": rng.uniform(20, 60, N),
        "gap": np.where(rng.random(N) < 0.2, np.nan, rng.normal(size=N)),
        "color": [None if rng.random() < 0.1 else str(name) for name in rng.choice(["blue", "green", "red"], N)],
        "city": rng.choice(["Lima", "Oslo"], N).tolist(),
        "flag": (rng.random(N) < 0.5).tolist(),
        "floor": rng.integers(0, 3, N).tolist(),
        "land": ["Peru"] * N,
    }


def pandas_frame():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(columns())
    X["color"] = pd.Categorical(X["color"], ["red", "green", "unused_level", "blue"], ordered=True)
    X["city"] = X["city"].astype("string")
    X["floor"] = pd.Categorical(X["floor"])
    return X


def polars_frame():
    pl = pytest.importorskip("polars")
    types = {"color": pl.Enum(["red", "green", "unused_level", "blue"]), "city": pl.Categorical}
    return pl.DataFrame(columns(), schema_overrides=types).with_columns(pl.col("floor").cast(pl.String))


def objects():
    return np.column_stack([np.array(column, dtype=object) for column in columns().values()])


FRAMES = {"pandas": pandas_frame, "polars": polars_frame}


def fit(name, X):
    """A fitted model; its target are numbers or classes."""
    y = columns()["age"]
    classes = name in ("classifier", "target", "classifier_cv", "deep")
    return (
        MODELS[name].__class__(**MODELS[name].get_params()).fit(X, np.where(y > 40, "old", "young") if classes else y)
    )


def values(model, X):
    return getattr(model, "predict_proba", getattr(model, "predict", getattr(model, "transform", None)))(X)


@pytest.fixture(scope="module")
def fitted():
    """Models by their name and that of the library of their table, fitted once."""
    models = {}

    def get(name, library):
        if (name, library) not in models:
            models[name, library] = fit(name, FRAMES[library]())
        return models[name, library]

    return get


# What is held


@pytest.mark.parametrize("name", MODELS)
def test_nothing_of_the_index_or_of_unused_levels(name, pd):
    secrets = [f"person{i}@example.org" for i in range(N)]
    X = pandas_frame()
    X["color"] = X["color"].cat.set_categories(["red", "green", "blue", *secrets])
    X.attrs["note"] = "confidential@example.org"
    for index in (secrets, pd.MultiIndex.from_arrays([secrets, range(N)]), pd.CategoricalIndex(secrets)):
        X.index = index
        data = pickle.dumps(fit(name, X))
        assert b"example.org" not in data
        assert b"Lima" in data and b"city" in data  # or names would never be found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("library", FRAMES)
def test_nothing_of_a_library_of_tables(name, library, fitted):
    data = pickle.dumps(fitted(name, library))
    # Modules are named in full in a pickle; the schema says which library a table was of.
    assert not re.search(rb"(pandas|polars)[._]", data)
    assert b"unused_level" not in data
    assert b"rfmlearn.tables._schema" in data


@pytest.mark.parametrize("name", MODELS)
def test_no_view_of_the_table(name, pd):
    whole = np.random.default_rng(0).normal(size=(500, 8))
    alive = weakref.ref(whole)
    X = pd.DataFrame(whole, copy=False)
    part = X.iloc[:N]
    assert np.shares_memory(part.to_numpy(), whole)  # or nothing could be held
    model = fit(name, part)
    y = fit(name, whole[:N])
    del whole, X, part
    gc.collect()
    assert alive() is None
    del model, y


def test_levels_are_plain_values(pd):
    X = pd.DataFrame(
        {
            "day": pd.to_datetime(["2020-01-02", "2020-01-01", None, "2020-01-02"]),
            "ns": pd.to_datetime([1577836800 * 10**9 + k for k in (1, 0, 0, 0)]),
            "wait": pd.to_timedelta([2, 1, 1, 2], unit="h"),
            "part": pd.cut(pd.Series([1.0, 5.0, 2.0, 9.0]), [0, 3, 10]),
            "month": pd.PeriodIndex(["2020-02", "2020-01", "2020-01", "2020-01"], freq="M"),
            "objects": pd.Series([np.str_("v"), np.float64(1.5), np.int64(3), np.bool_(False)], dtype=object),
            "absent": pd.array(["u", None, "v", "u"], dtype="string"),
        }
    )
    model = RFMRegressor(max_iter=0, categorical_features=list(X)).fit(X, [1.0, 2.0, 3.0, 4.0])
    levels = model._encoder.levels_
    found = {type(level).__module__.partition(".")[0] for column in levels for level in column}
    assert found == {"builtins", "datetime"}
    assert levels[1][1] == "2020-01-01 00:00:00.000000001"
    assert levels[3] == ["(0, 3]", "(3, 10]"] and levels[4] == ["2020-01", "2020-02"]
    assert levels[5] == [False, 1.5, 3, "v"]
    assert len(set(model.predict(X))) == 4


# pickle


@pytest.mark.parametrize("library", FRAMES)
def test_pickle_predicts_where_there_is_no_library_of_tables(library, fitted, tmp_path):
    script = """
import pickle, sys, warnings

class Blocked:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "polars", "pyarrow"):
            raise ImportError(name)

sys.meta_path.insert(0, Blocked)
warnings.simplefilter("ignore")  # arrays have no names of columns
import numpy as np
rows, models = pickle.load(sys.stdin.buffer)
for model in models:
    call = getattr(model, "predict_proba", getattr(model, "predict", getattr(model, "transform", None)))
    np.save(sys.stdout.buffer, call(rows))
"""
    rows = objects()
    if library == "polars":
        rows[:, 5] = [str(value) for value in rows[:, 5]]
    models = [fitted(name, library) for name in MODELS]
    data = pickle.dumps((rows, models))
    run = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    (tmp_path / "values").write_bytes(run.stdout)
    with open(tmp_path / "values", "rb") as file:
        for model in models:
            assert_array_equal(np.load(file), values(model, FRAMES[library]()))


@pytest.mark.parametrize("library", FRAMES)
def test_a_frame_comes_back_from_a_pickle(library, fitted):
    model = pickle.loads(pickle.dumps(AGOPFeatureMap().fit(FRAMES[library](), columns()["age"])))
    X = FRAMES[library]()
    back = model.inverse_transform(model.transform(X))
    assert type(back) is type(X) and list(back.columns) == list(X.columns)
    for name in ("color", "city", "flag", "floor", "land"):
        assert back[name].to_list() == X[name].to_list() or name == "color"
    colors = [None if value != value else value for value in back["color"].to_list()]
    assert colors == columns()["color"]
    if library == "pandas":
        assert [str(back[name].dtype) for name in ("city", "flag")] == ["string", "bool"]
        assert back["color"].cat.categories.tolist() == ["red", "green", "blue"] and back["color"].cat.ordered
        assert back["floor"].cat.categories.tolist() == [0, 1, 2] and not back["floor"].cat.ordered
    else:
        assert back["color"].dtype.categories.to_list() == ["red", "green", "blue"]
        assert back["city"].dtype == X["city"].dtype


# skops


def documented_types():
    page = Path(__file__).parents[1] / "docs" / "saving.md"
    if not page.exists():
        pytest.skip("the documentation is not there")
    return set(re.findall(r"`(rfmlearn\.[\w.]+)` \|$", page.read_text(), re.MULTILINE))


def named(path):
    """The object of a dotted name."""
    module, parts = path, []
    while module not in sys.modules:
        module, _, part = module.rpartition(".")
        parts.insert(0, part)
    found = sys.modules[module]
    for part in parts:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("library", [*FRAMES, "array"])
def test_skops(name, library, fitted):
    io = pytest.importorskip("skops.io")
    model = fit(name, objects()) if library == "array" else fitted(name, library)
    X = objects() if library == "array" else FRAMES[library]()
    data = io.dumps(model)
    asked = set(io.get_untrusted_types(data=data))
    if not name.endswith("_cv"):
        assert all(inspect.isclass(named(each)) for each in asked)  # no function, of no kind
    assert asked <= documented_types()
    assert len(asked) > 5
    again = io.loads(data, trusted=sorted(asked))
    assert_array_equal(values(again, X), values(model, X))


@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMClassifier])
def test_skops_of_machines_of_many_rows(Estimator, rng):
    io = pytest.importorskip("skops.io")
    X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    model = Estimator(max_iter=1, solver="two_level", random_state=0).fit(X, y)
    data = io.dumps(model)
    asked = set(io.get_untrusted_types(data=data))
    assert asked <= documented_types()
    assert_array_equal(values(io.loads(data, trusted=sorted(asked)), X), values(model, X))


def test_skops_of_images(rng):
    io = pytest.importorskip("skops.io")
    images, y = rng.normal(size=(20, 6, 6, 1)), rng.integers(0, 2, 20)
    for kernel, n_layers in (("cntk", 1), ("patch_laplace", 2)):
        model = ConvRFMClassifier(kernel, depth=n_layers, n_layers=n_layers, max_iter=1).fit(images, y)
        data = io.dumps(model)
        asked = set(io.get_untrusted_types(data=data))
        assert asked <= documented_types()
        assert_array_equal(io.loads(data, trusted=sorted(asked)).predict_proba(images), model.predict_proba(images))


def test_documented_types_are_there():
    for path in documented_types():
        import_module(path.rpartition(".")[0])
        assert inspect.isclass(named(path)), path
