"""The tables of papers in benchmarks/: the study's splits, the authors' algorithm and its leak, and measures."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pd, *_ = [pytest.importorskip(name) for name in ("pandas", "rich", "scikit_posthocs")]

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PARTS = "authors", "uci", "uci_report", "grinsztajn", "grokking", "collapse", "conv"


@pytest.fixture
def papers(monkeypatch):
    """The modules, by the last part of their names; the command is `main`."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    modules = {part: importlib.import_module(f"papers_{part}") for part in PARTS}
    return SimpleNamespace(main=importlib.import_module("papers").main, **modules)


def write_set(path, rng, n=60, n_official=0):
    """A set with the study's splits: those of the first file, whose rows are mixed with those of the second."""
    X = rng.standard_normal((n + n_official, 3))
    y = (X[:, 0] + 0.3 * X[:, 1] > 0) + 3  # labels need not begin at zero
    is_test = np.zeros((4, n), dtype=bool)
    for fold in is_test:
        fold[rng.choice(n, n // 4, replace=False)] = True
    order = rng.permutation(n)
    arrays = {"test_idx": np.sort(rng.choice(len(X), n_official, replace=False))} if n_official else {}
    np.savez(path, X_num=X, X_cat=np.empty((len(X), 0), int), y=y, split4_test=is_test,
             tune_train_idx=order[: n // 2], tune_val_idx=order[n // 2 :], **arrays)  # fmt: skip
    return X, y, is_test


@pytest.fixture
def folder(tmp_path, rng):
    """Two sets of the study, the larger one with an official test file, and one that is not of it."""
    (tmp_path / "A").mkdir()
    write_set(tmp_path / "A" / "larger.npz", rng, 80, 7)
    write_set(tmp_path / "A" / "small.npz", rng, 60)
    np.savez(tmp_path / "other.npz", X_num=np.zeros((9, 1)), X_cat=np.empty((9, 0), int), y=np.arange(9))
    return tmp_path


def test_sets_are_found_by_their_splits_and_read_without_official_test_rows(papers, folder, tmp_path, rng):
    found = papers.uci.find_study_sets(folder)
    assert [(path.stem, n) for path, n in found] == [("small", 60), ("larger", 80)]
    X, y, is_test = write_set(tmp_path / "mixed.npz", rng, 40, 10)
    study = papers.uci.read_study_set(tmp_path / "mixed.npz")
    official = np.load(tmp_path / "mixed.npz")["test_idx"]
    np.testing.assert_array_equal(study.X, np.delete(X, official, axis=0))
    np.testing.assert_array_equal(study.y, np.delete(y, official) - 3)
    for fold in range(4):
        train, test = study.fold(fold)
        assert sorted([*train, *test]) == list(range(40)) and is_test[fold][test].all()
        for part in study.tuning_without(fold):
            assert not is_test[fold][part].any()
        assert sum(map(len, study.tuning_without(fold))) == len(train)


def test_splits_of_another_length_are_refused(papers, folder):
    arrays = dict(np.load(folder / "A" / "small.npz"))
    np.savez(folder / "A" / "small.npz", **arrays | {"split4_test": arrays["split4_test"][:, :50]})
    with pytest.raises(ValueError, match=r"split4_test must have shape \(4, 60\), has \(4, 50\)"):
        papers.uci.read_study_set(folder / "A" / "small.npz")


def test_runs_resume_and_what_takes_long_comes_last(papers, folder, tmp_path, monkeypatch):
    calls = []
    counted = {name: lambda study, fold, name=name: calls.append((study.name, name, fold)) or (0.5, {})
               for name in ("rfm", "authors", "rfmcv")}  # fmt: skip
    monkeypatch.setattr(papers.uci, "MODELS", counted)
    monkeypatch.setattr(papers.uci, "MANY_ROWS", 70)
    results = tmp_path / "results.jsonl"
    papers.uci.run(folder, results, list(counted), max_rows=70)
    assert len(calls) == 12 and {name for name, _, _ in calls} == {"small"}
    papers.uci.run(folder, results, list(counted))
    assert len(calls) == len(set(calls)) == 24
    order = list(dict.fromkeys((name, model) for name, model, _ in calls))
    assert order[:3] == [("small", "rfm"), ("small", "authors"), ("small", "rfmcv")]
    assert order[3:] == [("larger", "rfm"), ("larger", "rfmcv"), ("larger", "authors")]


def test_failed_fits_are_kept_and_told(papers, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(papers.uci, "MODELS", {"rfm": lambda study, fold: 1 / 0})
    papers.uci.run(folder, tmp_path / "results.jsonl", ["rfm"], max_rows=60)
    records = papers.uci.read_results(tmp_path / "results.jsonl")
    assert [record["error"] for record in records] == ["ZeroDivisionError: division by zero"] * 4


def test_the_metric_is_the_mean_outer_product_of_gradients(papers, rng):
    from rfmlearn.kernels import Points

    X, codes = rng.standard_normal((30, 3)), np.eye(2)[rng.integers(0, 2, 30)]
    first, second = papers.authors.rounds(Points.of_numbers(X), codes, 0.1, 2)
    # Differences at a training row would straddle the cusp of its own kernel, so that one is left out of the function.
    gradients, h = [], 1e-5
    for i, x in enumerate(X):
        others = np.delete(X, i, axis=0)

        def f(z, others=others, i=i):
            K = np.exp(-np.linalg.norm(z[:, None] - others, axis=2) / 10)
            return K @ np.delete(first.dual_coef, i, axis=0)

        gradients.append((f(x + h * np.eye(3)) - f(x - h * np.eye(3))) / (2 * h))
    agop = sum(g @ g.T for g in gradients) / len(X)
    np.testing.assert_allclose(second.feature_matrix.to_array(), agop, rtol=1e-5, atol=1e-9)


def test_what_is_honest_does_not_see_labels_of_test_rows(papers, folder, rng):
    path = folder / "A" / "small.npz"
    study = papers.uci.read_study_set(path)
    train, test = study.fold(1)
    y = study.y.copy()
    y[test] = 1 - y[test]
    turned = papers.uci.StudySet("turned", study.X, y, study.is_test, study.tune_train, study.tune_validation)
    for model in (papers.uci.authors_afresh, papers.uci.authors_plain):
        (accuracy, settings), (wrong, same) = model(study, 1), model(turned, 1)
        assert settings == same and accuracy + wrong == pytest.approx(1)
    # The authors' protocol has seen them: what it learns follows the labels that were turned.
    learned = [papers.authors.choose(case.X, case.y, case.tune_train, case.tune_validation, 3, (False,)).matrix
               for case in (study, turned)]  # fmt: skip
    assert len(train) == 45 and not np.allclose(learned[0].to_array(), learned[1].to_array())


def test_report_needs_all_folds_and_says_what_is_missing(papers, capsys):
    records = [
        {"set": name, "model": model, "fold": fold, "n": n, "accuracy": accuracy, "seconds": 1.0}
        for name, n in (("few", 100), ("many", 2000), ("part", 50))
        for model, accuracy in (("rfm", 0.9), ("plain", 0.8))
        for fold in range(3 if (name, model) == ("part", "plain") else 4)
    ]
    scores = papers.uci_report.by_set(pd.DataFrame(records))
    assert np.isnan(scores.loc["part", "plain"]) and scores.loc["part", "rfm"] == pytest.approx(90)
    rows = pd.Series({"few": 100, "many": 2000, "part": 50})
    table = papers.uci_report.by_size(scores, rows, "rfm", "plain")
    assert table["sets"].tolist() == [1, 1, 2] and table["mean"].to_numpy() == pytest.approx(10)
    line = papers.uci_report.summary(scores.dropna()).loc["plain"]
    assert (line["P90"], line["P95"]) == (0, 0) and line["PMA"] == pytest.approx(100 * 8 / 9)
    papers.uci_report.print_report(records, ["few", "many", "part", "never"])
    assert "Not (or not in all folds) scored by plain: never, part" in capsys.readouterr().out


def test_the_command_runs_and_reports(papers, folder, tmp_path, capsys):
    results = tmp_path / "results.jsonl"
    arguments = ["uci", "--data", str(folder), "--results", str(results), "--models", "plain,authors-plain"]
    papers.main(arguments)
    assert "Mean accuracy over 2 sets" in capsys.readouterr().out
    records = [json.loads(line) for line in results.read_text().splitlines()]
    assert len(records) == 16 and all(record["accuracy"] > 0.6 for record in records)
    with pytest.raises(SystemExit):
        papers.main(["uci"])


def test_rows_and_splits_of_the_benchmark(papers, tmp_path, rng):
    table = pd.DataFrame({"a": rng.standard_normal(100), "c": pd.Categorical(["u", "v"] * 50)})
    table.loc[:9, "a"] = np.nan
    y = np.array([0] * 30 + [1] * 70)
    rows = papers.grinsztajn.rows_to_split(table, y, np.random.default_rng(0))
    assert rows.min() >= 10 and len(set(rows)) == len(rows) == 40 and y[rows].sum() == 20
    assert {kind: frame.shape[1] for kind, frame in papers.grinsztajn.kinds(table).items()} == {
        "numerical": 1,
        "categorical": 2,
    }
    assert papers.grinsztajn.split(1000) == (700, 210, 5)
    assert papers.grinsztajn.split(100_000) == (10_000, 50_000, 1)
    for name in ("magic", "wine", "bank-marketing", "nothing"):
        np.savez(tmp_path / f"{name}.npz", y=y)
    assert papers.grinsztajn.find(tmp_path) == [("bank-marketing", "bank-marketing"), ("magic", "MagicTelescope")]


def test_circulant_deviation(papers, rng):
    deviation, p = papers.grokking.circulant_deviation, 13
    profile, shifts = rng.standard_normal(p), np.subtract.outer(np.arange(p), np.arange(p)) % p
    assert deviation(profile[shifts]) == pytest.approx(0, abs=1e-12)
    assert deviation(rng.standard_normal((200, 200))) == pytest.approx(1, abs=0.05)
    assert 0 < deviation(profile[shifts] + 0.1 * rng.standard_normal((p, p))) < 0.2
    assert np.isnan(deviation(np.zeros((p, p))))


@pytest.mark.parametrize("operation", ["add", "subtract", "multiply", "divide"])
def test_blocks_that_know_an_operation_are_circulant(papers, operation, rng):
    grokking, p = papers.grokking, 11
    a, b, result = grokking.table_of(operation, p)
    table = {(x, z): r for x, z, r in zip(a, b, result, strict=True)}
    assert len(table) == (p * (p - 1) if operation == "divide" else p * p)
    # Pairs with one result are alike if the coupling of a with b' is that of a' with b; so it is a function of this.
    free = {
        "add": lambda x, z: (x - z) % p,
        "subtract": lambda x, z: (x + z) % p,
        "multiply": lambda x, z: x * pow(int(z), -1, p) % p,
        "divide": lambda x, z: x * z % p,
    }[operation]
    values, M = rng.standard_normal(p), np.zeros((2 * p, 2 * p))
    start = 0 if operation in ("add", "subtract") else 1
    for x in range(start, p):
        for z in range(start, p):
            M[x, p + z] = values[free(x, z)]
    assert grokking.circulant_deviation(grokking.coupling(M, operation, p)) == pytest.approx(0, abs=1e-12)
    assert grokking.circulant_deviation(M[:p, p:][:, rng.permutation(p)]) > 0.3


def test_discrete_order(papers):
    assert papers.grokking.discrete_order(61)[:4].tolist() == [1, 2, 4, 8]
    with pytest.raises(ValueError, match="prime"):
        papers.grokking.discrete_order(12)


@pytest.mark.parametrize("kernel", ["gaussian", "quadratic"])
def test_rounds_of_grokking(papers, kernel):
    curve = papers.grokking.curves("divide", kernel, 0, p=7, max_rounds=3)
    assert all(point["training"] == 1 for point in curve)
    assert np.isnan(curve[0]["deviation"]) and all(0 < point["deviation"] < 1.5 for point in curve[1:])


def test_quadratic_feature_matrix_is_the_root_of_the_agop(papers, rng):
    X, Y = rng.standard_normal((20, 3)), rng.standard_normal((20, 2))
    rounds = papers.grokking.quadratic_rounds(X, Y, X, 1, lambda *_: False)
    K = (X @ X.T) ** 2
    coef = np.linalg.solve(K + 1e-7 * np.mean(np.diag(K)) * np.eye(20), Y)
    gradient = 2 * np.einsum("ni,il,id->lnd", X @ X.T, coef, X)
    gradient -= gradient.mean(axis=1, keepdims=True)
    agop = np.einsum("lnd,lne->de", gradient, gradient) / 20
    M = rounds[1][0]
    np.testing.assert_allclose(M @ M, agop / agop.max(), atol=1e-6)
