"""Scores of predictions that are at hand: losses for the ensemble from scikit-learn's scorers."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class _KnownNumbers(RegressorMixin, BaseEstimator):
    """A fitted regressor whose predictions are known."""

    def __init__(self, predictions=None):
        self.predictions = predictions

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.predictions


class _KnownProbabilities(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are known."""

    def __init__(self, probabilities=None, classes=None):
        self.probabilities = probabilities
        self.classes = classes

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        return self.classes

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return self.probabilities

    def predict(self, X):
        return self.classes[np.argmax(self.probabilities, axis=1)]

    def decision_function(self, X):
        logits = np.log(np.maximum(self.probabilities, np.finfo(np.float64).tiny))
        return logits[:, 1] - logits[:, 0] if len(self.classes) == 2 else logits


def make_score(scoring, outcomes, y, classes=None):
    """The function ``(predictions, rows, weights) -> score``, greater is better, that `scoring` means.

    None is minus the outcome's own loss plus, for numbers, one: R2, or minus log-loss.
    """
    if scoring is None:
        best = 1.0 if classes is None else 0.0
        return lambda predictions, rows, weights: best - outcomes.loss(predictions, rows, weights)
    empty = _KnownNumbers() if classes is None else _KnownProbabilities(classes=classes)
    from sklearn.metrics import check_scoring  # takes long to import

    scorer = check_scoring(empty, scoring=scoring)

    def score(predictions, rows, weights):
        if classes is None:
            known = _KnownNumbers(predictions.reshape(len(rows), *y.shape[1:]))
        else:
            known = _KnownProbabilities(predictions, classes)
        stand_in = np.zeros((len(rows), 1))
        weighted = {} if np.all(weights == weights[0]) else {"sample_weight": weights}
        return float(scorer(known, stand_in, y[rows], **weighted))

    return score
