"""Stand-ins for fitted models whose predictions of some rows are at hand, as scorers ask for them."""

from __future__ import annotations

import math
from collections import Counter
from functools import cached_property

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class KnownRows:
    """Rows whose predictions are at hand.

    Parameters
    ----------
    X : table
    y : array-like
    """

    def __init__(self, X, y):
        self.X, self.y = X, y

    @cached_property
    def shape_of_one(self):
        """Shape of the target of one row."""
        return np.shape(self.y)[1:]

    @cached_property
    def _places(self):
        places: dict = {}
        for place, key in enumerate(_row_keys(self.X)):
            places.setdefault(key, []).append(place)
        return places

    def find(self, X):
        """Places of the rows of a table among the known ones: all of them if it is the same table.

        Of rows that are the same, which have predictions of several folds, the first stands for the first, and so on.
        """
        if X is self.X:
            return np.arange(len(self.y))
        places, asked = [], Counter[object]()
        try:
            for key in _row_keys(X):
                same = self._places[key]
                places.append(same[asked[key] % len(same)])
                asked[key] += 1
            return np.array(places, dtype=np.intp)
        except KeyError:
            raise ValueError(
                "scoring asks for predictions of rows that are not among those left out of the fit: a search knows "
                "the predictions of the rows that the scorer is given, and of parts of them, but no others."
            ) from None


def _row_keys(table):
    """One hashable object for each row, the same where rows are."""
    values = np.asarray(table)
    if values.dtype.kind in "biuf":
        return [row.tobytes() for row in np.ascontiguousarray(values, dtype=np.float64)]
    return [repr(row) for row in values.tolist()]


class _KnownModel(BaseEstimator):
    """What the stand-ins share."""

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        """Stand-ins are fitted."""
        return self

    @property
    def n_features_in_(self):
        """Columns of the table."""
        return np.shape(self.rows.X)[1]


class KnownNumbers(RegressorMixin, _KnownModel):
    """A fitted regressor whose predictions are known."""

    def __init__(self, rows=None, predictions=None):
        self.rows, self.predictions = rows, predictions

    @classmethod
    def of(cls, rows, predictions):
        """The stand-in for some rows, with predictions of shape (n, n_outputs), which quantiles of one target keep."""
        if predictions.shape[1] == math.prod(rows.shape_of_one):
            predictions = predictions.reshape(len(predictions), *rows.shape_of_one)
        return cls(rows, predictions)

    def predict(self, X):
        """The known predictions."""
        return self.predictions[self.rows.find(X)]


class KnownProbabilities(ClassifierMixin, _KnownModel):
    """A fitted classifier whose probabilities are known."""

    def __init__(self, rows=None, probabilities=None, classes=None):
        self.rows, self.probabilities, self.classes = rows, probabilities, classes

    def of(self, rows, probabilities):
        """The stand-in for some rows, with probabilities of shape (n, n_classes)."""
        return type(self)(rows, probabilities, self.classes)

    @property
    def classes_(self):
        """Labels."""
        return self.classes

    def predict_proba(self, X):
        """The known probabilities."""
        return self.probabilities[self.rows.find(X)]

    def predict_log_proba(self, X):
        """Their logarithms."""
        return np.log(np.maximum(self.predict_proba(X), np.finfo(np.float64).tiny))

    def predict(self, X):
        """The most probable classes."""
        return self.classes[np.argmax(self.predict_proba(X), axis=1)]

    def decision_function(self, X):
        """Logarithms of probabilities, or of the ratio of two."""
        logits = self.predict_log_proba(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes) == 2 else logits
