"""What estimators on images are beside their targets: kernel, what they take in, what was learned, `transform`."""

from __future__ import annotations

import warnings

import joblib
import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._sklearn_compat import DocumentedMixin, wants_frame
from ..recursion._initial_matrix import check_matrix
from ..recursion._spectral import eigenpairs
from ..runtime._threads import thread_limit
from ._image_checks import check_images
from ._random_convolution import RandomConvolution
from .kernels._base import ImageKernel
from .kernels._conv_ntk import ConvNTK
from .kernels._patch_laplace import PatchLaplace


class BaseConvRFM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DocumentedMixin, BaseEstimator):
    """Kernel, images and learned filters of a convolutional recursive feature machine."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _threads(self):
        """The limit of `n_jobs` on BLAS, which the loops obey."""
        if self.n_jobs == 0:
            raise ValueError("n_jobs must not be 0: take None for all threads in force, or a number of them.")
        return thread_limit(None if self.n_jobs is None else joblib.effective_n_jobs(self.n_jobs))

    def _make_kernel(self):
        """That of the first layer."""
        if isinstance(self.kernel, ImageKernel):
            return self.kernel
        if self.kernel == "cntk":
            return ConvNTK(self.patch_size, self.padding, self.depth)
        bandwidth = 1.0 if self.bandwidth == "auto" else float(self.bandwidth)
        return PatchLaplace(self.patch_size, self.padding, bandwidth, self.pool)

    def _initial_matrix(self, n_channels):
        """The feature matrix of round 0, of trace D, or None for the identity."""
        init, length = self.feature_matrix_init, self._make_kernel().patch_size ** 2 * n_channels
        if init is None:
            return None
        if hasattr(init, "get_params"):
            if not hasattr(init, "patch_matrix_"):
                raise ValueError(
                    f"feature_matrix_init={type(init).__name__} has no patch_matrix_: it must be a fitted "
                    "ConvRFMClassifier, and FrozenEstimator(model) of sklearn.frozen where it is cloned."
                )
            init = init.patch_matrix_
        matrix = check_matrix(init, length, "number of a patch")
        matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
        return matrix * (length / np.trace(matrix))

    def _store(self, layers, agop, history):
        """Attributes: what the first layer has learned of patches, and the fit that is kept."""
        self.patch_agop_ = agop
        self.patch_matrix_ = layers.first.matrix
        self.patch_eigenvalues_, vectors = eigenpairs(agop)
        size = layers.first.kernel.patch_size
        self.patch_eigenvectors_ = vectors.reshape(-1, size, size, self.image_shape_[2])
        self.standardize_ = layers.contrast is not None
        self.kernel_ = layers.kept.kernel
        self.alpha_ = layers.kept.alpha
        self.leave_one_out_loss_ = layers.kept.loss
        self.n_layers_ = len(layers.convolutions) + 1
        self.n_iter_ = max(record["n_iter"] for record in history if record["layer"] == self.n_layers_ - 1)
        self.best_iter_ = layers.kept.n_iter
        self.dual_coef_ = layers.kept.coef
        self.history_ = history
        self._grid = layers.first.patches.grid
        self._layers = layers

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_calibration")

    def _check_images(self, X):
        """Images as they were in fit, and whether they came flat."""
        X = X if hasattr(X, "shape") else np.asarray(X)
        flat = len(X.shape) == 2
        if tuple(X.shape) in (self.image_shape_, self.image_shape_[:2]) and X.shape[1:] != (self.n_features_in_,):
            raise ValueError(
                f"X of shape {tuple(X.shape)} is one image, but images of shape (n, height, width) or (n, height, "
                "width, n_channels) are expected: give X[np.newaxis]."
            )
        if flat:
            validate_data(self, X, reset=False, skip_check_array=True)
        known = flat or X.shape[1:] == self.image_shape_
        images, _, white = check_images(self, X, self.image_shape_ if known else None)
        if images.shape[1:] != self.image_shape_:
            raise ValueError(
                f"X has images of shape {images.shape[1:]}, but {type(self).__name__} was fitted to images of shape "
                f"{self.image_shape_} (height, width, n_channels)."
            )
        if white != self._white:
            warnings.warn(
                f"X was divided by {white}, as its dtype asks for, but by {self._white} in fit: give images of one "
                "dtype, or scale them yourself.",
                UserWarning,
                stacklevel=4,
            )
        return images, flat

    def transform(self, X):
        """Images seen through the leading learned filters: products of every patch with eigenvectors of the patch-AGOP.

        The images are standardized first if the fit did.

        Parameters
        ----------
        X : array-like
            Images as in fit.

        Returns
        -------
        ndarray of shape (m, rows, columns, n_components)
            In the order of `patch_eigenvectors_`; flat, of shape (m, rows * columns * n_components), if X is or if
            `set_output` asks for a data frame.
        """
        check_is_fitted(self)
        images, flat = self._check_images(X)
        filters = self.patch_eigenvectors_.reshape(len(self.patch_eigenvectors_), -1)[: self.n_components].T
        with self._threads():
            seen = RandomConvolution(self._grid, filters.astype(images.dtype))(self._layers.seen(images))
        return seen.reshape(len(seen), -1) if flat or wants_frame(self) else seen

    @property
    def _n_features_out(self):
        rows, columns = self._grid.shape()
        return rows * columns * min(self.n_components, len(self.patch_eigenvalues_))
