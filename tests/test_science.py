"""Feature learning does what it is for: it finds columns and subspaces, and predicts better for it."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.metrics import r2_score
from threadpoolctl import threadpool_limits

from rfmlearn import RFMClassifier, RFMRegressor


def product_of_two(n=400, d=20, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=n)


@pytest.mark.parametrize(
    ("kernel", "form"),
    [
        ("laplace", "full"),
        ("laplace", "diagonal"),
        ("laplace", "block"),
        ("gaussian", "full"),
        ("lpq_laplace", "full"),
        ("lpq_laplace", "diagonal"),
    ],
)
def test_finds_the_product_of_two_columns_among_twenty(kernel, form):
    X, y = product_of_two()
    new, truth = product_of_two(seed=1)
    plain = RFMRegressor(kernel, max_iter=0).fit(X, y)
    learned = RFMRegressor(kernel, feature_matrix=form, max_iter=4).fit(X, y)
    assert set(np.argsort(learned.feature_importances_)[-2:]) == {0, 1}
    assert learned.feature_importances_[:2].sum() > 0.6
    unexplained = [1 - r2_score(truth, model.predict(new)) for model in (plain, learned)]
    assert unexplained[1] < 0.6 * unexplained[0]
    assert unexplained[1] < 0.4


def test_product_kernel_finds_them_too():
    X, y = product_of_two()
    new, truth = product_of_two(seed=1)
    scores = []
    for rounds in (0, 4):
        model = RFMRegressor("product_laplace", feature_matrix="diagonal", max_iter=rounds).fit(X, y)
        scores.append(r2_score(truth, model.predict(new)))
    assert set(np.argsort(model.feature_importances_)[-2:]) == {0, 1}
    assert scores[1] > scores[0] + 0.1


def test_finds_the_columns_that_decide_a_class():
    X, y = product_of_two()
    new, truth = product_of_two(seed=1)
    plain = RFMClassifier(max_iter=0).fit(X, y > 0)
    learned = RFMClassifier(max_iter=4).fit(X, y > 0)
    assert set(np.argsort(learned.feature_importances_)[-2:]) == {0, 1}
    assert learned.score(new, truth > 0) > plain.score(new, truth > 0) + 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_leading_eigenvectors_span_the_subspace_of_a_rotated_truth(seed):
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(10, 2)))[0]
    X = rng.normal(size=(500, 10))
    Z = X @ directions
    y = Z[:, 0] * 2 + np.tanh(2 * Z[:, 1]) * 2 + 0.1 * rng.normal(size=500)
    model = RFMRegressor("laplace", feature_matrix="full", max_iter=4, scaling=None).fit(X, y)
    values, vectors = np.linalg.eigh(model.agop_)
    assert np.rad2deg(subspace_angles(vectors[:, -2:], directions)).max() < 15
    assert values[-2] > 3 * values[-3]
    before = np.linalg.eigh(RFMRegressor("laplace", max_iter=0, scaling=None).fit(X, y).agop_)[1]
    learned_angle, plain_angle = (subspace_angles(V[:, -2:], directions).max() for V in (vectors, before))
    assert learned_angle < plain_angle


def test_rotation_of_the_table_rotates_what_is_learned():
    X, y = product_of_two(200, 5)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    settings = {"feature_matrix": "full", "max_iter": 2, "shrinkage": 0.0, "bandwidth": "auto", "scaling": None}
    plain = RFMRegressor("laplace", **settings).fit(X, y)
    rotated = RFMRegressor("laplace", **settings).fit(X @ rotation, y)
    np.testing.assert_allclose(rotated.agop_, rotation.T @ plain.agop_ @ rotation, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(rotated.predict(X @ rotation), plain.predict(X), rtol=1e-5, atol=1e-6)


def test_agop_is_the_mean_outer_product_of_numerical_gradients():
    X, y = product_of_two(60, 3)
    model = RFMRegressor("gaussian", max_iter=2, scaling=None).fit(X, y)
    step, scale = 1e-5, y.std()
    gradient = np.column_stack(
        [(model.predict(X + step * e) - model.predict(X - step * e)) / (2 * step * scale) for e in np.eye(3)]
    )
    np.testing.assert_allclose(model.agop_, gradient.T @ gradient / 60, rtol=1e-5)


def test_smooth_function_of_one_category_and_one_number():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(400, 6))).add_prefix("x")
    table["group"] = rng.choice(list("abcdefgh"), 400)
    slopes = dict(zip("abcdefgh", rng.normal(size=8) * 2, strict=True))
    y = table["group"].map(slopes).to_numpy() * np.sin(table["x0"].to_numpy()) + 0.05 * rng.normal(size=400)
    scores = [RFMRegressor(max_iter=rounds).fit(table[:300], y[:300]).score(table[300:], y[300:]) for rounds in (0, 4)]
    assert scores[1] > scores[0] + 0.05


@pytest.mark.slow
def test_more_rows_and_columns_of_noise():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3500, 60))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.1 * rng.normal(size=3500)
    train, test = slice(0, 3000), slice(3000, None)
    with threadpool_limits(None):
        plain = RFMRegressor(max_iter=0, random_state=0).fit(X[train], y[train])
        learned = RFMRegressor(max_iter=5, random_state=0).fit(X[train], y[train])
    assert set(np.argsort(learned.feature_importances_)[-3:]) == {0, 1, 2}
    assert learned.score(X[test], y[test]) > max(plain.score(X[test], y[test]) + 0.3, 0.8)
