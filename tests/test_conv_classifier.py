"""ConvRFMClassifier: scikit-learn's contract, what it learns, and what it says about bad input."""

import pickle

import numpy as np
import pandas as pd
import pytest
from naive import conv_ntk
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

import rfmlearn.images._image_checks
from rfmlearn import ConvRFMClassifier
from rfmlearn.datasets import make_star_in_noise
from rfmlearn.images import ConvNTK, PatchLaplace


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other would take most of the time of tests this small."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def digits():
    """300 training and 300 test images of 8 x 8 pixels."""
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8) / 16
    return images[:300], y[:300], images[300:600], y[300:600]


@pytest.fixture(scope="module")
def fitted(digits):
    return ConvRFMClassifier(depth=2, max_iter=1, random_state=0).fit(*digits[:2])


def small(**parameters):
    return ConvRFMClassifier(**{"depth": 1, "max_iter": 1, "n_agop_samples": 20, "random_state": 0} | parameters)


def colours(n=30, seed=0):
    """Images of 6 x 7 pixels in three colours, and whether the left half is brighter."""
    rng = np.random.default_rng(seed)
    X, y = rng.random((n, 6, 7, 3)), np.arange(n) % 2
    X[y == 1, :, :3] += 0.5
    return X, y


@parametrize_with_checks(
    [
        ConvRFMClassifier(image_shape=(1, -1), padding="same", depth=2, max_iter=1),
        ConvRFMClassifier("patch_laplace", image_shape=(1, -1), padding="same", max_iter=1),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_digits(digits, fitted):
    _, _, X, y = digits
    assert fitted.score(X, y) > 0.85
    probabilities = fitted.predict_proba(X)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(X))
    assert np.mean(-np.log(probabilities[np.arange(len(y)), y])) < 0.5


def test_attributes(fitted):
    assert fitted.image_shape_ == (8, 8, 1) and fitted.n_features_in_ == 64
    assert len(fitted.history_) == 2 and fitted.n_iter_ == 1
    best = min(fitted.history_, key=lambda record: record["leave_one_out_loss"])
    assert (fitted.best_iter_, fitted.alpha_) == (best["n_iter"], best["alpha"])
    vectors = fitted.patch_eigenvectors_.reshape(9, 9)
    assert_allclose(vectors @ vectors.T, np.eye(9), atol=1e-10)
    assert_allclose(vectors.T * fitted.patch_eigenvalues_ @ vectors, fitted.patch_agop_, atol=1e-8)
    assert_allclose(np.trace(fitted.patch_matrix_), 9)
    assert (np.diff(fitted.patch_eigenvalues_) <= 0).all() and vectors.max(axis=1) == pytest.approx(abs(vectors).max(1))


@pytest.mark.parametrize("standardize", [False, True])
def test_prediction_is_the_naive_one(standardize, digits):
    X, y, Z, _ = digits
    X, y, Z = X[:20], y[:20], Z[:4]
    model = small(depth=2, alpha=0.1, n_agop_samples=None, standardize=standardize).fit(X, y)
    given = Z
    assert model.leave_one_out_loss_ == model.history_[model.best_iter_]["leave_one_out_loss"]
    if standardize:
        floor = 0.01 * np.mean([np.var(image) for image in X])
        X, Z = ([(image - np.mean(image)) / np.sqrt(np.var(image) + floor) for image in part] for part in (X, Z))
    gram = [[conv_ntk(a[..., None], b[..., None], model.patch_matrix_, 3, 2) for b in X] for a in (*X, *Z)]
    K, K_test = np.array(gram[:20]), np.array(gram[20:])
    scale = np.mean(np.diag(K))
    coef = np.linalg.solve(K / scale + 0.1 * np.eye(20), model._codes.encode(np.searchsorted(model.classes_, y)))
    decision = K_test / scale @ coef
    expected = model._calibration.logits(model._codes.decode(decision))
    assert_allclose(model.decision_function(given), expected, rtol=1e-6, atol=1e-6)


def test_leave_one_out_is_that_of_refits():
    X, y = colours(12)
    model = small(max_iter=0, alpha=0.1, standardize=False).fit(X, y)
    K = np.array([[conv_ntk(a, b, np.eye(27), 3, 1) for b in X] for a in X])
    targets, errors = model._codes.encode(y), []
    K = K / np.mean(np.diag(K)) + 0.1 * np.eye(12)
    for i in range(12):
        rest = np.arange(12) != i
        errors.append(targets[i] - K[i, rest] @ np.linalg.solve(K[np.ix_(rest, rest)], targets[rest]))
    assert_allclose(model.history_[0]["leave_one_out_loss"], np.mean(np.square(errors)), rtol=1e-6)


def test_standardize(digits):
    """Where brightness and contrast say nothing they are taken away, and where they say all they are not."""
    X, y, Z, labels = digits
    rng = np.random.default_rng(0)

    def disturbed(images):
        shift, factor = rng.uniform(-5, 5, (len(images), 1, 1)), rng.uniform(0.1, 10, (len(images), 1, 1))
        return factor * (images + shift)

    model = small(max_iter=0).fit(disturbed(X), y)
    assert model.standardize_ and model.score(disturbed(Z), labels) > 0.85
    assert_allclose(model.transform(100 * Z), model.transform(100 * Z + 7), atol=1e-9)
    bright = np.arange(len(X)) % 2
    model = small(max_iter=0).fit(X + bright[:, None, None], bright)
    assert not model.standardize_ and model.score(X + bright[:, None, None], bright) == 1
    # An image that is even is not blown up to noise.
    even = small(standardize=True).fit(X, y)
    assert np.abs(even._layers.seen(np.full((1, 8, 8, 1), 0.1) + 1e-9 * X[:1, ..., None])).max() < 1e-7


def test_subset_of_rows_left_out(digits, monkeypatch):
    """With more images than are left out one by one, the fit is still that of all of them."""
    X, y, Z, _ = digits
    whole = small(alpha=0.01, max_iter=0).fit(X, y)
    monkeypatch.setattr("rfmlearn.images._classifier._LEFT_OUT_ROWS", 100)
    part = small(alpha=0.01, max_iter=0).fit(X, y)
    assert_allclose(part._layers.decision(Z[..., None]), whole._layers.decision(Z[..., None]), rtol=1e-8, atol=1e-10)
    assert part.score(Z, digits[3]) > 0.85


@pytest.mark.parametrize("kernel", ["patch_laplace", PatchLaplace(2, bandwidth=1.0), ConvNTK(2, depth=1)])
def test_other_kernels(kernel, digits):
    X, y, Z, labels = digits
    model = small(kernel=kernel).fit(X, y)
    assert model.score(Z, labels) > 0.8
    if not isinstance(kernel, str):
        assert model.kernel_ == kernel


def test_star_is_found():
    """What is learned in noise is the star, in its two channels."""
    X, y = make_star_in_noise(50, size=24, random_state=0)
    Z, labels = make_star_in_noise(200, size=24, random_state=1)
    plain, learned = (small(patch_size=9, max_iter=m, n_agop_samples=None).fit(X, y) for m in (0, 2))
    assert learned.score(Z, labels) > plain.score(Z, labels) + 0.05
    top = learned.patch_eigenvectors_[0]
    energy = (top**2).sum(axis=(0, 1))
    assert energy[:2].sum() > 5 * energy[2]
    assert learned.patch_eigenvalues_[0] > 3 * learned.patch_eigenvalues_[3]


@pytest.mark.parametrize("kernel", ["cntk", "patch_laplace"])
def test_layers(digits, kernel):
    X, y, Z, labels = digits
    model = small(kernel=kernel, depth=2, n_layers=2, n_filters=16).fit(X, y)
    assert [(record["layer"], record["n_iter"]) for record in model.history_] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert model.score(Z, labels) > 0.8
    best = min(model.history_, key=lambda record: record["leave_one_out_loss"])
    assert model.n_layers_ == best["layer"] + 1
    # Predictions of a layer that was kept pass through the convolution before it.
    assert len(model._layers.convolutions) == model.n_layers_ - 1
    images = model._layers.seen(Z[:3, ..., None])
    for convolution in model._layers.convolutions:
        images = convolution(images)
    assert_allclose(model._layers.decision(Z[:3, ..., None]), model._layers.kept.decision(images))


def test_random_convolution_keeps_products(digits):
    from rfmlearn.images._random_convolution import RandomConvolution

    grid, rng = ConvNTK(3).grid((8, 8, 1)), np.random.RandomState(0)
    matrix = np.diag(np.arange(1.0, 10.0))
    layer = RandomConvolution.draw(grid, matrix, 20_000, rng, np.float64)
    images = digits[0][:2, :, :, None]
    patches = grid.cut(images)[2, 3].T
    out = layer(images)[:, 2, 3]
    assert_allclose(out @ out.T, patches @ matrix @ patches.T, rtol=0.1)


def test_transform(digits, fitted):
    X = digits[2][:5]
    seen = fitted.transform(X)
    assert seen.shape == (5, 6, 6, 8)
    patch = fitted._layers.seen(X[..., None])[3, 2:5, 1:4, 0]
    assert_allclose(seen[3, 2, 1], np.tensordot(fitted.patch_eigenvectors_[:8, :, :, 0], patch, 2), rtol=1e-6)
    flat = small(image_shape=(8, 8), n_components=3).fit(X.reshape(5, 64), [0, 1, 0, 1, 0])
    assert flat.transform(X.reshape(5, 64)).shape == (5, 6 * 6 * 3)
    assert flat.transform(X).shape == (5, 6, 6, 3)
    assert len(flat.get_feature_names_out()) == 6 * 6 * 3


def test_shapes_and_types_agree(digits):
    X, y, Z, _ = digits
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


def test_weights_are_repetitions():
    X, y = colours(20)
    weights = np.arange(20) % 3
    rows = np.repeat(np.arange(20), weights)
    weighted, repeated = small().fit(X, y, weights), small().fit(X[rows], y[rows])
    assert_allclose(weighted.decision_function(X), repeated.decision_function(X), rtol=1e-6)
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        small().fit(X, y, np.zeros(20))


def test_class_weight():
    X, y = colours(30)
    y = np.where(np.arange(30) < 24, 0, y)
    plain, balanced = small().fit(X, y), small(class_weight="balanced").fit(X, y)
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


def test_repeats_itself_and_is_kept(fitted, digits):
    X, y, Z, _ = digits
    again = clone(fitted).fit(X, y)
    assert_array_equal(again.decision_function(Z), fitted.decision_function(Z))
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).decision_function(Z), fitted.decision_function(Z))
    threads = clone(fitted).set_params(n_jobs=2).fit(X, y)
    assert_allclose(threads.decision_function(Z), fitted.decision_function(Z), rtol=1e-8)


