"""Regression by an ensemble of recursive feature machines that chooses its settings."""

from __future__ import annotations

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ._base_cv import BaseRFMCV
from ._conformal import IntervalScores
from ._outcomes import Numbers
from ._regressor import RFMRegressor
from ._sklearn_compat import _fit_context, check_weights
from ._target_checks import check_numbers


class RFMRegressorCV(MultiOutputMixin, RegressorMixin, BaseRFMCV):
    _single = RFMRegressor
    _default_score = "r2"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        X = self._check_X(X, reset=True)
        y = check_numbers(self, X, y)
        weights = check_weights(sample_weight, X)
        self._y_shape = y.shape[1:]
        outcome = Numbers(y.reshape(len(y), -1))
        self._fit(X, y, outcome, weights, weights, groups, None)
        self.oof_prediction_ = self._oof_values.reshape(y.shape)
        residuals = (outcome.values - self._oof_values)[self._oof_rows]
        self._interval_scores = IntervalScores(residuals, None, weights[self._oof_rows])
        return self

    def predict(self, X):
        Y = self._average(X)
        return Y.reshape(len(Y), *self._y_shape)

    def predict_interval(self, X, coverage=0.9):
        check_is_fitted(self)
        radius = self._interval_scores.radius(coverage)
        Y = self._average(X)
        return np.stack([Y - radius, Y + radius], axis=-1).reshape(len(Y), *self._y_shape, 2)
