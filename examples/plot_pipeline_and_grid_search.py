"""
Learned features in a pipeline
==============================

``AGOPFeatureMap`` is a transformer: it learns which directions matter and hands on rows in which distances count just
those. Behind it can stand whatever looks at distances, and a grid search tunes both together.
"""

# %%
# Two moons in twenty dimensions
# ------------------------------
#
# Two of twenty coordinates separate the classes; the others are noise of the same size. A random rotation hides them,
# so that no column is better than another.

from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.linalg import subspace_angles
from sklearn.datasets import make_moons
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from rfmlearn import AGOPFeatureMap

rng = np.random.default_rng(0)
moons, y = make_moons(1200, noise=0.15, random_state=0)
rotation = np.linalg.qr(rng.normal(size=(20, 20)))[0]
X = np.hstack([2.0 * moons, rng.normal(size=(1200, 18))]) @ rotation
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=600, stratify=y, random_state=0)

# %%
# A search over features and neighbours
# -------------------------------------
#
# The first step of the pipeline is itself a choice: columns as they are, principal components, or a learned map of
# several forms. With ``memory`` the pipeline fits each map once for each fold, and not again for every number of
# neighbours.

with TemporaryDirectory() as folder:
    pipeline = Pipeline([("features", StandardScaler()), ("neighbours", KNeighborsClassifier())], memory=folder)
    neighbours = {"neighbours__n_neighbors": [3, 10, 30]}
    grid = [
        {"features": [StandardScaler()], **neighbours},
        {"features": [PCA()], "features__n_components": [2, 10], **neighbours},
        {
            "features": [AGOPFeatureMap(random_state=0)],
            "features__n_components": [2, None],
            "features__agop_power": [0.25, 0.5],
            **neighbours,
        },
    ]
    search = GridSearchCV(pipeline, grid, cv=3).fit(X_train, y_train)

results = pd.DataFrame(search.cv_results_)
results["map"] = [type(features).__name__ for features in results["param_features"]]
print(results.groupby("map")["mean_test_score"].max().round(3).to_string())
print("chosen:", search.best_params_)
print(f"accuracy on test rows: {search.score(X_test, y_test):.3f}")

# %%
# What neighbours see
# -------------------
#
# Principal components keep directions of large variance, which here are not those of the classes. The learned map has
# looked at the labels, and its two leading components are the moons, turned and stretched. How much of the trace of the
# AGOP each has is ``explained_gradient_ratio_``.

learned = AGOPFeatureMap(n_components=2, random_state=0).fit(X_train, y_train)
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, features in zip(axes, (PCA(n_components=2).fit(X_train), learned), strict=True):
    first, second = features.transform(X_test).T
    for label, color in ((0, "tab:blue"), (1, "tab:orange")):
        ax.plot(first[y_test == label], second[y_test == label], ".", color=color, label=f"class {label}")
    ax.set(title=f"{type(features).__name__}, test rows", xlabel="component 1", ylabel="component 2")
axes[0].legend()
print("shares of the trace:", learned.explained_gradient_ratio_.round(3))

# %%
# ``components_`` holds the directions, in scaled coordinates. They lie in the plane of the moons up to a few degrees.

angles = np.degrees(subspace_angles(learned.components_.T, rotation[:2].T))
print("angles between the learned plane and that of the moons:", angles.round(1), "degrees")
plt.show()
