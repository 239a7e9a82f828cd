"""Gradients of kernel ridge regression and of support vector machines."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.sparse import issparse

from ..kernels import ProductLaplaceKernel
from ..targets import _links
from ._pair_derivatives import named_kernel
from ._registry import numbers, register


def _expansion(model, kernel, centers, coef):
    """Gradients of ``sum_i coef[i, l] k(x_i, z)``; None without a kernel or for sparse centres."""
    if kernel is None or issparse(centers):
        return None
    centers = np.asarray(centers, dtype=np.float64)

    def gradient(X):
        Z = numbers(model, X)
        return kernel(centers, Z).gradients(coef, centers, Z)

    return gradient


@register("sklearn", "KernelRidge")
def kernel_ridge(model, output):
    """Kernels "linear", "rbf", "laplacian", "polynomial" and "sigmoid"."""
    coef = model.dual_coef_.reshape(len(model.dual_coef_), -1)
    gamma = 1 / model.n_features_in_ if model.gamma is None else model.gamma
    if isinstance(model.kernel, str) and model.kernel == "laplacian" and not issparse(model.X_fit_):
        laplacian, centers = ProductLaplaceKernel(1 / gamma, 1.0), np.asarray(model.X_fit_, dtype=np.float64)
        return lambda X: laplacian.gradient(centers, coef, numbers(model, X))
    return _expansion(model, named_kernel(model.kernel, gamma, model.degree, model.coef0), model.X_fit_, coef)


@register("sklearn", "SVR", "NuSVR")
def support_vector_regression(model, output):
    """Kernels that libsvm has by itself."""
    if issparse(model.dual_coef_):
        return None
    kernel = named_kernel(model.kernel, model._gamma, model.degree, model.coef0)
    return _expansion(model, kernel, model.support_vectors_, model.dual_coef_.T)


@register("sklearn", "SVC", "NuSVC")
def support_vector_classification(model, output):
    """Decision functions, of pairs of classes or of each class against the rest."""
    if output != "decision" or issparse(model.dual_coef_):
        return None
    n_classes = len(model.classes_)
    coef = model.dual_coef_.T if n_classes == 2 else _pair_coefficients(model)
    kernel = named_kernel(model.kernel, model._gamma, model.degree, model.coef0)
    pairs = _expansion(model, kernel, model.support_vectors_, coef)
    if pairs is None or n_classes == 2 or model.decision_function_shape == "ovo":
        return pairs
    centers = model.support_vectors_
    signs = _pair_signs(n_classes)

    def gradient(X):
        Z = numbers(model, X)
        derivatives = kernel(centers, Z)
        sums = (derivatives.values @ coef + model.intercept_) @ signs
        of_sums = derivatives.gradients(coef @ signs, centers, Z)
        # Votes for a class are constant around a row; their sum of decisions s enters as s / (3 (|s| + 1)).
        return _links.scaled(1 / (3 * (np.abs(sums) + 1) ** 2), of_sums)

    return gradient


def _pair_coefficients(model):
    """Dual coefficients of each pair of classes, shape (n_support_vectors, n_pairs)."""
    n_classes, edges = len(model.classes_), np.cumsum([0, *model.n_support_])
    coef = np.zeros((edges[-1], n_classes * (n_classes - 1) // 2))
    for k, (a, b) in enumerate(combinations(range(n_classes), 2)):
        # Row r of dual_coef_ holds each vector's coefficient against the r-th of the other classes.
        coef[edges[a] : edges[a + 1], k] = model.dual_coef_[b - 1, edges[a] : edges[a + 1]]
        coef[edges[b] : edges[b + 1], k] = model.dual_coef_[a, edges[b] : edges[b + 1]]
    return coef


def _pair_signs(n_classes):
    """Sums over pairs by class: +1 for the first of a pair, -1 for the second, shape (n_pairs, n_classes)."""
    eye = np.eye(n_classes)
    return np.array([eye[a] - eye[b] for a, b in combinations(range(n_classes), 2)])
