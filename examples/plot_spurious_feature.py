"""
A model that is right for the wrong reason
==========================================

A shortcut in the training data goes unnoticed by any score that is taken on data with the same shortcut. The average
gradient outer product shows what a prediction hangs on, and there it cannot hide.
"""

# %%
# Digits, and dust on a scanner
# -----------------------------
#
# The task is to tell digits below five from the others. Nearly all images of the second kind were scanned on a machine
# with dust in one corner, which leaves a faint grey spot of 2 x 2 pixels. The images on which the model will be used
# come from a clean machine.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from rfmlearn import RFMClassifier
from rfmlearn.inspection import AGOPDisplay, FeatureImportanceDisplay

digits = load_digits()
X, y = digits.images / 16.0, np.where(digits.target < 5, "0 to 4", "5 to 9")
rng = np.random.default_rng(0)


def dusty(images, labels):
    """Images with the spot on 95 % of those of the second class."""
    images, spotted = images.copy(), (labels == "5 to 9") & (rng.random(len(labels)) < 0.95)
    images[spotted, :2, :2] += 0.3
    return images


X_old, X_new, y_old, y_new = train_test_split(X, y, train_size=900, stratify=y, random_state=0)
X_train, X_held, y_train, y_held = train_test_split(dusty(X_old, y_old), y_old, train_size=600, random_state=0)

fig, axes = plt.subplots(1, 6, figsize=(8, 1.9), layout="constrained")
for ax, i in zip(axes, range(6), strict=True):
    ax.imshow(X_train[i], cmap="gray_r", vmin=0.0, vmax=1.0)
    ax.set(title=y_train[i], xticks=[], yticks=[])


def rows(images):
    """Images as rows of 64 columns."""
    return images.reshape(len(images), -1)


# %%
# All seems well
# --------------
#
# Images held out from the same scans are classified almost without error. On those of the clean machine the model is
# hardly better than chance.

model = RFMClassifier(random_state=0).fit(rows(X_train), y_train)
print(f"held out, from the same scanner: {model.score(rows(X_held), y_held):.3f}")
print(f"from the clean scanner:          {model.score(rows(X_new), y_new):.3f}")

# %%
# With the spot on images of the first class instead, nearly every answer is wrong.

on_the_others = X_new + 0.3 * np.pad(np.ones((2, 2)), (0, 6)) * (y_new == "0 to 4")[:, None, None]
print(f"spot on the other class:         {model.score(rows(on_the_others), y_new):.3f}")

# %%
# What the prediction hangs on
# ----------------------------
#
# No clean image is needed to see it. The diagonal and the leading direction of the AGOP, drawn as images, are the
# corner and little else.

# sphinx_gallery_thumbnail_number = 2
AGOPDisplay.from_estimator(model, image_shape=(8, 8), n_directions=2)
print(f"share of the diagonal in the corner: {model.feature_importances_.reshape(8, 8)[:2, :2].sum():.3f}")

# %%
# The importances say the same in numbers. The pixels ``x0`` and ``x8``, in which no digit is ever written, stand far
# above the noise, as they must: in these data they do predict the label. That a column is used is what an AGOP can
# tell; that it should not be is for someone to say who knows where the data come from. An empty corner is easy to
# judge.

FeatureImportanceDisplay.from_estimator(model, rows(X_train), y_train, n_repeats=3, max_features=12, random_state=0)

# %%
# Without the corner
# ------------------
#
# Taken out of the training rows, the spot has no say, and the model has to look at the digits.

kept = np.setdiff1d(np.arange(64), [0, 1, 8, 9])
repaired = RFMClassifier(random_state=0).fit(rows(X_train)[:, kept], y_train)
print(f"held out, from the same scanner: {repaired.score(rows(X_held)[:, kept], y_held):.3f}")
print(f"from the clean scanner:          {repaired.score(rows(X_new)[:, kept], y_new):.3f}")

fig, axes = plt.subplots(1, 2, figsize=(6, 3), layout="constrained")
importances = np.zeros(64)
importances[kept] = repaired.feature_importances_
for ax, values, title in ((axes[0], model.feature_importances_, "with"), (axes[1], importances, "without")):
    ax.imshow(values.reshape(8, 8), cmap="magma")
    ax.set(title=f"importances {title} the corner", xticks=[], yticks=[])
plt.show()
