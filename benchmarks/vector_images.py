"""Colour images as plain vectors: the same kernel machine with and without feature learning.

usage: vector_images.py --data FOLDER [--sets gtsrb32 cifar10-jpeg] [--seeds 3] [-n 5000]

As in the authors' experiment on street-view digits (5,000 training images, Laplace kernel, rows of pixels brought to
length 1): `RFMClassifier` with a full feature matrix, scaling=None, power 1/2, no shrinkage, and 0 rounds or 1. FOLDER
is that of `images.py`.
"""

from __future__ import annotations

import argparse

import numpy as np
from common import print_environment, seconds
from images import load

from rfmlearn import RFMClassifier

SETTINGS = dict(kernel="laplace", feature_matrix="full", scaling=None, agop_power=0.5, shrinkage=0.0,
                n_agop_samples=2000)  # fmt: skip
ROUNDS = (0, 1)


def vectors(images):
    """Rows of pixels, of length 1."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main(arguments=None):
    """Test accuracy for each set, seed and number of rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", nargs="+", default=["gtsrb32", "cifar10-jpeg"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-n", type=int, default=5000)
    args = parser.parse_args(arguments)
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    for name in args.sets:
        accuracies = []
        for seed in range(args.seeds):
            X, y, X_test, y_test = load(args.data, name, seed, args.n, 4000)
            X, X_test, row = vectors(X), vectors(X_test), []
            for rounds in ROUNDS:
                model = RFMClassifier(**SETTINGS, max_iter=rounds, random_state=seed)
                time, _ = seconds(lambda model=model, X=X, y=y: model.fit(X, y))
                row.append(100 * model.score(X_test, y_test))
                print(f"{name}, seed {seed}, {rounds} rounds: {row[-1]:.2f} %, fit {time:.0f} s", flush=True)
            accuracies.append(row)
        means = ", ".join(f"{mean:.2f}" for mean in np.mean(accuracies, axis=0))
        gain = np.mean([row[-1] - row[0] for row in accuracies])
        print(f"{name}: mean accuracies {means} %, gain {gain:+.2f}")


if __name__ == "__main__":
    main()
