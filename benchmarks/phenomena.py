"""What networks are known for, in kernel machines that learn features (arXiv 2212.13881), and why ridges are needed.

    python benchmarks/phenomena.py lottery --data FOLDER       few pixels kept, the plain kernel trained on them
    python benchmarks/phenomena.py simplicity --data FOLDER    two images side by side, of which one is simpler
    python benchmarks/phenomena.py spurious --data FOLDER      a patch on all images of one of two classes
    python benchmarks/phenomena.py perceptron --data FOLDER    the leading direction, and that of a perceptron's weights
    python benchmarks/phenomena.py ridgeless                   interpolation of noise on a grid that gets finer

FOLDER is that of `images.py`. Machines are the authors': Laplace kernel of bandwidth 10, ridge 0.001, full M, which is
the AGOP itself; rows of pixels are brought to length 1. Nothing is chosen. Each figure is a mean over seeds, with its
standard deviation, and seeds draw training and test images, networks, and noise. `perceptron` needs torch.
"""

from __future__ import annotations

import argparse
from itertools import pairwise

import numpy as np
from common import print_environment
from images import load
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from rfmlearn import RFMClassifier, RFMRegressor

SETTINGS = dict(kernel="laplace", bandwidth=10.0, alpha=1e-3, feature_matrix="full", scaling=None, agop_power=0.5,
                shrinkage=0.0, random_state=0)  # fmt: skip


