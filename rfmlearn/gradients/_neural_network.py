"""Gradients of the multilayer perceptrons of scikit-learn, by backpropagation to the input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from ..targets import _links
from ._registry import numbers, register

# Each activation, and its slope as a function of its value.
_ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (expit, lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(a.dtype)),
}
_OUTPUT_LINKS = {
    "softmax": _links.multinomial,
    "logistic": _links.logistic,
    "identity": lambda scores, gradient: gradient,
    "exp": lambda scores, gradient: _links.scaled(np.exp(scores), gradient),
}


@register("sklearn", "MLPRegressor", "MLPClassifier")
def multilayer_perceptron(model, output):
    """Predictions or probabilities; the latter of both classes if there are two."""
    two_classes = output == "probability" and model.n_outputs_ == 1
    link = _links.two_classes if two_classes else _OUTPUT_LINKS[model.out_activation_]

    def gradient(X):
        return link(*_scores_and_gradient(model, numbers(model, X)))

    return gradient


def _scores_and_gradient(model, X):
    """What enters the output function, (m, n_outputs), and its gradient, (n_outputs, m, d)."""
    activate, slope = _ACTIVATIONS[model.activation]
    *hidden, last = zip(model.coefs_, model.intercepts_, strict=True)
    value, slopes = X, []
    for weights, bias in hidden:
        value = activate(value @ weights + bias)
        slopes.append(slope(value))
    weights, bias = last
    gradient = np.broadcast_to(weights.T[:, None, :], (weights.shape[1], len(X), len(weights)))
    for (earlier, _), by in zip(reversed(hidden), reversed(slopes), strict=True):
        gradient = (gradient * by) @ earlier.T
    return value @ weights + bias, gradient
