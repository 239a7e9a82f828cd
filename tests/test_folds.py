"""Folds of a search: what each kind of `cv` gives, and what the smaller rungs see."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, PredefinedSplit, ShuffleSplit

from rfmlearn.runtime._budget import SearchBudget
from rfmlearn.search._folds import make_folds
from rfmlearn.search._splits import Given
from rfmlearn.tables._copies import Copies


def folds_of(n=30, cv=None, labels=None, groups=None, kept=None, seed=0, first=None):
    kept = np.ones(n, bool) if kept is None else kept
    copies = Copies(np.arange(n) if first is None else first, np.zeros(n, bool))
    given = Given(np.zeros((n, 1)), np.zeros(n) if labels is None else labels, groups)
    return make_folds(cv, given, labels, groups, np.random.RandomState(seed), kept, copies, SearchBudget())


def test_default_is_five_folds_repeated_on_few_rows():
    small, large = folds_of(100), folds_of(401)
    assert (len(small), len(large)) == (15, 5)
    np.testing.assert_array_equal(np.bincount(small.rows), 3)
    np.testing.assert_allclose(np.bincount(small.rows, weights=small.shares), 1)
    np.testing.assert_array_equal(np.sort(large.rows), np.arange(401))


@pytest.mark.parametrize("labels", [None, np.arange(60) % 3])
def test_numbers_shuffle(labels):
    folds = folds_of(60, 4, labels)
    assert len(folds) == 4
    for train, test in folds.pairs:
        assert len(np.intersect1d(train, test)) == 0 and len(train) + len(test) == 60
        assert np.any(np.diff(test) > 3)
        if labels is not None:
            np.testing.assert_array_equal(np.bincount(labels[test]), 5)


def test_rare_classes_are_spread_as_far_as_they_go():
    labels = np.array([0] * 20 + [1] * 3 + [2])
    folds = folds_of(24, 5, labels)
    assert len(folds) == 5
    np.testing.assert_array_equal(np.sort(folds.rows), np.arange(24))
    assert len(folds_of(10, 5, np.arange(10) % 5)) == 2  # two rows of each class: two folds at most
    assert len(folds_of(6, 3, np.arange(6))) == 3  # every row a class of its own


def test_groups_stay_together():
    groups, labels = np.arange(40) // 4, np.arange(40) % 2
    for stratify in (None, labels):
        for train, test in folds_of(40, None, stratify, groups).pairs:
            assert not set(groups[train]) & set(groups[test])
    assert len(folds_of(40, GroupKFold(10), None, groups)) == 10
    assert len(folds_of(40, 5, None, np.arange(40) % 3)) == 3


@pytest.mark.parametrize("labels", [None, np.arange(60) // 3 % 2])
def test_copies_stay_together_where_folds_are_drawn(labels):
    first = np.arange(60) // 3 * 3
    for train, test in folds_of(60, 4, labels, first=first).pairs:
        assert not set(first[train]) & set(first[test]) and len(train) + len(test) == 60
    given = [(np.arange(0, 31), np.arange(31, 60))]
    np.testing.assert_array_equal(folds_of(60, given, labels, first=first).pairs[0][0], given[0][0])


def test_rows_of_no_weight_take_no_part():
    kept = np.arange(30) % 3 > 0
    for cv in (None, 3, PredefinedSplit(np.arange(30) % 2), [(np.arange(15), np.arange(15, 30))]):
        folds = folds_of(30, cv, kept=kept)
        for part in (part for pair in folds.pairs for part in pair):
            assert kept[part].all()


def test_splitters_and_iterables():
    mask = np.arange(30) < 10
    (pair,) = folds_of(30, [(~mask, mask)]).pairs
    np.testing.assert_array_equal(pair[1], np.arange(10))
    folds = folds_of(30, ShuffleSplit(7, test_size=5, random_state=0))
    assert len(folds) == 7 and len(folds.rows) == 35
    np.testing.assert_allclose(np.unique(np.bincount(folds.rows, weights=folds.shares)), [0, 1])


@pytest.mark.parametrize(("arguments", "message"), [
    ({"n": 1}, "n_samples=1"),
    ({"n": 20, "cv": 1}, "cv must be at least 2"),
    ({"n": 4, "cv": 5}, "cv=5 has more folds than there are rows, copies of a row counted once: n_samples=4"),
    ({"n": 4, "groups": [1, 1, 1, 1]}, "groups must hold at least two"),
    ({"n": 4, "cv": [(np.arange(4), np.array([], int))]}, "split 0 of cv has 4 training and 0 test rows"),
])  # fmt: skip
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        folds_of(**arguments)
