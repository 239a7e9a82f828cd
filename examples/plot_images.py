"""
Images: learned filters
=======================

A convolutional kernel machine learns what to look at in a patch of an image. Two tasks show it. The first has a known
answer: in half of the images a star lies at a random place. The second tells crops of two photographs from each other
by texture alone, and what is learned are contrasts of colour, then edge detectors.
"""

# %%
# A star in noise
# ---------------
#
# Half of the images are noise; in the others a star lies at a random place, in two of three colours. 50 images are
# enough to find out what it looks like, and to raise the accuracy on new ones.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.model_selection import train_test_split

from rfmlearn import ConvRFMClassifier
from rfmlearn.datasets import make_star_in_noise
from rfmlearn.inspection import PatchAGOPDisplay

X, y = make_star_in_noise(50, random_state=0)
X_test, y_test = make_star_in_noise(200, random_state=1)
X, X_test = X.astype(np.float32), X_test.astype(np.float32)
for max_iter in (0, 2):
    model = ConvRFMClassifier(patch_size=11, depth=1, max_iter=max_iter, random_state=0).fit(X, y)
    print(f"at most {max_iter} rounds of feature learning: accuracy {model.score(X_test, y_test):.3f}")

# %%
# The leading filter is a blob of the colours of the star and of about its size, with nine tenths of the trace. Its
# response finds the star in the first image, and nothing in the second, which has none.

shown = [np.flatnonzero(y_test == label)[0] for label in (1, 0)]
PatchAGOPDisplay.from_estimator(model, X_test[shown], n_filters=4)

# %%
# Two photographs
# ---------------
#
# Crops of 16 x 16 pixels, from which the mean of each colour is taken off, so that texture has to tell them apart.


def crops(image, n, size, rng):
    """Random square pieces of a photograph."""
    places = rng.integers((image.shape[0] - size, image.shape[1] - size), size=(n, 2))
    return np.stack([image[r : r + size, c : c + size] for r, c in places])


rng = np.random.default_rng(0)
X = np.concatenate([crops(image, 250, 16, rng) for image in load_sample_images().images]) / np.float32(255)
X -= X.mean(axis=(1, 2), keepdims=True)
y = np.repeat(["temple", "flower"], 250)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
model = ConvRFMClassifier("patch_laplace", patch_size=5, random_state=0).fit(X, y)
print(f"accuracy {model.score(X_test, y_test):.3f}, round {model.best_iter_}, ridge {model.alpha_:g}")

# %%
# Filters of 5 x 5 pixels in three colours, and what they see in the crop of each photograph that has most contrast.

contrast = X_test.std(axis=(1, 2, 3))
shown = [np.argmax(contrast * (y_test == label)) for label in model.classes_]
PatchAGOPDisplay.from_estimator(model, X_test[shown], n_filters=6)
plt.show()
