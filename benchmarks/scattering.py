"""Scattering coefficients of images in front of kernel machines with and without feature learning (arXiv 2212.13881).

usage: scattering.py --data FOLDER [--sets mnist cifar10-jpeg] [--seeds 3] [-n 2000]

Two scales and eight angles: 81 maps of a quarter of the side for each colour. Their principal components are a turn
of the space of differences of training images, in which gradients of kernel machines lie; the first `--components` of
them are kept. `RFMClassifier` follows with a Laplace kernel, full M, and 0, 1 and 3 rounds, its ridge by leave-one-out;
for comparison the same of the pixels; and from scikit-learn a support vector machine and logistic regression, with
their C from three folds of the training images. FOLDER is that of `images.py`. Needs kymatio, the extra "scattering".
"""

from __future__ import annotations

import argparse

import numpy as np
from common import print_environment, seconds, version
from images import load
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from rfmlearn import RFMClassifier


def scatter(images, scales=2, batch=500):
    """Scattering coefficients of images of shape (n, height, width, colours), as rows."""
    # `kymatio.numpy` also imports the transform of volumes, which asks SciPy for a function that it has no more.
    from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D

    transform = ScatteringNumPy2D(J=scales, shape=images.shape[1:3], L=8)
    parts = np.array_split(np.moveaxis(images, 3, 1) / np.float32(255), max(len(images) // batch, 1))
    return np.concatenate([transform(np.ascontiguousarray(part)).reshape(len(part), -1) for part in parts])


def turned(X, X_test, n_components):
    """Principal components of training rows, and of test rows, in units of the mean length of the former."""
    pca = PCA(min(n_components, len(X) - 1), svd_solver="auto", random_state=0).fit(X)
    Z, Z_test = pca.transform(X).astype(float), pca.transform(X_test).astype(float)
    unit = np.linalg.norm(Z, axis=1).mean()
    return Z / unit, Z_test / unit, pca.explained_variance_ratio_.sum()


def chosen(estimator, values):
    """An estimator with its C from three folds."""
    return GridSearchCV(estimator, {"C": values}, cv=3)


def machine(rounds, seed):
    """The machine in front of which coefficients stand."""
    return RFMClassifier(
        "laplace", feature_matrix="full", scaling=None, max_iter=rounds, n_agop_samples=2000, random_state=seed
    )


def peers():
    """What else is asked, of the same coefficients."""
    return {
        "support vectors": chosen(SVC(), [1.0, 10.0]),
        "logistic regression": chosen(LogisticRegression(max_iter=1000), [1.0, 10.0, 100.0]),
    }


def evaluate(args, name, seed):
    """Test accuracies of one draw, in per cent."""
    X, y, X_test, y_test = load(args.data, name, seed, args.n, 2000)
    accuracies = {}
    for title, encode in (("pixels", lambda images: images.reshape(len(images), -1) / 255.0), ("scattering", scatter)):
        time, rows = seconds(lambda encode=encode: (encode(X), encode(X_test)))
        Z, Z_test, share = turned(*rows, args.components)
        print(f"{name}, seed {seed}, {title}: {rows[0].shape[1]} coefficients in {time:.0f} s, {Z.shape[1]} components "
              f"with {share:.4f} of the variance", flush=True)  # fmt: skip
        models = {f"RFM, {rounds} rounds": machine(rounds, seed) for rounds in args.rounds}
        for model_name, model in (models | (peers() if title == "scattering" else {})).items():
            accuracies[f"{title}, {model_name}"] = 100 * model.fit(Z, y).score(Z_test, y_test)
            print(f"    {model_name}: {accuracies[f'{title}, {model_name}']:.2f} %", flush=True)
    return accuracies


def main(arguments=None):
    """Test accuracy for each set, seed and model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", nargs="+", default=["mnist", "cifar10-jpeg"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--components", type=int, default=500)
    parser.add_argument("--rounds", type=int, nargs="+", default=[0, 1, 3])
    parser.add_argument("-n", type=int, default=2000)
    args = parser.parse_args(arguments)
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    print(f"kymatio {version('kymatio')}")
    for name in args.sets:
        records = [evaluate(args, name, seed) for seed in range(args.seeds)]
        for title in records[0]:
            values = [record[title] for record in records]
            print(f"{name}, {args.n} images, {title}: {np.mean(values):.2f} +- {np.std(values):.2f} %", flush=True)


if __name__ == "__main__":
    main()
