"""Shares of classes that differ from those of the training rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# How far from one the sum of shares may be: what is left of rounding.
_ROUNDING = 1e-5


def check_class_prior(class_prior, classes):
    """Shares in the order of the classes, shape (n_classes,), from an array or from a share for each label.

    Parameters
    ----------
    class_prior : array-like of shape (n_classes,), dict or Series
        The labels are the keys of a dict, and the index of a pandas Series.
    classes : ndarray of shape (n_classes,)
        Labels.

    Raises
    ------
    ValueError
        Unless there is one positive, finite share for each class, and all sum to one.
    """
    by_label = class_prior.to_dict() if hasattr(class_prior, "to_dict") else class_prior
    if isinstance(by_label, Mapping):
        labels = classes.tolist()
        if set(by_label) != set(labels):
            missing = [label for label in labels if label not in by_label]
            unknown = [label for label in by_label if label not in labels]
            raise ValueError(
                f"class_prior must have a share for each of the labels {labels[:10]!r}: missing are {missing[:10]!r}, "
                f"unknown are {unknown[:10]!r}."
            )
        class_prior = [by_label[label] for label in labels]
    try:
        shares = np.asarray(class_prior, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"class_prior must hold numbers, got class_prior={class_prior!r}.") from error
    if shares.shape != (len(classes),):
        raise ValueError(
            f"class_prior must have one share for each of the {len(classes)} classes, in the order of classes_, got an "
            f"array of shape {shares.shape}."
        )
    bad = ~(np.isfinite(shares) & (shares > 0))
    if bad.any():
        place = int(np.argmax(bad))
        raise ValueError(
            f"class_prior must be positive and finite, got {shares[place]:g} for class {classes.tolist()[place]!r}. "
            "Give a class that hardly occurs a small share."
        )
    if abs(shares.sum() - 1.0) > _ROUNDING:
        raise ValueError(f"class_prior must sum to one, got {shares.sum():.6g}: divide the shares by their sum.")
    return shares


def log_shift(class_prior, trained):
    """What is added to logits by Bayes' formula, up to a constant: none where the shares are the same."""
    return np.log(class_prior) - np.log(np.maximum(trained, np.finfo(np.float64).tiny))
