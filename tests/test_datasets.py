"""Sets of images: what they say there is to find is there, and nothing else."""

import numpy as np
import pytest

from rfmlearn.datasets import make_digits_in_noisy_frame, make_star_in_noise


def windows(image, shape):
    """All places of a window in an image with one channel."""
    return np.lib.stride_tricks.sliding_window_view(image, shape)


def digits(n=20, shape=(6, 5)):
    return np.random.default_rng(0).uniform(size=(n, *shape))


def test_star_shapes_and_balance():
    X, y = make_star_in_noise(n_samples=31, size=12, n_channels=2, random_state=0)
    assert X.shape == (31, 12, 12, 2)
    assert X.dtype == np.float64
    assert np.bincount(y).tolist() == [16, 15]
    assert np.any(np.diff(y[:15]) == 0)


def test_star_is_pasted_once_in_the_first_two_channels_and_in_class_one_only():
    X, y, star = make_star_in_noise(n_samples=40, random_state=1, return_star=True)
    assert star.shape == (8, 9)
    assert star.sum() == 31
    np.testing.assert_array_equal(star, star[:, ::-1])
    for image, label in zip(X, y, strict=True):
        is_star = (windows(image[..., 0] == 1.0, star.shape) == (star > 0)).all(axis=(2, 3))
        assert is_star.sum() == label
        np.testing.assert_array_equal(image[..., 0] == 1.0, image[..., 1] == 1.0)
        assert (image[..., 0] == 1.0).sum() == 31 * label
        assert not (image[..., 2] == 1.0).any()


def test_star_is_the_mean_difference_of_the_classes():
    X, y, star = make_star_in_noise(n_samples=4000, size=9, random_state=2, return_star=True)
    difference = X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)
    expected = (np.pad(star, ((0, 1), (0, 0))) + np.pad(star, ((1, 0), (0, 0)))) / 2
    for channel in (0, 1):
        np.testing.assert_allclose(difference[..., channel], expected, atol=0.06)
    np.testing.assert_allclose(difference[..., 2], 0.0, atol=0.06)


def test_star_reaches_all_places():
    X, y = make_star_in_noise(n_samples=400, size=11, noise=0.0, random_state=3)
    places = {tuple(np.argwhere(image[..., 0]).min(axis=0)) for image in X[y == 1]}
    assert places == {(top, left) for top in range(4) for left in range(3)}


def test_noise_of_the_star():
    X, y = make_star_in_noise(n_samples=100, noise=0.7, random_state=4)
    assert X[y == 0].std() == pytest.approx(0.7, rel=0.01)
    assert X[y == 0].mean() == pytest.approx(0.0, abs=0.01)


def test_digits_cover_the_noise_and_keep_their_order():
    images = digits()
    X = make_digits_in_noisy_frame(images, frame=9, random_state=0)
    assert X.shape == (20, 9, 9, 1)
    assert X.dtype == np.float64
    for image, canvas in zip(images, X[..., 0], strict=True):
        assert (windows(canvas, image.shape) == image).all(axis=(2, 3)).sum() == 1
        assert np.isin(canvas, image).sum() == image.size


def test_digits_reach_all_places():
    X = make_digits_in_noisy_frame(np.ones((400, 6, 5)), frame=8, noise=0.0, random_state=0)
    places = {tuple(np.argwhere(canvas).min(axis=0)) for canvas in X[..., 0]}
    assert places == {(top, left) for top in range(3) for left in range(4)}


def test_noise_of_the_frame():
    X = make_digits_in_noisy_frame(np.zeros((50, 1, 1)), frame=30, noise=4.0, random_state=0)
    assert X.std() == pytest.approx(1.0, rel=0.02)


def test_digits_may_be_bytes_have_a_channel_or_fill_the_frame():
    images = np.random.default_rng(0).integers(0, 256, size=(3, 7, 7), dtype=np.uint8)
    X = make_digits_in_noisy_frame(images[..., np.newaxis], frame=7)
    np.testing.assert_allclose(X[..., 0], images / 255.0)
    np.testing.assert_array_equal(X, make_digits_in_noisy_frame(images / 255.0, frame=7))
    assert make_digits_in_noisy_frame(images[:0], frame=7).shape == (0, 7, 7, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: make_star_in_noise(n_samples=6, random_state=seed)[0],
        lambda seed: make_digits_in_noisy_frame(digits(), random_state=seed),
    ],
)
def test_same_seed_same_images(make):
    np.testing.assert_array_equal(make(0), make(0))
    np.testing.assert_array_equal(make(0), make(np.random.RandomState(0)))
    assert np.any(make(0) != make(1))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "n_samples must be an integer of at least 1, got n_samples=0"),
        ({"n_samples": True}, "n_samples=True"),
        ({"size": 8}, "size must be an integer of at least 9, so that the star fits in, got size=8"),
        ({"size": 32.0}, "size=32.0"),
        ({"n_channels": 1}, "n_channels must be an integer of at least 2.*got n_channels=1"),
        ({"noise": -0.1}, "noise must be a finite number of at least 0, got noise=-0.1"),
        ({"noise": float("nan")}, "noise=nan"),
        ({"noise": float("inf")}, "noise=inf"),
        ({"noise": "much"}, "noise='much'"),
    ],
)
def test_star_errors(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_star_in_noise(**parameters)


@pytest.mark.parametrize(
    ("images", "parameters", "message"),
    [
        (digits(), {"frame": 5}, "frame must be an integer of at least 6, the larger side of the images, got frame=5"),
        (digits(), {"frame": 8.5}, "frame=8.5"),
        (digits(), {"noise": -1.0}, "noise=-1.0"),
        (digits()[0], {}, r"images must have the shape .*, got \(6, 5\)"),
        (np.zeros((2, 6, 5, 3)), {}, r"got \(2, 6, 5, 3\)"),
        (np.full((2, 6, 5), np.nan), {}, "images must be finite"),
        (16.0 * np.ones((2, 6, 5)), {}, r"images of floats must be in \[0, 1\], got values from 16 to 16"),
        (digits() - 1.0, {}, r"in \[0, 1\]"),
        (np.zeros((2, 6, 5), dtype=np.int64), {}, "got the dtype int64"),
    ],
)
def test_digits_errors(images, parameters, message):
    with pytest.raises(ValueError, match=message):
        make_digits_in_noisy_frame(images, **parameters)
