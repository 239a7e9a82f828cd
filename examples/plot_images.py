"""Images: what a convolutional kernel machine learns to look at.

Two tasks, in a minute on two cores. The first has a known answer: half of the images are noise, in the other half a
star lies at a random place, in two of three colours. 50 images are enough to find out what it looks like. The second
tells crops of two photographs from each other by texture alone, since the mean colour of each crop is taken off, and
what is learned are contrasts of colour, then edge detectors.

    python examples/plot_images.py          writes star.png and filters.png
    python examples/plot_images.py --show   shows them
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.model_selection import train_test_split

from rfmlearn import ConvRFMClassifier
from rfmlearn.datasets import make_star_in_noise
from rfmlearn.inspection import PatchAGOPDisplay


def star():
    """A star in noise: accuracy with and without feature learning, and its picture."""
    X, y = make_star_in_noise(50, random_state=0)
    X_test, y_test = make_star_in_noise(500, random_state=1)
    X, X_test = X.astype(np.float32), X_test.astype(np.float32)
    for max_iter in (0, 3):
        model = ConvRFMClassifier(patch_size=11, depth=1, max_iter=max_iter, random_state=0).fit(X, y)
        print(f"star, at most {max_iter} rounds of feature learning: accuracy {model.score(X_test, y_test):.3f}")
    shown = [np.flatnonzero(y_test == label)[0] for label in (1, 0)]
    return PatchAGOPDisplay.from_estimator(model, X_test[shown], n_filters=4)


def crops(image, n, size, rng):
    """Random square pieces of a photograph."""
    places = rng.integers((image.shape[0] - size, image.shape[1] - size), size=(n, 2))
    return np.stack([image[r : r + size, c : c + size] for r, c in places])


def photographs():
    """Crops of two photographs: accuracy, and the learned 5 x 5 filters."""
    rng = np.random.default_rng(0)
    X = np.concatenate([crops(image, 400, 16, rng) for image in load_sample_images().images]) / np.float32(255)
    X -= X.mean(axis=(1, 2), keepdims=True)
    y = np.repeat(["temple", "flower"], 400)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
    model = ConvRFMClassifier("patch_laplace", patch_size=5, random_state=0).fit(X, y)
    print(f"photographs: accuracy {model.score(X_test, y_test):.3f}, round {model.best_iter_}, ridge {model.alpha_:g}")
    contrast = X_test.std(axis=(1, 2, 3))
    shown = [np.argmax(contrast * (y_test == label)) for label in model.classes_]
    return PatchAGOPDisplay.from_estimator(model, X_test[shown], n_filters=6)


def main():
    """Run both tasks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="open windows instead of writing files")
    show = parser.parse_args().show
    for name, display in (("star", star()), ("filters", photographs())):
        if not show:
            display.figure_.savefig(f"{name}.png", dpi=150)
    if show:
        plt.show()


if __name__ == "__main__":
    main()
