"""Regression by a recursive feature machine."""

from __future__ import annotations

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length

from ._base import BaseRFM
from ._sklearn_compat import _fit_context, check_weights
from ._targets import ScaledTargets


class RFMRegressor(MultiOutputMixin, RegressorMixin, BaseRFM):
    """TODO."""

    def __init__(
        self,
        kernel="laplace",
        *,
        bandwidth="auto",
        exponent=1.0,
        norm_p=1.5,
        alpha=0.1,
        max_iter=3,
        feature_matrix="full",
        agop_power=0.5,
        shrinkage=0.005,
        n_agop_samples=20_000,
        scaling="standard",
        categorical_features="from_dtype",
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
        self.max_iter = max_iter
        self.feature_matrix = feature_matrix
        self.agop_power = agop_power
        self.shrinkage = shrinkage
        self.n_agop_samples = n_agop_samples
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.solver = solver
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.time_limit = time_limit
        self.callback = callback
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Learn."""
        X = self._check_X(X, reset=True)
        y = self._check_y(X, y)
        weights = check_weights(sample_weight, X)
        Y, positive = y.reshape(len(y), -1), weights > 0
        targets = ScaledTargets.fit(Y[positive], weights[positive])
        validation = self._check_validation(X_val, y_val, sample_weight_val)
        if validation is not None:
            y_val = self._check_y(validation[0], y_val).reshape(len(y_val), -1)
            if y_val.shape[1] != Y.shape[1]:
                raise ValueError(f"y_val has {y_val.shape[1]} outputs, but y has {Y.shape[1]}.")
            validation = validation[0], targets.encode(y_val), validation[1]
        self._fit(X, weights, lambda kept: targets.encode(Y[kept]), validation)
        self._targets, self._y_shape = targets, y.shape[1:]
        self.intercept_ = targets.mean
        return self

    def predict(self, X):
        """Predict."""
        F = self._decision(X)
        return self._targets.decode(F).astype(F.dtype, copy=False).reshape(len(F), *self._y_shape)

    def _check_y(self, X, y):
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=self)
        if y.ndim > 2:
            raise ValueError(f"y must have one or two dimensions, got {y.ndim}.")
        check_consistent_length(X, y)
        return np.asarray(y, dtype=np.float64)
