"""Neural collapse by layer of Deep RFM on images (arXiv 2402.13728): a part of `papers.py`.

NC1 is the variance within classes over that between their means, NC2 how far the centred means are from a simplex;
both of training rows, as a layer gets them and after its map by a power of the AGOP; and NC1 of test rows after it. The
last column is the accuracy of the machine of the layer on test rows. As in the paper: standardised pixels, 500 training
images, Laplace kernel, one round of feature learning in each layer, hardly any ridge, 512 random rectified features
between layers. The map is the root of the AGOP there, ``agop_power=0.5``; the default here is its fourth root. Other
than there the bandwidth is a multiple of the median distance, where the paper brings rows to unit length in each layer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from images import load
from sklearn.preprocessing import StandardScaler

from rfmlearn import DeepRFMClassifier, RFMClassifier
from rfmlearn.deep._collapse import collapse

SETS = ("mnist", "cifar10-jpeg")
N_TRAIN, N_TEST, N_LAYERS = 500, 2000, 7
KEYS = ("nc1", "nc1_mapped", "nc2", "nc2_mapped")


def machine():
    """The machine of every layer."""
    return RFMClassifier(kernel="laplace", feature_matrix="full", scaling=None, max_iter=1, alpha=1e-6)


def by_layer(folder, name, power, seed, n_layers=N_LAYERS):
    """Measures of training rows before and after the map of each layer, NC1 of test rows after it, test accuracy."""
    path = next(Path(folder).rglob(f"{name}.npz"))
    X, y, Z, labels = load(path.parent, name, seed, N_TRAIN, N_TEST)
    X, Z = (images.reshape(len(images), -1) / 255.0 for images in (X, Z))
    varies = np.ptp(X, axis=0) > 0
    scaler = StandardScaler().fit(X[:, varies])
    X, Z = scaler.transform(X[:, varies]), scaler.transform(Z[:, varies])
    model = DeepRFMClassifier(machine(), n_layers=n_layers, agop_power=power, scaling=None, random_state=seed)
    model.fit(X, y)
    labels = np.searchsorted(model.classes_, labels)
    lines = []
    for layer, record in zip(model.layers_, model.history_, strict=True):
        H = layer.enter(Z)
        Z = layer.map(H)
        nc1, _ = collapse(Z, labels, np.ones(len(labels)))
        lines.append([*(record[key] for key in KEYS), nc1, 100 * layer.estimator.score(H, labels)])
    return np.array(lines)


def main(args):
    """A table for each set and power: means over seeds."""
    for name in SETS:
        for power in (0.5, 0.25):
            lines = np.mean([by_layer(args.data, name, power, seed) for seed in range(args.seeds)], axis=0)
            print(f"\n{name}, {N_TRAIN} training images, map by the AGOP to the power {power}, {args.seeds} seeds")
            print("layer " + "".join(f"{key:>12}" for key in (*KEYS, "test nc1", "test %")))
            for layer, values in enumerate(lines, start=1):
                print(f"{layer:5} " + "".join(f"{value:12.4f}" for value in values), flush=True)
