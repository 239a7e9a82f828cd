"""What regressor and classifier share: the scikit-learn contract around the recursion."""

from __future__ import annotations

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions
from ..kernels import Kernel, LaplaceKernel, make_kernel
from ..kernels._names import KERNELS
from ..recursion._feature_matrix import FORMS
from ..recursion._initial_matrix import InitialMatrixMixin, make_initial_matrix
from ..recursion._recursion import ITERATIVE_FROM, MIXED_FROM, Recursion
from ..recursion._stopping import StoppingRule, ValidationSet
from ..runtime._memory import check_memory
from ..runtime._progress import log_to_stderr
from ..runtime._trouble import collect_trouble
from ..tables._base import TableEstimator
from ..tables._categories import CODINGS
from ..tables._encoder import ColumnEncoder, column_shares
from ..tables._frames import take_rows


class BaseRFM(InitialMatrixMixin, TableEstimator):
    """Fit and predict of a recursive feature machine on encoded targets."""

    _parameter_constraints: ClassVar[dict] = {
        "kernel": [StrOptions(set(KERNELS)), Kernel],
        "bandwidth": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "exponent": [Interval(Real, 0, 2, closed="right")],
        "norm_p": [Interval(Real, 0, 2, closed="right")],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "alpha_scale": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "feature_matrix": [StrOptions(set(FORMS))],
        "feature_matrix_init": ["array-like", BaseEstimator, None],
        "agop_power": [Interval(Real, 0, 1, closed="right")],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "n_agop_samples": [Interval(Integral, 1, None, closed="left"), None],
        "center_gradients": ["boolean"],
        "scaling": [StrOptions({"standard", "robust", "quantile"}), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "categorical_encoding": [StrOptions(set(CODINGS))],
        "solver": [StrOptions({"auto", "cholesky", "cg"})],
        "tol": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "callback": [callable, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        kernel="lpq_laplace",
        *,
        bandwidth="auto",
        exponent=1.2,
        norm_p=1.5,
        alpha="auto",
        alpha_scale=1.0,
        max_iter=3,
        feature_matrix="diagonal",
        feature_matrix_init=None,
        agop_power=0.375,
        shrinkage=0.005,
        n_agop_samples=20_000,
        center_gradients=False,
        scaling="robust",
        categorical_features="from_dtype",
        categorical_encoding="one_hot",
        solver="auto",
        tol=1e-3,
        n_iter_no_change=None,
        time_limit=None,
        callback=None,
        random_state=None,
        verbose=False,
    ):
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.exponent = exponent
        self.norm_p = norm_p
        self.alpha = alpha
        self.alpha_scale = alpha_scale
        self.max_iter = max_iter
        self.feature_matrix = feature_matrix
        self.feature_matrix_init = feature_matrix_init
        self.agop_power = agop_power
        self.shrinkage = shrinkage
        self.n_agop_samples = n_agop_samples
        self.center_gradients = center_gradients
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.categorical_encoding = categorical_encoding
        self.solver = solver
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.time_limit = time_limit
        self.callback = callback
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X, weights, row_weights, encode, validation):
        """Learn from a table, positive and zero weights, and a function that gives the coded targets.

        Parameters
        ----------
        X : table as `_check_X` returns it
        weights, row_weights : ndarray of shape (n,)
            With and without weights of classes.
        encode : callable
            Rows kept (positive weight) to their coded targets, shape (n_kept, n_outputs).
        validation : tuple (X, coded targets, weights) or None
        """
        kept = np.flatnonzero(weights > 0)
        recursion = self._start(take_rows(X, kept), weights[kept], row_weights[kept], encode(kept))
        if validation is not None:
            table, coded, validation_weights = validation
            validation = ValidationSet(self._encoder.transform(table), coded, validation_weights)
        rule = StoppingRule(self.max_iter, validation, self.n_iter_no_change, self.time_limit, self.callback)
        with log_to_stderr(self.verbose), collect_trouble() as self.fit_warnings_:
            best, self.history_ = rule.run(recursion)
        self._store(recursion, best)
        return recursion, best, kept

    def _start(self, X, weights, row_weights, targets, dtype=None, **options):
        """Learn the encoding of a table of rows with positive weight; the recursion over its points."""
        rng = check_random_state(self.random_state)
        self._encoder = ColumnEncoder(self.scaling, self.categorical_features, self.categorical_encoding)
        points = self._encoder.fit_transform(X, weights, targets)
        points = points if dtype is None else points.astype(dtype)
        recursion = self._make_recursion(points, targets, weights, row_weights, rng, **options)
        check_memory(
            len(points), points.n_coordinates, targets.shape[1], 4 if recursion.mixed else points.dtype.itemsize
        )
        return recursion

    def _store(self, recursion, best):
        """Keep what prediction and inspection need, and not the n x n arrays."""
        self.agop_ = recursion.agop(best)
        self.coordinate_columns_ = self._encoder.coordinate_columns_
        self.feature_importances_ = column_shares(self.agop_, self.coordinate_columns_, self.n_features_in_)
        self.coordinate_names_ = self._encoder.coordinate_names_
        self.feature_matrix_ = best.feature_matrix.to_array()
        self.kernel_ = best.kernel
        self.alpha_ = best.alpha
        self.n_iter_ = best.n_iter
        self.X_fit_ = best.points
        self.dual_coef_ = best.dual_coef
        self._metric = best.feature_matrix

    def _decision(self, X):
        """Coded predictions of a table, shape (m, n_outputs)."""
        check_is_fitted(self)
        points = self._metric.transform(self._encoder.transform(self._check_X(X, reset=False)))
        return self.kernel_.product(self.X_fit_, self.dual_coef_, points)

    def _make_kernel(self):
        if isinstance(self.kernel, Kernel):
            return self.kernel
        bandwidth = 1.0 if self.bandwidth == "auto" else self.bandwidth
        return make_kernel(self.kernel, bandwidth, self.exponent, self.norm_p)

    def _make_recursion(self, points, targets, weights, row_weights, rng, **options):
        n, kernel = len(points), self._make_kernel()
        large = self.solver != "cholesky" and n >= MIXED_FROM
        return Recursion(
            points,
            targets,
            weights,
            kernel,
            adaptive=self.bandwidth == "auto" and not isinstance(self.kernel, Kernel),
            alpha=None if self.alpha == "auto" else float(self.alpha),
            alpha_scale=float(self.alpha_scale),
            form=self.feature_matrix,
            agop_power=float(self.agop_power),
            shrinkage=float(self.shrinkage),
            n_agop_samples=self.n_agop_samples,
            center=self.center_gradients,
            iterative=n >= ITERATIVE_FROM[self.solver],
            tol=float(self.tol),
            mixed=large and isinstance(kernel, LaplaceKernel) and points.dtype == np.float64,
            rng=rng,
            row_weight=row_weights,
            initial=make_initial_matrix(
                self.feature_matrix_init, self.feature_matrix, points, self._encoder.coordinate_names_
            ),
            **options,
        )
