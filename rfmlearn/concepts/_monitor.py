"""Alarms and sets of classes from scores that examples had when they were left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from ..targets._calibration import Calibration
from ..targets._class_sets import SetScores
from ..targets._conformal import check_coverage, conformal_quantile, for_each_coverage


class Monitor:
    """Scores of examples left out, and what follows from them for new ones.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        The larger, the more of the concept.
    labels : ndarray of int of shape (n,)
        Zeros and ones.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.concepts._monitor import Monitor
    >>> monitor = Monitor(np.array([-2.0, -1.0, 0.5, 1.0, 1.5, 2.0]), np.array([0, 0, 0, 1, 1, 1]))
    >>> monitor.threshold(0.25)
    0.5
    """

    def __init__(self, scores, labels):
        self.scores, self.labels = scores, labels
        self.weight = np.ones(len(labels))
        self.prior = np.bincount(labels, minlength=2) / len(labels)
        self.calibration = Calibration.fit(_two_columns(scores), labels, self.weight, self.prior)

    def logits(self, scores):
        """Calibrated logits of both classes, shape (m, 2)."""
        return self.calibration.logits(_two_columns(scores))

    @property
    def set_scores(self):
        """Probabilities of the examples left out, from which conformal sets follow."""
        return SetScores(softmax(self.logits(self.scores), axis=1), self.labels, self.weight)

    def threshold(self, false_alarms):
        """Score above which lie at most this share of new examples without the concept."""
        without = self.labels == 0
        try:
            return conformal_quantile(self.scores[without], self.weight[without], 1.0 - false_alarms)
        except ValueError as error:
            n, least = int(without.sum()), 1.0 / (without.sum() + 1.0)
            raise ValueError(
                f"false_alarms={false_alarms:g} needs more than {n} examples without the concept: give more, "
                f"or allow at least {least:.3g}."
            ) from error


class MonitorMixin:
    """A classifier of two classes that has ``_monitor``, a `Monitor`, and says ``_scores(X)``, shape (m,)."""

    _monitor: Monitor

    @property
    def class_prior_(self):
        """Shares of the classes in fit."""
        return self._monitor.prior

    def _logits(self: Any, X):
        check_is_fitted(self)
        return self._monitor.logits(self._scores(X))

    def alarm(self: Any, X, false_alarms=0.05):
        """Whether examples show so much of the concept that few without it would.

        Parameters
        ----------
        X : array-like of shape (m, n_layers, width)
            As in fit.
        false_alarms : float or array-like of shape (n_rates,), default=0.05
            Largest share of examples without the concept that may give an alarm, between 0 and 1; or several.

        Returns
        -------
        ndarray of bool of shape (m,) or (m, n_rates)
            The threshold is a conformal quantile of the scores that examples without the concept had when they were
            left out, so the share holds on average for new ones like these, or nearly so: see the Notes.
        """
        scores = self._scores(X)
        return for_each_coverage(
            lambda rate: scores > self._monitor.threshold(check_coverage(rate, "false_alarms")),
            false_alarms,
            "false_alarms",
        )

    def predict_set(self: Any, X, coverage=0.9):
        """Sets of classes that contain the true one with the probability asked for.

        Parameters
        ----------
        X : array-like of shape (m, n_layers, width)
            As in fit.
        coverage : float or array-like of shape (n_coverages,), default=0.9
            0 < coverage < 1; or several.

        Returns
        -------
        ndarray of bool of shape (m, 2) or (m, 2, n_coverages)
            In the order of ``classes_``. Both classes where the probe cannot tell; always the more probable one, so
            that sets cover at least as often as asked for, and as the probe is right; nearly so, as the Notes say.
        """
        proba = self.predict_proba(X)
        return self._monitor.set_scores.predict(proba, coverage, "lac")


def _two_columns(scores):
    """Scores of both classes, which sum to zero."""
    return np.stack([-scores, scores], axis=1)
