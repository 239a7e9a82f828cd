"""Target linearity, by its formula."""

import sys

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from rfmlearn.neural import target_linearity


def by_formula(H, Y):
    Y = Y - Y.mean(axis=0)
    return 1 - np.linalg.norm(Y - H @ np.linalg.inv(H.T @ H) @ H.T @ Y) ** 2 / np.linalg.norm(Y) ** 2


def data(n=60, d=4, seed=0):
    rng = np.random.default_rng(seed)
    H = rng.normal(size=(n, d)) + 0.5
    return H, H[:, :2] ** 2 + rng.normal(size=(n, 2)), rng


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e150])
def test_formula(scale):
    H, Y, _ = data()
    assert target_linearity(scale * H, Y / scale) == pytest.approx(by_formula(H, Y), abs=1e-12)
    assert target_linearity(H, Y[:, 0]) == pytest.approx(by_formula(H, Y[:, :1]), abs=1e-12)
    shaped = H.reshape(60, 2, 2).astype(np.float32)
    assert target_linearity(shaped, Y) == pytest.approx(by_formula(H, Y), abs=1e-5)


@pytest.mark.parametrize("names", [["a", "b", "c"], [0, 1, 2], [5.0, 7.0, 9.0]])
def test_labels_have_a_column_each(names):
    H, Y, _ = data()
    codes = np.digitize(Y[:, 0], [0.5, 1.5])
    expected = by_formula(H, np.eye(3)[codes])
    assert target_linearity(H, np.array(names)[codes]) == pytest.approx(expected, abs=1e-12)
    if isinstance(names[0], int):
        numbers = target_linearity(H, codes, task="regression")
        assert numbers == pytest.approx(by_formula(H, codes[:, None].astype(float)), abs=1e-12)


def test_with_a_constant_it_is_the_r2_of_regression():
    H, Y, _ = data()
    fitted = LinearRegression().fit(H, Y[:, 0]).predict(H)
    assert target_linearity(H, Y[:, 0], fit_intercept=True) == pytest.approx(r2_score(Y[:, 0], fitted))
    assert target_linearity(H, Y[:, 0], fit_intercept=True) > target_linearity(H, Y[:, 0])


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_whole_weights_are_repetitions(fit_intercept):
    H, Y, rng = data()
    weights = rng.integers(0, 4, size=60)
    rows = np.repeat(np.arange(60), weights)
    weighted = target_linearity(H, Y, sample_weight=weights, fit_intercept=fit_intercept)
    assert weighted == pytest.approx(target_linearity(H[rows], Y[rows], fit_intercept=fit_intercept), abs=1e-12)


def test_linear_maps_and_copies_of_features_change_nothing():
    H, Y, rng = data()
    expected = target_linearity(H, Y)
    assert target_linearity(H @ rng.normal(size=(4, 4)), Y) == pytest.approx(expected, abs=1e-10)
    assert target_linearity(np.hstack([H, H @ rng.normal(size=(4, 3))]), Y) == pytest.approx(expected, abs=1e-10)
    assert target_linearity(H, H @ rng.normal(size=(4, 3)) - H.mean(0) @ np.ones((4, 3))) > expected


def test_more_features_never_say_less():
    H, Y, _ = data(d=8)
    values = [target_linearity(H[:, :k], Y) for k in range(1, 9)]
    assert np.all(np.diff(values) > -1e-12)


def test_linear_targets():
    H, _, rng = data()
    H = H - H.mean(axis=0)
    assert target_linearity(H, H @ rng.normal(size=(4, 2))) == pytest.approx(1.0)


def test_leading_components_of_many_features():
    rng = np.random.default_rng(1)
    H = rng.normal(size=(700, 3)) @ rng.normal(size=(3, 1001)) + 0.01 * rng.normal(size=(700, 1001))
    y = H[:, 0] + rng.normal(size=700)
    # Directions beyond the third are noise, of which 256 of 1001 columns take some and three components none.
    axes = np.linalg.svd(H - H.mean(axis=0), full_matrices=False)[2]
    low = by_formula(H @ axes[:3].T, y[:, None])
    assert target_linearity(H, y, n_components=3) == pytest.approx(low, abs=1e-4)
    assert low + 0.05 < target_linearity(H, y) < 1 - 0.05
    assert target_linearity(H, y) == target_linearity(H, y)
    few = np.linalg.svd(H[:, :8] - H[:, :8].mean(axis=0))[2][:3]
    found = target_linearity(H[:, :8], y, n_components=3)
    assert found == pytest.approx(by_formula(H[:, :8] @ few.T, y[:, None]), abs=1e-6)


def test_as_many_features_as_rows_are_told_of():
    H, Y, _ = data(n=5, d=5)
    with pytest.warns(UserWarning, match="H has 5 features of 5 rows: any targets are linear") as record:
        assert target_linearity(H, Y) == pytest.approx(1.0)
    assert record[0].filename == __file__
    assert target_linearity(H, Y, n_components=2) < 1


H, Y, _ = data()
BAD = [
    ((H[:, 0], Y), {}, ValueError, r"H must have rows and features, got shape \(60,\)"),
    ((np.where(H > 2, np.nan, H), Y), {}, ValueError, "H contains NaN"),
    ((H, np.where(Y > 2, np.inf, Y)), {}, ValueError, "y contains infinity"),
    ((H, Y[:9]), {}, ValueError, "inconsistent numbers of samples"),
    ((H, np.full(60, 0.3)), {}, ValueError, "y does not vary among the rows of positive weight"),
    ((H, ["a"] * 60), {}, ValueError, "y does not vary"),
    ((H, [None] * 60), {"task": "classification"}, ValueError, "y has a missing label"),
    ((H, Y[:, 0]), {"task": "ranking"}, ValueError, "task must be one of 'auto', .* got 'ranking'"),
    ((H, Y), {"task": "classification"}, ValueError, r"y must have one label for each row, got shape \(60, 2\)"),
    ((H, Y), {"n_components": 0}, ValueError, "n_components == 0, must be >= 1"),
    ((H, Y), {"sample_weight": -np.ones(60)}, ValueError, "sample_weight"),
]


@pytest.mark.parametrize(("given", "options", "error", "message"), BAD)
def test_bad_input(given, options, error, message):
    with pytest.raises(error, match=message):
        target_linearity(*given, **options)


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    H, Y, _ = data()
    assert 0 < target_linearity(H, Y) < 1


def test_columns_of_very_different_size():
    H, y, _ = data()
    scales = 10.0 ** np.array([20, 0, -20, 5])
    np.testing.assert_allclose(target_linearity(H * scales, y), target_linearity(H, y), rtol=1e-9)


def test_tensors_of_any_kind():
    torch = pytest.importorskip("torch")
    H, y, _ = data()
    np.testing.assert_allclose(
        target_linearity(torch.tensor(H, requires_grad=True), torch.tensor(y)), target_linearity(H, y)
    )
    half = torch.tensor(H).bfloat16()
    assert target_linearity(half, y) == target_linearity(half.double().numpy(), y)
