"""Kernels of images: against other software, against double loops, and gradients against differences."""

from pathlib import Path

import numpy as np
import pytest
from instances import with_budget
from naive import conv_ntk, patch_laplace
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from rfmlearn.images import ConvNTK, ImagePatches, PatchLaplace
from rfmlearn.images.kernels._gradients import each_place

ORACLES = np.load(Path(__file__).parent / "data" / "cntk.npz")
TOLERANCE = {np.float64: 1e-8, np.float32: 1e-4}

# Kernel, image shape, and the naive version of it.
CASES = [
    (ConvNTK(3, depth=1), (5, 6, 1)),
    (ConvNTK(3, depth=3), (8, 7, 2)),
    (ConvNTK(2, depth=3), (6, 5, 3)),
    (ConvNTK(4, depth=2), (8, 9, 1)),
    (ConvNTK(5, depth=2), (10, 9, 2)),
    (ConvNTK(1, depth=2), (3, 4, 2)),
    (ConvNTK(3, "same", depth=3), (5, 6, 2)),
    (ConvNTK(2, "same", depth=2), (4, 3, 1)),
    (ConvNTK(4, "same", depth=2), (5, 7, 1)),
    (ConvNTK(5, "same", depth=10), (3, 2, 1)),
    (ConvNTK(1, "same", depth=10), (1, 1, 3)),
    (PatchLaplace(3, bandwidth=1.5), (5, 6, 2)),
    (PatchLaplace(2, bandwidth=0.7, pool=2), (5, 4, 1)),
    (PatchLaplace(3, "same", bandwidth=2.0, pool=3), (4, 5, 1)),
    (PatchLaplace(3, bandwidth=2.0, pool=4), (4, 4, 1)),
]


def naive(kernel, x, z, matrix):
    if isinstance(kernel, ConvNTK):
        return conv_ntk(x, z, matrix, kernel.patch_size, kernel.depth, kernel.padding)
    return patch_laplace(x, z, matrix, kernel.patch_size, kernel.bandwidth, kernel.pool, kernel.padding)


def make(kernel, shape, rng, n=5, m=3, dtype=np.float64):
    """Images, others, a feature matrix, and both as patches."""
    X, Z = rng.standard_normal((n, *shape)).astype(dtype), rng.standard_normal((m, *shape)).astype(dtype)
    grid = kernel.grid(shape)
    root = rng.standard_normal((grid.patch_length, grid.patch_length)) / grid.patch_length**0.5
    matrix = root @ root.T
    return X, Z, matrix, ImagePatches.of(grid, X, matrix), ImagePatches.of(grid, Z, matrix)


def close(actual, desired, tolerance):
    assert_allclose(actual, desired, rtol=0, atol=tolerance * np.abs(desired).max())


def patch_gradients(kernel, X, coef, Z):
    """Gradients of ``f_l(z) = sum_i coef[i, l] K(x_i, z)`` by z's patches, shape (m, n_outputs, rows, columns, D)."""
    out = np.empty((len(Z), coef.shape[1], *X.grid.shape(), X.grid.patch_length), X.padded.dtype)

    def keep(images, row, column, H):
        out[images, :, row, column] = H @ X.metric

    each_place(kernel, X, coef, Z, keep)
    return out


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", range(6))
def test_neural_tangents(case, dtype):
    oracle = {name: ORACLES[f"{case}/{name}"] for name in ("X", "Z", "T", "alpha", "K_XX", "K_ZX", "patch_agop")}
    kernel = ConvNTK(int(ORACLES[f"{case}/patch_size"]), depth=int(ORACLES[f"{case}/depth"]))
    grid, matrix = kernel.grid(oracle["X"].shape[1:]), oracle["T"] @ oracle["T"].T
    X, Z = (ImagePatches.of(grid, oracle[name].astype(dtype), matrix) for name in "XZ")
    close(kernel.gram(X), oracle["K_XX"], TOLERANCE[dtype])
    close(kernel.gram(Z, X), oracle["K_ZX"], TOLERANCE[dtype])
    close(kernel.patch_agop(X, oracle["alpha"], Z), oracle["patch_agop"], TOLERANCE[dtype])
    if case != 3:
        gradients = patch_gradients(kernel, X, oracle["alpha"], Z)
        close(gradients, ORACLES[f"{case}/patch_gradients"], TOLERANCE[dtype])
        assert gradients.dtype == dtype


