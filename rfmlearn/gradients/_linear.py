"""Gradients of linear models: their coefficients, times the slope of the link."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse

from ..targets import _links
from ._registry import numbers, register


def _coefficients(model):
    """Coefficients of shape (n_outputs, n_columns)."""
    coef = model.coef_.toarray() if issparse(model.coef_) else np.asarray(model.coef_)
    return np.atleast_2d(coef).astype(np.float64)


def _linear(model, link=None):
    """Gradients of ``link(X coef^T + intercept)``; no link is the identity."""
    coef = _coefficients(model)

    def gradient(X):
        X = numbers(model, X)
        constant = np.broadcast_to(coef[:, None, :], (len(coef), *X.shape))
        return constant if link is None else link(X @ coef.T + model.intercept_, constant)

    return gradient


def _exponential(scores, gradient):
    """Gradients of ``exp(s)``."""
    return _links.scaled(np.exp(scores), gradient)


@register(
    "sklearn",
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "BayesianRidge"),
    *("ARDRegression", "HuberRegressor", "LinearSVR", "SGDRegressor"),
    *("LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron"),
)
def linear_scores(model, output):
    """Models whose only output is linear."""
    return _linear(model)


@register("sklearn", "PoissonRegressor", "GammaRegressor", "TweedieRegressor")
def generalized_linear(model, output):
    """Generalized linear models with the logarithm or the identity as link."""
    link = getattr(model, "link", "log")
    if link == "auto":
        link = "identity" if model.power <= 0 else "log"
    return _linear(model, _exponential if link == "log" else None)


@register("sklearn", "LinearDiscriminantAnalysis")
def linear_discriminant(model, output):
    """Softmax of linear scores, logistic for two classes."""
    if output == "decision":
        return _linear(model)
    return _linear(model, _links.two_classes if len(model.classes_) == 2 else _links.multinomial)


@register("sklearn", "LogisticRegression", "LogisticRegressionCV")
def logistic_regression(model, output):
    """Softmax of linear scores, logistic for two classes; none for schemes that scikit-learn has dropped since 1.6."""
    if output == "probability":
        one_against_rest = model.solver == "liblinear" and len(model.classes_) > 2
        if one_against_rest or getattr(model, "multi_class", "auto") not in ("auto", "deprecated"):
            return None
    return linear_discriminant(model, output)


@register("sklearn", "SGDClassifier")
def stochastic_gradient_descent(model, output):
    """Logistic probabilities one against the rest if the loss is logistic; other probabilities have corners."""
    if output == "decision":
        return _linear(model)
    if model.loss != "log_loss":
        return None
    return _linear(model, _links.two_classes if len(model.classes_) == 2 else _links.one_vs_rest)
