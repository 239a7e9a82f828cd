"""Classification of images by a recursive feature machine that learns features of patches."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._sklearn_compat import Interval, StrOptions, _fit_context, check_weights
from ..recursion._agop import agop_rows
from ..runtime._budget import ImageBudget
from ..runtime._progress import log_to_stderr, logger, progress
from ..solvers import Weights
from ..tables._copies import merge_copies
from ..targets._calibration import Calibration
from ..targets._checks import check_groups, check_labels, class_factors, code_labels
from ..targets._codes import ClassCodes
from ..targets._probabilities import LogitsClassifierMixin
from ._base import BaseConvRFM
from ._image_checks import check_image_memory, check_images, check_layers, check_scale
from ._layers import layer_kernels, layer_shapes, learn_layers
from ._recursion import ImageRecursion
from .kernels._base import ImageKernel


class ConvRFMClassifier(LogitsClassifierMixin, BaseConvRFM):
    """Classification of images by a convolutional kernel machine that learns features of patches.

    A kernel machine is fitted to images; gradients of its predictions with respect to all patches are averaged into the
    patch-AGOP ``G = E sum_p g_p g_p^T``, a matrix over the numbers of one patch; patches are transformed by a power of
    it, and the machine is fitted again. What is learned are filters, edge detectors on photographs, without
    backpropagation and without a network. Ridge and round are chosen by leave-one-out in closed form, and so are
    the probabilities calibrated.

    Parameters
    ----------
    kernel : {"cntk", "patch_laplace"} or ImageKernel, default="cntk"
        The tangent kernel of an infinitely wide convolutional network, `rfmlearn.images.ConvNTK`; or the mean of
        Laplace kernels of patches at equal places, `rfmlearn.images.PatchLaplace`. An instance brings its own patch
        size, depth, padding, pool and bandwidth.
    patch_size : int, default=3
        Side of the windows in pixels, and of the learned filters.
    depth : int, default=3
        Convolutions of "cntk", 1 to 10. Not used by "patch_laplace".
    padding : {"valid", "same"}, default="valid"
        Whether windows stay inside the image, or zeros surround it.
    pool : int, default=1
        Side of the windows over which places of "patch_laplace" may differ; time grows with (2 pool - 1)^2.
    bandwidth : float or "auto", default="auto"
        Of "patch_laplace", in units of transformed distance. "auto" sets it in every round to 1.5 root mean square
        distances of patches at equal places.
    standardize : bool or "auto", default="auto"
        Whether every image is brought to mean zero and variance one over all its numbers, so that brightness and
        contrast count for nothing, but for images of less than a tenth of the usual contrast, which stay weak. "auto"
        does so unless the leave-one-out error of the plain kernel, on 500 images drawn at random if there are more,
        rises by more than a standard error.
    alpha : float or "auto", default="auto"
        Ridge, in units of the mean of the kernel's diagonal. "auto" has every round take the value between 1e-5 and 3
        with the smallest leave-one-out error, on 2,000 images drawn at random if there are more.
    max_iter : int, default=3
        Rounds of feature learning at most; the one before the leave-one-out error rises is kept. 0 is the plain kernel.
    agop_power : float, default=0.5
        p in ``M^(1/2) = ((1 - s) G + s I)^p``, 0 < p <= 1, where G is the patch-AGOP over its largest entry; M is
        then brought to trace D. 1/2 takes the AGOP itself for M, less is more cautious.
    shrinkage : float, default=0.0
        s, 0 <= s <= 1, the share of the identity in it.
    center_gradients : bool, default=False
        Whether the mean gradient over images and places is subtracted, for each output.
    feature_matrix_init : array-like, ConvRFMClassifier or None, default=None
        Feature matrix of patches of round 0 of the first layer, which is else the identity: of shape (D, D) with
        ``D = patch_size^2 n_channels``, or (D,) for a diagonal, or of a fitted model, its `patch_matrix_`. With
        ``max_iter=0`` it stays as it is. A clone copies a fitted model as it is.
    n_agop_samples : int or None, default=50
        Training images over which the patch-AGOP is averaged, drawn at random with probability proportional to
        weight; None means all. Every image brings as many gradients as it has places.
    n_layers : int, default=1
        More than one is Deep ConvRFM: after each layer, images pass a finite convolution with random filters drawn from
        the learned feature matrix, and a kernel shallower by one learns from the result. The layer with the
        smallest leave-one-out error is kept.
    n_filters : int, default=64
        Random filters of such a convolution.
    n_components : int, default=8
        Learned filters through which `transform` looks.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, n_channels) of flat images; one of them may be -1. Those fitted count once
        there is a fit.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, times sample weights; "balanced" makes all classes equally heavy.
    random_state : int, RandomState instance or None, default=None
        For the images drawn and for random filters.
    n_jobs : int or None, default=None
        Threads; None means as many as BLAS may use, -1 all processors. Results differ by rounding at most. Not used
        by calls from other threads than the main one, in which loops take one thread.
    verbose : bool or int, default=False
        Whether progress is shown.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    class_prior_ : ndarray of shape (n_classes,)
        Their shares in fit, by weight and `class_weight`, which `class_prior` of predictions may replace.
    image_shape_ : tuple of int
        (height, width, n_channels).
    patch_agop_ : ndarray of shape (D, D)
        Patch-AGOP of the (first layer's) fitted function, D = patch_size^2 n_channels, in the order (row, column,
        channel).
    patch_eigenvalues_ : ndarray of shape (D,)
        Its eigenvalues, falling.
    patch_eigenvectors_ : ndarray of shape (D, patch_size, patch_size, n_channels)
        Its eigenvectors as filters, with the largest entry positive.
    patch_matrix_ : ndarray of shape (D, D)
        Feature matrix M of the (first layer's) kernel, of trace D.
    kernel_ : ImageKernel
        With the bandwidth used.
    standardize_ : bool
        Whether images are standardized.
    alpha_ : float
        Ridge used.
    n_iter_ : int
        Rounds that were run, of the layer that was kept.
    best_iter_ : int
        Round of it that was kept.
    n_layers_ : int
        Layers that were kept.
    dual_coef_ : ndarray of shape (n_fitted, n_classes - 1)
        Of the images of positive weight, of copies of an image only the first.
    leave_one_out_loss_ : float
        Mean squared error of the class codes of training images that are left out, of the round kept; to compare
        models of other windows or depth without further data.
    history_ : list of dict
        For each layer and round its ridge, leave-one-out loss and seconds.
    n_features_in_ : int
        Numbers of an image.
    feature_names_in_ : ndarray of str
        Names of the columns, for flat images in a data frame.

    See Also
    --------
    RFMClassifier : For tables; learns a feature matrix over all columns.
    rfmlearn.inspection.PatchAGOPDisplay : Pictures of what was learned.

    Notes
    -----
    A round costs O(n^2 places (D + depth)) for the Gram matrix, O(n n_agop_samples places D n_classes) for the
    gradients and O(n^3) for the solution, and the memory of two Gram matrices, five copies of the images (as the layer
    sees them that makes most of them) and less than 1 GB beside.

    References
    ----------
    D. Beaglehole, A. Radhakrishnan, P. Pandit, M. Belkin, Mechanism of feature learning in convolutional neural
    networks, arXiv 2309.00570, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from rfmlearn import ConvRFMClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = ConvRFMClassifier(image_shape=(8, 8), depth=2, max_iter=1, random_state=0).fit(X[:200] / 16, y[:200])
    >>> bool(model.score(X[200:] / 16, y[200:]) > 0.85), model.patch_eigenvectors_.shape
    (True, (9, 3, 3, 1))
    """

    budget: ClassVar[ImageBudget] = ImageBudget()

    _parameter_constraints: ClassVar[dict] = {
        "kernel": [StrOptions({"cntk", "patch_laplace"}), ImageKernel],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "depth": [Interval(Integral, 1, 10, closed="both")],
        "padding": [StrOptions({"valid", "same"})],
        "pool": [Interval(Integral, 1, None, closed="left")],
        "bandwidth": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "standardize": ["boolean", StrOptions({"auto"})],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "agop_power": [Interval(Real, 0, 1, closed="right")],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "center_gradients": ["boolean"],
        "n_agop_samples": [Interval(Integral, 1, None, closed="left"), None],
        "n_layers": [Interval(Integral, 1, 10, closed="both")],
        "feature_matrix_init": ["array-like", BaseEstimator, None],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "image_shape": [tuple, list, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        kernel="cntk",
        *,
        patch_size=3,
        depth=3,
        padding="valid",
        pool=1,
        bandwidth="auto",
        standardize="auto",
        alpha="auto",
        max_iter=3,
        agop_power=0.5,
        shrinkage=0.0,
        center_gradients=False,
        feature_matrix_init=None,
        n_agop_samples=50,
        n_layers=1,
        n_filters=64,
        n_components=8,
        image_shape=None,
        class_weight=None,
        random_state=None,
        n_jobs=None,
        verbose=False,
    ):
        self.kernel = kernel
        self.patch_size = patch_size
        self.depth = depth
        self.padding = padding
        self.pool = pool
        self.bandwidth = bandwidth
        self.standardize = standardize
        self.alpha = alpha
        self.max_iter = max_iter
        self.agop_power = agop_power
        self.shrinkage = shrinkage
        self.center_gradients = center_gradients
        self.feature_matrix_init = feature_matrix_init
        self.n_agop_samples = n_agop_samples
        self.n_layers = n_layers
        self.n_filters = n_filters
        self.n_components = n_components
        self.image_shape = image_shape
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Learn patch features, coefficients and probabilities from images.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, n_channels) or (n, n_features)
            Images, all of one size; flat ones with `image_shape`. uint8 is divided by 255 and uint16 by 65535; other
            numbers are taken as they are. float64 is computed in float64, all else in float32: give numbers with seven
            digits or more, or differences that are small beside a common offset, as float64.
        y : array-like of shape (n,)
            Class labels of any type.
        sample_weight : array-like of shape (n,), default=None
            Non-negative. Whole numbers are repetitions, which are left out together where images are left out to choose
            and to calibrate, as copies of an image are. Of other numbers the ratios matter.
        groups : array-like of shape (n,), default=None
            Images that belong together, as those of one patient do: where images are left out, all of a group are.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X, y or a weight is not what is described above, or images are too small for the windows; the message
            says what would do.
        MemoryError
            If the Gram matrix does not fit in the memory available, before it is allocated.
        """
        threads = self._threads()
        images, flat, white = check_images(self, X, self.image_shape)
        check_scale(images)
        y = check_labels(self, images, y)
        sample_weight = check_weights(sample_weight, images)
        classes, labels = code_labels(self, y, sample_weight)
        factors = class_factors(self.class_weight, classes, y, sample_weight)[labels]
        kept = np.flatnonzero(sample_weight > 0)
        weights = Weights.of(sample_weight[kept], factors[kept], check_groups(groups, images, kept))
        kernels = layer_kernels(self._make_kernel(), self.n_layers)
        shapes = layer_shapes(kernels, images.shape[1:], self.n_filters)
        check_layers(kernels, shapes)
        grid, pixels = kernels[0].grid(shapes[0]), max(map(math.prod, shapes))
        tiles = len(kept) * int(np.prod(grid.shape())) * len(kernels[0]._offsets(grid))
        check_image_memory(len(kept), pixels, tiles, images.dtype.itemsize, len(kept) <= self.budget.left_out)
        validate_data(self, X if flat else images.reshape(len(images), -1), skip_check_array=True)
        images, labels = images if len(kept) == len(images) else images[kept], labels[kept]
        flat_images, labels, weights = merge_copies(images.reshape(len(images), -1), labels, weights)
        images = flat_images.reshape(-1, *images.shape[1:])
        target = ClassCodes.fit(labels, len(classes), weights.total)
        with log_to_stderr(self.verbose), threads:
            layers, agop, history = self._learn(kernels, images, target.encode(labels), weights)
        self.classes_, self.image_shape_, self._white = classes, shapes[0], white
        self._store(layers, agop, history)
        rows, decision = layers.left_out
        self._target = target
        scores = target.decode(decision).astype(np.float64)
        self._calibration = Calibration.fit(scores, labels[rows], weights.total[rows], target.prior)
        return self

    def _learn(self, kernels, images, targets, weights):
        rng = check_random_state(self.random_state)
        order = rng.permutation(len(images))
        recursion = ImageRecursion(
            images=images,
            targets=targets,
            weights=weights,
            kernel=kernels[0],
            adaptive=self.bandwidth == "auto" and not isinstance(self.kernel, ImageKernel),
            alpha=None if self.alpha == "auto" else float(self.alpha),
            agop_power=float(self.agop_power),
            shrinkage=float(self.shrinkage),
            sample=agop_rows(weights.total, self.n_agop_samples, rng),
            center=self.center_gradients,
            left_out=np.sort(order[: self.budget.left_out]),
            rng=rng,
            initial=self._initial_matrix(images.shape[3]),
        )
        history, n_rounds = [], self.max_iter + 1
        with progress(self.verbose) as show:

            def report(layer, iterate):
                record = {"layer": layer, "n_iter": iterate.n_iter, "alpha": iterate.alpha}
                record |= {"leave_one_out_loss": iterate.loss, "seconds": iterate.seconds}
                history.append(record)
                logger.info("layer %d, round %d: alpha %.1e, leave-one-out loss %.5g, %.1f s", *record.values())
                show(layer * n_rounds + iterate.n_iter + 1, len(kernels) * n_rounds, "rounds")

            tried = np.sort(order[: self.budget.tried])
            layers = learn_layers(recursion, kernels, tried, self.standardize, self.n_filters, self.max_iter, report)
        first = layers.first
        return layers, recursion.agop(first.kernel, first.patches, first.coef), history

    @property
    def class_prior_(self):
        """Shares of the classes in fit."""
        return self._target.prior

    def _logits(self, X):
        check_is_fitted(self)
        images, _ = self._check_images(X)
        with self._threads():
            decision = self._layers.decision(images)
        return self._calibration.logits(self._target.decode(decision))
