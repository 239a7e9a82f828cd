"""Images that ConvRFMClassifier takes, of any shape and type, and what it says about bad ones."""

import numpy as np
import pandas as pd
import pytest
from image_data import colours, small
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError

import rfmlearn.runtime._memory
from rfmlearn import ConvRFMClassifier


@pytest.fixture(scope="module")
def few(digits):
    """100 training and 50 test images of 8 x 8 pixels."""
    X, y, Z, labels = digits
    return X[:100], y[:100], Z[:50], labels[:50]


@pytest.fixture(scope="module")
def fitted(few):
    return small().fit(*few[:2])


def test_shapes_and_types_agree(few):
    X, y, Z, _ = few
    expected = small().fit(X, y).predict_proba(Z)
    assert_allclose(small().fit(X[..., None], y).predict_proba(Z[..., None]), expected)
    rows, columns = pd.DataFrame(X.reshape(-1, 64)), pd.DataFrame(Z.reshape(-1, 64))
    frame = small(image_shape=(8, -1)).fit(rows.rename(columns=str), y)
    assert_allclose(frame.predict_proba(columns.rename(columns=str)), expected)
    assert list(frame.feature_names_in_[:2]) == ["0", "1"]
    assert_allclose(small().fit(X.astype(np.float32), y).predict_proba(Z.astype(np.float32)), expected, atol=1e-3)
    assert_allclose(small().fit(X.astype(object), y).predict_proba(Z), expected)
    white = np.round(X * 255).astype(np.uint8)
    small_ints = small().fit(white, y).predict_proba(white)
    floats = small().fit(white / np.float32(255), y)
    with pytest.warns(UserWarning, match="divided by 255"):
        assert_allclose(floats.predict_proba(white), small_ints, atol=1e-5)
    deep = (white * 257.0).astype(np.uint16)
    assert_allclose(small().fit(deep, y).predict_proba(deep), small_ints, atol=1e-5)


def test_flat_images_have_the_shape_that_was_fitted(few):
    X, y, Z, _ = few
    model = small().fit(X, y)
    expected = model.predict_proba(Z)
    assert_allclose(model.set_params(image_shape=(16, 4)).predict_proba(Z.reshape(-1, 64)), expected)
    with pytest.raises(ValueError, match=r"images of shape \(8, 8, 1\), but image_shape=\(16, 4\)"):
        small(image_shape=(16, 4)).fit(X, y)


def test_dtypes(few):
    X, y, Z, _ = few
    colours = (X * 65535).astype(np.uint16)
    model = small(standardize=False, kernel="patch_laplace").fit(colours, y)
    test = (Z * 65535).astype(np.uint16)
    assert_allclose(model.predict_proba(test.astype(">u2")), model.predict_proba(test))
    with pytest.warns(UserWarning, match="X was divided by 1, as its dtype asks for, but by 65535 in fit"):
        model.predict(test.astype(float))
    swapped = small().fit(X.astype(">f8"), y)
    assert_allclose(swapped.predict_proba(Z), small().fit(X, y).predict_proba(Z), rtol=1e-12)


