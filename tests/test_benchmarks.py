"""The accuracy suite of benchmarks/ on tiny sets, and its report on scores made by hand."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest

pd, *_ = [pytest.importorskip(name) for name in ("pandas", "rich", "matplotlib", "scikit_posthocs")]

# What SciPy 1.13 says of Wilcoxon's test on the few sets here.
pytestmark = pytest.mark.filterwarnings("ignore:Sample size too small for normal approximation")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SHARED = {"set", "fold", "model", "task", "n", "d", "n_test", "t_fit", "t_predict"}


@pytest.fixture
def bench(monkeypatch):
    """The modules of benchmarks/, which is no package."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    names = "tabular", "peers", "report", "scores", "tables", "pictures", "images", "class_sets"
    return SimpleNamespace(**{name: importlib.import_module(name) for name in names})


@pytest.fixture
def folder(tmp_path, rng):
    """Two sets: classes, with categories and missing values, and numbers."""
    n = 60
    numeric, codes = rng.standard_normal((n, 2)), rng.integers(-1, 3, (n, 1))
    y = (numeric[:, 0] + codes[:, 0] > 0).astype(int) + 5
    numeric[::7, 1] = np.nan
    (tmp_path / "sets").mkdir()
    np.savez(tmp_path / "sets" / "classes.npz", X_num=numeric, X_cat=codes, y=y)
    y = 100 * numeric[:, 0] + rng.standard_normal(n)
    np.savez(tmp_path / "sets" / "numbers.npz", X_num=numeric, X_cat=np.empty((n, 0), dtype=int), y=y)
    return tmp_path / "sets"


def records_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_run_records_report_and_resume(bench, folder, tmp_path, monkeypatch, capsys):
    path = tmp_path / "results.jsonl"
    arguments = [str(path), "--data", str(folder), "--models", "krr,hgb", "--folds", "2", "--threads", "1"]
    pictures = ["--pictures", str(tmp_path / "pictures"), "--metrics", "log_loss,rmse,ece"]
    bench.tabular.main([*arguments, "--focus", "krr", *pictures])
    records = records_of(path)
    assert {(r["set"], r["fold"], r["model"]) for r in records} == {
        (name, fold, model) for name in ("classes", "numbers") for fold in (0, 1) for model in ("krr", "hgb")
    }
    for record in records:
        scores = {"accuracy", "log_loss", "brier", "auc", "ece"} if record["task"] == "clf" else {"rmse", "mae", "r2"}
        scores |= {"coverage", "size"} if (record["task"], record["model"]) == ("reg", "krr") else set()
        assert set(record) == SHARED | scores
        assert (record["n"], record["n_test"]) == (30, 30)
        assert record["d"] == (3 if record["task"] == "clf" else 2)
    out = capsys.readouterr().out
    assert out.startswith("Python") and "log_loss, 1 set" in out and "rmse, 1 set" in out
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3 * 2  # no ece: too few test rows

    monkeypatch.setattr(bench.tabular, "run_job", lambda *args: pytest.fail("fitted again"))
    bench.tabular.main(arguments)
    assert records_of(path) == records


def test_cut_last_line_is_run_again(bench, folder, tmp_path):
    path = tmp_path / "results.jsonl"
    arguments = [str(path), "--data", str(folder), "--models", "krr", "--threads", "1"]
    bench.tabular.main(arguments)
    before = records_of(path)
    path.write_text(path.read_text()[:-20])
    assert bench.report.read_records(path) == before[:1]
    bench.tabular.main(arguments)
    after = records_of(path)
    assert after[0] == before[0] and len(after) == 2
    assert after[1]["rmse"] == pytest.approx(before[1]["rmse"])


