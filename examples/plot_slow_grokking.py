r"""
Grokking modular addition
=========================

A network that is trained on a part of the table of :math:`a + b \bmod p` fits the pairs it is given at once, knows
nothing about the others for a long time, and then, all of a sudden, knows them all. This has been called grokking, and
put down to gradient descent. A recursive feature machine does the same, though each of its rounds solves a linear
system exactly (`arXiv:2407.20199 <https://arxiv.org/abs/2407.20199>`_). What happens meanwhile can be seen in its
feature matrix.

It takes a few minutes on two cores.
"""

# %%
# The task
# --------
#
# There are :math:`p^2` pairs. Each number is given as an indicator vector, so that a row has :math:`2p` coordinates and
# nothing tells the machine that 3 lies between 2 and 4. Half of the pairs are for training.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from rfmlearn import RFMRegressor
from rfmlearn.kernels import Points

p, max_rounds = 61, 30
a, b = np.divmod(np.arange(p * p), p)
X, y = np.hstack([np.eye(p)[a], np.eye(p)[b]]), (a + b) % p
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.5, random_state=0)

# %%
# The rounds
# ----------
#
# The targets are indicators of the class. The ridge is tiny, so that every round knows all training pairs; the feature
# matrix is the square root of the AGOP (``agop_power=0.25`` for its root), with nothing mixed in. As in the paper, the
# mean gradient of each output is subtracted before outer products are averaged (``center_gradients``). The mean says
# how an output depends on single numbers, and for that there is no reason here but the accident of which pairs are in
# the training half. Without centring, 30 rounds reach 57 % of the test pairs.
#
# A callback looks at every round, and stops when all test pairs are known.

matrices, training, test = [], [], []


def look(current):
    """Keep the feature matrix of a round and the share of pairs that it knows."""
    matrices.append(current.machine.feature_matrix.to_array())
    for shares, rows, labels in ((training, X_train, y_train), (test, X_test, y_test)):
        outputs = current.machine.decision(Points.of_numbers(rows))
        shares.append(np.mean(outputs.argmax(axis=1) == labels))
    return test[-1] == 1.0


RFMRegressor(
    "gaussian", bandwidth=2.5, alpha=1e-7, max_iter=max_rounds, feature_matrix="full", agop_power=0.25, shrinkage=0.0,
    center_gradients=True, scaling=None, solver="cholesky", callback=look,
).fit(X_train, np.eye(p)[y_train])  # fmt: skip
for n_rounds in [*range(0, len(test), 5), len(test) - 1]:
    print(f"round {n_rounds:2}: training pairs {training[n_rounds]:.4f}, test pairs {test[n_rounds]:.4f}")

# %%
# The curve
# ---------
#
# For ten rounds the error on the test pairs does not move, and neither does that on the training pairs, which is zero.
# Two measures of the feature matrix do, all the while. The first is its cosine with the last one. The second says how
# far the block that couples ``a`` with ``b`` is from a circulant matrix, one whose entries depend on :math:`a - b \bmod
# p` only: the variance within the diagonals of equal difference, as a share of the mean square of all entries. It is 1
# for a matrix of pure noise and 0 for a circulant one.


def diagonals(block):
    """Entries of a block with row s for those whose indices differ by s mod p."""
    rows = np.arange(p)
    return np.array([block[rows, (rows - s) % p] for s in range(p)])


def circulant_deviation(M):
    """Variance within the diagonals of the block that couples a with b, relative to its mean square."""
    block = M[:p, p:]
    return diagonals(block).var(axis=1).mean() / np.mean(block**2)


last = matrices[-1]
alignment = [np.sum(M * last) / np.linalg.norm(M) / np.linalg.norm(last) for M in matrices]
deviation = [np.nan, *(circulant_deviation(M) for M in matrices[1:])]

fig, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
left.plot(training, "o-", markersize=3, color="tab:gray", label="training pairs")
left.plot(test, "o-", markersize=3, color="tab:blue", label="test pairs")
left.set(title="accuracy", ylim=(-0.03, 1.03))
left.legend()
middle.plot(alignment, "o-", markersize=3, color="tab:orange")
middle.set(title="alignment with the last feature matrix")
right.plot(deviation, "o-", markersize=3, color="tab:green")
right.set(title="deviation from a circulant", ylim=(-0.03, 1.03))
for ax in (left, middle, right):
    ax.set_xlabel("round")

# %%
# What was learned
# ----------------
#
# The first rounds see no more than that every row has one ``a`` and one ``b``. At the end the blocks within ``a`` and
# within ``b`` are nearly constant, and the block :math:`C` between them is circulant, :math:`C_{ab} = c(a - b)`. That
# is addition, in the form in which a metric can say it. The inner product of two rows :math:`(a, b)` and :math:`(a',
# b')` is :math:`c(a - b') + c(a' - b)` but for a constant, and the two arguments are the same, modulo p, just if
# :math:`a + b = a' + b'`.

# sphinx_gallery_thumbnail_number = 2
fig, axes = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
for ax, n_rounds in zip(axes, (1, len(matrices) // 2, len(matrices) - 1), strict=True):
    off_diagonal = matrices[n_rounds] - np.diag(np.diag(matrices[n_rounds]))
    reach = np.abs(off_diagonal).max()
    ax.imshow(off_diagonal, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
    ax.set(title=f"round {n_rounds}", xticks=[p / 2, 1.5 * p], yticks=[p / 2, 1.5 * p])
    ax.set_xticklabels(["a", "b"])
    ax.set_yticklabels(["a", "b"])
fig.suptitle("Feature matrix without its diagonal")

# %%
# A circulant matrix has waves as its eigenvectors, and the discrete Fourier transform of one row has its eigenvalues.
# All frequencies take part, though some more than others.

profile = diagonals(last[:p, p:]).mean(axis=1)
spectrum = np.abs(np.fft.rfft(profile))
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
ax.bar(np.arange(1, len(spectrum)), spectrum[1:], color="tab:green")
ax.set(xlabel="frequency", ylabel="amplitude", title="Fourier transform of the coupling of a with b")
plt.show()
