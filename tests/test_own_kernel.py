"""A kernel of one's own: the one that the documentation shows, in every estimator that takes a kernel.

`instances` has it among the kernels, so that it joins the tests of their properties.
"""

import inspect
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from threadpoolctl import threadpool_limits

import rfmlearn
from rfmlearn import (
    AGOPFeatureMap,
    ConvRFMClassifier,
    DeepRFMClassifier,
    DeepRFMRegressor,
    RFMClassifier,
    RFMClassifierCV,
    RFMRegressor,
    RFMRegressorCV,
)
from rfmlearn.gradients import input_gradients
from rfmlearn.kernels import LaplaceKernel, RadialKernel
from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.kernels._points import as_points


# [kernel]
@njit(nogil=True, error_model="numpy", cache=True)
def rational_quadratic(squares, rate, values, slopes):
    one = squares.dtype.type(1)  # Python's 1 would turn float32 into float64
    for j in range(squares.size):
        values[j] = one / (one + rate * squares[j])
        slopes[j] = -rate * values[j] * values[j]


@dataclass(frozen=True)
class RationalQuadraticKernel(RadialKernel):
    """``k(x, z) = 1 / (1 + |x - z|^2 / L^2)``, with tails that are heavier than any exponential's."""

    def evaluate(self, squares, values, slopes):
        rate = squares.dtype.type(self.bandwidth**-2)
        rational_quadratic(squares, rate, values, slopes)


# [end]


@dataclass(frozen=True)
class OwnLaplaceKernel(RadialKernel):
    """A Laplace kernel times a factor, in NumPy: its slope at zero is infinite, and it reads squares to the end."""

    factor: float = 1.0

    def evaluate(self, squares, values, slopes):
        assert squares.ndim == values.ndim == slopes.ndim == 1 and len(squares) == len(values) == len(slopes)
        assert all(a.flags.c_contiguous and a.dtype == squares.dtype for a in (squares, values, slopes))
        values[:] = self.factor
        values *= np.exp(-np.sqrt(squares) / self.bandwidth)
        with np.errstate(divide="ignore"):
            slopes[:] = -values / (2 * self.bandwidth * np.sqrt(squares))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [3, 64, 333, 1100])
