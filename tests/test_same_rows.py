"""Rows that are the same, in tables that are mostly empty."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rfmlearn import RFMRegressor
from rfmlearn.solvers import Weights
from rfmlearn.tables._copies import Copies
from rfmlearn.tables._same_rows import TableNumbers, same_rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_that_are_mostly_empty_tell_rows_apart(dtype):
    X = np.full((40, 2), np.nan, dtype=dtype)
    X[:12, 0], X[20:26, 1] = np.arange(12) % 6, [0.0, 1.0, 2.0, 0.0, 1.0, 5.0]
    first = np.arange(40)
    first[6:12], first[23:25] = np.arange(6), [20, 21]
    first[12:20] = first[26:] = 12
    assert_array_equal(same_rows(TableNumbers(X, None), 40), first)


def test_targets_that_agree_beside_gaps_are_no_copies():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    X[rng.random(X.shape) < 0.6] = np.nan
    present = ~np.isnan(X).all(axis=1)
    model = RFMRegressor(max_iter=0).fit(X[present], rng.integers(0, 3, present.sum()).astype(float))
    assert len(model.dual_coef_) == present.sum()


@pytest.mark.parametrize("seed", [18, 27, 30, 35])
def test_sevenths_of_rows_add_up(seed):
    """At the edge between columns of few values, which tell by rows how often these coincide, and others."""
    rng = np.random.default_rng(seed)
    X, labels = np.c_[np.arange(50) % 5, rng.integers(0, 5, 50)].astype(float), rng.integers(0, 2, 50)
    once, repeated = (
        Copies.find(np.tile(X, (n, 1)), np.tile(labels, n), Weights.of(np.ones(50 * n)), None) for n in (1, 7)
    )
    assert len(np.unique(repeated.first)) == len(np.unique(once.first))
    assert_array_equal(repeated.replicated[:50], once.replicated)
