"""
A winning ticket among the pixels
=================================

Networks can be pruned to a small part of their weights, which then learn as well as all did: the lottery ticket
hypothesis. For kernel machines the ticket is on the diagonal of the learned metric: it says which columns can go
(`arXiv:2212.13881 <https://arxiv.org/abs/2212.13881>`_).
"""

# %%
# Digits in noise
# ---------------
#
# Digits of 8 x 8 pixels in the middle of a frame of 16 x 16, whose pixels are noise that varies more than digits do.
# Three pixels of four say nothing.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from rfmlearn import RFMClassifier

digits = load_digits()


def framed(images, rng):
    """Digits in a frame of noise, as rows."""
    frames = 0.5 * rng.standard_normal((len(images), 16, 16))
    frames[:, 4:12, 4:12] = images / 16.0
    return frames.reshape(len(images), -1)


def unit(rows):
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def machine(max_iter):
    """The settings of the paper; without rounds, the plain kernel."""
    return RFMClassifier(
        "laplace", alpha=1e-3, feature_matrix="full", agop_power=0.5, shrinkage=0.0, scaling=None, max_iter=max_iter
    )


# %%
# The mask
# --------
#
# A machine learns for three rounds. ``feature_importances_`` is the diagonal of its AGOP, which with
# ``agop_power=0.5`` is that of the next M. What lies below .05 of the largest is masked; or all but a quarter of the
# pixels are. The plain kernel is then trained on what is left, and for comparison on as many pixels drawn at random,
# and on those that vary most.


def largest(values, k):
    """Mask of the k largest values."""
    return np.argsort(np.argsort(-values)) < k


def draw(seed):
    """Masks, and accuracies with each of them, for one draw of training images."""
    rng = np.random.default_rng(seed)
    X, X_test, y, y_test = train_test_split(
        framed(digits.images, rng), digits.target, train_size=600, stratify=digits.target, random_state=seed
    )
    learned = machine(3).fit(unit(X), y)
    weights, quarter = learned.feature_importances_, X.shape[1] // 4
    masks = {
        "all pixels": np.ones(X.shape[1], dtype=bool),
        "diag(M) > .05": weights > 0.05 * weights.max(),
        "quarter: diag(M)": largest(weights, quarter),
        "quarter: variance": largest(X.var(axis=0), quarter),
        "quarter: random": largest(rng.random(X.shape[1]), quarter),
    }
    scores = {
        name: machine(0).fit(unit(X[:, mask]), y).score(unit(X_test[:, mask]), y_test) for name, mask in masks.items()
    }
    return weights, masks, scores, X


results = [draw(seed) for seed in range(3)]
for name in results[0][2]:
    accuracies = [100 * scores[name] for _, _, scores, _ in results]
    kept = np.mean([100 * masks[name].mean() for _, masks, _, _ in results])
    print(f"{name:18s} {kept:5.1f} % of the pixels, accuracy {np.mean(accuracies):.1f} +- {np.std(accuracies):.1f} %")

# %%
# The ticket wins: a quarter of the pixels classifies better than all of them, as the others were noise to the plain
# kernel. Where all pixels say something, as in MNIST, masking costs a little instead (user guide, "Phenomena").

weights, masks, _, X = results[0]
fig, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
pictures = (
    (X[0], "a row", "gray_r"),
    (weights, "diag(M)", "magma"),
    (masks["quarter: diag(M)"], "the quarter kept", "gray"),
    (np.where(masks["quarter: diag(M)"], X[0], 0.0), "the row, masked", "gray_r"),
)
for ax, (values, title, colours) in zip(axes, pictures, strict=True):
    ax.imshow(values.reshape(16, 16), cmap=colours)
    ax.set(title=title, xticks=[], yticks=[])
plt.show()
