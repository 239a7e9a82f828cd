"""ConvRFM and Deep ConvRFM beside the runs that their authors stored (arXiv 2309.00570): a part of `papers.py`.

Digits in a noisy frame, patches of 3 x 3, three convolutions; and a star in noise, 50 training images, patches of
11 x 11, one convolution. The authors chose ridge and round by the test images, and average the patch-AGOP over 20
images; here leave-one-out on the training images chooses ridge, round and number of layers, and test images are seen
once. `images.py digits` and `images.py star` have the first two columns with three seeds.
"""

from __future__ import annotations

import numpy as np
from common import seconds
from images import load

from rfmlearn import ConvRFMClassifier
from rfmlearn.datasets import make_digits_in_noisy_frame, make_star_in_noise

STORED = {"digits": "52.03 without, 54.47, 57.28, 59.38 after 1, 2, 3 rounds (4,000 images)",
          "star": "77.95 without, 94.83 with"}  # fmt: skip


def star(seed, args):
    """Training and test images of half with a star, and the settings of the authors."""
    X, y = make_star_in_noise(50, random_state=seed)
    Z, labels = make_star_in_noise(1000, random_state=1000 + seed)
    return X, y, Z, labels, {"patch_size": 11, "depth": 1}


def digits(seed, args):
    """The same of digits in a frame of noise."""
    path = next(args.data.rglob("mnist.npz"))
    X, y, Z, labels = load(path.parent, "mnist", seed, args.images, args.images)
    X = make_digits_in_noisy_frame(X, random_state=seed).astype(np.float32)
    Z = make_digits_in_noisy_frame(Z, random_state=1000 + seed).astype(np.float32)
    return X, y, Z, labels, {"patch_size": 3, "depth": 3}


MODELS = {
    "plain kernel": {"max_iter": 0},
    "ConvRFM": {},
    "Deep ConvRFM": {"n_layers": 2, "n_filters": 16, "n_agop_samples": 20},
}


def main(args):
    """A line for each task, seed and model."""
    for task in (star, digits):
        if args.tasks and task.__name__ not in args.tasks:
            continue
        print(f"\n{task.__name__}: stored by the authors, percent: {STORED[task.__name__]}")
        scores = {name: [] for name in MODELS}
        for seed in range(args.seeds):
            X, y, Z, labels, settings = task(seed, args)
            for name, parameters in MODELS.items():
                if parameters.get("n_layers", 1) > settings["depth"]:
                    continue  # each layer takes one convolution from the kernel
                model = ConvRFMClassifier(**settings | parameters, random_state=seed)
                time, fitted = seconds(lambda model=model, X=X, y=y: model.fit(X, y))
                scores[name].append(100 * fitted.score(Z, labels))
                chosen = f"round {fitted.best_iter_}, {fitted.n_layers_} layers, alpha {fitted.alpha_:g}"
                print(f"  seed {seed}, {name:13}{scores[name][-1]:7.2f} %, {chosen}, {time:.0f} s", flush=True)
        print("  means: " + ", ".join(f"{name} {np.mean(values):.2f} %" for name, values in scores.items() if values))
