"""The benchmark of networks that learn runs, on very few steps."""

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pandas")

pytestmark = pytest.mark.usefixtures("one_torch_thread")
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """The module, under a name of its own: the tests have networks too."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location("benchmark_networks", BENCHMARKS / "networks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def few_rows(make, seed, n=None):
    """60 of them, whatever is asked for."""
    return make(seed, 60)


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("swiss", "swiss roll: change of W^T W with the sum of V"),
        ("scales", "staircase: initial weights 3 times those of He"),
        ("speeds", "speed-limited"),
    ],
)
def test_parts(benchmark, monkeypatch, capsys, part, found):
    for name in ("swiss_roll", "staircase", "chain"):
        monkeypatch.setattr(benchmark, name, partial(few_rows, getattr(benchmark, name)))
    monkeypatch.setattr(benchmark, "error", lambda net, X, y: 1.0)  # of chains there are no rows left to choose by
    benchmark.PARTS[part](1, 2)
    assert found in capsys.readouterr().out


def test_targets(benchmark):
    X, y = (tensor.double().numpy() for tensor in benchmark.staircase(0, 20))
    a, b, c, d = X[:, :4].T
    np.testing.assert_allclose(y, a + a * b + a * b * c + a * b * c * d, rtol=1e-4, atol=1e-5)
    X, y = (tensor.double().numpy() for tensor in benchmark.chain(0, 20))
    a, b, c = X[:, :3].T
    np.testing.assert_allclose(y, a * b + b * c + c * a, rtol=1e-4, atol=1e-5)
