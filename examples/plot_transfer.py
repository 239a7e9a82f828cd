"""
Features from another task
==========================

A metric that was learned where labels are many can be used where they are few. ``feature_matrix_init`` takes a fitted
estimator, or its matrix. When this helps, and when it does harm, is what this example is about.
"""

# %%
# Many labels for one task, few for another
# -----------------------------------------
#
# Of one half of the images we know which digit they show. Of the other half the task is to tell odd from even, with 20
# labels for each of the two.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from rfmlearn import RFMClassifier
from rfmlearn.inspection import AGOPDisplay

X, digit = load_digits(return_X_y=True)
X /= 16.0
first = np.arange(len(X)) % 2 == 0
settings = dict(kernel="laplace", feature_matrix="full", agop_power=0.5, scaling=None, random_state=0)
source = RFMClassifier(**settings).fit(X[first], digit[first])

# %%
# The leading directions of what was learned are strokes that tell digits from each other.

AGOPDisplay.from_estimator(source, image_shape=(8, 8), n_directions=3)

# %%
# Three machines for the second task
# ----------------------------------
#
# - with the plain kernel: no feature learning (``max_iter=0``);
# - with features learned from the 40 labels themselves;
# - with those of the first task (``feature_matrix_init=source``), left as they are (``max_iter=0``).


def compare(source, X, y, n_labels=20, n_draws=10):
    """Accuracy of the three machines on the rows without label, for several draws of those with one."""
    machines = (
        RFMClassifier(**settings, max_iter=0),
        RFMClassifier(**settings, max_iter=3),
        RFMClassifier(**settings, max_iter=0, feature_matrix_init=source),
    )
    scores = np.empty((n_draws, len(machines)))
    for draw in range(n_draws):
        rng = np.random.default_rng(draw)
        labelled = np.concatenate(
            [rng.choice(np.flatnonzero(y == label), n_labels, replace=False) for label in np.unique(y)]
        )
        others = np.setdiff1d(np.arange(len(y)), labelled)
        for k, machine in enumerate(machines):
            scores[draw, k] = machine.fit(X[labelled], y[labelled]).score(X[others], y[others])
    return scores


parity = np.where(digit % 2 == 0, "even", "odd")
helped = compare(source, X[~first], parity[~first])

# %%
# The other way round
# -------------------
#
# Now the first task is to tell the digits 0 to 4 from each other, and the second to tell 5 to 9. A pixel that the first
# five digits do not need can be just what the others do. The metric has shortened distances in it, and with so few
# labels nothing brings it back.

low = digit <= 4
source_low = RFMClassifier(**settings).fit(X[low], digit[low])
harmed = compare(source_low, X[~low], digit[~low])

# %%
# Every line is one draw of the labels. The first transfer is a gain with every draw, the second a loss with every draw:
# features carry over if the first task needs all that the second needs. Whether it does is seen by comparing on the
# labels at hand, and ``agop_power=0.25`` or a larger ``shrinkage`` limit the damage.

names = ["plain kernel", "features of\nits own", "features of\nthe first task"]
# sphinx_gallery_thumbnail_number = 2
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, scores, title in ((axes[0], helped, "ten digits, then odd or even"), (axes[1], harmed, "0 to 4, then 5 to 9")):
    ax.plot(scores.T, color="tab:gray", linewidth=0.7)
    ax.plot(scores.mean(axis=0), "o-", color="tab:blue", label="mean")
    ax.set_xticks(range(3), names)
    ax.set(title=title, xlim=(-0.3, 2.3))
    print(title + ":", ", ".join(f"{100 * score:.1f} %" for score in scores.mean(axis=0)))
axes[0].set_ylabel("accuracy on the other images")
axes[0].legend()
plt.show()
