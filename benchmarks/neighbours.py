"""Nearest neighbours with and without a learned metric: all queries, and the worst tenth of them.

usage: neighbours.py --data FOLDER [--sets A/letter D/mnist ...] [--seeds 3]

`AGOPFeatureMap` stands in front of scikit-learn's neighbours, with its defaults; without it tables are scaled, and
images are rows of pixels of length 1, as they are for the map. 2,000 training rows at most, of which ten neighbours are
found for each of 1,000 test rows at most, the queries. Two things are asked.

labels
    Share of the ten with the query's label; accuracy of `KNeighborsClassifier` (of targets that are numbers, the root
    mean squared error of `KNeighborsRegressor`). "Worst tenth" is the mean over the tenth of queries with the smallest
    share (largest error), each way having its own. "Hard tenth" is the same tenth for both: queries on which a random
    forest, which looks at no distance, gives their label least probability (errs most).
search
    How many of the ten nearest rows a search in a few coordinates finds, and how many are among fifty candidates: the
    leading coordinates of the map against its own exact neighbours, and principal components against those without
    it. Mean, and worst tenth of queries, for which the authors of "Learning to hash robustly, guaranteed" (2022)
    optimise. Where a space has at least twice as many coordinates as `--components`.

FOLDER has tables in the format of `tables.py`, and images in that of `images.py`.
"""

from __future__ import annotations

import argparse

import numpy as np
from common import print_environment
from feature_maps import scaled
from images import load
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestNeighbors
from sklearn.preprocessing import FunctionTransformer
from tables import is_classes, load_set

from rfmlearn import AGOPFeatureMap

TABLES = ["A/letter", "A/statlog-landsat", "A/waveform-noise", "A/musk-2", "A/semeion", "A/kr-vs-kp-raw", "B/ailerons",
          "B/pol", "B/computers-price", "B/bank32nh"]  # fmt: skip
IMAGES = ["D/mnist", "D/fashion-mnist", "D/cifar10-jpeg"]


def worst(values, share=0.1):
    """Mean of the smallest tenth of values."""
    values = np.sort(values)
    return values[: max(int(share * len(values)), 1)].mean()


def found(exact, candidates):
    """For each query the share of its exact neighbours that are among its candidates."""
    return np.array([np.isin(a, b).mean() for a, b in zip(exact, candidates, strict=True)])


def neighbours(Z, Z_test, k=10):
    """Places of the nearest training rows of each query."""
    return NearestNeighbors(n_neighbors=k).fit(Z).kneighbors(Z_test, return_distance=False)


def spaces(X, X_test, scaling, plain, y, seed):
    """Training and test rows as they are compared without and with the map, leading coordinates first."""
    learned = AGOPFeatureMap(scaling=scaling, random_state=seed, task="classification" if is_classes(y) else "auto")
    Z, Z_test = learned.fit(X, y).transform(X), learned.transform(X_test)
    plain = plain.fit(X)
    turn = PCA(random_state=seed).fit(plain.transform(X))
    return {
        "without": [turn.transform(plain.transform(rows)) for rows in (X, X_test)],
        "map": [rows @ learned.components_.T for rows in (Z, Z_test)],
    }


def hard_tenth(X, y, X_test, y_test, seed):
    """Mask of the tenth of queries that a random forest finds hardest."""
    if is_classes(y):
        forest = RandomForestClassifier(random_state=seed).fit(X, y)
        ease = forest.predict_proba(X_test)[np.arange(len(y_test)), np.searchsorted(forest.classes_, y_test)]
    else:
        ease = -np.abs(RandomForestRegressor(random_state=seed).fit(X, y).predict(X_test) - y_test)
    return np.argsort(np.argsort(ease, kind="stable")) < max(len(ease) // 10, 1)


def of_labels(Z, y, Z_test, y_test, hard):
    """What neighbours say of targets."""
    if is_classes(y):
        shares = np.mean(y[neighbours(Z, Z_test)] == y_test[:, None], axis=1)
        right = KNeighborsClassifier(10).fit(Z, y).predict(Z_test) == y_test
        return {"% with the label": 100 * shares.mean(), "worst tenth": 100 * worst(shares),
                "accuracy %": 100 * right.mean(), "hard tenth": 100 * right[hard].mean()}  # fmt: skip
    squares = (KNeighborsRegressor(10).fit(Z, y).predict(Z_test) - y_test) ** 2
    return {"RMSE": np.sqrt(squares.mean()), "worst tenth": np.sqrt(-worst(-squares)),
            "hard tenth": np.sqrt(squares[hard].mean())}  # fmt: skip


def of_search(Z, Z_test, n_components):
    """What a search in a few coordinates finds of the exact neighbours."""
    exact = neighbours(Z, Z_test)
    candidates = neighbours(Z[:, :n_components], Z_test[:, :n_components], 50)
    record = {}
    for title, shares in (("found %", found(exact, candidates[:, :10])), ("among 50", found(exact, candidates))):
        record |= {title: 100 * shares.mean(), f"{title}, worst tenth": 100 * worst(shares)}
    return record


def read(folder, name, seed):
    """Training and test parts of a set, its scaling by the map, and what scales it without."""
    if name in IMAGES:
        X, y, X_test, y_test = load(folder, name, seed, 2000, 1000)
        X, X_test = (rows.reshape(len(rows), -1) / 255.0 for rows in (X, X_test))
        X, X_test = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (X, X_test))
        return (X, y.astype(int), X_test, y_test.astype(int)), None, FunctionTransformer()
    _, *parts = load_set(folder, name, 2000, 1000, seed)
    return parts, "standard", scaled()


def evaluate(args, name, seed):
    """Figures of a set, by what is asked and by space."""
    (X, y, X_test, y_test), scaling, plain = read(args.data, name, seed)
    both = spaces(X, X_test, scaling, plain, y, seed)
    hard = hard_tenth(both["without"][0], y, both["without"][1], y_test, seed)
    record = {}
    for space, (Z, Z_test) in both.items():
        record["labels", space] = of_labels(Z, y, Z_test, y_test, hard)
        if Z.shape[1] >= 2 * args.components:
            record["search", space] = of_search(Z, Z_test, args.components)
    return record


def main(arguments=None):
    """Figures of every set, as means over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", nargs="+", default=TABLES + IMAGES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--components", type=int, default=8)
    args = parser.parse_args(arguments)
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    for name in args.sets:
        records = [evaluate(args, name, seed) for seed in range(args.seeds)]
        for key in records[0]:
            texts = (f"{title} {np.mean([record[key][title] for record in records]):.3g}" for title in records[0][key])
            print(f"{name}, {key[0]}, {key[1]}: " + ", ".join(texts), flush=True)


if __name__ == "__main__":
    main()
