"""
Quick start
===========

A recursive feature machine is used like any classifier of scikit-learn. What it adds is an account of what it has
learned: on which columns, and on which combinations of them, its predictions depend.
"""

# %%
# Fit and predict
# ---------------
#
# The breast cancer table has 30 measurements of cell nuclei in very different units. They go in as they are: the model
# scales them itself, and chooses bandwidth and ridge from the training rows. Probabilities are calibrated, also on the
# training rows, so nothing is held out.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from rfmlearn import RFMClassifier
from rfmlearn.inspection import ProjectionDisplay, RFMPathDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

model = RFMClassifier(random_state=0).fit(X_train, y_train)
print(f"accuracy {model.score(X_test, y_test):.3f}, log-loss {log_loss(y_test, model.predict_proba(X_test)):.3f}")
print(model.predict_proba(X_test[:3]).round(3))

# %%
# What was learned
# ----------------
#
# After the fit, ``agop_`` is the average gradient outer product of the fitted function,
# :math:`G = \frac1n \sum_i \sum_l \nabla f_l(x_i) \nabla f_l(x_i)^\top`. Its diagonal, summed over what belongs to one
# column and divided by the total, is ``feature_importances_``.

order = np.argsort(model.feature_importances_)[-10:]
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.barh(model.feature_names_in_[order], model.feature_importances_[order], color="tab:blue")
ax.set(xlabel="share of the trace of the AGOP", title="The ten columns on which the prediction depends most")

# %%
# The leading eigenvector of the matrix is the single direction along which the prediction changes most. Projected on
# the first two, most rows of the two classes lie apart. ``ProjectionDisplay`` draws that for any model with an
# ``agop_``.

ProjectionDisplay.from_estimator(model, X_test, y_test)

# %%
# The rounds
# ----------
#
# ``history_`` has a record of every round: round 0 is the plain kernel, and each later one has learned its metric from
# the round before. ``RFMPathDisplay`` draws it: the losses, the number of directions that the metric has in use, and
# how close it is to the one that was kept.

RFMPathDisplay.from_estimator(model)
plt.show()
