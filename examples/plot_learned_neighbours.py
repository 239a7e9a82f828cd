"""
Nearest neighbours in a learned metric
======================================

Which rows are neighbours depends on how distances count the columns. ``AGOPFeatureMap`` learns that, and stands in
front of scikit-learn's neighbours. Means hide what happens to the worst queries, so these are looked at as well: the
tenth of rows for which a search does worst.
"""

# %%
# Digits in noise
# ---------------
#
# Digits of 8 x 8 pixels in a frame of noise, 12 x 12 in all: 800 rows to search in, and 997 queries.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline

from rfmlearn import AGOPFeatureMap

digits, rng = load_digits(), np.random.default_rng(0)
images = 0.5 * rng.standard_normal((len(digits.images), 12, 12))
images[:, 2:10, 2:10] = digits.images / 16.0
X, X_query, y, y_query = train_test_split(
    images.reshape(len(images), -1), digits.target, train_size=800, stratify=digits.target, random_state=0
)
k = 10


def worst(values):
    """Mean of the smallest tenth of values."""
    return np.sort(values)[: len(values) // 10].mean()


def neighbours(Z, Z_query, k=k):
    """The nearest k rows of each query."""
    return NearestNeighbors(n_neighbors=k).fit(Z).kneighbors(Z_query, return_distance=False)


# %%
# Neighbours with the right label
# -------------------------------
#
# The map is learned from the labels of the rows to search in; it sees no query. In a pipeline it needs one line.

plain, learned = KNeighborsClassifier(k), make_pipeline(AGOPFeatureMap(scaling=None), KNeighborsClassifier(k))
feature_map = learned.fit(X, y)[0]
spaces = {"without": (X, X_query), "with the map": (feature_map.transform(X), feature_map.transform(X_query))}
shares = {}
for (name, (Z, Z_query)), model in zip(spaces.items(), (plain.fit(X, y), learned), strict=True):
    shares[name] = np.mean(y[neighbours(Z, Z_query)] == y_query[:, None], axis=1)
    print(
        f"{name}: neighbours with the query's label {100 * shares[name].mean():.0f} %, of the worst tenth of queries "
        f"{100 * worst(shares[name]):.0f} %; accuracy of {k} neighbours {100 * model.score(X_query, y_query):.1f} %"
    )

# %%
# Search in few coordinates
# -------------------------
#
# An index of large tables, be it of trees or of hashes, works in few coordinates, and looks at what it found more
# closely. How many of the ten exact neighbours are among 50 candidates, found by the leading coordinates alone? Each
# way has its own exact neighbours: with the map those in the learned metric, without it those by plain distances, and
# its coordinates are principal components. ``AGOPFeatureMap(n_components=8)`` would give the first eight.

pca = PCA().fit(X)
turned = {
    "without": [pca.transform(rows) for rows in spaces["without"]],
    "with the map": [rows @ feature_map.components_.T for rows in spaces["with the map"]],
}
counts = [2, 4, 8, 16, 32, 64]
recall = {}
for name, (Z, Z_query) in turned.items():
    exact, recall[name] = neighbours(Z, Z_query), []
    for count in counts:
        candidates = neighbours(Z[:, :count], Z_query[:, :count], 50)
        found = np.array([np.isin(a, b).mean() for a, b in zip(exact, candidates, strict=True)])
        recall[name].append((found.mean(), worst(found)))
    mean, least = recall[name][counts.index(8)]
    print(f"{name}, 8 coordinates: found {100 * mean:.0f} %, for the worst tenth of queries {100 * least:.0f} %")

fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for name, colour in (("without", "tab:red"), ("with the map", "tab:blue")):
    axes[0].plot(np.linspace(0, 100, len(y_query)), np.sort(shares[name]), color=colour, label=name)
    means, least = np.transpose(recall[name])
    axes[1].semilogx(counts, means, "o-", color=colour, label=f"{name}, mean", base=2)
    axes[1].semilogx(counts, least, "o--", color=colour, label=f"{name}, worst tenth", base=2)
axes[0].axvspan(0, 10, color="tab:gray", alpha=0.2, label="worst tenth")
axes[0].set(xlabel="queries, in % of all, sorted", ylabel="share", title="neighbours with the query's label")
axes[1].set(xlabel="coordinates of the search", title=f"exact {k} neighbours among 50 candidates")
for ax in axes:
    ax.legend()
plt.show()
