r"""
Do neural networks learn by the AGOP?
=====================================

The neural feature ansatz says yes: the weights :math:`W` of a trained layer obey :math:`W^T W \propto G^{1/2}`, where
:math:`G` is the average gradient outer product (AGOP) of the network with respect to the input of that layer
(`arXiv:2212.13881 <https://arxiv.org/abs/2212.13881>`_). Recursive feature machines rest on it: they take the AGOP and
do without the network. Here four kinds of network are trained, and for each layer the entries of both sides are
correlated, before and after training.

The last linear layer of a network proves nothing: its gradients are its weights, so that :math:`W^T W = G` at all
times. It is left out of the summaries. This needs torch, ``pip install "rfmlearn[torch]"``, and takes one to two
minutes on one core, or some minutes on one that is shared.
"""

# %%
# Training
# --------
#
# The ansatz describes features that were learned, so the weights have to leave behind what they were drawn as. Networks
# are therefore trained until they fit well, with weight decay, and start from weights that are smaller than usual where
# `scale` is below one.

import argparse
import copy
import inspect
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import scale as standardize
from torch import nn

from rfmlearn.inspection import NFADisplay
from rfmlearn.neural import neural_feature_ansatz

torch.manual_seed(0)
torch.set_num_threads(1)  # networks this small gain nothing from more


def train(net, X, y, *, optimizer, scale, n_steps, batch_size=64):
    """Train in place with cross-entropy, on random batches; the network before training."""
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim > 1:
                parameter *= scale
    initial = copy.deepcopy(net)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, optimizer.param_groups[0]["lr"], total_steps=n_steps, cycle_momentum=False
    )
    for _ in range(n_steps):
        rows = torch.randint(len(X), (batch_size,))
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X[rows]).movedim(-1, 1), y[rows])
        loss.backward()
        optimizer.step()
        schedule.step()
    print(f"loss of the last batch: {loss.item():.3f}\n")
    return initial


def report(name, net, X, initial, n_samples):
    """Print the table and a summary over all layers but the last, and draw."""
    ansatz = neural_feature_ansatz(net, X, initial=initial, n_samples=n_samples, random_state=0)
    print(ansatz)
    for title, measure in (("before training", "correlation_initial"), ("after training", "correlation")):
        values = [getattr(layer, measure) for layer in ansatz.layers[:-1]]
        print(f"{name}, {title}: mean {np.mean(values):.3f}, smallest {np.min(values):.3f}")
    NFADisplay(ansatz).plot()
    plt.show()


# %%
# A multilayer perceptron on a table
# ----------------------------------
#
# 569 tumours, 30 measurements, benign or malignant.

X, y = load_breast_cancer(return_X_y=True)
X, y = torch.tensor(standardize(X), dtype=torch.float32), torch.tensor(y)
mlp = nn.Sequential(
    nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
)
optimizer = torch.optim.AdamW(mlp.parameters(), lr=1e-3, weight_decay=0.01)
initial = train(mlp, X, y, optimizer=optimizer, scale=0.3, n_steps=900)
report("MLP", mlp, X, initial, n_samples=None)

# %%
# A convolutional network on images
# ---------------------------------
#
# Handwritten digits of 8 x 8 pixels. The gradient is that with respect to each patch which a convolution sees, as if
# patches did not overlap, and :math:`G` sums over them.

digits = load_digits()
images, y = torch.tensor(digits.images / 16, dtype=torch.float32), torch.tensor(digits.target)
cnn = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1, stride=2),
    nn.ReLU(),
    nn.Conv2d(32, 32, 3, padding=1, stride=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(128, 10),
)
optimizer = torch.optim.AdamW(cnn.parameters(), lr=3e-3, weight_decay=0.1)
initial = train(cnn, images[:, None], y, optimizer=optimizer, scale=0.5, n_steps=600)
report("CNN", cnn, images[:, None], initial, n_samples=300)

# %%
# A recurrent network on sequences
# --------------------------------
#
# The same digits, read row by row by gated recurrent units (GRU). :math:`W` holds the input weights of all gates. Here
# the optimizer matters. Stochastic gradient descent keeps neighbouring layers in balance, from which the ansatz follows
# in linear networks. Adam does not: with several learning rates and weight decays, the correlation at the GRU came out
# between 0.75 and 0.90.


class Reader(nn.Module):
    """Reads the rows of an image, and names the digit at the end."""

    def __init__(self, width=32):
        super().__init__()
        self.gru = nn.GRU(8, width, batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, rows):
        """Scores of the ten digits."""
        return self.head(self.gru(rows)[0][:, -1])


rows = 2 * (images - images.mean(0))
reader = Reader()
optimizer = torch.optim.SGD(reader.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
initial = train(reader, rows, y, optimizer=optimizer, scale=1.0, n_steps=900)
report("GRU", reader, rows, initial, n_samples=300)

# %%
# A transformer on text
# ---------------------
#
# Two blocks of causal attention guess the next character of Python's own source code. At every position there is a
# score for each character, some 3,000 outputs in all, so the AGOP is estimated from 64 random combinations of them.
#
# Correlations are high before training already, because both sides are close to multiples of the identity then. What
# is learned is seen in the last columns: little of the first :math:`W^T W` is kept, and the change of the weights alone
# agrees with the AGOP. Training does not raise all correlations: at `out` and `down`, and at the first `query`, they
# stay where they were or fall a little.


class Block(nn.Module):
    """Attention and a perceptron, each added to what came in."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        """New vectors of all positions."""
        h = self.norm_1(x)
        heads = (
            part(h).unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class Transformer(nn.Module):
    """Scores of the next character at every position."""

    def __init__(self, n_characters, length, width=32, n_blocks=2):
        super().__init__()
        self.character, self.position = nn.Embedding(n_characters, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[Block(width, n_heads=2) for _ in range(n_blocks)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, n_characters)

    def forward(self, text):
        """Scores of shape (m, length, n_characters)."""
        return self.head(self.norm(self.blocks(self.character(text) + self.position.weight)))


source = "".join(inspect.getsource(module) for module in (argparse, inspect, textwrap))
characters, codes = np.unique(list(source), return_inverse=True)
length = 32
windows = torch.tensor(codes).unfold(0, length + 1, 1)
text, following = windows[:, :-1], windows[:, 1:]
transformer = Transformer(len(characters), length)
optimizer = torch.optim.AdamW(transformer.parameters(), lr=3e-3, weight_decay=0.1)
initial = train(transformer, text, following, optimizer=optimizer, scale=0.3, n_steps=1500, batch_size=32)
report("transformer", transformer, text, initial, n_samples=64)
