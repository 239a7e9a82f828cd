"""
Learned features of scattering coefficients
===========================================

The scattering transform is what a convolutional network would be if its filters were wavelets instead of learned ones:
its coefficients hardly change when an image moves a little. What it does not know is the task. Here a recursive feature
machine stands behind it, with and without feature learning, as in a supplement of
`arXiv:2212.13881 <https://arxiv.org/abs/2212.13881>`_. This needs kymatio: ``pip install "rfmlearn[scattering]"``.
"""

# %%
# Digits that move
# ----------------
#
# Digits of 8 x 8 pixels at random places of a frame of 16 x 16. The transform of two scales and eight angles averages
# over 4 x 4 pixels, and leaves 81 maps of 4 x 4 places.

import matplotlib.pyplot as plt
import numpy as np

# From where it is defined: `kymatio.numpy` would also load the transform of volumes, which recent versions of SciPy
# do not allow.
from kymatio.scattering2d.frontend.numpy_frontend import ScatteringNumPy2D
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from rfmlearn import RFMClassifier

digits, rng = load_digits(), np.random.default_rng(0)
images = np.zeros((len(digits.images), 16, 16))
for image, digit, row, column in zip(images, digits.images, *rng.integers(0, 9, (2, len(images))), strict=True):
    image[row : row + 8, column : column + 8] = digit / 16.0
coefficients = ScatteringNumPy2D(J=2, shape=(16, 16), L=8)(images)
print("coefficients:", coefficients.shape)

fig, axes = plt.subplots(2, 5, figsize=(9, 2.9), height_ratios=(4, 1), layout="constrained")
for (above, below), image, maps in zip(axes.T, images, coefficients, strict=False):
    above.imshow(image, cmap="gray_r")
    below.imshow(maps[1:17].reshape(2, 8, 4, 4).transpose(0, 2, 1, 3).reshape(8, 32), cmap="magma")
    above.set(xticks=[], yticks=[])
    below.set(title="2 scales, 8 angles", xticks=[], yticks=[])
plt.show()

# %%
# With and without feature learning
# ---------------------------------
#
# Three draws of 600 training images. Coefficients are turned to their principal components first, 200 of which have
# practically all of the variance: gradients of kernel machines lie in the space of differences of training rows, and
# that of 1,296 coefficients would be large for nothing.


def accuracies(rows, seed):
    """Test accuracy of each model."""
    X, X_test, y, y_test = train_test_split(
        rows, digits.target, train_size=600, stratify=digits.target, random_state=seed
    )
    pca = PCA(200, random_state=0).fit(X)
    Z, Z_test = pca.transform(X), pca.transform(X_test)
    models = {
        f"RFM, {rounds} rounds": RFMClassifier(
            "laplace", feature_matrix="full", scaling=None, max_iter=rounds, random_state=0
        )
        for rounds in (0, 1, 3)
    } | {"SVC": SVC(C=10)}
    return {name: model.fit(Z, y).score(Z_test, y_test) for name, model in models.items()}


names, results = ("pixels", "scattering coefficients"), {}
for name, rows in zip(names, (images, coefficients), strict=True):
    draws = [accuracies(rows.reshape(len(rows), -1), seed) for seed in range(3)]
    results[name] = {model: 100 * np.array([draw[model] for draw in draws]) for model in draws[0]}
    for model, values in results[name].items():
        print(f"{name}, {model}: {values.mean():.1f} +- {values.std():.1f} %")

# %%
# The transform brings most, and feature learning nearly half of the error that is left. On the pixels themselves it
# does harm: of digits that may be anywhere no pixel says more than another. A metric is learned well where the
# coordinates mean the same in all rows.

# sphinx_gallery_thumbnail_number = 2
fig, ax = plt.subplots(figsize=(9.5, 3.4), layout="constrained")
for offset, (name, values) in zip((-0.2, 0.2), results.items(), strict=True):
    ax.bar(
        np.arange(len(values)) + offset,
        [v.mean() for v in values.values()],
        yerr=[v.std() for v in values.values()],
        width=0.4,
        label=name,
    )
ax.set_xticks(range(len(values)), values)
ax.set(ylabel="test accuracy, %", ylim=(0, 100))
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
