"""What the first layer sees of images, which layer is kept, and what hard input must not do to it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from rfmlearn import ConvRFMClassifier
from rfmlearn.images._contrast import Contrast


@pytest.fixture(scope="module")
def digits():
    """150 training and 50 test images of 8 x 8 pixels."""
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8) / 16
    return images[:150], y[:150], images[150:200], y[150:200]


def model(**parameters):
    return ConvRFMClassifier(**{"depth": 2, "max_iter": 1, "random_state": 0} | parameters)


@pytest.mark.parametrize("standardize", [True, False])
def test_flags_of_numpy_are_flags(digits, standardize):
    X, y, _, _ = digits
    assert model(standardize=np.bool_(standardize), max_iter=0).fit(X[:40], y[:40]).standardize_ is standardize


@pytest.mark.parametrize("seed", range(4))
def test_scale_of_weights_does_not_decide_on_contrast(seed):
    """Brightness alone tells the classes apart for seeds where it is to be kept."""
    rng = np.random.default_rng(seed)
    y = np.arange(60) % 2
    X = rng.random((60, 6, 6)) + 0.3 * y[:, None, None]
    chosen = {
        model(depth=1, max_iter=0, alpha=0.01 * scale).fit(X, y, np.full(60, scale)).standardize_
        for scale in (1.0, 0.999, 1 / 60)
    }
    assert len(chosen) == 1


def test_even_images_stay_even():
    """The rounding of a mean is not contrast."""
    levels = np.linspace(0.1, 1, 40, dtype=np.float32)
    images = np.ones((40, 7, 7, 1), np.float32) * levels[:, None, None, None]
    assert_array_equal(Contrast.fit(images, np.ones(40))(images), np.zeros_like(images))
    noise = images + np.float32(1e-3) * np.random.default_rng(0).standard_normal(images.shape, dtype=np.float32)
    assert_allclose(Contrast.fit(noise, np.ones(40))(noise).std(axis=(1, 2, 3)), 1.0, atol=0.02)


@pytest.mark.parametrize("kernel", ["cntk", "patch_laplace"])
@pytest.mark.parametrize(("dtype", "alpha"), [(np.float32, 1e-7), (np.float32, 1e-9), (np.float64, 1e-14)])
def test_small_ridge_and_repeated_images(digits, kernel, dtype, alpha):
    """Rounding makes eigenvalues negative, beyond so small a ridge."""
    X, y, Z, labels = digits
    X, y = np.r_[X, X[:50]].astype(dtype), np.r_[y, y[:50]]
    fitted = model(kernel=kernel, alpha=alpha, standardize=True).fit(X, y)
    assert fitted.leave_one_out_loss_ < 0.3 and fitted.score(Z.astype(dtype), labels) > 0.8


def test_leave_one_out_loss_of_ever_smaller_ridges(digits):
    """It tends to that of interpolation, not to zero."""
    losses = [model(alpha=alpha, max_iter=0).fit(*digits[:2]).leave_one_out_loss_ for alpha in (1e-12, 1e-18, 1e-30)]
    assert_allclose(losses, losses[0], rtol=0.05)


def test_rounds_are_those_of_the_layer_kept(digits):
    X, y, _, _ = digits
    fitted = model(n_layers=2, n_filters=4, max_iter=3, random_state=5).fit(X, y)
    assert fitted.n_layers_ == 1 and fitted.history_[-1]["n_iter"] < fitted.best_iter_ <= fitted.n_iter_


def test_height_that_could_be_channels():
    rng = np.random.default_rng(0)
    X, y = rng.random((40, 4, 8, 8)), np.arange(40) % 2
    fitted = model(image_shape=(4, 8, 8), depth=1).fit(X, y)
    assert_array_equal(fitted.predict(X), fitted.predict(X.reshape(40, -1)))


def test_failed_fit_leaves_nothing_behind(digits):
    X, y, Z, _ = digits
    fitted = model(depth=1)
    with pytest.raises(ValueError, match="smaller than"):
        fitted.fit(X[:, :2], y)
    with pytest.raises(NotFittedError):
        fitted.predict(Z)
    expected = fitted.fit(X, y).predict_proba(Z)
    with pytest.raises(ValueError, match="smaller than"):
        fitted.fit(X[:, :2], y + 1)
    assert_allclose(fitted.predict_proba(Z), expected)


def test_failed_fit_changes_nothing(digits):
    X, y, _, _ = digits
    fitted = model().fit(X[:40], y[:40])
    before = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="n_jobs must not be 0"):
        fitted.set_params(n_jobs=0).fit(np.zeros((4, 9, 9)), list("uvuv"))
    assert_array_equal(fitted.set_params(n_jobs=None).predict_proba(X), before)


def test_advice_on_the_patch_size_works(digits):
    X, y, _, _ = digits
    with pytest.raises(ValueError, match="take patch_size=4 at most for this depth"):
        model(patch_size=9).fit(X, y)
    model(patch_size=4, max_iter=0).fit(X[:40], y[:40])


def test_warning_points_at_the_caller(digits):
    X, y, _, _ = digits
    fitted = model(max_iter=0).fit(X[:40], y[:40])
    for method in (fitted.predict, fitted.predict_proba, fitted.decision_function, fitted.transform):
        with pytest.warns(UserWarning, match="X was divided by 255") as record:
            method((X[:2] * 16).astype(np.uint8))
        assert record[0].filename == __file__


def test_layers_of_many_images_pass_in_parts(digits):
    X, y, Z, _ = digits
    fitted = model(n_layers=2, n_filters=8).fit(X, y)
    layers, images = fitted._layers, Z[..., None]
    assert_allclose(layers.decision(images, step=7), layers.decision(images), rtol=1e-9, atol=1e-10)