def test_model_selection(digits):
    X, y, _, _ = digits
    pipeline = make_pipeline(FunctionTransformer(np.sqrt), small(max_iter=0))
    search = GridSearchCV(pipeline, {"convrfmclassifier__patch_size": [2, 3]}, cv=2).fit(X[:100], y[:100])
    assert search.best_score_ > 0.6


def test_progress_goes_to_standard_error(digits, capsys):
    small(verbose=True).fit(digits[0][:30], digits[1][:30])
    out = capsys.readouterr()
    assert "leave-one-out loss" in out.err and out.out == ""


def test_odd_images_work():
    X, y = colours(16)
    X[3], X[4] = 0.0, 1.0
    for images in (X, np.zeros_like(X), np.ones_like(X), X * 1e-12, X * 1e12):
        for kernel in ("cntk", "patch_laplace"):
            model = small(kernel=kernel).fit(images, y)
            assert np.isfinite(model.predict_proba(images)).all()


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


def test_important_images_are_left_out_whole(digits):
    X, y, _, _ = digits
    X, y = X[:80], np.where(np.arange(80) % 5 == 0, digits[1][::-1][:80], digits[1][:80])
    expected = small(max_iter=0).fit(X, y)
    weighted = small(max_iter=0).fit(X, y, np.full(80, 1.01))
    assert weighted.alpha_ == expected.alpha_
    assert_allclose(weighted.leave_one_out_loss_, expected.leave_one_out_loss_, rtol=1e-2)


