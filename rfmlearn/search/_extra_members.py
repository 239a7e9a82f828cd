"""Members of other families: any estimator of scikit-learn joins the average by its out-of-fold predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, clone

from .._sklearn_compat import unset_random_states
from ..runtime._budget import SMALLEST_EXTRA_PROBABILITY
from ..tables._blocks import in_blocks
from ..tables._frames import copy_table, take_rows
from ..targets._calibration import Calibration, Identity, Link
from ._weights_of_fits import weight_parameter


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
        # Estimators may change what they are given, which is the user's, and the other members'.
        return in_blocks(lambda block: _scores(self.estimator, self.classes, copy_table(block)), X)

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
        scores = _scores(fitted, self._classes, self._table(test))
        n_outputs = self._outcomes.y.shape[1] if self._classes is None else len(self._classes)
        if scores.shape[1] != n_outputs:
            name = type(fitted).__name__
            raise ValueError(f"predict of {name} returns {scores.shape[1]} numbers for each row, not {n_outputs}.")
        return scores

    def fit(self, place, rows):
        """One of them, fitted to rows; weights go to those that take any, and to the others only if all are equal."""
        estimator = clone(self._estimators[place])
        weights = self._weights.total[rows] * self._weights.unit  # the user's, times those of classes
        estimator.set_params(**dict.fromkeys(unset_random_states(estimator), self._seed))
        y = self._outcomes.y[rows]
        y = (y[:, 0] if y.shape[1] == 1 else y) if self._classes is None else self._classes[y]
        X, options = self._table(rows), {}
        if np.ptp(weights) > 0:
            name = weight_parameter(estimator)
            if name is None:
                raise ValueError(
                    f"{type(estimator).__name__} takes no sample_weight, but rows or classes have weights."
                )
            options[name] = weights
        estimator.fit(X, y, **options)
        return estimator

    def _table(self, rows):
        """Rows of the table, which an estimator may change."""
        part = take_rows(self._X, rows)
        return copy_table(part) if part is self._X else part

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
        errors, weights = np.abs(self._outcomes.y[rows] - predictions), self._weights.total[rows] * shares
        largest = np.maximum(errors.max(axis=0), np.finfo(np.float64).tiny)  # squares might overflow
        return largest * np.sqrt(np.average((errors / largest) ** 2, axis=0, weights=weights))


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
        if not hasattr(estimator, predictor) and not _is_known_in_fit(estimator):
            raise ValueError(f"extra_members[{k}] must have {predictor}, which {type(estimator).__name__} has not.")


def _is_known_in_fit(estimator):
    """Whether only a fit tells the methods of an estimator: those of a stack are those of its last part."""
    from sklearn.ensemble import StackingClassifier  # takes long to import

    return any(isinstance(part, StackingClassifier) for part in (estimator, *estimator.get_params().values()))


def _scores(estimator, classes, X):
    """Numbers, or logarithms of probabilities of all classes, those too that the estimator has not seen."""
    n_rows = len(X)  # which estimators that change X might change
    if classes is None:
        return _checked(estimator, "predict", np.asarray(estimator.predict(X), dtype=np.float64), n_rows)
    known = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    own = np.asarray(estimator.classes_)
    if not np.isin(own, classes).all():
        raise ValueError(
            f"{type(estimator).__name__} has classes {own[~np.isin(own, classes)].tolist()}, which y has not."
        )
    probabilities = np.zeros((n_rows, len(classes)))
    places = np.searchsorted(classes, own)
    probabilities[:, places] = _checked(estimator, "predict_proba", known, n_rows, len(own))
    return np.log(np.maximum(probabilities, SMALLEST_EXTRA_PROBABILITY))


def _checked(estimator, method, predictions, n_rows, n_columns=None):
    """Predictions with a row for each row and as many columns as asked for, and with numbers that can be averaged."""
    what, shape = f"{method} of {type(estimator).__name__}", predictions.shape
    if predictions.ndim == 1 and n_columns is None:
        predictions = predictions[:, None]
    if predictions.ndim != 2 or len(predictions) != n_rows or n_columns not in (None, predictions.shape[1]):
        asked = f"{n_rows} rows" if n_columns is None else f"{n_rows} rows and {n_columns} classes"
        raise ValueError(f"{what} returns an array of shape {shape} for {asked}.")
    if not np.isfinite(predictions).all():
        raise ValueError(f"{what} is not finite.")
    return predictions