@pytest.mark.parametrize(("kernel", "shape"), CASES, ids=str)
def test_gram_is_the_naive_one(kernel, shape, rng):
    X, Z, matrix, x, z = make(kernel, shape, rng)
    expected = [[naive(kernel, a, b, matrix) for b in Z] for a in X]
    assert_allclose(kernel.gram(x, z), expected, rtol=1e-8, atol=1e-12)  # an angle near zero has half the digits
    expected = [[naive(kernel, a, b, matrix) for b in X] for a in X]
    gram = kernel.gram(x)
    assert_allclose(gram, expected, rtol=1e-7)
    assert_array_equal(gram, gram.T)
    assert np.linalg.eigvalsh(gram).min() > -1e-10 * np.trace(gram)


@pytest.mark.parametrize(("kernel", "shape"), CASES, ids=str)
def test_gradients_are_differences(kernel, shape, rng):
    """Directional derivatives of f(z) along random changes of all pixels, by five-point differences."""
    X, Z, matrix, x, z = make(kernel, shape, rng, n=4, m=2)
    coef = rng.standard_normal((len(X), 2))
    gradients = patch_gradients(kernel, x, coef, z)
    step, grid = 1e-4, x.grid

    def f(images):
        return kernel.gram(x, ImagePatches.of(grid, images, matrix)).T @ coef

    for _ in range(3):
        direction = rng.standard_normal(Z.shape)
        change = (f(Z - 2 * step * direction) - 8 * f(Z - step * direction)) + (
            8 * f(Z + step * direction) - f(Z + 2 * step * direction)
        )
        # All patches move with the image: the chain rule sums over places.
        moved = grid.cut(grid.pad(direction))
        expected = np.einsum("nlrcd,rcdn->nl", gradients, moved)
        assert_allclose(change / (12 * step), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("kernel", "shape"), [CASES[1], CASES[6], CASES[12]], ids=str)
@pytest.mark.parametrize("center", [False, True])
def test_agop_is_the_mean_outer_product(kernel, shape, center, rng):
    _, _, _, x, z = make(kernel, shape, rng)
    coef, weights = rng.standard_normal((len(x), 2)), np.array([0.5, 0.2, 0.3])
    g = patch_gradients(kernel, x, coef, z)
    if center:
        g = g - np.average(g, axis=0, weights=weights).mean(axis=(1, 2))[None, :, None, None]
    expected = np.einsum("n,nlrcd,nlrce->de", weights, g, g)
    close(kernel.patch_agop(x, coef, z, weights, center), expected, 1e-12)


@pytest.mark.parametrize(("kernel", "shape"), [CASES[1], CASES[6], CASES[12]], ids=str)
def test_blocks_and_threads_do_not_matter(kernel, shape, rng):
    _, _, _, x, z = make(kernel, shape, rng, n=150, m=70, dtype=np.float32)
    coef = rng.standard_normal((150, 3))

    def everything(kernel):
        return kernel.gram(x), kernel.gram(x, z), kernel.patch_agop(x, coef, z)

    one = everything(kernel)
    with threadpool_limits(3):
        three = everything(kernel)
    for actual, desired in zip(three, one, strict=True):
        assert_array_equal(actual, desired)
    for actual, desired in zip(everything(with_budget(kernel, patch_entries=2000)), one, strict=True):
        close(actual, desired, 1e-4)