def test_flat_images_have_the_shape_that_was_fitted(digits):
    X, y, Z, _ = digits
    model = small().fit(X, y)
    expected = model.predict_proba(Z)
    assert_allclose(model.set_params(image_shape=(16, 4)).predict_proba(Z.reshape(-1, 64)), expected)
    with pytest.raises(ValueError, match=r"images of shape \(8, 8, 1\), but image_shape=\(16, 4\)"):
        small(image_shape=(16, 4)).fit(X, y)


def test_dtypes(digits):
    X, y, Z, _ = digits
    colours = (X * 65535).astype(np.uint16)
    model = small(standardize=False, kernel="patch_laplace").fit(colours, y)
    test = (Z * 65535).astype(np.uint16)
    assert_allclose(model.predict_proba(test.astype(">u2")), model.predict_proba(test))
    with pytest.warns(UserWarning, match="X was divided by 1, as its dtype asks for, but by 65535 in fit"):
        model.predict(test.astype(float))
    swapped = small().fit(X.astype(">f8"), y)
    assert_allclose(swapped.predict_proba(Z), small().fit(X, y).predict_proba(Z), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("kernel", ["cntk", "patch_laplace"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_of_images(scale, kernel, dtype, digits):
    X, y, Z, labels = digits
    scores = [
        small(kernel=kernel, standardize=False).fit((X * s).astype(dtype), y).predict_proba((Z * s).astype(dtype))
        for s in (1, scale)
    ]
    assert_allclose(scores[1], scores[0], atol=1e-3 if dtype == np.float32 else 1e-6)
    assert np.mean(scores[1].argmax(axis=1) == labels) > 0.85


def test_sizes_that_cannot_be_held(digits, fitted):
    X, y, Z, _ = digits
    for scale in (1e-200, 1e200):
        with pytest.raises(ValueError, match=r"X must have values of a size between 1e-13 and 1e\+13"):
            small().fit(X * scale, y)
    with pytest.raises(ValueError, match="the largest is 1e"):
        fitted.predict(Z * 1e200)
    assert fitted.predict(Z * 1e-200).shape == (len(Z),)


def test_transform_into_data_frames(digits, fitted):
    frame = clone(fitted).set_output(transform="pandas").fit(*digits[:2]).transform(digits[2])
    assert frame.shape == (len(digits[2]), 6 * 6 * 8) and list(frame) == list(fitted.get_feature_names_out())


def test_memory_is_refused_before(monkeypatch):
    monkeypatch.setattr(rfmlearn.images._image_checks, "available_bytes", lambda: 2**20)
    with pytest.raises(MemoryError, match=r"30 images .* Fit fewer images"):
        small().fit(*colours())


# A feature matrix from elsewhere ---------------------------------------------------------------------------------


def test_rounds_start_from_a_given_matrix(rng):
    X, y = rng.normal(size=(40, 6, 6)), np.arange(40) % 2
    X[y == 1, 2:4, 2:4] += 1.0
    settings = dict(depth=1, alpha=0.01, standardize=False, n_agop_samples=None, random_state=0)
    one = ConvRFMClassifier(max_iter=1, **settings).fit(X, y)
    assert one.best_iter_ == 1
    M = one.patch_matrix_
    still = ConvRFMClassifier(max_iter=0, feature_matrix_init=3 * M, **settings).fit(X, y)
    assert_allclose(still.patch_matrix_, M, atol=1e-10)  # the scale is none of its business
    by_model = ConvRFMClassifier(max_iter=0, feature_matrix_init=one, **settings)
    assert_allclose(clone(by_model).feature_matrix_init.patch_matrix_, M)
    assert_allclose(clone(by_model).fit(X, y).predict_proba(X), still.predict_proba(X), atol=1e-6)
    plain = ConvRFMClassifier(max_iter=0, **settings).fit(X, y)
    assert not np.allclose(plain.predict_proba(X), still.predict_proba(X), atol=1e-3)


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
