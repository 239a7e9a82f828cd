"""What regressors with a choice of losses share."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import r2_score

from .._sklearn_compat import check_weights
from ..targets._loss_checks import check_targets, check_targets_of_loss, is_for_one_output
from ..targets._loss_targets import LOG_LINKS, make_target


class LossMixin:
    """A regressor with the parameters ``loss``, ``quantile`` and ``power``."""

    def score(self: Any, X, y, sample_weight=None):
        """Share of the loss that predictions explain: R2, or for other losses than squared error D2.

        That is one minus the mean loss over that of the best constant, as `sklearn.metrics.d2_pinball_score` and
        `sklearn.metrics.d2_tweedie_score` have it; of several quantiles or outputs the mean.

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.
        y : array-like of shape (m,) or (m, n_outputs)
            True targets.
        sample_weight : array-like of shape (m,), default=None

        Returns
        -------
        float
            1 is perfect, 0 as good as a constant.
        """
        if self.loss == "squared_error":
            return r2_score(y, self.predict(X), sample_weight=sample_weight)
        predicted = self.predict(X)
        y, weight = check_targets(self, X, y), check_weights(sample_weight, X)
        return 1 - self._mean_loss(predicted, y.reshape(len(y), -1), weight)

    def _mean_loss(self: Any, predicted, Y, weight):
        """Mean loss in units of that of the best constant, for other losses than squared error."""
        check_targets_of_loss(self, Y, "y")
        target = self._make_target(Y, weight)
        parts, losses = target.comparison(predicted.reshape(1, len(Y), -1), Y, weight)
        return float(losses(parts)[0])

    def _on_link_scale(self: Any, predictions):
        """Predictions as machines make them: logarithms, for some losses."""
        if self.loss not in LOG_LINKS:
            return predictions
        return np.log(np.maximum(predictions, np.finfo(predictions.dtype).tiny))

    @property
    def _least_target(self: Any):
        """Below it no target lies."""
        return 0.0 if self.loss in LOG_LINKS else -np.inf

    def _refuse_deviations(self: Any, what):
        """Deviations are those of a Gaussian process, whose loss is squared error."""
        if self.loss != "squared_error":
            raise ValueError(f"{what} needs loss='squared_error', got loss={self.loss!r}: predict_interval has others.")

    def _make_target(self: Any, Y, weight):
        """How targets are coded for the loss."""
        return make_target(Y, weight, self.loss, self.quantile, self.power)

    def _shape_of(self: Any, y):
        """Shape of what is predicted for one row."""
        return (len(self.quantile),) if np.ndim(self.quantile) == 1 else y.shape[1:]

    def __sklearn_tags__(self: Any):
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.positive_only = self.loss in LOG_LINKS
        tags.target_tags.multi_output = not is_for_one_output(self)
        return tags
