"""Problems for the two estimators of tables, and what they are asked."""

import numpy as np

from rfmlearn import RFMClassifier, RFMRegressor

ESTIMATORS = [RFMRegressor, RFMClassifier]
KERNELS = ["laplace", "gaussian", "product_laplace", "lpq_laplace", "sum_power_laplace"]


def regression(n=80, d=5, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] * X[:, 1] + np.sin(X[:, 0]) + noise * rng.normal(size=n)


def classification(n=120, n_classes=3, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    signal = X[:, 0] + noise * rng.normal(size=n)
    return X, np.searchsorted(np.quantile(signal, np.arange(1, n_classes) / n_classes), signal)


def data_for(Estimator, n=80):
    return regression(n) if Estimator is RFMRegressor else classification(n)


def scores(model, X):
    return model.predict(X) if isinstance(model, RFMRegressor) else model.decision_function(X)
