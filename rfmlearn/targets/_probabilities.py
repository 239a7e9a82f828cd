"""Predictions of all classifiers, from the logits of their classes."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ._class_prior import check_class_prior, log_shift


class LogitsClassifierMixin(ClassifierMixin):
    """Classes, probabilities and decisions of an estimator that has ``_logits(X)``, of shape (m, n_classes).

    And `class_prior_`, the shares of the classes to which it was fitted.
    """

    def decision_function(self, X, *, class_prior=None):
        """Logarithms of probabilities up to a constant, or of the odds of the second of two classes.

        Parameters
        ----------
        X : array-like or DataFrame
            As in fit.
        class_prior : array-like of shape (n_classes,) or dict, default=None
            Shares of the classes among these rows, as in `predict_proba`.

        Returns
        -------
        ndarray of shape (m,) or (m, n_classes)
        """
        shift = self._shift(class_prior)
        logits = shift(self._logits(X))
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X, *, class_prior=None):
        """Calibrated probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : array-like or DataFrame
            As in fit.
        class_prior : array-like of shape (n_classes,) or dict, default=None
            Shares of the classes among these rows, in the order of `classes_` or by label, where they differ from those
            of the training rows, `class_prior_`, while rows of one class look as they did in training:
            probabilities become ``p_k class_prior_k / class_prior_[k]``, divided by their sum. None takes them for
            equal.

        Returns
        -------
        ndarray of shape (m, n_classes)
            Rows sum to one.

        Raises
        ------
        ValueError
            If `class_prior` has not a positive share for each class, or the shares do not sum to one.
        """
        shift = self._shift(class_prior)
        return softmax(shift(self._logits(X)), axis=1)

    def predict_log_proba(self, X, *, class_prior=None):
        """Logarithms of the probabilities, finite where these are too small for a number.

        Parameters
        ----------
        X : array-like or DataFrame
            As in fit.
        class_prior : array-like of shape (n_classes,) or dict, default=None
            Shares of the classes among these rows, as in `predict_proba`.

        Returns
        -------
        ndarray of shape (m, n_classes)
        """
        shift = self._shift(class_prior)
        return log_softmax(shift(self._logits(X)), axis=1)

    def predict(self, X, *, class_prior=None):
        """Most probable class.

        Parameters
        ----------
        X : array-like or DataFrame
            As in fit.
        class_prior : array-like of shape (n_classes,) or dict, default=None
            Shares of the classes among these rows, as in `predict_proba`.

        Returns
        -------
        ndarray of shape (m,)
        """
        shift = self._shift(class_prior)
        logits = shift(self._logits(X))
        return self.classes_[np.argmax(logits, axis=1)]

    def _shift(self, class_prior):
        """Function from logits to those of rows among which the classes have other shares than in training."""
        if class_prior is None:
            return lambda logits: logits
        check_is_fitted(self)
        shift = log_shift(check_class_prior(class_prior, self.classes_), self.class_prior_)
        return lambda logits: logits + shift.astype(logits.dtype)
