"""
Why the ridge is never zero
===========================

A kernel machine without a ridge goes through every training target, noise and all. Of very large networks it is said
that they get away with that. Kernel machines in few dimensions do not, however many rows they are given: their error
stays a fixed share of the noise (`arXiv:2205.13525 <https://arxiv.org/abs/2205.13525>`_).
"""

# %%
# Interpolation, and a ridge
# --------------------------
#
# A sine, seen at equispaced points with noise whose deviation is a half. One machine has practically no ridge; the
# other has the default, for which leave-one-out chooses one.

import matplotlib.pyplot as plt
import numpy as np

from rfmlearn import RFMRegressor

noise = 0.5


def truth(x):
    """What is to be learned."""
    return np.sin(2 * np.pi * x)


def draw(n, seed):
    """Equispaced points, and their targets with noise."""
    x = (np.arange(n) + 0.5) / n
    return x[:, None], truth(x) + noise * np.random.default_rng(seed).standard_normal(n)


def machine(alpha, bandwidth="auto"):
    """A plain Laplace kernel: what features are learned does not matter here."""
    return RFMRegressor("laplace", alpha=alpha, bandwidth=bandwidth, max_iter=0, scaling=None)


X_new = np.random.default_rng(0).uniform(0.1, 0.9, (2000, 1))
X_line = np.linspace(0, 1, 1500)[:, None]


def excess(model, X, y):
    """Mean squared distance from the truth at new points, in units of the variance of the noise."""
    return np.mean((model.fit(X, y).predict(X_new) - truth(X_new[:, 0])) ** 2) / noise**2


fig, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained", sharey=True)
for ax, n in zip(axes, (32, 256), strict=True):
    X, y = draw(n, seed=0)
    ax.plot(X[:, 0], y, ".", color="tab:gray", markersize=3, label="targets")
    for alpha, colour, name in ((1e-9, "tab:red", "no ridge"), ("auto", "tab:blue", "ridge by leave-one-out")):
        model = machine(alpha)
        error = excess(model, X, y)
        ax.plot(X_line[:, 0], model.predict(X_line), color=colour, linewidth=0.9, label=f"{name}: {error:.2f}")
    ax.plot(X_line[:, 0], truth(X_line[:, 0]), "k--", linewidth=1, label="truth")
    ax.set(title=f"{n} points; excess error in the legend", xlabel="x")
    ax.legend(fontsize=8, loc="upper right")
plt.show()

# %%
# Twice as many points, again and again
# -------------------------------------
#
# The excess error of the ridge falls with every doubling. That of interpolation stays at two thirds: between two
# neighbours the function runs nearly straight, and the mean of :math:`(1 - t)^2 + t^2` over a segment is 2/3. More
# points bring the wrong targets closer to each other, and nothing averages them.

sizes = 2 ** np.arange(5, 11)
curves = {"no ridge": [], "ridge by leave-one-out": []}
for n in sizes:
    draws = [draw(n, seed) for seed in range(6)]
    for name, alpha in (("no ridge", 1e-9), ("ridge by leave-one-out", "auto")):
        curves[name].append(np.mean([excess(machine(alpha), X, y) for X, y in draws]))
        print(f"{n:5d} points, {name}: excess error {curves[name][-1]:.3f} of the noise")

# %%
# No bandwidth helps
# ------------------
#
# Without a ridge a narrow kernel forgets the noise between the points, and the signal as well: at each number of
# points we may even choose the bandwidth by the truth, and still end at a fixed share of the noise. On the right, the
# bandwidth is in units of the distance between neighbours; a ridge, with the bandwidth that is the default, is far
# below.

# sphinx_gallery_thumbnail_number = 2
fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
for (name, curve), colour in zip(curves.items(), ("tab:red", "tab:blue"), strict=True):
    axes[0].loglog(sizes, curve, "o-", color=colour, label=name)
axes[0].axhline(2 / 3, color="k", linestyle=":", linewidth=1, label="2/3")
axes[0].set(xlabel="points", ylabel="excess error / variance of the noise", title="default bandwidth")
axes[0].legend()

widths = np.array([0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 8.0])
for n, shade in ((64, 0.4), (256, 0.65), (1024, 0.95)):
    X, y = draw(n, seed=0)
    errors = [excess(machine(1e-9, width / n), X, y) for width in widths]
    print(f"{n:5d} points, no ridge, best bandwidth of {len(widths)}: {min(errors):.3f}")
    axes[1].loglog(widths, errors, "o-", color=plt.colormaps["Reds"](shade), label=f"no ridge, {n} points")
axes[1].axhline(curves["ridge by leave-one-out"][-1], color="tab:blue", label=f"ridge, {sizes[-1]} points")
axes[1].set(xlabel="bandwidth / distance of neighbours", title="any bandwidth")
axes[1].legend()
plt.show()

# %%
# Therefore ``alpha="auto"``, the default, never goes below 0.0001, and ``alpha=0`` is refused.
