"""The benchmarks that asv compares between commits still run; those that take less than a second here."""

import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "asv"


@pytest.fixture
def suite(monkeypatch):
    """Import of a module of the suite; its package has another name here than that of the tool."""
    spec = spec_from_file_location("suite", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)])
    monkeypatch.setitem(sys.modules, "suite", module_from_spec(spec))
    yield lambda name: importlib.import_module(f"suite.{name}")
    for name in [name for name in sys.modules if name.startswith("suite.")]:
        del sys.modules[name]


@pytest.mark.parametrize("model", ["RFMRegressor", "RFMClassifier"])
def test_single_models(suite, model):
    module = suite("single_models")
    for benchmark in (module.Fit(), module.Predict()):
        assert (model, 200) in {(m, n) for m in benchmark.params[0] for n in benchmark.params[1]}
        benchmark.setup(model, 200)
    benchmark.time_predict(model, 200)
    assert benchmark.model.predict(benchmark.new).shape == (2000,)


def test_scores(suite):
    score = suite("scores").Score()
    assert 0.0 < score.track_log_loss("wine") < 0.2
    assert 0.4 < score.track_one_minus_r2("diabetes") < 0.6


def test_code_of_new_processes(suite):
    start = suite("start").Start()
    for benchmark in (start.timeraw_import, start.timeraw_first_fit):
        code, setup = benchmark()
        exec(f"{setup}\n{code}", {})
