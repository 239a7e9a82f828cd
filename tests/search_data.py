"""Settings and problems for the estimators that choose their settings."""

import numpy as np

from rfmlearn import RFMClassifierCV, RFMRegressorCV

FEW = [{}, {"kernel": "gaussian", "feature_matrix": "full", "max_iter": 2}]
ONE_ROUND = [{"max_iter": 1}, {"kernel": "gaussian", "feature_matrix": "full", "max_iter": 1}]
ESTIMATORS = [RFMRegressorCV, RFMClassifierCV]


def data(Estimator, n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    y = X[:, 0] * 2 + np.sin(2 * X[:, 1]) + 0.2 * rng.normal(size=n)
    return X, (y if Estimator is RFMRegressorCV else np.where(y > 0.5, "b", np.where(y < -1, "c", "a")))


def values(model, X):
    return model.predict(X) if isinstance(model, RFMRegressorCV) else model.predict_proba(X)