def test_odd_images_work():
    X, y = colours(16)
    X[3], X[4] = 0.0, 1.0
    for images in (X, np.zeros_like(X), np.ones_like(X), X * 1e-12, X * 1e12):
        for kernel in ("cntk", "patch_laplace"):
            model = small(kernel=kernel).fit(images, y)
            assert np.isfinite(model.predict_proba(images)).all()


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("kernel", ["cntk", "patch_laplace"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_of_images(scale, kernel, dtype, few):
    X, y, Z, labels = few
    scores = [
        small(kernel=kernel, standardize=False).fit((X * s).astype(dtype), y).predict_proba((Z * s).astype(dtype))
        for s in (1, scale)
    ]
    assert_allclose(scores[1], scores[0], atol=1e-3 if dtype == np.float32 else 1e-6)
    assert np.mean(scores[1].argmax(axis=1) == labels) > 0.85


BAD = {
    "too small": ((20, 4, 9, 1), {"depth": 3}, r"images of 4 x 9 pixels .* 7 x 7 .*depth=3.* take depth=1 at most"),
    "far too small": ((20, 2, 9, 1), {}, r"smaller than the 3 x 3 .* take patch_size=2 at most"),
    "channels first": ((20, 3, 9, 9), {}, r"channels came first.*X.transpose\(0, 2, 3, 1\)"),
    "channels first, not square": (
        (20, 3, 9, 12),
        {"patch_size": 4},
        r"channels came first.*X.transpose\(0, 2, 3, 1\)",
    ),
    "flat": ((20, 63), {}, r"shape \(20, 63\).*image_shape"),
    "image_shape": ((20, 63), {"image_shape": (8, 8)}, r"image_shape=\(8, 8\) makes 64 numbers, .* rows of X have 63"),
    "image_shape open": (
        (20, 63),
        {"image_shape": (-1, 8)},
        r"image_shape=\(-1, 8\) takes a multiple of 8 numbers, but X has 63",
    ),
    "image_shape twice open": ((20, 63), {"image_shape": (-1, -1)}, "one size open"),
    "image_shape of one": ((20, 63), {"image_shape": (63,)}, r"image_shape must be .* got \(63,\)"),
    "image_shape not whole": ((20, 63), {"image_shape": (7.0, 9)}, r"image_shape must be .* got \(7.0, 9\)"),
    "five dimensions": ((20, 4, 4, 1, 1), {}, "two to four dimensions"),
    "no pixels": ((20, 0, 4), {}, "no pixels"),
    "layers": ((20, 9, 9), {"n_layers": 2}, "n_layers=2 takes a kernel of depth=2 at least"),
    "layers too small": (
        (20, 5, 5),
        {"n_layers": 3, "kernel": "patch_laplace"},
        "n_layers=3 is too many for images of 5 x 5 .* Take n_layers=2 at most",
    ),
    "kernel": ((20, 9, 9), {"kernel": "x"}, "kernel"),
    "n_jobs": ((20, 9, 9), {"n_jobs": 0}, "n_jobs must not be 0"),
    "alpha": ((20, 9, 9), {"alpha": -1.0}, "alpha"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    shape, parameters, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(np.random.default_rng(0).random(shape), np.arange(20) % 2)


def test_bad_values(fitted):
    X, y = colours()
    missing, text = X.copy(), X.astype(object)
    missing[2, 1, 1, 1], text[0, 0, 0, 0] = np.nan, "red"
    with pytest.raises(ValueError, match="X contains NaN"):
        small().fit(missing, y)
    with pytest.raises(ValueError, match="red"):
        small().fit(text, y)
    with pytest.raises(ValueError, match=r"two classes .* got 1 class"):
        small().fit(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match=r"\(9, 8, 1\), but .* \(8, 8, 1\)"):
        fitted.predict(np.zeros((2, 9, 8)))
    with pytest.raises(NotFittedError):
        small().predict(X)


def test_sizes_that_cannot_be_held(few, fitted):
    X, y, Z, _ = few
    for scale in (1e-200, 1e200):
        with pytest.raises(ValueError, match=r"X must have values of a size between 1e-13 and 1e\+13"):
            small().fit(X * scale, y)
    with pytest.raises(ValueError, match="the largest is 1e"):
        fitted.predict(Z * 1e200)
    assert fitted.predict(Z * 1e-200).shape == (len(Z),)


def test_memory_is_refused_before(monkeypatch):
    monkeypatch.setattr(rfmlearn.runtime._memory, "available_bytes", lambda: 2**20)
    with pytest.raises(MemoryError, match=r"30 images .* Fit fewer images"):
        small().fit(*colours())


@pytest.mark.parametrize(
    "init, message",
    [
        (np.eye(4), r"shape \(9, 9\) or \(9,\), one row for each number of a patch, got \(4, 4\)"),
        (ConvRFMClassifier(), "feature_matrix_init=ConvRFMClassifier has no patch_matrix_"),
    ],
)
def test_wrong_initial_matrices(init, message, rng):
    with pytest.raises(ValueError, match=message):
        ConvRFMClassifier(depth=1, feature_matrix_init=init).fit(rng.normal(size=(8, 6, 6)), np.arange(8) % 2)


@pytest.mark.parametrize("alpha", [5e-324, 1e-300, 1e-16, 1e16, 1e300])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("kind", ["any", "repeated", "one black", "black", "even", "offset"])
def test_ridges_near_zero_and_beyond_measure(kind, grouped, alpha):
    """Singular systems are solved up to rounding, in silence."""
    X, y = colours()
    spoil = {
        "any": lambda X: X.astype(np.float32),
        "repeated": lambda X: np.repeat(X[:15], 2, axis=0),
        "one black": lambda X: np.where(np.arange(30)[:, None, None, None] == 3, 0, X),
        "black": np.zeros_like,
        "even": np.ones_like,
        "offset": lambda X: X + 1e6,
    }
    X = spoil[kind](X)
    model = small(alpha=alpha).fit(X, y, groups=np.arange(30) // 3 if grouped else None)
    assert np.isfinite(model.dual_coef_).all() and np.isfinite(model.leave_one_out_loss_)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bandwidth", [1e-100, 1e-30, 1e30, 1e100])
def test_bandwidths_beyond_measure(dtype, bandwidth):
    X, y = colours()
    X = X.astype(dtype)
    model = small(kernel="patch_laplace", bandwidth=bandwidth).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    with pytest.raises(ValueError, match="bandwidth must be a positive number between"):
        small(kernel="patch_laplace", bandwidth=1e101 if bandwidth > 1 else 1e-101).fit(X, y)


def test_one_image_is_not_images():
    X, y = colours()
    for images in (X, X[..., 0]):
        model = small(max_iter=0).fit(images, y)
        with pytest.raises(ValueError, match=r"is one image, .* give X\[np.newaxis\]"):
            model.predict(images[0])
        assert model.predict(images[0][np.newaxis]).shape == (1,)
    flat = small(max_iter=0, image_shape=(1, 6), patch_size=1).fit(X[:, 0, :6, 0], y)
    assert flat.predict(X[:1, 0, :6, 0]).shape == (1,)


@pytest.mark.parametrize("spoil", [lambda X: X.astype(str), lambda X: X + 1j, lambda X: X[0, 0, 0], lambda X: X[:0]])
def test_errors_of_checks_name_the_images(spoil):
    X, y = colours()
    with pytest.raises(ValueError, match=r"\bX\b"):
        small().fit(spoil(X), y)


def test_weights_of_all_sizes():
    """Rows of next to no weight have no say, in groups or not."""
    X, y = colours()
    weights = 10.0 ** np.linspace(-100, 100, 30)
    for groups in (None, np.arange(30) % 4):
        model = small(kernel="patch_laplace").fit(np.round(X), y, sample_weight=weights, groups=groups)
        assert np.isfinite(model.predict_proba(X)).all() and np.isfinite(model.leave_one_out_loss_)
