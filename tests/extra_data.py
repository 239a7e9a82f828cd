"""Estimators of other families that a search is given, some of which fail."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from rfmlearn import RFMClassifierCV, RFMRegressorCV
from rfmlearn.runtime._budget import SearchBudget

LINE = [{"kernel": "gaussian", "max_iter": 0, "alpha": 1.0}]  # which linear models beat on lines


NOTHING = [{"kernel": "gaussian", "bandwidth": 1e-4, "max_iter": 0, "alpha": 100.0}]  # which anything beats

# Without doubt that few rows tell enough, others than the default machine have the say that they have earned.
FREE = {"medium": SearchBudget(doubt=0)}


class FreeRegressorCV(RFMRegressorCV):
    budgets = FREE


class FreeClassifierCV(RFMClassifierCV):
    budgets = FREE


ESTIMATORS = [FreeRegressorCV, FreeClassifierCV]


def is_regression(Estimator):
    return issubclass(Estimator, RFMRegressorCV)


def linear(Estimator):
    return LinearRegression() if is_regression(Estimator) else LogisticRegression()


def tree(Estimator, **options):
    kind = DecisionTreeRegressor if is_regression(Estimator) else DecisionTreeClassifier
    return kind(**({"max_depth": 3} | options))


def constant(Estimator):
    return DummyRegressor() if is_regression(Estimator) else DummyClassifier()


def lines(Estimator, n=60):
    """A problem that is linear, which gives linear models most of the say."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    y = 3 * X[:, 0] - X[:, 1] + 0.3 * rng.normal(size=n)
    return X, (y if is_regression(Estimator) else np.where(y > 1, "high", np.where(y < -1, "low", "middle")))


class Failing(BaseEstimator):
    """Another estimator, which from `lowest` rows on fails in fit, or predicts what are no numbers."""

    def __init__(self, estimator, lowest=0, method="fit"):
        self.estimator, self.lowest, self.method = estimator, lowest, method

    def fit(self, X, y):
        self.is_bad_ = len(X) >= self.lowest
        if self.is_bad_ and self.method == "fit":
            raise RuntimeError(f"no fit to {len(X)} rows")
        self.fitted_ = clone(self.estimator).fit(X, y)
        self.classes_ = getattr(self.fitted_, "classes_", None)
        return self

    def predict(self, X):
        return np.where(self.is_bad_, np.nan, self.fitted_.predict(X))

    def predict_proba(self, X):
        return np.where(self.is_bad_, np.nan, self.fitted_.predict_proba(X))


class FirstColumn(RegressorMixin, BaseEstimator):
    """Predicts the first column, takes no weights, and remembers what it was fitted to."""

    def fit(self, X, y):
        self.rows_ = np.asarray(X)
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0].astype(float)


class Frequencies(ClassifierMixin, BaseEstimator):
    """Frequencies of the classes, which takes no weights."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))