def test_a_copy_of_our_kernel_gives_the_same(n, dtype, rng):
    """Duplicates, tiles, blocks and parts of rows among them."""
    X, Z = rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=(n + 7, 3)).astype(dtype)
    X[n // 2 :] = X[: n - n // 2]
    coef, tolerance = rng.normal(size=(n, 2)), 1e-12 if dtype == np.float64 else 2e-5
    ours, own = LaplaceKernel(1.5), OwnLaplaceKernel(1.5, factor=3.0)
    for name, arguments in (
        ("__call__", (X,)),
        ("__call__", (X, Z)),
        ("product", (X, coef, Z)),
        ("symmetric_product", (X, coef)),
        ("gradient", (X, coef, Z)),
        ("gradient", (X, coef, X)),
    ):
        expected = 3 * getattr(ours, name)(*arguments)
        found = getattr(own, name)(*arguments)
        assert found.dtype == dtype
        assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    pairs = {kernel: PairMatrix.empty(n, dtype) for kernel in (ours, own)}
    for kernel, matrix in pairs.items():
        matrix.array.fill(np.nan)
        matrix.fill_sums(kernel, as_points(X))
        matrix.fill_gram(kernel)
    assert_allclose(np.tril(pairs[own].array), 3 * np.tril(pairs[ours].array), rtol=0, atol=3 * tolerance)
    expected = 3 * pairs[ours].gradient(ours, coef)
    assert_allclose(pairs[own].gradient(own, coef), expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("kernel", [RationalQuadraticKernel(2.0), OwnLaplaceKernel(2.0)])
def test_threads_do_not_show(kernel, rng):
    X, coef = rng.normal(size=(1300, 4)), rng.normal(size=(1300, 2))
    results = []
    for n_threads in (1, 3):
        with threadpool_limits(n_threads):
            results.append((kernel(X), kernel(X, X + 0), kernel.product(X, coef, X), kernel.gradient(X, coef, X)))
    for one, several in zip(*results, strict=True):
        assert_array_equal(several, one)


def test_own_parameters_are_checked():
    assert OwnLaplaceKernel(2, factor=np.float32(3)) == OwnLaplaceKernel(2.0, 3.0)
    for bad, error in (("3", TypeError), (True, TypeError), (np.nan, ValueError), (np.inf, ValueError)):
        with pytest.raises(error, match=r"^factor\b"):
            OwnLaplaceKernel(factor=bad)
    with pytest.raises(ValueError, match=r"^bandwidth\b"):
        OwnLaplaceKernel(bandwidth=0.0)
    with pytest.raises(TypeError, match="evaluate"):
        RadialKernel()


# In every estimator

OWN = RationalQuadraticKernel(bandwidth=2.0)
SINGLE = {Estimator: Estimator(OWN, max_iter=1, random_state=0) for Estimator in (RFMRegressor, RFMClassifier)}
ESTIMATORS = [
    *SINGLE.values(),
    *(
        Estimator(OWN, feature_matrix=form, solver="cg", max_iter=1, random_state=0)
        for Estimator, form in ((RFMRegressor, "full"), (RFMClassifier, "block"))
    ),
    *(Estimator([{"kernel": OWN, "max_iter": 1}], cv=2) for Estimator in (RFMRegressorCV, RFMClassifierCV)),
    *(AGOPFeatureMap(model, random_state=0) for model in SINGLE.values()),
    AGOPFeatureMap(SINGLE[RFMRegressor], n_layers=2, n_random_features=20, random_state=0),
    DeepRFMRegressor(SINGLE[RFMRegressor], n_layers=2, n_random_features=20, random_state=0),
    DeepRFMClassifier(SINGLE[RFMClassifier], n_layers=2, n_random_features=20, random_state=0),
]


def kernels_in(model):
    """All kernels in the fitted attributes of a model, wherever they lie."""
    found, seen, stack = [], set(), [model]
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, rfmlearn.kernels.Kernel):
            found.append(item)
        elif isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, (list, tuple)):
            stack += item
        elif type(item).__module__.startswith(("rfmlearn", "sklearn")):
            stack += vars(item).values() if hasattr(item, "__dict__") else ()
    return found


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_every_estimator_fits_with_it(estimator, rng):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(rng.normal(size=(150, 3)), columns=list("abc"))
    X["kind"] = pd.Categorical(np.where(rng.random(150) < 0.5, "u", "v"))
    y = np.sin(2 * X["a"].to_numpy()) + (X["kind"] == "u").to_numpy()
    inner = getattr(estimator, "estimator", None) or estimator
    target = np.where(y > np.median(y), "high", "low") if is_classifier(inner) else y
    model = clone(estimator).fit(X[:100], target[:100])
    assert repr(clone(model)) == repr(estimator)
    assert set(kernels_in(model)) == {OWN}  # the bandwidth is not changed either
    copied = pickle.loads(pickle.dumps(model))
    if isinstance(model, AGOPFeatureMap):
        assert_array_equal(copied.transform(X), model.transform(X))
        assert np.isfinite(model.transform(X)).all()
    else:
        assert_array_equal(copied.predict(X), model.predict(X))
        assert model.score(X[100:], target[100:]) > 0.75


def test_no_estimator_is_forgotten():
    """All that have a parameter for a kernel, or for an estimator with one, are in the list above, but for images."""
    public = [getattr(rfmlearn, name) for name in rfmlearn.__all__ if inspect.isclass(getattr(rfmlearn, name))]
    assert {type(estimator) for estimator in ESTIMATORS} == set(public) - {ConvRFMClassifier}


def test_predictions_are_those_of_kernel_ridge_regression(rng):
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    model = RFMRegressor(OWN, alpha=0.1, max_iter=0, scaling=None).fit(X, y)

    def gram(A, B):
        return 1 / (1 + np.sum((A[:, None] - B) ** 2, axis=2) / OWN.bandwidth**2)

    mean, scale = y.mean(), y.std()
    coef = np.linalg.solve(gram(X, X) + 0.1 * np.eye(60), (y - mean) / scale)
    assert_allclose(model.predict(X + 0.3), mean + scale * gram(X + 0.3, X) @ coef, rtol=1e-9)


def test_gradients_of_a_model_are_differences(rng):
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    model = RFMRegressor(OWN, max_iter=1).fit(X, y)
    gradients, h = np.squeeze(input_gradients(model, X[:5])), 1e-5
    for k in range(3):
        step = h * np.eye(3)[k]
        expected = (model.predict(X[:5] + step) - model.predict(X[:5] - step)) / (2 * h)
        assert_allclose(gradients[:, k], expected, rtol=1e-5, atol=1e-7)
