"""Benchmarks of phenomena and of neighbours: their helpers, and runs on tiny sets."""

import importlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pandas")
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """A function that imports a module of benchmarks/, which is no package."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def folder(tmp_path, rng):
    """Images of two classes, of which only the first row of pixels tells; and a table."""
    arrays = {}
    for part, n in (("train", 80), ("test", 40)):
        labels = rng.integers(0, 2, n)
        images = rng.integers(0, 60, (n, 8, 8, 1))
        images[:, 0] += np.where(labels, 150, 0)[:, None, None]
        arrays |= {f"X_{part}": images.astype(np.uint8), f"y_{part}": labels}
    np.savez(tmp_path / "images.npz", **arrays)
    X = rng.standard_normal((120, 6))
    np.savez(tmp_path / "table.npz", X_num=X, X_cat=np.empty((120, 0), dtype=int), y=(X[:, 0] > 0).astype(int))
    return tmp_path


def test_mask_of_the_largest(bench):
    best = bench("phenomena").best
    values = np.array([0.0, 3.0, 1.0, 3.0, 0.0, 2.0])
    for k in range(7):
        mask = best(values, k)
        assert mask.sum() == k
        assert not k or k == 6 or values[mask].min() >= values[~mask].max()


def test_partners_have_the_same_label(bench, rng):
    labels, others = rng.integers(0, 4, 50), rng.integers(0, 4, 80)
    np.testing.assert_array_equal(others[bench("phenomena").partners(labels, others, rng)], labels)


def test_grey_images_have_one_size(bench, rng):
    grey = bench("phenomena").grey
    small, large = rng.integers(0, 256, (3, 28, 28, 1)), rng.integers(0, 256, (3, 32, 32, 3))
    assert grey(small).shape == grey(large).shape == (3, 32, 32)
    np.testing.assert_array_equal(grey(small)[:, 2:-2, 2:-2], small[..., 0])
    assert grey(small).sum() == small.sum()


def test_patch_is_on_the_images_asked_for_only(bench, rng):
    images, where = rng.random((6, 32, 32)), rng.random(6) < 0.5
    patched = bench("phenomena").patched(images, where)
    np.testing.assert_array_equal(patched[~where], images[~where])
    assert np.all(np.sum(patched[where] == 255, axis=(1, 2)) == 25)
    assert images.max() <= 1.0


def test_ticket_finds_the_pixels_that_tell(bench, folder, capsys):
    bench("phenomena").main(["lottery", "--data", str(folder), "--sets", "images", "--seeds", "1", "--rounds", "1"])
    lines = {line.split(": ", 1)[1].rsplit(" ", 3)[0]: float(line.split()[-3])
             for line in capsys.readouterr().out.splitlines() if line.startswith("images")}  # fmt: skip
    assert lines["plain kernel, quarter of largest diag(M)"] >= 95.0
    assert lines["plain kernel, quarter of largest diag(M)"] >= lines["plain kernel, quarter at random"]


def test_interpolation_is_worse_than_a_ridge(bench):
    errors = [bench("phenomena").excess("laplace", 1, side, 0) for side in (32, 256)]
    assert all(error["interpolation, best bandwidth"] > 0.4 for error in errors)
    assert errors[1]["ridge by leave-one-out"] < 0.5 * errors[0]["ridge by leave-one-out"]


def test_grid_is_equispaced(bench):
    points = bench("phenomena").grid(4, 2)
    assert points.shape == (16, 2)
    np.testing.assert_allclose(np.unique(points), [0.125, 0.375, 0.625, 0.875])


def test_share_found_against_sets(bench, rng):
    module = bench("neighbours")
    exact = np.array([rng.permutation(20)[:5] for _ in range(30)])
    candidates = np.array([rng.permutation(20)[:8] for _ in range(30)])
    shares = [len({*a} & {*b}) / 5 for a, b in zip(exact.tolist(), candidates.tolist(), strict=True)]
    np.testing.assert_allclose(module.found(exact, candidates), shares)
    assert module.worst(shares) == np.mean(sorted(shares)[:3]) <= np.mean(shares)


def test_search_in_all_coordinates_finds_all(bench, rng):
    record = bench("neighbours").of_search(rng.standard_normal((80, 4)), rng.standard_normal((20, 4)), 4)
    assert set(record.values()) == {100.0}


def test_neighbours_of_a_table_with_one_column_that_matters(bench, folder, capsys):
    bench("neighbours").main(["--data", str(folder), "--sets", "table", "--seeds", "1", "--components", "2"])
    out = capsys.readouterr().out
    share = {key: float(out.split(f"labels, {key}: % with the label ")[1].split(",")[0]) for key in ("without", "map")}
    assert share["map"] > share["without"]
    assert "search, map: found %" in out


def test_scattering_of_colours_and_grey(bench, rng):
    pytest.importorskip("kymatio")
    scatter = bench("scattering").scatter
    grey = rng.integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    rows = scatter(grey, batch=2)
    assert rows.shape == (3, 81 * 16)
    np.testing.assert_allclose(scatter(np.repeat(grey, 3, axis=3))[:, : 81 * 16], rows, rtol=1e-5, atol=1e-6)


def test_turned_rows_keep_their_distances(bench, rng):
    X = rng.standard_normal((12, 40))
    Z, _, share = bench("scattering").turned(X, X, 100)
    assert share == pytest.approx(1.0)
    ratios = np.linalg.norm(Z[1:] - Z[0], axis=1) / np.linalg.norm(X[1:] - X[0], axis=1)
    np.testing.assert_allclose(ratios, ratios[0])
