"""
The simple half of a picture
============================

Two pictures side by side have one label, and either would be enough. Networks then learn from the simpler one, and
hardly see the other: simplicity bias. So do kernel machines, and the average gradient outer product shows it before
any test does (`arXiv:2212.13881 <https://arxiv.org/abs/2212.13881>`_).
"""

# %%
# A digit beside a piece of a photograph
# --------------------------------------
#
# On the left a nought or a one, on the right a grey piece of one of the two photographs that scikit-learn ships: the
# temple with the nought, the flower with the one. Test rows have other digits, and pieces of other parts of the
# photographs.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d

from rfmlearn import RFMClassifier

digits = load_digits()
photographs = [image.mean(axis=2) for image in load_sample_images().images]


def pieces(photograph, n, seed):
    """Pieces of 8 x 8 pixels of a photograph at half its size, their grey values between 0 and 1."""
    return extract_patches_2d(photograph[::2, ::2], (8, 8), max_patches=n, random_state=seed) / 255.0


def pairs(part, seed):
    """Rows of 64 pixels of a digit and 64 of a photograph, and their labels; part 0 is to train, 1 to test."""
    halves, labels = [], []
    for label, photograph in enumerate(photographs):
        numbers = digits.images[digits.target == label][part::2] / 16.0
        width = photograph.shape[1] // 2
        photograph = photograph[:, width * part : width * (part + 1)]
        halves.append(np.concatenate([numbers, pieces(photograph, len(numbers), seed)], axis=2))
        labels.append(np.full(len(numbers), label))
    return np.concatenate(halves), np.concatenate(labels)


def rows(images):
    """Images as rows of length 1."""
    flat = images.reshape(len(images), -1)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


images, y = pairs(0, seed=0)
images_test, y_test = pairs(1, seed=1)
fig, axes = plt.subplots(1, 6, figsize=(9, 1.3), layout="constrained")
for ax, i in zip(axes, np.random.default_rng(0).choice(len(y), 6, replace=False), strict=True):
    ax.imshow(images[i], cmap="gray", vmin=0.0, vmax=1.0)
    ax.set(title=f"class {y[i]}", xticks=[], yticks=[])
plt.show()

# %%
# Each half on its own
# --------------------
#
# A plain kernel tells digits apart without error. From the pieces of photographs much can be told too.


def machine(max_iter):
    """The settings of the paper."""
    return RFMClassifier(
        "laplace", alpha=1e-3, feature_matrix="full", agop_power=0.5, shrinkage=0.0, scaling=None, max_iter=max_iter
    )


left, right = np.s_[:, :, :8], np.s_[:, :, 8:]
for name, half in (("digits", left), ("photographs", right)):
    accuracy = machine(0).fit(rows(images[half]), y).score(rows(images_test[half]), y_test)
    print(f"{name} alone: accuracy {100 * accuracy:.1f} %")

# %%
# Both halves
# -----------
#
# One round of feature learning. Then in the test images one half is swapped for that of another image, in 20 ways:
# without the digit the machine is at a loss, although the right half would do; without the photograph nothing is
# missed.

model = machine(1).fit(rows(images), y)


def shuffled(half, rng):
    """Test images, one half of each from another one."""
    swapped = images_test.copy()
    swapped[half] = images_test[rng.permutation(len(y_test))][half]
    return rows(swapped)


rng = np.random.default_rng(0)
names, scores = ["as they are"], [model.score(rows(images_test), y_test)]
for name, half in (("digits shuffled", left), ("photographs shuffled", right)):
    names.append(name)
    scores.append(np.mean([model.score(shuffled(half, rng), y_test) for _ in range(20)]))
share = model.feature_importances_.reshape(8, 16)
print(f"diag(M) on the digits: {100 * share[:, :8].sum():.1f} %")
for name, score in zip(names, scores, strict=True):
    print(f"{name}: accuracy {100 * score:.1f} %")

# sphinx_gallery_thumbnail_number = 2
fig, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
axes[0].imshow(share, cmap="magma")
axes[0].set(title=f"diag(M): {100 * share[:, :8].sum():.0f} % on the digit", xticks=[], yticks=[])
axes[1].barh(names[::-1], scores[::-1], color="tab:blue")
axes[1].axvline(0.5, color="k", linestyle=":", linewidth=1)
axes[1].set(title="accuracy on test images", xlim=(0, 1))
plt.show()

# %%
# What to do about it: leave the simple columns out, as in :ref:`sphx_glr_auto_examples_plot_spurious_feature.py`, or
# see to it that they do not give the label away.
