r"""
Networks while they learn
=========================

The neural feature ansatz describes a network that has been trained. How does it come about? Two answers are looked at
here, with a recorder that follows every layer while the network learns:

- Weights :math:`W` turn towards the covariance :math:`K` of the gradients behind them. What they were drawn as hides
  that, and the *centred* ansatz, with :math:`W - W_0` for :math:`W`, takes it away
  (`arXiv:2402.05271 <https://arxiv.org/abs/2402.05271>`_).
- From layer to layer, more of the target is a linear function of the features: *target linearity* rises
  (`arXiv:2605.06258 <https://arxiv.org/abs/2605.06258>`_).

This needs torch, ``pip install "rfmlearn[torch]"``, and takes about half a minute on one core.
"""

# %%
# A staircase
# -----------
#
# The target is :math:`x_1 + x_1 x_2 + x_1 x_2 x_3 + x_1 x_2 x_3 x_4`, of ten columns. The network has three hidden
# layers, and starts from weights of which `scale` is the size, in units of what is usual.

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import make_swiss_roll
from sklearn.preprocessing import minmax_scale
from torch import nn

from rfmlearn import DeepRFMRegressor
from rfmlearn.inspection import TrainingDisplay
from rfmlearn.neural import TrainingRecorder

torch.set_num_threads(1)  # networks this small gain nothing from more


def staircase(n, seed):
    """Ten normal columns, and the target."""
    X = np.random.default_rng(seed).standard_normal((n, 10))
    return torch.tensor(X).float(), torch.tensor(np.cumprod(X[:, :4], axis=1).sum(axis=1)).float()


def perceptron(widths, scale):
    """Rectified linear units."""
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        nn.init.normal_(layers[-2].weight, std=scale * (2 / n_in) ** 0.5)
        nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers[:-1])


def train(net, X, y, rate, n_steps, recorder, momentum=0.9):
    """Gradient descent on all rows; the recorder is called before each step, and at the end."""
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum)
    for step in range(n_steps):
        recorder(step)
        optimizer.zero_grad()
        F.mse_loss(net(X)[:, 0], y).backward()
        optimizer.step()
    recorder(n_steps)


# %%
# Small initial weights
# ---------------------
#
# The recorder is made before training, so that it knows the initial weights, and called in the loop. Both forms of the
# ansatz are correlations, of the entries of :math:`W^T W` and :math:`W^T K W`. The last layer fulfils it at all times,
# because there :math:`K = 1`.

X, y = staircase(1000, seed=0)
X_new, y_new = staircase(10_000, seed=1)
torch.manual_seed(0)
net = perceptron([10, 64, 64, 64, 1], scale=0.3)
initial_linearity = [record["target_linearity"] for record in TrainingRecorder(net, X_new, y_new)()]
small = TrainingRecorder(net, X, y, every=10, learning_rate=0.01)
train(net, X, y, 0.01, 600, small)
TrainingDisplay.from_recorder(small, measures=["loss", "weight_change", "target_linearity", "nfa", "nfa_centered"])
plt.show()

# %%
# In the hidden layers "2" and "4" the ansatz comes true while the loss falls, which is when the weights change. The
# centred form starts near 1: the first thing that the weights learn lies as the ansatz says. Target linearity,
# which is that of what enters a layer, is in order of the layers at the end.
#
# Large initial weights
# ---------------------
#
# Weights three times as large as usual give outputs 81 times as large. What they give before training is added to the
# target, so that it does not have to be unlearned.

torch.manual_seed(0)
net_large = perceptron([10, 64, 64, 64, 1], scale=3.0)
with torch.no_grad():
    shifted = y + net_large(X)[:, 0]
rate = 0.01 / 3**6
large = TrainingRecorder(net_large, X, shifted, every=10, learning_rate=rate)
train(net_large, X, shifted, rate, 600, large)
TrainingDisplay.from_recorder(large, measures=["loss", "weight_change", "nfa", "nfa_centered"])
plt.show()

# %%
# The loss falls all the same, but the weights hardly move, and :math:`W^T W` stays what it was drawn as. Only the
# centred form tells that they move in the same way.
#
# Layer by layer
# --------------
#
# Layers of recursive feature machines do what layers of networks do: each finds features in which the target is nearer
# to a linear function. On new rows, many more than there are features, least squares cannot do it by itself.

deep = DeepRFMRegressor(n_layers=4, n_random_features=64, random_state=0).fit(X.numpy(), y.numpy())
trained_linearity = [record["target_linearity"] for record in TrainingRecorder(net, X_new, y_new)()]
lines = {
    "network, before training": initial_linearity,
    "network, trained": trained_linearity,
    "DeepRFMRegressor": deep.target_linearity(X_new.numpy(), y_new.numpy()),
}
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for (label, values), marker in zip(lines.items(), "os^", strict=True):
    ax.plot(np.arange(1, 5), values, marker=marker, label=label)
ax.set(xlabel="layer", ylabel="target linearity of its input", xticks=range(1, 5), ylim=(0, 1))
ax.legend(fontsize="small")
plt.show()
for label, values in lines.items():
    print(f"{label}: {np.round(values, 2)}")

# %%
# A Swiss roll unrolls
# --------------------
#
# Where would the inputs go, if they could move down the loss too? Their *virtual* places are drawn, moved by all the
# steps so far, with a large factor: they order themselves by the target, which is the colour. How that changes their
# covariance is, to first order, how the first :math:`W^T W` changes, whose ellipse is drawn in their midst.

roll, along = make_swiss_roll(1000, random_state=0)
X_roll = torch.tensor(minmax_scale(roll[:, [0, 2]])).float()
y_roll = torch.tensor(minmax_scale(along)).float()
torch.manual_seed(0)
net_roll = nn.Sequential(nn.Linear(2, 32, bias=False), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
recorder = TrainingRecorder(net_roll, X_roll, y_roll, learning_rate=0.05, measures="virtual_covariance")
moves, places, grams = torch.zeros_like(X_roll), {}, {}


def look(step):
    """Record, and note where the inputs would be."""
    recorder(step)
    if step in (0, 10, 50, 100):
        places[step], W = moves.clone(), net_roll[0].weight.detach()
        grams[step] = (W.T @ W).numpy()
    h = X_roll.clone().requires_grad_()
    moves.sub_(torch.autograd.grad(F.mse_loss(net_roll(h)[:, 0], y_roll), h)[0])


train(net_roll, X_roll, y_roll, 0.05, 100, look, momentum=0.0)
fig, axes = plt.subplots(1, 4, figsize=(10, 2.7), layout="constrained")
circle = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 100)), np.sin(t)])
for ax, (step, move) in zip(axes, places.items(), strict=True):
    virtual = minmax_scale(X_roll + 700 * move)
    ax.scatter(*X_roll.T, s=3, color="0.85")
    ax.scatter(*virtual.T, s=4, c=y_roll, cmap="viridis")
    ellipse = 0.25 * np.linalg.cholesky(grams[step] / np.linalg.norm(grams[step], 2)) @ circle
    ax.plot(*(virtual.mean(axis=0)[:, None] + ellipse), color="#d55e00")
    ax.set(title=f"step {step}", xticks=[], yticks=[], aspect="equal")
plt.show()
last = [record for record in recorder.history if record["step"] == 100]
for record in last:
    print(f"layer {record['layer']}: change of W^T W with the sum of V {record['virtual_change']:.3f}")
