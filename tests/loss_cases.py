"""Losses other than squared error: by name, as functions of decisions, with targets that they allow."""

import numpy as np

from rfmlearn import RFMRegressor
from rfmlearn.targets._codes import ClassCodes
from rfmlearn.targets._losses import ExpectileLoss, HuberLoss, MultinomialLoss, SmoothQuantileLoss, TweedieLoss

PARAMETERS = {
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "quantile": {"loss": "quantile", "quantile": 0.8},
    "quantiles": {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
    "expectile": {"loss": "expectile", "quantile": 0.8},
    "poisson": {"loss": "poisson"},
    "gamma": {"loss": "gamma"},
    "tweedie": {"loss": "tweedie", "power": 1.5},
}
NAMES = list(PARAMETERS)
POSITIVE = ["poisson", "gamma", "tweedie"]
LOCATED = [name for name in NAMES if name not in POSITIVE]


def regressor(name, **others):
    """One round of feature learning does for most tests."""
    return RFMRegressor(**PARAMETERS[name], **({"max_iter": 1} | others))


def amounts(n=60, seed=0):
    """Positive targets whose size and spread depend on the first column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, np.exp(X[:, 0] / 2) * rng.gamma(3, size=n)


def counts(n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, rng.poisson(np.exp(X[:, 0])).astype(float)


def multinomial(n_classes=3):
    prior = np.arange(1.0, n_classes + 1) / np.arange(1, n_classes + 1).sum()
    basis = ClassCodes.fit(np.arange(n_classes), n_classes, prior).basis
    return MultinomialLoss.of(prior, basis)


def window(level, width=0.3, density=0.8):
    return SmoothQuantileLoss(*(np.array([part]) for part in (level, width, density)))


LOSSES = {
    "quantile": window(0.8),
    "absolute_error": window(0.5),
    "huber": HuberLoss(np.array([0.7])),
    "expectile": ExpectileLoss(np.array([0.8])),
    "poisson": TweedieLoss(1.0),
    "tweedie": TweedieLoss(1.5),
    "gamma": TweedieLoss(2.0),
    "log_loss": multinomial(),
    "log_loss of two": multinomial(2),
}


def decisions_and_targets(name, n=40, seed=0):
    """Decisions of the size of 1, and targets of a loss, in its units."""
    rng = np.random.default_rng(seed)
    loss = LOSSES[name]
    if isinstance(loss, MultinomialLoss):
        labels = rng.integers(len(loss.prior), size=n)
        return rng.normal(size=(n, len(loss.prior) - 1)), loss.basis[labels]
    f = rng.normal(size=(n, 1))
    if not isinstance(loss, TweedieLoss):
        return f, rng.normal(size=(n, 1))
    y = rng.poisson(1.5, size=(n, 1)) if name == "poisson" else rng.gamma(2, 0.5, size=(n, 1))
    return f, y.astype(float)
