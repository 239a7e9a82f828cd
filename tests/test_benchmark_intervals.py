"""The benchmark of intervals on a tiny set, and its slices."""

import importlib
from pathlib import Path

import numpy as np
import pytest

pd = pytest.importorskip("pandas")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("intervals")


def test_it_prints_a_row_for_each_and_means(bench, tmp_path, capsys):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    for name, y in (("numbers", X[:, 0] + rng.normal(size=200)), ("classes", (X[:, 0] > 0).astype(int))):
        np.savez(tmp_path / f"{name}.npz", X_num=X, X_cat=np.empty((200, 0), dtype=int), y=y)
    bench.main([str(tmp_path), "--models", "rfm", "--coverages", "0.5,0.9", "--methods", "constant,scaled"])
    printed = capsys.readouterr().out
    assert printed.count("numbers") == 4 and "classes" not in printed and "means over 1 sets" in printed
    assert printed.startswith("Python") and "cores" in printed
    with pytest.raises(SystemExit):
        bench.main([str(tmp_path), "--methods", "scaled"])


def test_slices(bench):
    values = pd.Series(np.arange(400.0))
    assert [rows.sum() for rows in bench.slices_of(values)] == [40] * 10
    assert bench.slices_of(values[:290]) == []
    values[:100] = np.nan
    assert [rows.sum() for rows in bench.slices_of(values)] == [30] * 10
    assert not np.any([rows[:100] for rows in bench.slices_of(values)])
    levels = pd.Series(pd.Categorical(["a"] * 40 + ["b"] * 10))
    (rows,) = bench.slices_of(levels)
    assert rows.sum() == 40 and bench.slices_of(pd.Series(np.ones(50))) == []


def test_figures(bench):
    X, y = pd.DataFrame({"a": np.arange(300.0)}), np.zeros(300)
    low = np.where(np.arange(300) < 15, 1.0, -1.0)
    figures = bench.measure(X, y, np.stack([low, low + 2], axis=1), 0.9)
    assert figures["covered"] == 0.95 and figures["width"] == 2 and figures["by column"] == figures["worst"] == 0.5
    assert np.isnan(figures["by width"]) and 0.6 < figures["chance"] < 0.9
