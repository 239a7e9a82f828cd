"""Scores of predictions on a test part, and which of them are better when they are larger."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

# Name, and whether larger is better. In this order they are reported.
METRICS = {
    "accuracy": True,
    "log_loss": False,
    "brier": False,
    "auc": True,
    "ece": False,
    "rmse": False,
    "mae": False,
    "r2": True,
}


def score_probabilities(P, y):
    """Scores of class probabilities of shape (m, n_classes), which are clipped at 1e-7; y counts from 0.

    The area under the curve is for one class against the rest, averaged over classes, and left out where a class has
    no test rows.
    """
    P = np.clip(np.asarray(P, dtype=float), 1e-7, 1)
    P /= P.sum(axis=1, keepdims=True)
    n_classes = P.shape[1]
    scores = {
        "accuracy": accuracy_score(y, P.argmax(axis=1)),
        "log_loss": log_loss(y, P, labels=range(n_classes)),
        "brier": float(np.mean(np.sum((P - np.eye(n_classes)[y]) ** 2, axis=1))),
        "ece": calibration_error(P, y),
    }
    if 2 <= n_classes == len(np.unique(y)):
        scores["auc"] = float(roc_auc_score(y, P[:, 1] if n_classes == 2 else P, multi_class="ovr"))
    return scores


def calibration_error(P, y, n_bins=15):
    """How far the confidence in the top class is from the share of rows that are right, over bins of equal width."""
    confidence, right = P.max(axis=1), P.argmax(axis=1) == y
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    return float(np.abs(np.bincount(bins, weights=right - confidence)).sum() / len(y))


def score_numbers(prediction, y):
    """Scores of numeric predictions; R2 is left out where y is constant."""
    scores = {"rmse": root_mean_squared_error(y, prediction), "mae": mean_absolute_error(y, prediction)}
    return scores | ({"r2": r2_score(y, prediction)} if np.ptp(y) > 0 else {})


def score_coverage(model, X, y, coverage=0.9):
    """Share of targets inside of a model's intervals or class sets, and their mean width or size; {} if it has none."""
    if hasattr(model, "predict_set"):
        sets = model.predict_set(X, coverage=coverage)
        return {"coverage": float(sets[np.arange(len(y)), y].mean()), "size": float(sets.sum(axis=1).mean())}
    if hasattr(model, "predict_interval"):
        low, high = model.predict_interval(X, coverage=coverage).T
        return {"coverage": float(np.mean((low <= y) & (y <= high))), "size": float(np.mean(high - low))}
    return {}
