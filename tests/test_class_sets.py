"""Sets of classes by the nearest training rows, against loops and against the coverage that they promise."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from large_data import SmallClassifierCV
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from rfmlearn import RFMClassifierCV
from rfmlearn.targets import _neighbour_sets
from rfmlearn.targets._conformal import conformal_quantile
from rfmlearn.targets._neighbour_sets import NeighbourSets

FEW = [{"max_iter": 0}]


@pytest.fixture
def few_neighbours(monkeypatch):
    monkeypatch.setattr(_neighbour_sets, "N_NEIGHBORS", 6)
    monkeypatch.setattr(_neighbour_sets, "_BLOCK", 7)
    return 6


def clouds(rng, n, n_classes=4):
    """Points around centres that overlap, and their labels."""
    labels = rng.integers(0, n_classes, n)
    return 1.3 * np.eye(n_classes, 3)[labels] + 0.7 * rng.normal(size=(n, 3)), labels


def naive_scores(points, reference, sets, m, units=None):
    """Rank and contrast of each class, by loops."""
    own = np.arange(len(reference)) if sets.groups is None else sets.groups
    ranks, contrasts = np.full((2, len(points), sets.n_classes), m + 1.0)
    for i, row in enumerate(cdist(points, reference)):
        kept = [j for j in np.argsort(row, kind="stable") if units is None or own[j] != units[i]][:m]
        outside = np.array([units is None or own[j] != units[i] for j in range(len(reference))]) * sets.weight
        share = np.bincount(sets.labels, outside, sets.n_classes) / outside.sum()
        width = np.mean([row[j] for j in kept])
        for k in range(sets.n_classes):
            of_class = [place + 1 for place, j in enumerate(kept) if sets.labels[j] == k]
            ranks[i, k] = min(of_class, default=m + 1)
            density, others = share[k], 1 - share[k]
            for j in kept:
                near = sets.weight[j] * np.exp(-row[j] / width)
                density += near if sets.labels[j] == k else 0.0
                others += 0.0 if sets.labels[j] == k else near
            contrasts[i, k] = np.log(others / density)
    return ranks, contrasts


@pytest.mark.parametrize("groups", [None, "pairs", "one large"])
def test_scores(groups, few_neighbours, rng):
    reference, labels = clouds(rng, 40)
    groups = {None: None, "pairs": np.arange(40) // 2, "one large": np.maximum(np.arange(40), 25)}[groups]
    sets = NeighbourSets(labels, rng.integers(1, 4, 40).astype(float), 4, groups)
    points = rng.normal(size=(15, 3))
    for found, expected in zip(
        sets.scores(points, reference), naive_scores(points, reference, sets, few_neighbours), strict=True
    ):
        assert_allclose(found, expected, rtol=1e-9)
    units = np.arange(40) if groups is None else groups
    for found, expected in zip(
        sets.left_out(reference), naive_scores(reference, reference, sets, few_neighbours, units), strict=True
    ):
        assert_allclose(found, expected, rtol=1e-9)


def test_own_label_has_no_say(rng):
    """Nor have those of the group: how far classes are from a row stays as it is if they change."""
    reference, labels = clouds(rng, 60)
    groups = np.arange(60) // 3
    inside, other = groups == 7, np.where(groups == 7, (labels + 1) % 4, labels)
    own, moved = (NeighbourSets(y, np.ones(60), 4, groups).left_out(reference) for y in (labels, other))
    for a, b in zip(own, moved, strict=True):
        assert_allclose(a[inside], b[inside], rtol=1e-12)
        assert not np.allclose(a[~inside], b[~inside])


def test_class_of_a_single_row(rng):
    """Left out, nothing is known of it: it is in no set but those of all classes."""
    reference, labels = clouds(rng, 50, n_classes=2)
    labels[0] = 2
    ranks, contrasts = NeighbourSets(labels, np.ones(50), 3).left_out(reference)
    assert contrasts[0, 2] == np.inf and ranks[0, 2] == _neighbour_sets.N_NEIGHBORS + 1
    assert np.isfinite(contrasts[1:]).all()


def test_fewer_rows_than_neighbours(rng):
    reference, labels = clouds(rng, 12)
    sets = NeighbourSets(labels, np.ones(12), 4)
    ranks, contrasts = sets.left_out(reference)
    assert np.isfinite(contrasts).all() and ranks.max() <= _neighbour_sets.N_NEIGHBORS + 1
    assert sets.predict(reference, reference, 0.5).shape == (12, 4)


def test_rows_at_one_place():
    sets = NeighbourSets(np.repeat([0, 1], 20), np.ones(40), 2)
    ranks, contrasts = sets.scores(np.zeros((3, 2)), np.zeros((40, 2)))
    assert np.isfinite(ranks).all() and np.isfinite(contrasts).all()
    assert sets.predict(np.zeros((3, 2)), np.zeros((40, 2)), 0.9).all()


@pytest.mark.parametrize("randomised", [False, True])
@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_coverage(coverage, randomised):
    """On average over samples, for rows that the metric has not seen."""
    hits = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X, y = clouds(rng, 200)
        sets = NeighbourSets(y[:120], np.ones(120), 4)
        inside = sets.predict(X[120:], X[:120], coverage, rng if randomised else None)
        hits.append(inside[np.arange(80), y[120:]].mean())
    assert np.mean(hits) > coverage - 0.015
    assert not randomised or np.mean(hits) < coverage + 0.06  # both sets share what may go wrong


def test_sets_are_intersections(rng):
    """Of the two conformal sets at the share that makes those of the reference smallest."""
    reference, labels = clouds(rng, 150)
    sets = NeighbourSets(labels, np.ones(150), 4)
    points = rng.normal(size=(30, 3))
    own = [values[np.arange(150), labels] for values in sets.left_out(reference)]
    ours, theirs = sets.left_out(reference), sets.scores(points, reference)
    sizes, candidates = [], []
    for share in range(11):
        parts = 0.02 * (10 - share), 0.02 * share
        q = [
            conformal_quantile(v, np.ones(150), 1 - part) if part else np.inf
            for v, part in zip(own, parts, strict=True)
        ]
        sizes.append(np.sum((ours[0] <= q[0]) & (ours[1] <= q[1])))
        candidates.append((theirs[0] <= q[0]) & (theirs[1] <= q[1]))
    assert_array_equal(sets.predict(points, reference, 0.8), candidates[np.argmin(sizes)])


def test_weights_are_repetitions_of_thresholds(rng):
    """A row of weight two in a fit is one row that counts twice, not two neighbours of each other."""
    reference, labels = clouds(rng, 80)
    weight = np.where(np.arange(80) < 40, 2.0, 1.0)
    sets = NeighbourSets(labels, weight, 4)
    ranks = sets.left_out(reference)[0]
    assert_array_equal(ranks, NeighbourSets(labels, np.ones(80), 4).left_out(reference)[0])
    again = np.repeat(np.arange(80), weight.astype(int))
    threshold = conformal_quantile(ranks[np.arange(80), labels], weight, 0.9)
    assert threshold == conformal_quantile(ranks[again, labels[again]], np.ones(120), 0.9)


# Of a search


def table(rng, n=150):
    X, labels = clouds(rng, n, n_classes=3)
    return X, np.array(["a", "b", "c"])[labels]


@pytest.fixture(scope="module")
def fitted():
    X, y = table(np.random.default_rng(0))
    return RFMClassifierCV([{"max_iter": 1}], cv=3, random_state=0).fit(X, y), X, y


@pytest.mark.parametrize("randomized", [False, True])
def test_predict_set(randomized, fitted):
    model, X, _ = fitted
    new = X + 0.1
    found = model.predict_set(new, [0.9, 0.5], method="dance", randomized=randomized)
    assert found.shape == (150, 3, 2) and found.dtype == bool
    assert_array_equal(found[:, :, 1], model.predict_set(new, 0.5, method="dance", randomized=randomized))
    assert_array_equal(found, model.predict_set(new, [0.9, 0.5], method="dance", randomized=randomized))
    if not randomized:
        top = model.predict_proba(new).argmax(axis=1)
        assert found[np.arange(150), top].all()


def test_a_saved_model_does_not_depend_on_what_was_asked(fitted):
    _, X, y = fitted
    fresh = RFMClassifierCV([{"max_iter": 1}], cv=3, random_state=0).fit(X, y)
    before = len(pickle.dumps(fresh))
    expected = fresh.predict_set(X, method="dance")
    assert len(pickle.dumps(fresh)) == before
    assert_array_equal(pickle.loads(pickle.dumps(fresh)).predict_set(X, method="dance"), expected)


def test_neighbours_are_those_of_the_learned_metric(fitted):
    model, X, y = fitted
    machine = model.members_[0].machines[0].machine
    sets = NeighbourSets(np.searchsorted(model.classes_, y), np.ones(150), 3)
    points = machine.feature_matrix.transform(model.members_[0].encoder.transform(X[:9] + 0.2)).dense()
    expected = sets.predict(points, machine.centers.dense(), 0.8, np.random.RandomState(0))
    assert_array_equal(model.predict_set(X[:9] + 0.2, 0.8, method="dance"), expected)


def test_copies_weights_and_groups(rng):
    X, y = table(rng, 80)
    one = RFMClassifierCV(FEW, cv=3, random_state=0).fit(X, y, np.where(np.arange(80) < 30, 2, 1))
    twice = np.r_[np.arange(80), np.arange(30)]
    two = RFMClassifierCV(FEW, cv=3, random_state=0).fit(X[twice], y[twice])
    assert_array_equal(one._neighbour_sets.weight, two._neighbour_sets.weight)
    assert_array_equal(one._neighbour_sets.labels, two._neighbour_sets.labels)
    grouped = RFMClassifierCV(FEW, cv=3, random_state=0).fit(X, y, groups=np.arange(80) // 4)
    assert_array_equal(grouped._neighbour_sets.groups, np.arange(80) // 4)
    zero = RFMClassifierCV(FEW, cv=3, random_state=0).fit(X, y, np.where(np.arange(80) < 30, 0, 1))
    assert len(zero._neighbour_sets.labels) == 50
    for model in (one, two, grouped, zero):
        assert model.predict_set(X, 0.9, method="dance").any(axis=1).mean() > 0.5


def test_many_rows(rng):
    X, y = table(rng, 300)
    model = SmallClassifierCV(FEW, cv=2, random_state=0).fit(X, y)
    machine = model.members_[0].machines[0].machine
    assert hasattr(machine, "parts")
    expected = machine.feature_matrix.transform(model.members_[0].encoder.transform(X)).dense()
    assert_allclose(machine.centers.dense(), expected, rtol=1e-5, atol=1e-5)  # in the order of the labels
    new, labels = table(rng, 300)
    inside = model.predict_set(new, 0.9, method="dance")
    assert inside[np.arange(300), np.searchsorted(model.classes_, labels)].mean() > 0.83


def test_compressed_models_have_no_neighbours(fitted):
    model, X, y = fitted
    smaller = model.compress(max_loss=5.0, X=X, y=y)
    with pytest.raises(ValueError, match=r"method='dance' compares with the 150 rows of the fit, of which this model"):
        smaller.predict_set(X, method="dance")
    assert smaller.predict_set(X, method="raps").shape == (150, 3)


def test_refused(fitted):
    model, X, _ = fitted
    with pytest.raises(ValueError, match=r"one of 'lac', 'aps', 'raps', 'dance', got method='knn'"):
        model.predict_set(X, method="knn")
    with pytest.raises(ValueError, match=r"coverage=0\.999 needs at least 999 rows"):
        model.predict_set(X, 0.999, method="dance")
    with pytest.raises(ValueError, match=r"coverage must be a number with 0 < coverage < 1"):
        model.predict_set(X, 1.5, method="dance")


def test_columns_that_do_not_vary(rng):
    _, y = table(rng, 40)
    model = RFMClassifierCV(FEW, cv=3, random_state=0).fit(np.ones((40, 2)), y)
    assert model.predict_set(np.ones((5, 2)), 0.9, method="dance").any(axis=1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_far_away_and_categories(dtype, rng):
    X, y = table(rng, 60)
    X = pd.DataFrame(X.astype(dtype), columns=list("pqr")).assign(k=pd.Categorical(rng.choice(list("uvw"), 60)))
    X.loc[::5, "p"] = np.nan
    model = RFMClassifierCV([{"max_iter": 1}], cv=3, random_state=0).fit(X, y)
    new = X.assign(q=dtype(1e30), k=pd.Categorical(["x"] * 60))
    assert model.predict_set(new, [0.8, 0.9], method="dance").shape == (60, 3, 2)


def test_few_rows_for_a_part_of_what_may_go_wrong(rng):
    """Thirty rows allow a coverage of .9, and none of .99: shares that ask for that are left out."""
    X, y = table(rng, 30)
    model = RFMClassifierCV(FEW, cv=3, random_state=0).fit(X, y)
    assert model.predict_set(X, 0.9, method="dance").shape == (30, 3)
