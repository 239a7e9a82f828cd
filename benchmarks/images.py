"""Convolutional kernel machines on images: speed, accuracy beside other models, what is learned.

    python benchmarks/images.py speed                      Gram matrix and gradients, n = 1,000, 32 x 32 x 3
    python benchmarks/images.py peer                       the same by neural_tangents, where that is installed
    python benchmarks/images.py star                       a star in noise, 50 training images
    python benchmarks/images.py digits --data FOLDER       digits in a noisy frame, 4,000 training images
    python benchmarks/images.py accuracy R.jsonl --data FOLDER     table of models on sets of images
    python benchmarks/images.py windows --data FOLDER      which windows that table offers, by training images left over
    python benchmarks/images.py filters --data FOLDER      learned 3 x 3 filters against oriented derivatives
    python benchmarks/images.py samples --data FOLDER      how many images the patch-AGOP needs
    python benchmarks/images.py memory                     peak memory of a fit of 4,000 images

FOLDER has NAME.npz with X_train, y_train, X_test, y_test, images uint8 of shape (n, height, width, channels). Whatever
is chosen is chosen on training images; seeds draw training and test images, 2,000 of the latter or 4,000.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from common import peak_memory, print_environment, seconds

CHOSEN = ("kernel", "patch_size", "depth", "standardize_", "best_iter_", "n_layers_", "alpha_", "leave_one_out_loss_")
SETS = ("cifar10-jpeg", "gtsrb32", "fashion-mnist", "mnist")
# Sets whose training file has the classes in order, and in each one film after the other, of so many images.
FRAMES = {"gtsrb32": 18}
# Windows that leave-one-out chooses between, for the plain kernel and with feature learning alike.
CNTK = tuple({"patch_size": size, "depth": depth} for size, depth in ((3, 3), (7, 2), (7, 4)))
EITHER_KERNEL = (*CNTK, {"kernel": "patch_laplace", "patch_size": 7})


def load(folder, name, seed, n_train=1000, n_test=2000):
    """Random training and test images of a set; files may be sorted by class."""
    arrays = np.load(Path(folder) / f"{name}.npz")
    rng, parts = np.random.default_rng(seed), []
    for part, n in (("train", n_train), ("test", n_test)):
        rows = rng.permutation(len(arrays[f"y_{part}"]))[:n]
        parts += [arrays[f"X_{part}"][rows], arrays[f"y_{part}"][rows]]
    return parts


def random_images(n, seed=0):
    """Noise of 32 x 32 pixels in three colours."""
    return np.random.default_rng(seed).standard_normal((n, 32, 32, 3), dtype=np.float32)


# Speed and memory -------------------------------------------------------------------------------------------------


def speed(options):
    """Gram matrix and gradients."""
    from rfmlearn.images import ConvNTK, ImagePatches, PatchLaplace

    print_environment("numpy", "numba", "sklearn")
    coef = np.random.default_rng(1).standard_normal((options.n, 10))
    for kernel in (ConvNTK(3, depth=3), PatchLaplace(3, bandwidth=5.0), PatchLaplace(3, bandwidth=5.0, pool=2)):
        for dtype in (np.float32, np.float64):
            images = random_images(options.n).astype(dtype)
            patches = ImagePatches.of(kernel.grid((32, 32, 3)), images, np.eye(27))
            kernel.gram(patches[:40]), kernel.patch_agop(patches[:40], coef[:40], patches[:40])  # compile
            symmetric, ratios, pairs = [], [], len(images) ** 2
            for _ in range(options.repeats):
                symmetric.append(seconds(partial(kernel.gram, patches))[0])
                between, _ = seconds(partial(kernel.gram, patches, patches[:100]))
                gradient, _ = seconds(partial(kernel.patch_agop, patches, coef, patches[:100]))
                ratios.append(gradient / between)
            print(
                f"{kernel}, {dtype.__name__}: Gram matrix {np.median(symmetric):.2f} s, "
                f"{np.median(symmetric) / pairs * 1e6:.2f} microseconds a pair of the full square; gradients of 100 "
                f"images, 10 outputs: {np.median(ratios):.2f} Gram evaluations of the same pairs",
                flush=True,
            )


def peer(options):
    """Gram matrix by neural_tangents, jitted, in batches, on all cores."""
    import jax
    from neural_tangents import stax

    layers = [layer for _ in range(3) for layer in (stax.Conv(1, (3, 3), W_std=3.0, b_std=0.0), stax.ABRelu(0, 2**0.5))]
    kernel = jax.jit(stax.serial(*layers, stax.Flatten(), stax.Dense(1, W_std=1.0))[2], static_argnums=2)
    print(f"jax {jax.__version__}")
    for batch in (20, 50, 100):
        X, Z = random_images(batch), random_images(batch, 1)
        values = partial(kernel, X, Z, "ntk")
        values().block_until_ready()
        took = [seconds(lambda values=values: values().block_until_ready())[0] for _ in range(options.repeats)]
        print(f"batches of {batch} x {batch}: {np.median(took) / batch**2 * 1e6:.1f} microseconds a pair", flush=True)


def memory(options):
    """Peak memory of a fit."""
    from rfmlearn import ConvRFMClassifier

    print_environment("numpy", "numba", "sklearn")
    images, labels = random_images(4000), np.random.default_rng(0).integers(0, 10, 4000)
    small = slice(0, 50)
    ConvRFMClassifier(max_iter=1).fit(images[small], labels[small])
    before = peak_memory()
    ConvRFMClassifier(max_iter=1, random_state=0).fit(images, labels)
    print(f"n = 4,000: {peak_memory() - before:.2f} GB more than before; a Gram matrix is 0.128 GB in float64")


# Tasks with known truth -------------------------------------------------------------------------------------------


def star(options):
    """50 training images with or without a star."""
    from rfmlearn import ConvRFMClassifier
    from rfmlearn.datasets import make_star_in_noise

    print_environment("numpy", "numba", "sklearn")
    for seed in range(options.seeds):
        X, y = make_star_in_noise(50, random_state=seed)
        Z, labels = make_star_in_noise(1000, random_state=1000 + seed)
        scores = []
        for max_iter in (0, 3):
            model = ConvRFMClassifier(patch_size=11, depth=1, max_iter=max_iter, random_state=seed).fit(X, y)
            scores.append(model.score(Z, labels))
        print(f"seed {seed}: without {scores[0]:.4f}, with feature learning {scores[1]:.4f}", flush=True)


def digits(options):
    """Digits in a noisy frame."""
    from rfmlearn import ConvRFMClassifier
    from rfmlearn.datasets import make_digits_in_noisy_frame

    print_environment("numpy", "numba", "sklearn")
    for seed in range(options.seeds):
        X, y, Z, labels = load(options.data, "mnist", seed, 4000, 4000)
        X = make_digits_in_noisy_frame(X, random_state=seed).astype(np.float32)
        Z = make_digits_in_noisy_frame(Z, random_state=1000 + seed).astype(np.float32)
        for max_iter in (0, 3):
            start = time.perf_counter()
            model = ConvRFMClassifier(max_iter=max_iter, random_state=seed).fit(X, y)
            score = model.score(Z, labels)
            losses = [round(record["leave_one_out_loss"], 4) for record in model.history_]
            print(
                f"seed {seed}, at most {max_iter} rounds: {score:.4f}, round {model.best_iter_}, alpha {model.alpha_}, "
                f"leave-one-out losses {losses}, {time.perf_counter() - start:.0f} s",
                flush=True,
            )


# Accuracy ---------------------------------------------------------------------------------------------------------


def convolutional(settings, **parameters):
    """Fit with every setting; the one with the smallest leave-one-out loss."""
    from rfmlearn import ConvRFMClassifier

    def fit(X, y):
        models = [ConvRFMClassifier(**setting, **parameters).fit(X, y) for setting in settings]
        return min(models, key=lambda model: model.leave_one_out_loss_)

    return fit


def flat(model):
    """A model of rows on pixels from 0 to 1."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(FunctionTransformer(lambda X: X.reshape(len(X), -1) / 255.0), model).fit


