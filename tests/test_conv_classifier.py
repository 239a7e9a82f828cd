"""ConvRFMClassifier: scikit-learn's contract and what it learns."""

import pickle

import numpy as np
import pytest
from image_data import colours, small
from naive import conv_ntk
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from rfmlearn import ConvRFMClassifier
from rfmlearn.datasets import make_star_in_noise
from rfmlearn.images import ConvNTK, PatchLaplace
from rfmlearn.runtime._budget import ImageBudget


@pytest.fixture(scope="module")
def fitted(digits):
    return ConvRFMClassifier(depth=2, max_iter=1, random_state=0).fit(*digits[:2])


@pytest.fixture(scope="module")
def half(digits):
    """Half of the digits."""
    X, y, Z, labels = digits
    return X[:150], y[:150], Z[:150], labels[:150]


class Thrifty(ConvRFMClassifier):
    budget = ImageBudget(left_out=100)


@parametrize_with_checks(
    [
        ConvRFMClassifier(image_shape=(1, -1), padding="same", depth=1, max_iter=1),
        ConvRFMClassifier(image_shape=(1, -1), patch_size=1, depth=1),
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
    coef = np.linalg.solve(K / scale + 0.1 * np.eye(20), model._target.encode(np.searchsorted(model.classes_, y)))
    decision = K_test / scale @ coef
    expected = model._calibration.logits(model._target.decode(decision))
    assert_allclose(model.decision_function(given), expected, rtol=1e-6, atol=1e-6)


def test_leave_one_out_is_that_of_refits():
    X, y = colours(12)
    model = small(max_iter=0, alpha=0.1, standardize=False).fit(X, y)
    K = np.array([[conv_ntk(a, b, np.eye(27), 3, 1) for b in X] for a in X])
    targets, errors = model._target.encode(y), []
    K = K / np.mean(np.diag(K)) + 0.1 * np.eye(12)
    for i in range(12):
        rest = np.arange(12) != i
        errors.append(targets[i] - K[i, rest] @ np.linalg.solve(K[np.ix_(rest, rest)], targets[rest]))
    assert_allclose(model.history_[0]["leave_one_out_loss"], np.mean(np.square(errors)), rtol=1e-6)


def test_standardize(half):
    """Where brightness and contrast say nothing they are taken away, and where they say all they are not."""
    X, y, Z, labels = half
    rng = np.random.default_rng(0)

    def disturbed(images):
        shift, factor = rng.uniform(-5, 5, (len(images), 1, 1)), rng.uniform(0.1, 10, (len(images), 1, 1))
        return factor * (images + shift)

    model = small(max_iter=0).fit(disturbed(X), y)
    assert model.standardize_ and model.score(disturbed(Z), labels) > 0.75
    assert_allclose(model.transform(100 * Z), model.transform(100 * Z + 7), atol=1e-9)
    bright = np.arange(len(X)) % 2
    model = small(max_iter=0).fit(X + bright[:, None, None], bright)
    assert not model.standardize_ and model.score(X + bright[:, None, None], bright) == 1
    # An image that is even is not blown up to noise.
    even = small(standardize=True).fit(X, y)
    assert np.abs(even._layers.seen(np.full((1, 8, 8, 1), 0.1) + 1e-9 * X[:1, ..., None])).max() < 1e-7


def test_subset_of_rows_left_out(half):
    """With more images than are left out one by one, the fit is still that of all of them."""
    X, y, Z, labels = half
    whole = small(alpha=0.01, max_iter=0).fit(X, y)
    part = Thrifty(**whole.get_params()).fit(X, y)
    assert_allclose(part._layers.decision(Z[..., None]), whole._layers.decision(Z[..., None]), rtol=1e-8, atol=1e-10)
    assert part.score(Z, labels) > 0.75


@pytest.mark.parametrize("kernel", ["patch_laplace", PatchLaplace(2, bandwidth=1.0), ConvNTK(2, depth=1)])
def test_other_kernels(kernel, half):
    X, y, Z, labels = half
    model = small(kernel=kernel).fit(X, y)
    assert model.score(Z, labels) > 0.7
    if not isinstance(kernel, str):
        assert model.kernel_ == kernel


def test_star_is_found():
    """What is learned in noise is the star, in its two channels."""
    X, y = make_star_in_noise(30, size=24, random_state=0)
    Z, labels = make_star_in_noise(100, size=24, random_state=1)
    plain, learned = (small(patch_size=9, max_iter=m, n_agop_samples=None).fit(X, y) for m in (0, 2))
    assert learned.score(Z, labels) > plain.score(Z, labels) + 0.05
    top = learned.patch_eigenvectors_[0]
    energy = (top**2).sum(axis=(0, 1))
    assert energy[:2].sum() > 5 * energy[2]
    assert learned.patch_eigenvalues_[0] > 3 * learned.patch_eigenvalues_[3]


@pytest.mark.parametrize("kernel", ["cntk", "patch_laplace"])
def test_layers(half, kernel):
    X, y, Z, labels = half
    model = small(kernel=kernel, depth=2, n_layers=2, n_filters=16).fit(X, y)
    assert [(record["layer"], record["n_iter"]) for record in model.history_] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert model.score(Z, labels) > 0.7
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


def test_repeats_itself_and_is_kept(digits):
    X, y, Z = digits[0][:60], digits[1][:60], digits[2][:20]
    fitted = ConvRFMClassifier(depth=2, max_iter=1, n_agop_samples=20, random_state=0).fit(X, y)
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


def test_transform_into_data_frames(digits):
    model = small().set_output(transform="pandas").fit(digits[0][:30], digits[1][:30])
    frame = model.transform(digits[2][:9])
    assert frame.shape == (9, 6 * 6 * 8) and list(frame) == list(model.get_feature_names_out())


def test_important_images_are_left_out_whole(digits):
    X, y, _, _ = digits
    X, y = X[:80], np.where(np.arange(80) % 5 == 0, digits[1][::-1][:80], digits[1][:80])
    expected = small(max_iter=0).fit(X, y)
    weighted = small(max_iter=0).fit(X, y, np.full(80, 1.01))
    assert_allclose(weighted.alpha_, 1.01 * expected.alpha_)  # in units of the weights
    assert_allclose(weighted.leave_one_out_loss_, expected.leave_one_out_loss_, rtol=1e-2)


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
    by_model = ConvRFMClassifier(max_iter=0, feature_matrix_init=FrozenEstimator(one), **settings)
    assert_allclose(clone(by_model).feature_matrix_init.patch_matrix_, M)
    assert_allclose(clone(by_model).fit(X, y).predict_proba(X), still.predict_proba(X), atol=1e-6)
    plain = ConvRFMClassifier(max_iter=0, **settings).fit(X, y)
    assert not np.allclose(plain.predict_proba(X), still.predict_proba(X), atol=1e-3)
