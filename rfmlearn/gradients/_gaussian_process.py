"""Gradients of Gaussian processes: predictions, and probabilities of the Laplace approximation."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import laplace_approximation_constants
from ..targets import _links
from ._pair_derivatives import differentiate, is_known
from ._registry import numbers, register


@register("sklearn", "GaussianProcessRegressor")
def gaussian_process_regressor(model, output):
    """Gradient of the posterior mean."""
    check_is_fitted(model, "X_train_")  # it can also predict from the prior
    if not is_known(model.kernel_):
        return None
    centers, coef = np.asarray(model.X_train_, dtype=np.float64), model.alpha_.reshape(len(model.alpha_), -1)
    coef = coef * model._y_train_std

    def gradient(X):
        Z = numbers(model, X)
        return differentiate(model.kernel_, centers, Z).gradients(coef, centers, Z)

    return gradient


@register("sklearn", "GaussianProcessClassifier")
def gaussian_process_classifier(model, output):
    """Gradients of the probabilities, of one class against the rest if there are more than two."""
    two_classes = len(model.classes_) == 2
    if not two_classes and model.multi_class != "one_vs_rest":
        return None
    members = [model.base_estimator_] if two_classes else model.base_estimator_.estimators_
    if not all(is_known(member.kernel_) for member in members):
        return None

    def gradient(X):
        Z = numbers(model, X)
        values, gradients = zip(*(_probability(member, Z) for member in members), strict=True)
        of_members = np.stack(gradients)
        if two_classes:
            return np.concatenate([-of_members, of_members])
        return _links.normalized(np.stack(values, axis=1), of_members)

    return gradient


def _probability(member, Z):
    r"""Probability of the second class, (m,), and its gradient, (m, d).

    With latent mean a and variance v it is ``sum_i c_i (1 + erf(l_i a / sqrt(1 + 2 l_i^2 v))) / 2``, the approximation
    of the logistic integral by five error functions (Williams and Barber 1998, appendix A).
    """
    coefs, lambdas = laplace_approximation_constants()  # those of the prediction
    X = np.asarray(member.X_train_, dtype=np.float64)
    pairs = differentiate(member.kernel_, X, Z)
    v = solve_triangular(member.L_, member.W_sr_[:, None] * pairs.values.T, lower=True)
    mean = pairs.values @ (member.y_train_ - member.pi_)
    variance = member.kernel_.diag(Z) - np.sum(v**2, axis=0)
    of_mean = pairs.gradient(member.y_train_ - member.pi_, X, Z)
    back = member.W_sr_[:, None] * solve_triangular(member.L_, v, lower=True, trans="T")
    # The prior variance k(z, z) moves with both of its arguments, which are alike.
    prior = 2 * differentiate(member.kernel_, Z, Z).gradient(np.eye(len(Z)), Z, Z)
    of_variance = prior - 2 * pairs.gradient(back.T, X, Z)

    spread = 1 + 2 * lambdas**2 * variance
    slope = coefs * lambdas * np.exp(-((lambdas * mean) ** 2) / spread) / np.sqrt(np.pi * spread)
    by_mean, by_variance = slope.sum(axis=0), -(slope * lambdas**2 * mean / spread).sum(axis=0)
    probability = member.predict_proba(Z)[:, 1]
    return probability, by_mean[:, None] * of_mean + by_variance[:, None] * of_variance