def make_models(seed):
    """Functions that fit."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    from rfmlearn import ConvRFMClassifier, RFMClassifier

    grid = {"C": [1, 10, 100], "gamma": ["scale", 0.003, 0.01, 0.03]}
    deep = ConvRFMClassifier(n_layers=2, n_filters=16, n_agop_samples=20, random_state=seed)
    return {
        "plain CNTK": lambda: convolutional(CNTK, max_iter=0, random_state=seed),
        "plain, either kernel": lambda: convolutional(EITHER_KERNEL, max_iter=0, random_state=seed),
        "ConvRFM": lambda: convolutional(EITHER_KERNEL, random_state=seed),
        "Deep ConvRFM": lambda: deep.fit,
        "RFMClassifier on pixels": lambda: flat(RFMClassifier(random_state=seed)),
        "SVC on pixels": lambda: flat(GridSearchCV(SVC(), grid, cv=3)),
        "random forest": lambda: flat(RandomForestClassifier(500, random_state=seed)),
    }


def accuracy(options):
    """Table of models; results already in the file are not run again."""
    print_environment("numpy", "numba", "sklearn")
    path = Path(options.results)
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(r["set"], r["seed"], r["model"]) for r in records}
    for seed in range(options.seeds):
        for name in options.sets:
            X, y, Z, labels = load(options.data, name, seed)
            for model, make in make_models(seed).items():
                if (name, seed, model) in done or (options.models and model not in options.models):
                    continue
                took, fitted = seconds(lambda make=make, X=X, y=y: make()(X, y))
                record = {"set": name, "seed": seed, "model": model, "accuracy": fitted.score(Z, labels), "fit": took}
                record["chosen"] = {
                    attribute: getattr(fitted, attribute) for attribute in CHOSEN if hasattr(fitted, attribute)
                }
                records.append(record)
                print(record, flush=True)
                with path.open("a") as file:
                    file.write(json.dumps(record) + "\n")
    print("\n| set | " + " | ".join(make_models(0)) + " |\n|---" + "|---" * len(make_models(0)) + "|")
    for name in options.sets:
        cells = []
        for model in make_models(0):
            scores = [100 * r["accuracy"] for r in records if (r["set"], r["model"]) == (name, model)]
            cells.append(f"{np.mean(scores):.1f} ({np.std(scores):.1f})" if scores else "")
        print(f"| {name} | " + " | ".join(cells) + " |")


def windows(options):
    """Accuracy of windows, plain and with feature learning, on a third of the training images, never on test images.

    Training sets may be films of objects, in which neighbours are alike: what is held out is whole films.
    """
    from sklearn.model_selection import GroupShuffleSplit

    from rfmlearn import ConvRFMClassifier

    print_environment("numpy", "numba", "sklearn")
    for name in options.sets:
        arrays = np.load(Path(options.data) / f"{name}.npz")
        X, y = arrays["X_train"], arrays["y_train"]
        films = np.arange(len(y))
        if name in FRAMES:
            films = len(y) * y + (films - np.searchsorted(y, y)) // FRAMES[name]
        for seed in range(options.seeds):
            rng = np.random.default_rng(seed)
            kept, held = next(GroupShuffleSplit(1, test_size=1 / 3, random_state=seed).split(X, y, films))
            kept, held = rng.permutation(kept)[: options.n], rng.permutation(held)[: 2 * options.n]
            for setting, max_iter in product(EITHER_KERNEL, (0, 3)):
                model = ConvRFMClassifier(max_iter=max_iter, random_state=seed, **setting).fit(X[kept], y[kept])
                print(
                    f"{name}, seed {seed}, {setting}, at most {max_iter} rounds: {model.score(X[held], y[held]):.4f}, "
                    f"round {model.best_iter_}, leave-one-out loss {model.leave_one_out_loss_:.4f}",
                    flush=True,
                )


# What is learned --------------------------------------------------------------------------------------------------


def oriented_derivatives():
    """Derivatives of order one and two in all directions, under windows of several widths, of norm one."""
    row, column = np.mgrid[-1:2, -1:2]
    shapes = []
    for angle in range(180):
        along = np.cos(np.radians(angle)) * column + np.sin(np.radians(angle)) * row
        for window in (np.exp(-(row**2 + column**2) * rate) for rate in (0.0, 0.25, 0.5, 1.0, 2.0)):
            for order in (1, 2):
                shape = along**order * window
                shape -= shape.mean() * (order == 2)
                shapes.append(((order, angle), shape / np.linalg.norm(shape)))
    return shapes


def filters(options):
    """Cosine of the leading 3 x 3 filters with the nearest oriented first or second derivative."""
    from rfmlearn import ConvRFMClassifier

    print_environment("numpy", "numba", "sklearn")
    shapes = oriented_derivatives()
    for name in options.sets[:2]:
        X, y, _, _ = load(options.data, name, 0)
        model = ConvRFMClassifier(max_iter=1, random_state=0).fit(X, y)
        share = model.patch_eigenvalues_ / model.patch_eigenvalues_.sum()
        for k, filter_ in enumerate(model.patch_eigenvectors_[:6]):
            # The best colour is the leading one of the filter; then the best angle and width.
            places, weights, _ = np.linalg.svd(filter_.reshape(9, -1))
            space = places[:, 0].reshape(3, 3)
            best, (order, angle) = max((abs(np.sum(space * shape)), kind) for kind, shape in shapes)
            color = weights[0] / np.linalg.norm(weights)
            print(
                f"{name}: filter {k}, {100 * share[k]:.1f} % of the trace, mean {space.sum() / 3:.2f}, cosine with the "
                f"best oriented derivative {best * color:.3f} (in space {best:.3f}, one colour {color:.3f}), "
                f"order {order}, {angle:.0f} degrees",
                flush=True,
            )


def samples(options):
    """Leave-one-out loss after a round by the number of images of the patch-AGOP, and how far M is from that of all."""
    from rfmlearn import ConvRFMClassifier

    print_environment("numpy", "numba", "sklearn")
    for name in options.sets:
        X, y, _, _ = load(options.data, name, 0)
        reference = None
        for n_agop_samples in (None, 10, 20, 50, 100, 200):
            model = ConvRFMClassifier(max_iter=1, n_agop_samples=n_agop_samples, random_state=0).fit(X, y)
            matrix = model.patch_agop_ / np.linalg.norm(model.patch_agop_)
            reference = matrix if reference is None else reference
            loss = model.history_[-1]["leave_one_out_loss"]
            print(
                f"{name}: {n_agop_samples or 'all'} images, loss {loss:.5f}, cosine with all "
                f"{np.sum(matrix * reference):.5f}",
                flush=True,
            )


def main(arguments=None):
    """Run the part asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = (speed, peer, star, digits, accuracy, windows, filters, samples, memory)
    parser.add_argument("part", choices=[part.__name__ for part in parts])
    parser.add_argument("results", nargs="?", default="images.jsonl")
    parser.add_argument("--data", default=".")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("-n", type=int, default=1000)
    options = parser.parse_args(arguments)
    next(part for part in parts if part.__name__ == options.part)(options)


if __name__ == "__main__":
    main()
