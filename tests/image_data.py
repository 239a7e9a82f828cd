"""Images, and classifiers of them that are quick to fit."""

import numpy as np

from rfmlearn import ConvRFMClassifier


def small(**parameters):
    return ConvRFMClassifier(**{"depth": 1, "max_iter": 1, "n_agop_samples": 20, "random_state": 0} | parameters)


def colours(n=30, seed=0):
    """Images of 6 x 7 pixels in three colours, and whether the left half is brighter."""
    rng = np.random.default_rng(seed)
    X, y = rng.random((n, 6, 7, 3)), np.arange(n) % 2
    X[y == 1, :, :3] += 0.5
    return X, y
