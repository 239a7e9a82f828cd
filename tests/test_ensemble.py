"""Greedy ensemble selection against an exhaustive search, and its bounds."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from rfmlearn.search._ensemble import select_ensemble, shrink_to


def squared(truth):
    return lambda predictions: np.mean((predictions - truth) ** 2, axis=tuple(range(-truth.ndim, 0)))


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200)
    noise = rng.normal(size=(5, 200)) * np.array([0.3, 0.4, 0.5, 2.0, 3.0])[:, None]
    return truth, truth + noise


def test_never_worse_than_the_best_single(problem):
    truth, predictions = problem
    loss = squared(truth)
    weights = select_ensemble(predictions, loss, max_members=5)
    assert loss(weights @ predictions) < 0.8 * min(loss(predictions))


def test_close_to_the_best_average_of_so_many(problem):
    truth, predictions = problem
    loss, steps = squared(truth), 6
    best = min(loss(predictions[list(taken)].mean(axis=0))
               for k in range(1, steps + 1)
               for taken in itertools.combinations_with_replacement(range(5), k))  # fmt: skip
    found = loss(select_ensemble(predictions, loss, max_members=5, n_steps=steps) @ predictions)
    assert best <= found + 1e-12 < 1.05 * best


@pytest.mark.parametrize("max_members", [1, 2, 3])
def test_number_of_members_is_bounded(problem, max_members):
    truth, predictions = problem
    weights = select_ensemble(predictions, squared(truth), max_members)
    assert np.count_nonzero(weights) == max_members
    if max_members == 1:
        assert weights[0] == 1


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_weights_are_a_distribution(n_candidates, max_members, seed):
    rng = np.random.default_rng(seed)
    predictions, truth = rng.normal(size=(n_candidates, 7, 2)), rng.normal(size=(7, 2))
    weights = select_ensemble(predictions, squared(truth), max_members)
    assert (weights >= 0).all()
    assert_allclose(weights.sum(), 1)
    assert 1 <= np.count_nonzero(weights) <= max_members


def test_shrinkage_mixes_with_the_reference_and_drops_the_small():
    weights = np.array([0.0, 0.5, 0.47, 0.03])
    assert_allclose(shrink_to(weights, 0, 100, 100), np.array([0.5, 0.25, 0.235, 0.0]) / 0.985)
    assert_allclose(shrink_to(weights, 0, 1e9, 50), np.array([0.0, 0.5, 0.47, 0.0]) / 0.97)
    assert_allclose(shrink_to(weights, 0, 1, 1e9), [1, 0, 0, 0])
    assert_allclose(shrink_to(np.full(50, 0.02), 0, 1e9, 1).sum(), 1)
