"""Target linearity of the layers of deep models and feature maps."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from rfmlearn import AGOPFeatureMap, DeepRFMClassifier, DeepRFMRegressor, RFMRegressor
from rfmlearn.neural import target_linearity


def data(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, X[:, 0] * X[:, 1] + X[:, 2]


SMALL = dict(n_layers=3, n_random_features=20, random_state=0)


@pytest.mark.parametrize("Deep", [DeepRFMRegressor, DeepRFMClassifier])
@pytest.mark.parametrize("weighted", [False, True])
def test_layers_of_deep_models(Deep, weighted):
    X, y = data()
    y = np.where(y > 0, "high", "low") if Deep is DeepRFMClassifier else y
    model = Deep(**SMALL).fit(X[:100], y[:100])
    weights = np.random.default_rng(1).integers(0, 3, size=300) if weighted else None
    Z, expected = (X - X[:100].mean(axis=0)) / X[:100].std(axis=0), []
    for layer in model.layers_:
        H = layer.enter(Z)
        expected.append(target_linearity(H, y, sample_weight=weights))
        Z = (H - layer.mean) @ layer.root
    found = model.target_linearity(X, y, sample_weight=weights)
    assert found.shape == (3,)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found[1] > found[0]
    assert np.all(model.target_linearity(X, y, n_components=2)[1:] < found[1:])


def test_layers_of_feature_maps():
    X, y = data()
    feature_map = AGOPFeatureMap(n_components=2, **SMALL).fit(X[:100], y[:100])
    found = feature_map.target_linearity(X, y)
    assert found.shape == (4,)
    assert found[-1] == pytest.approx(target_linearity(feature_map.transform(X), y))
    assert found[-1] < found[-2]
    labels = AGOPFeatureMap().fit(X, y > 0)
    expected = target_linearity(labels.transform(X), y > 0)
    assert labels.target_linearity(X, y > 0)[-1] == pytest.approx(expected)


def test_leading_directions_get_the_right_ones_over_the_rounds():
    """Of a target linear in a direction, a map of one component finds it in a round or two."""
    X, _ = data(seed=3)
    y = X @ [1.0, -1.0, 0.5, 0.0]
    rounds = [
        AGOPFeatureMap(RFMRegressor(max_iter=k, scaling=None), n_components=1).fit(X, y).target_linearity(X, y)[-1]
        for k in (0, 2)
    ]
    assert rounds[1] > max(0.99, rounds[0] - 1e-3)


def test_bad_input():
    X, y = data(60)
    with pytest.raises(NotFittedError):
        DeepRFMRegressor().target_linearity(X, y)
    model = DeepRFMRegressor(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.target_linearity(X, y[:9])
    with pytest.raises(ValueError, match="y contains NaN"):
        model.target_linearity(X, np.where(y > 1, np.nan, y))
    with pytest.raises(ValueError, match="X has 3 features"):
        model.target_linearity(X[:, :3], y)
    with pytest.warns(UserWarning, match="H has 20 features of 15 rows"):
        model.target_linearity(X[:15], y[:15])
