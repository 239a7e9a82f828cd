"""The benchmark of many rows on few rows."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pd, *_ = [pytest.importorskip(name) for name in ("pandas", "rich", "scikit_posthocs")]

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FITTED = {"t_fit", "cpu_fit", "before_gb", "peak_gb", "above_gb", "t_predict"}


@pytest.fixture
def bench(monkeypatch):
    """The modules, measuring in this process."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    bench = SimpleNamespace(
        **{name: importlib.import_module(name) for name in ("large", "large_cases", "peers", "tables")}
    )
    bench.measure_in_process = bench.large.measure
    here = lambda spec, args: spec | bench.large_cases.measure(spec, getattr(args, "data", None))  # noqa: E731
    monkeypatch.setattr(bench.large, "measure", here)
    monkeypatch.setattr(bench.large_cases, "warmup", lambda: None)  # it compiles what nothing here needs
    return bench


@pytest.fixture
def folder(tmp_path, rng):
    """Classes, with a category of many levels; numbers; and a set that is too small."""
    for name, n in ("classes", 600), ("numbers", 600), ("small", 90):
        numeric, codes = rng.standard_normal((n, 2)), rng.integers(-1, 300, (n, 1))
        y = numeric[:, 0] + 0.1 * rng.standard_normal(n)
        np.savez(
            tmp_path / f"{name}.npz", X_num=numeric, X_cat=codes, y=(y > 0).astype(int) if name == "classes" else y
        )
    return tmp_path


def records_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_tables_and_ranks(bench, folder, tmp_path, monkeypatch, capsys):
    path = tmp_path / "results.jsonl"
    sizes = ["--min-rows", "100", "--max-train", "300", "--max-test", "50", "--threads", "1"]
    arguments = ["tables", str(path), "--data", str(folder), *sizes, "--models", "rfm,hgb,nystroem"]
    bench.large.main([*arguments, "--params", '{"max_iter": 0}', "--dev"])
    records = records_of(path)
    assert [(r["set"], r["model"]) for r in records] == [
        (name, model) for name in ("classes", "numbers") for model in ("rfm", "hgb", "nystroem")
    ]
    for record in records:
        assert set(record) >= FITTED | ({"log_loss", "auc", "brier"} if record["task"] == "clf" else {"rmse", "r2"})
        assert (record["n"], record["n_test"]) == (250, 50)
        assert record["params"] == ({"max_iter": 0} if record["model"] == "rfm" else {})
    assert "threads of each fit: 1" in capsys.readouterr().out

    monkeypatch.setattr(bench.large, "measure", lambda *args: pytest.fail("measured again"))
    bench.large.main([*arguments, "--params", '{"max_iter": 0}', "--dev"])
    bench.large.main(["rank", str(path), "--dev"])
    out = capsys.readouterr().out
    assert "mean ranks over 2 sets" in out and "rfm max_iter=0: at least as good as hgb on" in out


def test_ranks_of_records_made_by_hand(bench):
    losses = {("a", "rfm"): 0.5, ("a", "hgb"): 0.4, ("b", "rfm"): 1.0, ("b", "hgb"): 2.0, ("a", "xrfm"): None}
    records = [
        {"set": name, "model": model, "params": {}, "error": "no"} | ({} if loss is None else {"rmse": loss})
        for (name, model), loss in losses.items()
    ]
    table = bench.large.losses_by_set(records)
    assert table["xrfm"].isna().all()
    assert bench.large.compare(table, "rfm", "hgb") == (
        "rfm: at least as good as hgb on 1 of 2 sets (50%); worst ratio 1.2500 (a), mean 0.7906"
    )


def test_development_rows_are_of_the_training_rows(bench, rng):
    y = rng.integers(0, 2, 1000)
    train, test = bench.tables.split(y, 500, 200)
    again, validation = bench.tables.split_again(y, train, 60)
    assert len(validation) == 60 and sorted([*again, *validation]) == sorted(train)
    assert not set(validation) & set(test)


def test_flights(bench, folder, tmp_path, capsys):
    path = tmp_path / "results.jsonl"
    sizes = ["--rows", "400", "--test-rows", "100", "--predicted", "250", "--threads", "1"]
    bench.large.main(["flights", str(path), "--data", str(folder), "--sets", "classes", *sizes])
    assert [r["model"] for r in records_of(path)] == ["rfm", "hgb"]
    for record in records_of(path):
        assert set(record) >= FITTED | {"auc", "log_loss"} and record["n_predicted"] == 250
        assert record["pickled_mb"] > 0 and record["predict_above_gb"] >= 0
    assert "rows_per_second" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "column"),
    [
        ("growth --rows 100,200 --features 4", "factor"),
        ("borders --rows 200 --features 4 --solvers cholesky,cg", "solver"),
        ("exact --rows 200 --features 4 --solver cholesky --models rfm,rfm-laplace", "solver"),
        ("processes --rows 200 --features 4", "speedup"),
    ],
)
def test_synthetic_cases(bench, arguments, column, tmp_path, capsys):
    path, (case, *options) = tmp_path / "results.jsonl", arguments.split()
    bench.large.main([case, str(path), *options])
    records = records_of(path)
    assert len(records) == 2 and all(set(record) >= FITTED | {"rmse"} for record in records)
    table = capsys.readouterr().out.split("\n\n")[1]
    assert column in table.splitlines()[0].split() and len(table.splitlines()) == 3


def test_process_of_its_own_and_errors(bench, tmp_path, capsys):
    arguments = ["growth", str(tmp_path / "results.jsonl"), "--rows", "100", "--features", "4", "--threads", "1"]
    args = bench.large.parse([*arguments, "--models", "hgb"])
    specification = {"case": "growth"} | next(bench.large.specifications(args))
    assert bench.measure_in_process(specification, args)["t_fit"] > 0
    args.most_memory, specification["rows"] = 0.5, 20_000_000
    assert "MemoryError" in bench.measure_in_process(specification, args)["error"]
    args.timeout, args.most_memory, specification["rows"] = 1, None, 2_000_000
    assert bench.measure_in_process(specification, args)["error"] == "stopped after 1 s of processor"
    bench.large.main([*arguments, "--params", '{"alpha": -1}'])
    out = capsys.readouterr().out
    assert "failed: " in out and "alpha" in records_of(tmp_path / "results.jsonl")[0]["error"]
    bench.large.main([*arguments, "--params", '{"alpha": -1}'])
    bench.large.main([*arguments, "--params", '{"alpha": -1}', "--retry"])
    assert len(records_of(tmp_path / "results.jsonl")) == 2
    with pytest.raises(SystemExit):
        bench.large.main([*arguments, "--models", "nothing"])


def test_memory_of_a_call(bench):
    _, used = bench.large_cases.with_memory(lambda: np.ones(20_000_000))
    assert 0.15 < used["above_gb"] < 0.3 and used["peak_gb"] == pytest.approx(used["before_gb"] + used["above_gb"])