@pytest.mark.parametrize("kernel", [ConvNTK(3, depth=2), PatchLaplace(3), PatchLaplace(3, pool=2)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_black_and_equal_images(kernel, dtype, rng):
    images = rng.random((6, 6, 6, 2)).astype(dtype)
    images[1], images[2, :3] = 0, 0
    images[4] = images[3]
    images[5] = 0.5
    patches = ImagePatches.of(kernel.grid((6, 6, 2)), images, np.eye(18))
    gram = kernel.gram(patches)
    gradients = patch_gradients(kernel, patches, np.ones((6, 1)), patches)
    assert np.isfinite(gram).all() and np.isfinite(gradients).all()
    assert_allclose(gram[3, 4], gram[3, 3], rtol=1e-12 if dtype == np.float64 else 1e-5)
    if isinstance(kernel, ConvNTK):
        assert_array_equal(gram[1], 0)


def test_network_scales_with_its_images(rng):
    _, _, _, x, z = make(*CASES[1], rng)
    kernel = CASES[1][0]
    doubled = ImagePatches(z.grid, 2 * z.padded, z.metric, 4 * z.norms)
    assert_allclose(kernel.gram(x, doubled), 2 * kernel.gram(x, z), rtol=1e-12)


@pytest.mark.parametrize("kernel", [ConvNTK(3, depth=2), PatchLaplace(2)], ids=str)
def test_images_are_in_any_units(kernel, rng):
    images, coef = rng.random((6, 6, 6, 1)), rng.normal(size=(6, 2))
    images[4] = images[3]
    images[5, :3] = 0
    grid, scale = kernel.grid((6, 6, 1)), 2.0**-60
    x, small = (ImagePatches.of(grid, s * images, np.eye(grid.patch_length)) for s in (1.0, scale))
    if isinstance(kernel, PatchLaplace):
        bandwidths = [kernel.adapted(patches, np.ones(6)).bandwidth for patches in (x, small)]
        assert_allclose(bandwidths[1], scale * bandwidths[0], rtol=1e-12)
        assert_allclose(PatchLaplace(2, bandwidth=scale).gram(small), kernel.gram(x), rtol=1e-12)
    else:
        assert_allclose(kernel.gram(small), scale**2 * kernel.gram(x), rtol=1e-12)
        # Gradients grow with images as much as K does with its square root.
        assert_allclose(kernel.patch_agop(small, coef, small), scale**2 * kernel.patch_agop(x, coef, x), rtol=1e-10)


def test_bandwidth_is_in_root_mean_square_distances(rng):
    kernel = PatchLaplace(2)
    _, _, matrix, x, _ = make(kernel, (4, 4, 2), rng, n=12)
    weights = rng.integers(1, 4, 12).astype(float)
    patches = x.grid.cut(x.padded).reshape(-1, 8, 12).transpose(0, 2, 1)
    d = patches[:, :, None] - patches[:, None]
    squares = np.einsum("pijd,de,pije->pij", d, matrix, d) / 2
    mean = np.einsum("i,j,pij->", weights, weights, squares) / weights.sum() ** 2 / len(squares)
    assert_allclose(kernel.adapted(x, weights, 1.5).bandwidth, 1.5 * mean**0.5)
    same = ImagePatches.of(x.grid, np.ones((3, 4, 4, 2)), matrix)
    assert kernel.adapted(same, np.ones(3)).bandwidth == 1.0


@pytest.mark.parametrize("arguments", [{"patch_size": 0}, {"patch_size": 2.5}, {"padding": "full"}, {"depth": 11}])
def test_bad_parameters(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be .* got"):
        ConvNTK(**arguments)


@pytest.mark.parametrize("arguments", [{"pool": 0}, {"pool": True}, {"bandwidth": 0.0}, {"bandwidth": np.inf}])
def test_bad_parameters_of_patch_laplace(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be .* got"):
        PatchLaplace(**arguments)


def test_images_of_other_windows_are_refused(rng):
    def patches(kernel, size, matrix=None, images=None):
        grid = kernel.grid((size, size, 1))
        images = rng.random((3, size, size, 1)) if images is None else images
        return ImagePatches.of(grid, images, np.eye(grid.patch_length) if matrix is None else matrix)

    kernel, coef = ConvNTK(3, depth=2), np.ones((3, 1))
    x = patches(kernel, 8)
    with pytest.raises(ValueError, match="too small for the windows"):
        patches(kernel, 4)
    for bad in (np.ones((3, 8, 8, 1), int), np.ones((3, 8, 8)), np.ones((3, 8, 9, 1))):
        with pytest.raises(ValueError, match=r"images must be float32 or float64 of shape \(n, 8, 8, 1\)"):
            patches(kernel, 8, images=bad)
    others = (patches(ConvNTK(3, depth=1), 8), patches(ConvNTK(3, "same", 2), 8), patches(ConvNTK(2, depth=2), 8))
    calls = kernel.gram, lambda x, z: kernel.patch_agop(x, coef, z)
    for other in others:
        for call in calls:
            with pytest.raises(ValueError, match=r"cut for other windows"):
                call(x, other)
    with pytest.raises(ValueError, match="one shape and dtype"):
        kernel.gram(x, patches(kernel, 9))
    with pytest.raises(ValueError, match="same metric"):
        kernel.gram(x, patches(kernel, 8, np.diag(np.arange(1.0, 10.0))))


def test_agop_of_many_images_is_that_of_their_parts(rng):
    _, _, _, x, z = make(*CASES[1], rng)
    coef = rng.standard_normal((len(x), 2))
    whole, parts = CASES[1][0], with_budget(CASES[1][0], summed_images=2)
    expected = whole.patch_agop(x, coef, z, center=True)
    assert_allclose(parts.patch_agop(x, coef, z, center=True), expected, rtol=1e-10, atol=1e-10)