def unit(rows):
    """Rows of length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def pixels(images):
    """Images as rows of numbers between 0 and 1."""
    return images.reshape(len(images), -1) / 255.0


def machine(X, y, max_iter):
    """A machine after so many rounds, of rows of length 1. Its importances are the diagonal of the next M."""
    return RFMClassifier(**SETTINGS, max_iter=max_iter).fit(unit(X), y)


def spread(values):
    """Mean and standard deviation, as text."""
    return f"{np.mean(values):.2f} +- {np.std(values):.2f}"


def summarize(title, records):
    """Print for each name the mean of its values over seeds."""
    for name in records[0]:
        print(f"{title}: {name} {spread([record[name] for record in records])}", flush=True)


# Lottery tickets --------------------------------------------------------------------------------------------------


def best(values, k):
    """Mask of the k largest values."""
    mask = np.zeros(len(values), dtype=bool)
    mask[np.argsort(-values, kind="stable")[:k]] = True
    return mask


def lottery(options):
    """Accuracy of the plain kernel on pixels that M weighs most, and on as many others."""
    for name in options.sets or ["mnist", "fashion-mnist"]:
        records = [ticket(options, name, seed) for seed in range(options.seeds)]
        summarize(f"{name}, {options.n} images", records)


def ticket(options, name, seed):
    """Accuracies of one draw, in per cent, and shares of pixels."""
    X, y, X_test, y_test = load(options.data, name, seed, options.n, 4000)
    X, X_test, rng = pixels(X), pixels(X_test), np.random.default_rng(seed)
    learned = machine(X, y, options.rounds)
    weights, quarter = learned.feature_importances_, X.shape[1] // 4
    masks = {
        "all pixels": np.ones(X.shape[1], dtype=bool),
        "diag(M) > .05": weights > 0.05 * weights.max(),
        "quarter of largest diag(M)": best(weights, quarter),
        "quarter of largest variance": best(X.var(axis=0), quarter),
        "quarter at random": best(rng.random(X.shape[1]), quarter),
    }
    record = {f"M after {options.rounds} rounds, all pixels": 100 * learned.score(unit(X_test), y_test)}
    for title, mask in masks.items():
        record[f"plain kernel, {title}"] = 100 * machine(X[:, mask], y, 0).score(unit(X_test[:, mask]), y_test)
    return record | {"% of pixels with diag(M) > .05": 100 * masks["diag(M) > .05"].mean()}


# Simplicity bias --------------------------------------------------------------------------------------------------


def grey(images):
    """Grey images of 32 x 32 pixels, with a black frame around smaller ones: halves are of one size."""
    margin = (32 - images.shape[1]) // 2
    return np.pad(images.mean(axis=3), ((0, 0), (margin, margin), (margin, margin)))


def partners(labels, others, rng):
    """For each label a random place in `others` with the same label."""
    places = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        places[labels == label] = rng.choice(np.flatnonzero(others == label), np.sum(labels == label))
    return places


def simplicity(options):
    """Share of diag(M) on each half, and accuracy where one half is that of another image."""
    for pair in (("mnist", "cifar10-jpeg"), ("fashion-mnist", "cifar10-jpeg"), ("mnist", "fashion-mnist")):
        records = [side_by_side(options, *pair, seed) for seed in range(options.seeds)]
        summarize(f"{pair[0]} beside {pair[1]}, {options.n} images", records)


def side_by_side(options, first, second, seed):
    """Shares and accuracies of one draw, in per cent."""
    rng, halves = np.random.default_rng(seed), []
    X, y, X_test, y_test = load(options.data, second, seed, options.n, 2000)
    other, other_y, other_test, other_y_test = load(options.data, first, seed, 12_000, 4000)
    for images, own, labels, known in ((X, other, y, other_y), (X_test, other_test, y_test, other_y_test)):
        halves.append([pixels(grey(own[partners(labels, known, rng)])), pixels(grey(images))])
    record = {}
    for k, name in enumerate((first, second)):
        alone = machine(halves[0][k], y, 0).score(unit(halves[1][k]), y_test)
        record[f"plain kernel, {name} alone"] = 100 * alone
    shuffled = rng.permutation(len(y_test))
    tests = {"both": halves[1]}
    for k, name in enumerate((first, second)):
        tests[f"{name} shuffled"] = [half[shuffled] if k == i else half for i, half in enumerate(halves[1])]
    for rounds in (0, 1):
        model = machine(np.hstack(halves[0]), y, rounds)
        share = model.feature_importances_[: halves[0][0].shape[1]].sum()
        record[f"% of diag(M) of round {rounds + 1} on {first}"] = 100 * share
        for title, parts in tests.items():
            record[f"{rounds} rounds, {title}"] = 100 * model.score(unit(np.hstack(parts)), y_test)
    return record


# Spurious patch ---------------------------------------------------------------------------------------------------


def patched(images, where):
    """Grey images with a white patch of 5 x 5 pixels in a corner of some."""
    images = images.copy()
    images[where, -6:-1, -6:-1] = 255
    return images


def spurious(options):
    """Share of diag(M) on the patch by rounds, and accuracy where the patch is gone, or on the other class."""
    # Aeroplane or ship, cat or dog, car or lorry.
    for pair in ((0, 8), (3, 5), (1, 9)):
        records = [with_patch(options, pair, seed) for seed in range(options.seeds)]
        summarize(f"cifar10-jpeg, classes {pair}, 500 images", records)


def with_patch(options, pair, seed):
    """Shares and accuracies of one draw, in per cent."""
    X, y, X_test, y_test = load(options.data, "cifar10-jpeg", seed, 12_000, 4000)
    own, own_test = np.flatnonzero(np.isin(y, pair))[:500], np.isin(y_test, pair)
    X, X_test = grey(X[own]), grey(X_test[own_test])
    y, y_test = y[own] == pair[0], y_test[own_test] == pair[0]
    tests = {"as in training": y_test, "removed": np.zeros_like(y_test), "on the other class": ~y_test}
    patch = patched(np.zeros_like(X[:1]), np.array([True])).ravel() > 0
    record = {"never a patch": 100 * machine(pixels(X), y, 0).score(unit(pixels(X_test)), y_test)}
    for rounds in (0, 1, 5):
        model = machine(pixels(patched(X, y)), y, rounds)
        record[f"{rounds} rounds, % of diag(AGOP) on the patch"] = 100 * model.feature_importances_[patch].sum()
        for title, where in tests.items():
            score = model.score(unit(pixels(patched(X_test, where))), y_test)
            record[f"{rounds} rounds, patch {title}"] = 100 * score
    return record


# Kernel machines and perceptrons ----------------------------------------------------------------------------------

TASKS = {
    "mnist": {"even": [0, 2, 4, 6, 8], "three": [3]},
    "fashion-mnist": {"shoes": [5, 7, 9], "tops": [0, 2, 4, 6]},
    "cifar10-jpeg": {"animals": [2, 3, 4, 5, 6, 7]},
}


def perceptron(options):
    """Cosine of leading eigenvectors: of a kernel machine's AGOP, of a perceptron's W^T W, and of simpler things."""
    print_environment("torch")
    means = []
    for name in options.sets or TASKS:
        for task, labels in TASKS[name].items():
            records = [cosines(options, name, labels, seed) for seed in range(options.seeds)]
            summarize(f"{name}, {task}", records)
            means += records
    summarize("all tasks", means)


def cosines(options, name, labels, seed):
    """Absolute cosines with the leading right singular vector of the first layer, and accuracies."""
    X, y, X_test, y_test = load(options.data, name, seed, options.n, 4000)
    X, X_test, y, y_test = unit(pixels(X)), unit(pixels(X_test)), np.isin(y, labels), np.isin(y_test, labels)
    weights, accuracy = train_perceptron(X, y, X_test, y_test, seed, options.scale)
    model = RFMClassifier(**SETTINGS, max_iter=0).fit(X, y)
    kernel = np.zeros(X.shape[1])
    kernel[model.coordinate_columns_] = np.linalg.eigh(model.agop_)[1][:, -1]
    direction = np.linalg.svd(weights)[2][0]
    others = {
        "kernel machine": kernel,
        "difference of class means": X[y].mean(axis=0) - X[~y].mean(axis=0),
        "linear ridge regression": Ridge(1.0).fit(X, y).coef_,
        "first principal component": PCA(1, random_state=0).fit(X).components_[0],
    }
    record = {f"cosine with {title}": abs(v @ direction) / np.linalg.norm(v) for title, v in others.items()}
    return record | {"perceptron, accuracy": 100 * accuracy, "kernel, accuracy": 100 * model.score(X_test, y_test)}


def train_perceptron(X, y, X_test, y_test, seed, scale, width=256, n_epochs=40, n_layers=5):
    """First weights, and test accuracy, of five layers of ReLU trained by SGD on the squared error of -1 and 1."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    # Numbers of the size of 1, as networks expect them.
    X, X_test = (torch.tensor(rows * np.sqrt(X.shape[1]), dtype=torch.float32) for rows in (X, X_test))
    codes = torch.tensor(2.0 * y - 1.0, dtype=torch.float32)[:, None]
    sizes = [X.shape[1]] + [width] * n_layers
    hidden = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    net = nn.Sequential(*hidden, nn.Linear(width, 1))
    with torch.no_grad():
        net[0].weight *= scale
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for _ in range(n_epochs):
        for rows in torch.randperm(len(X)).split(64):
            optimizer.zero_grad()
            nn.functional.mse_loss(net(X[rows]), codes[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        accuracy = np.mean((net(X_test)[:, 0].numpy() > 0) == y_test)
    return net[0].weight.detach().numpy(), accuracy


# Without a ridge --------------------------------------------------------------------------------------------------


# By dimension, numbers of points along an edge: their product about doubles.
SIDES = {1: (32, 64, 128, 256, 512, 1024), 2: (6, 8, 11, 16, 23, 32), 3: (3, 4, 5, 6, 8, 10)}


def ridgeless(options):
    """Excess error over noise of interpolation and ridge, as equispaced points double."""
    for d, sides in SIDES.items():
        for kernel in ("laplace", "gaussian"):
            for side in sides:
                errors = [excess(kernel, d, side, seed) for seed in range(options.seeds)]
                text = ", ".join(f"{name} {np.mean([e[name] for e in errors]):.4f}" for name in errors[0])
                print(f"d = {d}, {kernel}, n = {side**d}: {text}", flush=True)


def grid(side, d):
    """Equispaced points of the unit cube."""
    return np.stack(np.meshgrid(*[(np.arange(side) + 0.5) / side] * d, indexing="ij"), axis=-1).reshape(-1, d)


def excess(kernel, d, side, seed, deviation=0.5):
    """Mean squared error against the truth at new points, over the variance of the noise."""
    rng, X = np.random.default_rng(seed), grid(side, d)
    X_new = rng.uniform(0.1, 0.9, (2000, d))
    truth = [np.sin(2 * np.pi * points).sum(axis=1) for points in (X, X_new)]
    y = truth[0] + deviation * rng.standard_normal(len(X))

    def error(alpha, bandwidth):
        model = RFMRegressor(kernel, alpha=alpha, bandwidth=bandwidth, max_iter=0, scaling=None).fit(X, y)
        return np.mean((model.predict(X_new) - truth[1]) ** 2) / deviation**2

    # Bandwidths in units of the spacing of points; wider ones than these make Gaussian Gram matrices singular.
    widths = (0.25, 0.5, 1.0, 2.0) + ((8.0, 32.0) if kernel == "laplace" else ())
    no_ridge = [error(1e-9, width / side) for width in widths]
    return {"interpolation, best bandwidth": min(no_ridge), "ridge by leave-one-out": error("auto", "auto")}


def main(arguments=None):
    """Run the part asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = (lottery, simplicity, spurious, perceptron, ridgeless)
    parser.add_argument("part", choices=[part.__name__ for part in parts])
    parser.add_argument("--data", default=".")
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=0.1, help="of a perceptron's first weights")
    parser.add_argument("-n", type=int, default=2000)
    options = parser.parse_args(arguments)
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    next(part for part in parts if part.__name__ == options.part)(options)


if __name__ == "__main__":
    main()
