"""Picture of the patch AGOP: what is in it, against loops; how it looks is for eyes."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from rfmlearn import ConvRFMClassifier
from rfmlearn.images import ConvNTK
from rfmlearn.inspection import PatchAGOPDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def fitted(size=3, height=7, width=6, channels=3):
    """An estimator as if fitted: a random AGOP, whose square root is the matrix of the kernel."""
    length = size * size * channels
    factor = np.random.default_rng(0).normal(size=(length, length))
    agop = factor @ factor.T
    eigenvalues, vectors = np.linalg.eigh(agop)
    estimator = ConvRFMClassifier()
    vars(estimator).update(
        patch_eigenvalues_=eigenvalues[::-1],
        patch_eigenvectors_=vectors.T[::-1].reshape(length, size, size, channels),
        patch_agop_=agop,
        _layers=SimpleNamespace(seen=lambda images: images),
        _grid=ConvNTK(size, depth=1).grid((height, width, channels)),
        patch_matrix_=(vectors * np.sqrt(eigenvalues)) @ vectors.T,
        image_shape_=(height, width, channels),
        _white=1,
    )
    return estimator


def images(estimator, m=2):
    return np.random.default_rng(1).normal(size=(m, *estimator.image_shape_))


def titles(axes):
    return [ax.get_title() for ax in np.ravel(axes)]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_filters_and_spectrum(channels):
    estimator = fitted(channels=channels)
    display = PatchAGOPDisplay.from_estimator(estimator, n_filters=4)
    display.figure_.canvas.draw()
    assert set(display.axes_) == {"filters", "spectrum"}
    assert len(display.figure_.axes) == 5
    assert display.share_of_trace.sum() == pytest.approx(1.0)
    share = estimator.patch_eigenvalues_[0] / np.trace(estimator.patch_agop_)
    assert titles(display.axes_["filters"])[0] == f"filter 1\n{100 * share:.3g} % of trace"
    line = display.axes_["spectrum"].lines[0]
    assert display.axes_["spectrum"].get_yscale() == "log"
    np.testing.assert_allclose(line.get_ydata(), display.share_of_trace)
    for k, ax in enumerate(display.axes_["filters"]):
        (drawn,) = ax.images
        one = estimator.patch_eigenvectors_[k]
        one = one if channels == 3 else one.mean(axis=2)
        np.testing.assert_allclose(drawn.get_array(), 0.5 + 0.5 * one / np.abs(one).max())
        assert len(ax.get_xticks()) == len(ax.get_yticks()) == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_of_images_against_loops(channels):
    estimator = fitted(channels=channels)
    X = images(estimator)
    display = PatchAGOPDisplay.from_estimator(estimator, X, n_filters=2)
    display.figure_.canvas.draw()
    assert display.responses.shape == (2, 2, 5, 4)
    for i in range(2):
        for row in range(5):
            for column in range(4):
                patch = X[i, row : row + 3, column : column + 3]
                flat = patch.ravel()
                for k in range(2):
                    expected = np.sum(patch * estimator.patch_eigenvectors_[k])
                    assert display.responses[i, k, row, column] == pytest.approx(expected)
                assert display.energy[i, row, column] == pytest.approx(flat @ flat)
                assert display.learned_energy[i, row, column] == pytest.approx(flat @ estimator.patch_matrix_ @ flat)
    axes = display.axes_
    assert (axes["images"].shape, axes["responses"].shape, axes["energy"].shape) == ((2,), (2, 2), (2, 2))
    assert titles(axes["images"]) == ["image", ""]
    assert titles(axes["responses"]) == ["response 1", "response 2", "", ""]
    assert titles(axes["energy"]) == ["before", "after $M^{1/2}$", "", ""]
    np.testing.assert_allclose(axes["responses"][1, 0].images[0].get_array(), display.responses[1, 0])
    np.testing.assert_allclose(axes["energy"][1, 0].images[0].get_array(), display.energy[1])
    np.testing.assert_allclose(axes["energy"][1, 1].images[0].get_array(), display.learned_energy[1])


def test_responses_have_a_symmetric_scale_shared_by_images():
    estimator = fitted()
    display = PatchAGOPDisplay.from_estimator(estimator, images(estimator), n_filters=2)
    for k in range(2):
        reach = np.abs(display.responses[:, k]).max()
        for ax in display.axes_["responses"][:, k]:
            assert ax.images[0].get_clim() == pytest.approx((-reach, reach))


def test_shapes_of_images():
    color, gray = fitted(), fitted(channels=1)
    X = images(color)
    shown = lambda estimator, X: PatchAGOPDisplay.from_estimator(estimator, X, n_filters=1).images  # noqa: E731
    assert shown(color, X[0]).shape == (1, 7, 6, 3)
    X = images(gray)
    np.testing.assert_array_equal(shown(gray, X[..., 0]), X)
    for one in (X[0], X[0, ..., 0]):
        assert shown(gray, one).shape == (1, 7, 6, 1)
    # As many gray images as an image has rows are still several images.
    assert shown(gray, np.zeros((7, 7, 6))).shape == (7, 7, 6, 1)


def test_given_figure_is_used_and_plot_can_be_repeated():
    estimator = fitted()
    left, right = plt.figure(layout="constrained").subfigures(1, 2)
    display = PatchAGOPDisplay.from_estimator(estimator, images(estimator), n_filters=1, fig=left)
    assert display.figure_ is left
    assert display.plot(right) is display
    assert display.figure_ is right
    assert len(left.axes) == len(right.axes) == 2 + 2 * 4


def test_all_filters_if_there_are_fewer():
    display = PatchAGOPDisplay.from_estimator(fitted(size=1, channels=2), n_filters=6)
    assert len(display.axes_["filters"]) == 2


def test_zero_agop_and_constant_image():
    estimator = fitted()
    estimator.patch_eigenvalues_ = np.zeros(27)
    estimator.patch_matrix_ = np.zeros((27, 27))
    display = PatchAGOPDisplay.from_estimator(estimator, np.zeros((7, 6, 3)), n_filters=2)
    display.figure_.canvas.draw()
    assert not display.share_of_trace.any()
    assert not display.learned_energy.any()


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 7, 5, 3)), r"images of shape \(7, 5, 3\), .* fitted to images of shape \(7, 6, 3\)"),
        (np.zeros((2, 7, 6)), r"images of shape \(7, 6, 1\), .* fitted"),
        (np.zeros((0, 7, 6, 3)), r"0 sample\(s\) \(shape=\(0, 7, 6, 3\)\)"),
        (np.full((7, 6, 3), np.nan), "contains NaN"),
    ],
)
def test_images_that_do_not_fit(X, message):
    with pytest.raises(ValueError, match=message):
        PatchAGOPDisplay.from_estimator(fitted(), X)


@pytest.mark.parametrize("n_filters", [0, 1.5])
def test_wrong_number_of_filters(n_filters):
    with pytest.raises(ValueError, match=f"n_filters must be an integer of at least 1, got n_filters={n_filters}"):
        PatchAGOPDisplay.from_estimator(fitted(), n_filters=n_filters)


def test_not_fitted():
    with pytest.raises(NotFittedError, match="SimpleNamespace without patch_eigenvectors_: call fit first"):
        PatchAGOPDisplay.from_estimator(SimpleNamespace())


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "rfmlearn\[plot\]"'):
        PatchAGOPDisplay.from_estimator(fitted())


def test_scale_of_another_dtype_is_warned_of():
    with pytest.warns(UserWarning, match="X was divided by 255"):
        PatchAGOPDisplay.from_estimator(fitted(), np.zeros((7, 6, 3), np.uint8))
