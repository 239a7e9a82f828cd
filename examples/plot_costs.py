"""
Costs of errors, and a rare class
=================================

Which class to predict depends on two things that a classifier cannot know: what errors cost, and how frequent the
classes are where it is used. Both act on probabilities alone, so that nothing has to be fitted again: costs move the
threshold, which is scikit-learn's business, and shares of classes move the probabilities, for which there is
``class_prior``.
"""

# %%
# Defects
# -------
#
# One part in five of the training rows is defective: they come from a collection, in which defects are more frequent
# than they are in production. Two measurements of a defective part deviate together, in either direction; four others
# say nothing. To pass a defective part costs ten times as much as to take out a good one.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV

from rfmlearn import RFMClassifier

PASSED, TAKEN_OUT = 10.0, 1.0
rng = np.random.default_rng(0)


def draw(n, share):
    """Measurements of n parts, and which of them are defective."""
    y = rng.uniform(size=n) < share
    X = rng.normal(size=(n, 6))
    X[:, :2] += 1.6 * rng.choice([-1, 1], size=(n, 1)) * y[:, None]
    return X, y


def cost(y, predicted):
    """Mean cost of a part."""
    return np.mean(PASSED * (y & ~predicted) + TAKEN_OUT * (~y & predicted))


X, y = draw(1500, share=0.2)
X_test, y_test = draw(6000, share=0.2)

# %%
# The threshold that costs least
# ------------------------------
#
# ``TunedThresholdClassifierCV`` finds in folds where the threshold should be. As the probabilities are calibrated, we
# can also tell without folds: a part should be taken out when ``10 p > 1 (1 - p)``, from p = 1/11 on.

scoring = make_scorer(cost, greater_is_better=False)
tuned = TunedThresholdClassifierCV(RFMClassifier(random_state=0), scoring=scoring, cv=3, random_state=0).fit(X, y)
model = tuned.estimator_


def decide(probabilities, threshold):
    """Which parts to take out."""
    return probabilities[:, 1] >= threshold


by_costs = TAKEN_OUT / (TAKEN_OUT + PASSED)
p_test = model.predict_proba(X_test)
print(f"most probable class: {cost(y_test, model.predict(X_test)):.3f} a part")
print(f"tuned threshold, {tuned.best_threshold_:.3f}: {cost(y_test, tuned.predict(X_test)):.3f}")
print(f"threshold from costs, {by_costs:.3f}: {cost(y_test, decide(p_test, by_costs)):.3f}")

# %%
# Where defects are rare
# ----------------------
#
# In production one part in fifty is defective. Defective parts look as they did, and so do good ones, but there are far
# more of these: probabilities learned from the collection are too high, and too many parts are taken out. The share is
# passed with the rows.

production = {True: 0.02, False: 0.98}
X_new, y_new = draw(20_000, share=production[True])
p_old = model.predict_proba(X_new)
p_new = model.predict_proba(X_new, class_prior=production)
for name, p in (("without", p_old), ("class_prior", p_new)):
    print(
        f"{name:12} mean probability of a defect {p[:, 1].mean():.3f}, log-loss {log_loss(y_new, p):.3f}, "
        f"cost with threshold {by_costs:.3f}: {cost(y_new, decide(p, by_costs)):.4f}"
    )
print(f"tuned in the collection: {cost(y_new, tuned.predict(X_new)):.4f}")
print(f"take nothing out: {cost(y_new, np.zeros(len(y_new), dtype=bool)):.4f}")

# %%
# Left, the cost of all thresholds at the shares of the collection: what was tuned and what follows from costs both lie
# at the bottom, far from 1/2. Right, in production: with ``class_prior`` the same threshold is at the bottom again.
# Without it one pays more than twice as much, and more than if no part were taken out at all.

thresholds = np.geomspace(0.002, 0.9, 120)
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
axes[0].plot(thresholds, [cost(y_test, decide(p_test, t)) for t in thresholds], color="tab:blue")
axes[0].axvline(0.5, color="tab:gray", linestyle=":", label="most probable class")
axes[0].axvline(tuned.best_threshold_, color="tab:orange", linestyle="--", label="tuned in folds")
axes[0].set(title="collection: 20 % defects", ylabel="cost of a part")
for p, color, label in ((p_old, "tab:gray", "without class_prior"), (p_new, "tab:blue", "class_prior")):
    axes[1].plot(thresholds, [cost(y_new, decide(p, t)) for t in thresholds], color=color, label=label)
axes[1].set(title="production: 2 % defects")
for ax, place in zip(axes, ("upper left", "upper right"), strict=True):
    ax.axvline(by_costs, color="black", linewidth=0.8, label="from costs, 1/11")
    ax.set(xscale="log", xlabel="threshold for the probability of a defect", ylim=(0, None))
    ax.legend(loc=place)
plt.show()
