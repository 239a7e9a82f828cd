"""Members of other families: any estimator of scikit-learn joins the average by its out-of-fold predictions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import has_fit_parameter

from ..runtime._budget import SMALLEST_EXTRA_PROBABILITY
from ..tables._blocks import in_blocks
from ..tables._frames import take_rows
from ..targets._calibration import Calibration, Identity, Link


@dataclass(frozen=True, kw_only=True)
class ExtraMember:
    """A fitted estimator of another family and its share of the ensemble.

    Parameters
    ----------
    estimator : estimator
        Fitted on all rows that count.
    classes : ndarray or None
        Labels in the order of the ensemble's probabilities; None for numbers.
    link : Link
        From scores, for classes logarithms of probabilities, to predictions.
    weight : float
        Share of the ensemble.
    deviation : ndarray of shape (n_outputs,) or None
        Root mean square of the errors of numbers out of fold.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import RidgeCV
    >>> from rfmlearn import RFMRegressorCV
    >>> model = RFMRegressorCV([{"max_iter": 1}], cv=3, extra_members=[RidgeCV()], random_state=0)
    >>> [type(member.estimator).__name__ for member in model.fit(*load_diabetes(return_X_y=True)).extra_members_]
    ['RidgeCV']
    """

    estimator: BaseEstimator
    classes: np.ndarray | None
    link: Link
    weight: float
    deviation: np.ndarray | None = None

    @property
    def params(self):
        """What it is, as `cv_results_` says it."""
        return {"extra_member": self.estimator}

    def scores(self, X):
        """Scores of the rows of a checked table, shape (n, n_outputs)."""
        return in_blocks(partial(_scores, self.estimator, self.classes), X)

    def predict(self, X):
        """Its share of the ensemble's predictions for a checked table."""
        return self.weight * self.link(self.scores(X))


class ExtraModels:
    """Estimators of other families, and the rows that they are fitted to.

    Parameters
    ----------
    estimators : sequence of estimator
        Unfitted; they are cloned.
    X : table
    outcomes : Outcomes
    weights : Weights
    classes : ndarray or None
        Labels of the codes of classes.
    seed : int
        For their parameters called `random_state` that are None.
    """

    def __init__(self, estimators, X, outcomes, weights, classes, seed):
        self._estimators, self._X, self._outcomes = list(estimators), X, outcomes
        self._weights, self._classes, self._seed = weights, classes, seed

    def __len__(self):
        return len(self._estimators)

    def params(self, place):
        """What one of them is, as `cv_results_` says it."""
        return {"extra_member": self._estimators[place]}

    def score(self, place, train, test):
        """Scores of test rows by one of them, fitted to training rows."""
        fitted = self.fit(place, train)
        return _scores(fitted, self._classes, take_rows(self._X, test))

    def fit(self, place, rows):
        """One of them, fitted to rows; weights go to those that take any, and to the others only if all are equal."""
        estimator, weights = clone(self._estimators[place]), self._weights.total[rows]
        seeds = {
            name: self._seed
            for name, value in estimator.get_params().items()
            if value is None and (name == "random_state" or name.endswith("__random_state"))
        }
        estimator.set_params(**seeds)
        y = self._outcomes.y[rows]
        y = (y[:, 0] if y.shape[1] == 1 else y) if self._classes is None else self._classes[y]
        if np.ptp(weights) == 0:
            return estimator.fit(take_rows(self._X, rows), y)
        if not has_fit_parameter(estimator, "sample_weight"):
            raise ValueError(f"{type(estimator).__name__} takes no sample_weight, but rows or classes have weights.")
        return estimator.fit(take_rows(self._X, rows), y, sample_weight=weights)

    def calibrate(self, scores, rows, sample_weight):
        """The link from scores of rows that were left out to predictions."""
        if self._classes is None:
            return Identity()
        prior = np.full(len(self._classes), 1 / len(self._classes))
        return Calibration.fit(scores, self._outcomes.y[rows], sample_weight, prior)

    def member(self, place, rows, scored, weight, folds):
        """One of them, fitted to all rows, with the share that its predictions of the rows of folds have earned."""
        deviation = None if folds is None else self.deviation(scored.predictions, folds.rows, folds.shares)
        return ExtraMember(
            estimator=self.fit(place, rows), classes=self._classes, link=scored.link, weight=weight, deviation=deviation
        )

    def deviation(self, predictions, rows, shares=1.0):
        """Root mean square of errors of numbers that were predicted of rows left out."""
        if self._classes is not None:
            return None
        squares, weights = (self._outcomes.y[rows] - predictions) ** 2, self._weights.total[rows] * shares
        return np.sqrt(np.average(squares, axis=0, weights=weights))


def check_extra_members(estimators, predictor):
    """Refuse what is no unfitted estimator with the method that an ensemble asks for.

    Parameters
    ----------
    estimators : sequence
    predictor : {"predict", "predict_proba"}
    """
    for k, estimator in enumerate(estimators):
        if isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
            raise TypeError(f"extra_members[{k}] must be an estimator of scikit-learn, got {estimator!r}.")
        if not hasattr(estimator, predictor):
            raise ValueError(f"extra_members[{k}] must have {predictor}, which {type(estimator).__name__} has not.")


def _scores(estimator, classes, X):
    """Numbers, or logarithms of probabilities of all classes, those too that the estimator has not seen."""
    if classes is None:
        numbers = np.asarray(estimator.predict(X), dtype=np.float64)
        return _finite(numbers.reshape(len(numbers), -1), estimator, "predict")
    known = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    probabilities = np.zeros((len(known), len(classes)))
    probabilities[:, np.searchsorted(classes, estimator.classes_)] = known
    return np.log(np.maximum(_finite(probabilities, estimator, "predict_proba"), SMALLEST_EXTRA_PROBABILITY))


def _finite(predictions, estimator, method):
    """Predictions, unless one is not finite, with which no average would be."""
    if not np.isfinite(predictions).all():
        raise ValueError(f"{method} of {type(estimator).__name__} is not finite.")
    return predictions
