"""Predictions of all classifiers, from the logits of their classes."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin


class LogitsClassifierMixin(ClassifierMixin):
    """Classes, probabilities and decisions of an estimator that has ``_logits(X)``, of shape (m, n_classes)."""

    def decision_function(self, X):
        """Logarithms of probabilities up to a constant, or of the odds of the second of two classes.

        Parameters
        ----------
        X : array-like or DataFrame
            As in fit.

        Returns
        -------
        ndarray of shape (m,) or (m, n_classes)
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X):
        """Calibrated probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : array-like or DataFrame
            As in fit.

        Returns
        -------
        ndarray of shape (m, n_classes)
            Rows sum to one.
        """
        return softmax(self._logits(X), axis=1)

    def predict_log_proba(self, X):
        """Logarithms of the probabilities, finite where these are too small for a number.

        Parameters
        ----------
        X : array-like or DataFrame
            As in fit.

        Returns
        -------
        ndarray of shape (m, n_classes)
        """
        return log_softmax(self._logits(X), axis=1)

    def predict(self, X):
        """Most probable class.

        Parameters
        ----------
        X : array-like or DataFrame
            As in fit.

        Returns
        -------
        ndarray of shape (m,)
        """
        logits = self._logits(X)
        return self.classes_[np.argmax(logits, axis=1)]