def test_broken_line_inside_is_refused(bench, tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"set": "a"\n{"set": "b"}\n')
    with pytest.raises(ValueError, match="line 1 is no record"):
        bench.report.read_records(path)


def test_errors_are_recorded_and_told(bench, folder, tmp_path, monkeypatch, capsys):
    def broken(*args):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(bench.tabular, "make_model", broken)
    path = tmp_path / "results.jsonl"
    bench.tabular.main([str(path), "--data", str(folder), "--models", "rf"])
    assert [record["error"] for record in records_of(path)] == ["RuntimeError: out of luck"] * 2
    out = capsys.readouterr().out
    assert "classes, fold 0, rf: RuntimeError: out of luck" in out
    assert out.splitlines()[-1].split()[:3] == ["rf", "2", "2"]


def test_intervals_and_sets_are_scored(bench):
    interval = SimpleNamespace(predict_interval=lambda X, coverage: np.array([[0.0, 1.0], [0.0, 3.0]]))
    assert bench.scores.score_coverage(interval, None, np.array([0.5, 4.0])) == {"coverage": 0.5, "size": 2.0}
    sets = SimpleNamespace(predict_set=lambda X, coverage: np.array([[True, False], [True, True]]))
    assert bench.scores.score_coverage(sets, None, np.array([0, 1])) == {"coverage": 1.0, "size": 1.5}
    assert bench.scores.score_coverage(SimpleNamespace(), None, None) == {}


def test_scores_of_probabilities(bench):
    P, y = np.array([[0.8, 0.2], [0.8, 0.2], [0.3, 0.7], [1.0, 0.0]]), np.array([0, 1, 1, 0])
    scores = bench.scores.score_probabilities(P, y)
    assert scores["accuracy"] == 0.75
    assert scores["log_loss"] == pytest.approx(-np.log([0.8, 0.2, 0.7, 1]).mean())
    assert scores["brier"] == pytest.approx(2 * np.mean([0.04, 0.64, 0.09, 0]))
    assert scores["ece"] == pytest.approx((abs(1 - 1.6) + 0.3) / 4)
    assert scores["auc"] == pytest.approx(0.875)
    assert "auc" not in bench.scores.score_probabilities(P, np.zeros(4, dtype=int))
    certain = bench.scores.score_probabilities(np.eye(2), np.array([1, 0]))
    assert certain["log_loss"] == pytest.approx(-np.log(1e-7), rel=1e-6)


@pytest.fixture
def results(bench, tmp_path):
    """Losses of three models on four sets, of which model c failed on the last; others on file, without folds."""
    losses = {"a": [1.0, 2.0, 2.0, 9.0], "b": [2.0, 2.0, 1.0, 1.0], "c": [3.0, 4.0, 3.0, None]}
    files = []
    for model, values in losses.items():
        records = [
            {"set": f"s{i}", "model": model, "task": "reg", "t_fit": 1.0, "t_predict": 0.1}
            | ({"error": "no"} if value is None else {"rmse": value, "r2": 1 - value})
            for i, value in enumerate(values)
        ]
        files.append(write(tmp_path / f"{model}.jsonl", records))
    return bench.report.to_results([record for file in files for record in bench.report.read_records(file)])


def test_report_of_known_scores(bench, results):
    scores = bench.report.scores_by_set(results, "rmse")
    assert list(scores.index) == ["s0", "s1", "s2"]
    table = bench.report.compare(scores, "rmse", "a")
    assert table["rank"].to_dict() == pytest.approx({"a": (1 + 1.5 + 2) / 3, "b": (2 + 1.5 + 1) / 3, "c": 3})
    assert table["wins %"].drop("a").to_dict() == pytest.approx({"b": 50, "c": 100})
    assert table["normalised"].to_dict() == pytest.approx({"a": 2.5 / 3, "b": 2.5 / 3, "c": 0})
    assert table["mean"].to_dict() == pytest.approx({"a": 5 / 3, "b": 5 / 3, "c": 10 / 3})
    assert table["median"].to_dict() == pytest.approx({"a": 2, "b": 2, "c": 3})
    mirrored = bench.report.compare(bench.report.scores_by_set(results, "r2"), "r2", "a")
    pd.testing.assert_frame_equal(mirrored.drop(columns=["mean", "median"]), table.drop(columns=["mean", "median"]))
    times = bench.report.times(results)
    assert times["errors"].to_dict() == {"a": 0, "b": 0, "c": 1}
    assert times.loc["a", "all fits s"] == 4


def test_win_rates_of_two_models_add_up(bench, results):
    rates = bench.report.win_rates(bench.report.scores_by_set(results, "rmse"), "rmse")
    np.testing.assert_allclose(rates + rates.T, 1)
    assert rates.loc["a", "c"] == 1


def test_folds_are_averaged_and_must_be_complete(bench):
    records = [{"set": "s", "fold": fold, "model": m, "rmse": 1.0 + fold} for m in "ab" for fold in (0, 1)]
    records += [{"set": "t", "fold": fold, "model": "a", "rmse": 5.0} for fold in (0, 1)]
    records += [{"set": "t", "fold": 0, "model": "b", "rmse": 5.0}]
    scores = bench.report.scores_by_set(bench.report.to_results(records), "rmse")
    assert scores.to_dict("index") == {"s": {"a": 1.5, "b": 1.5}}


def test_calibration_needs_many_rows(bench):
    records = [{"set": f"s{n}", "model": "a", "ece": 0.1, "n_test": n} for n in (199, 200, None)]
    assert list(bench.report.scores_by_set(bench.report.to_results(records), "ece").index) == ["s200"]


def test_scores_from_elsewhere_without_a_run(bench, results, tmp_path, capsys):
    others = [str(tmp_path / f"{model}.jsonl") for model in "abc"]
    arguments = [str(tmp_path / "none.jsonl"), "--report-only", "--with", *others, "--markdown", "--focus", "a"]
    bench.tabular.main([*arguments, "--metrics", "rmse"])
    out = capsys.readouterr().out
    assert "| model | rank | wins % | p | normalised | mean | median |\n| --- | ---: |" in out
    assert "| c | 3.00 | 100.0 |" in out and "r2" not in out
    bench.tabular.main([*arguments, "--models", "a,b"])
    assert "rmse, 4 sets" in capsys.readouterr().out


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_pictures_of_models_that_are_equal(bench, metric, tmp_path):
    records = [{"set": f"s{i}", "model": m, metric: float(i), "t_fit": 1.0} for m in "abc" for i in range(5)]
    paths = bench.pictures.save_pictures(bench.report.to_results(records), tmp_path, [metric], "a")
    assert [path.name for path in paths] == [f"{metric}_{name}.png" for name in ("ranks", "wins", "time")]


def test_fixed_split_and_folds(bench, folder):
    classes, X, y, X_test, _ = bench.tables.load_set(folder, "classes", max_train=30)
    assert classes and len(X) + len(X_test) == 60 and set(y) == {0, 1}
    assert X.dtypes["c0"] == "category" and X["n1"].isna().any()
    _, y = bench.tables.read_set(folder, "classes")
    tests = [bench.tables.split_fold(y, fold, 3, max_train=20) for fold in range(3)]
    assert sorted(np.concatenate([test for _, test in tests])) == list(range(60))
    assert all(len(train) == 20 and not set(train) & set(test) for train, test in tests)


def test_openml(bench, monkeypatch, tmp_path):
    data = pd.DataFrame({"a [m]": [1, 2, 3], "b": ["u", None, "v"]})
    target = pd.Series(["no", "yes", None], dtype="category")
    fetch = lambda **which: SimpleNamespace(data=data, target=target)  # noqa: E731
    monkeypatch.setattr(bench.tables, "fetch_openml", fetch)
    table, y = bench.tables.fetch_set("31")
    assert list(table) == ["x0", "x1"] and table.dtypes["x1"] == "category" and y.tolist() == [0, 1]
    target = pd.Series([1, 5, 7])
    assert bench.tables.fetch_set("some-name")[1].tolist() == [1.0, 5.0, 7.0]

    def offline(**which):
        raise URLError("no route")

    monkeypatch.setattr(bench.tables, "fetch_openml", offline)
    with pytest.raises(SystemExit, match="'credit-g' cannot be fetched"):
        bench.tabular.main([str(tmp_path / "r.jsonl"), "--openml", "credit-g", "--models", "krr"])


def test_missing_package_and_unknown_names(bench, monkeypatch, capsys, tmp_path):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    with monkeypatch.context() as patch:
        patch.setattr(bench.peers.importlib, "import_module", missing)
        with pytest.raises(ModuleNotFoundError, match="pip install lightgbm"):
            bench.peers.make_model("lgbm", True, pd.DataFrame())
    with pytest.raises(ValueError, match="models are rfm"):
        bench.peers.make_model("nothing", True, pd.DataFrame())
    for options in (["--models", "nothing"], ["--metrics", "nothing"], []):
        source = ["--data", str(tmp_path)] if options else []
        with pytest.raises(SystemExit):
            bench.tabular.main([str(tmp_path / "r.jsonl"), *source, *options])
    assert "got nothing" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rfm", "rfmcv", "krr", "hgb", "rf", "svm"])
@pytest.mark.parametrize("classes", [True, False])
def test_models_are_made(bench, name, classes):
    model = bench.peers.make_model(name, classes, pd.DataFrame({"a": [1.0]}))
    assert hasattr(model, "fit") and (hasattr(model, "predict_proba") == (classes and name != "svm"))


def test_images(bench, tmp_path, rng, capsys):
    """A set of tiny images; what is done already is not done again."""
    y = rng.integers(0, 2, 60)
    X = rng.integers(0, 99, (60, 25, 25, 1)) + 100 * y[:, None, None, None] * (np.arange(25) < 12)[:, None]
    X = X.astype(np.uint8)
    np.savez(tmp_path / "halves.npz", X_train=X[:40], y_train=y[:40], X_test=X[40:], y_test=y[40:])
    path, models = tmp_path / "images.jsonl", ["plain CNTK", "ConvRFM", "RFMClassifier on pixels"]
    arguments = [
        "accuracy",
        str(path),
        "--data",
        str(tmp_path),
        "--sets",
        "halves",
        "--seeds",
        "1",
        "--models",
        *models,
    ]
    bench.images.main(arguments)
    records = records_of(path)
    assert [r["model"] for r in records] == models and all(r["accuracy"] > 0.9 for r in records)
    assert [r["chosen"]["best_iter_"] for r in records[:1]] == [0]
    assert "| halves | 100.0 (0.0) |" in capsys.readouterr().out
    bench.images.main(arguments)
    assert records_of(path) == records
    bench.images.main(["windows", *arguments[2:6], "--seeds", "1", "-n", "20"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("halves, seed 0")]
    assert len(lines) == 2 * len(bench.images.EITHER_KERNEL)


def test_sets_of_classes(bench, folder, capsys):
    """A line for each method, and its mean over the sets; known coverages of slices and classes."""
    bench.class_sets.main(["--data", str(folder), "--sets", "classes", "--repeats", "8", "--effort", "low"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[4:]]
    assert [line[3] for line in lines[:4]] == [line[1] for line in lines[4:]] == ["lac", "aps", "raps", "dance"]
    assert [line[4:] for line in lines[:4]] == [line[2:] for line in lines[4:]]
    labels, sure = np.repeat([0, 1], 50), np.linspace(1, 0, 100)
    sets = np.stack([np.arange(100) < 40, np.arange(100) >= 50], axis=1)
    size, share, distance, worst, slices = bench.class_sets.scores(sets, labels, sure, 0.9)
    assert (size, share, worst) == (0.9, 0.9, 0.8) and distance == pytest.approx(10)
    assert slices == [1, 1, 0.5, 1, 1]
