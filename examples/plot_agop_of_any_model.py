"""
The AGOP of any model
=====================

The average gradient outer product is defined for every function, however it was fitted. What a network, a support
vector machine or boosted trees have learned from a table can so be compared, in the same terms, with what a recursive
feature machine has.
"""

# %%
# One table, four models
# ----------------------
#
# Of ten columns the target depends on the first two through their sum, on a third that multiplies it, on a wave in the
# fourth, and on nothing else.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVR

from rfmlearn import RFMRegressor, average_gradient_outer_product

rng = np.random.default_rng(0)
X, X_test = rng.normal(size=(1000, 10)), rng.normal(size=(1000, 10))


def target(X):
    """A product with a sum, and a wave."""
    return (X[:, 0] + X[:, 1]) * X[:, 2] + np.sin(2.0 * X[:, 3])


y, y_test = target(X) + 0.1 * rng.normal(size=1000), target(X_test)
models = {
    "RFM": RFMRegressor(random_state=0),
    "network": MLPRegressor(hidden_layer_sizes=(100, 100), alpha=0.01, max_iter=300, random_state=0),
    "support vectors": SVR(C=10.0),
    "boosted trees": HistGradientBoostingRegressor(random_state=0),
}
for name, model in models.items():
    print(f"{name:15} R2 {model.fit(X, y).score(X_test, y_test):.3f}")

# %%
# Gradients
# ---------
#
# ``average_gradient_outer_product`` takes the gradient in closed form where there is one: for these machines, networks
# and support vectors. Trees are constant in pieces, and their derivative is zero almost everywhere; differences over
# half a standard deviation (``step=0.5``; without a step, something like it is taken with a warning) say how they vary
# on that scale. Everything is in the units of the columns of X. The true function, given as a plain function, tells
# what should come out: the first two columns form a block, as they act together.

agops = {"truth": average_gradient_outer_product(target, X)}
for name, model in models.items():
    step = 0.5 if name == "boosted trees" else None
    agops[name] = average_gradient_outer_product(model, X, step=step)

fig, axes = plt.subplots(1, len(agops), figsize=(12, 2.9), layout="constrained")
for ax, (name, G) in zip(axes, agops.items(), strict=True):
    picture = ax.imshow(G, cmap="RdBu_r", vmin=-2.0, vmax=2.0)
    ax.set(title=name, xticks=range(10), yticks=range(10))
fig.colorbar(picture, ax=axes, shrink=0.7)

# %%
# How much of it is noise
# -----------------------
#
# Six columns have no influence. Their part of the trace is a measure of how much a model reacts to what does not
# matter, and the cosine with the true matrix says how well the whole was learned.

truth = agops.pop("truth")
shares = {name: np.diag(G)[4:].sum() / np.trace(G) for name, G in agops.items()}
cosines = {name: np.sum(G * truth) / np.linalg.norm(G) / np.linalg.norm(truth) for name, G in agops.items()}
for name in agops:
    print(f"{name:15} on columns without influence {shares[name]:.3f}, cosine with the truth {cosines[name]:.3f}")

# sphinx_gallery_thumbnail_number = 2
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
width = 0.2
for k, (name, G) in enumerate(agops.items()):
    ax.bar(np.arange(10) + width * (k - 1.5), np.diag(G) / np.trace(G), width, label=name)
ax.plot(np.arange(10), np.diag(truth) / np.trace(truth), "k_", markersize=22, label="truth")
ax.set(xlabel="column", title="Diagonal of the AGOP, share of the trace", xticks=range(10))
ax.legend()
plt.show()
