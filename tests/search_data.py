"""Settings and problems for the estimators that choose their settings."""

import numpy as np

from rfmlearn import RFMClassifierCV, RFMRegressorCV
from rfmlearn.runtime._budget import RungBudget, SearchBudget

FEW = [{}, {"kernel": "gaussian", "feature_matrix": "full", "max_iter": 2}]
ONE_ROUND = [{"max_iter": 1}, {"kernel": "gaussian", "feature_matrix": "full", "max_iter": 1}]
ESTIMATORS = [RFMRegressorCV, RFMClassifierCV]


def rung(n_rows, n_folds, n_survivors, n_tested=10**9):
    """What a rung of a search compares, on so many training rows in so many folds."""
    return RungBudget(n_rows=n_rows, n_folds=n_folds, n_tested=n_tested, n_survivors=n_survivors)


def with_budget(Estimator, **sizes):
    """The same search with other numbers of rows."""
    return type(Estimator.__name__, (Estimator,), {"budgets": {"medium": SearchBudget(**sizes)}})


def in_float64(Estimator, **sizes):
    """The same search, whose predictions of rows left out are those of single models to rounding."""
    return with_budget(Estimator, smallest_ridge_in_float32=np.inf, **sizes)


def data(Estimator, n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    y = X[:, 0] * 2 + np.sin(2 * X[:, 1]) + 0.2 * rng.normal(size=n)
    return X, (y if issubclass(Estimator, RFMRegressorCV) else np.where(y > 0.5, "b", np.where(y < -1, "c", "a")))


def values(model, X):
    return model.predict(X) if isinstance(model, RFMRegressorCV) else model.predict_proba(X)
