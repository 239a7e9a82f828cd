"""Targets as the solver sees them: units and codes by their definitions, and the way back."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn.targets._codes import ClassCodes, ScaledTargets, mean_loss
from rfmlearn.targets._outcomes import Outcomes

# Numbers


@pytest.fixture
def targets(rng):
    return rng.normal(size=(50, 3)) * [1.0, 100.0, 1e-3] + [0.0, 7.0, -2.0]


def test_units_are_mean_and_deviation_of_repeated_rows(targets, rng):
    counts = rng.integers(0, 4, 50)
    repeated = np.repeat(targets, counts, axis=0)
    scaled = ScaledTargets.fit(targets, counts.astype(float))
    assert_allclose(scaled.mean, repeated.mean(axis=0), rtol=1e-12)
    assert_allclose(scaled.scale, repeated.std(axis=0), rtol=1e-9)
    assert_allclose(scaled.encode(targets), (targets - repeated.mean(axis=0)) / repeated.std(axis=0), rtol=1e-9)


def test_numbers_come_back(targets, rng):
    weights = rng.uniform(size=50)
    scaled = ScaledTargets.fit(targets, weights)
    coded = scaled.encode(targets)
    assert_allclose(np.average(coded, axis=0, weights=weights), 0, atol=1e-10)
    assert_allclose(np.average(coded**2, axis=0, weights=weights), 1, rtol=1e-10)
    assert_allclose(scaled.decode(coded), targets, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.7, -1e300, 1e-300, np.finfo(float).max])
def test_constant_numbers_are_zero_and_come_back_whatever_is_predicted(value, rng):
    scaled = ScaledTargets.fit(np.full((7, 1), value), rng.uniform(size=7))
    assert_array_equal(scaled.encode(np.full((7, 1), value)), 0)
    assert_allclose(scaled.decode(rng.normal(size=(4, 1))), value, rtol=1e-15)


def test_only_the_columns_that_vary_are_scaled(targets):
    targets[:, 1] = 5.0
    scaled = ScaledTargets.fit(targets, np.ones(50))
    assert_array_equal(np.isfinite(scaled.scale), [True, False, True])
    assert_allclose(scaled.decode(scaled.encode(targets)), targets, rtol=1e-12)


def test_constant_where_weights_are_positive_is_constant():
    Y = np.array([[0.1], [0.1], [0.1], [9.0]])
    scaled = ScaledTargets.fit(Y, np.array([1.0, 2.0, 0.3, 0.0]))
    assert_array_equal(scaled.encode(Y), 0)
    assert_allclose(scaled.decode(np.ones((2, 1))), 0.1, rtol=1e-15)


def test_rounding_is_no_variation(rng):
    noise = rng.normal(size=(50, 1))
    assert not np.isfinite(ScaledTargets.fit(1.0 + 1e-15 * noise, np.ones(50)).scale).any()
    assert np.isfinite(ScaledTargets.fit(1.0 + 1e-10 * noise, np.ones(50)).scale).all()
    assert np.isfinite(ScaledTargets.fit(1e-300 * noise, np.ones(50)).scale).all()


@pytest.mark.parametrize("power", [-1000, -100, 100, 1000])
def test_magnitude_does_not_count(targets, power, rng):
    weights = rng.uniform(size=50)
    huge = np.ldexp(targets, power)
    scaled, plain = (ScaledTargets.fit(Y, weights) for Y in (huge, targets))
    assert_array_equal(scaled.encode(huge), plain.encode(targets))
    F = rng.normal(size=(4, 3))
    assert_array_equal(scaled.decode(F), np.ldexp(plain.decode(F), power))


# Classes


@pytest.fixture
def labels(rng):
    return np.r_[np.arange(5), rng.integers(0, 5, 45)]


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_basis_is_orthonormal_and_orthogonal_to_ones(n_classes):
    codes = ClassCodes.fit(np.arange(n_classes), n_classes, np.ones(n_classes))
    assert codes.basis.shape == (n_classes, n_classes - 1)
    assert_allclose(codes.basis.T @ codes.basis, np.eye(n_classes - 1), atol=1e-14)
    assert_allclose(np.ones(n_classes) @ codes.basis, 0, atol=1e-14)


def test_prior_is_the_share_of_the_weight(labels, rng):
    counts = rng.integers(0, 4, 50)
    codes = ClassCodes.fit(labels, 5, counts.astype(float))
    repeated = np.repeat(labels, counts)
    assert_allclose(codes.prior, [np.mean(repeated == k) for k in range(5)], rtol=1e-14)


def test_codes_average_to_zero(labels, rng):
    weights = rng.uniform(size=50)
    codes = ClassCodes.fit(labels, 5, weights)
    assert codes.encode(labels).shape == (50, 4)
    assert_allclose(np.average(codes.encode(labels), axis=0, weights=weights), 0, atol=1e-14)
    assert_allclose(codes.prior @ codes.encode(np.arange(5)), 0, atol=1e-14)


def test_classes_come_back_as_deviations_from_the_prior(labels, rng):
    codes = ClassCodes.fit(labels, 5, rng.uniform(size=50))
    assert_allclose(codes.decode(codes.encode(labels)), np.eye(5)[labels] - codes.prior, atol=1e-14)
    decoded = codes.decode(rng.normal(size=(6, 4)))
    assert_allclose(decoded.sum(axis=1), 0, atol=1e-13)
    assert_array_equal(codes.decode(np.zeros((1, 4))), 0)


def test_classes_are_equally_far_apart(labels):
    points = ClassCodes.fit(labels, 5, np.ones(50)).encode(np.arange(5))
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    assert_allclose(squares, 2 * (1 - np.eye(5)), atol=1e-14)  # those of unit vectors


def test_class_without_weight_has_a_code():
    codes = ClassCodes.fit(np.array([0, 0, 1]), 3, np.array([1.0, 1.0, 2.0]))
    assert_allclose(codes.prior, [0.5, 0.5, 0.0])
    assert_allclose(codes.decode(codes.encode(np.array([2])))[0], [-0.5, -0.5, 1.0], atol=1e-14)


def test_predictions_out_of_all_proportion_have_no_finite_loss():
    y = np.array([[1e-300], [2e-300]])
    assert mean_loss(ScaledTargets.comparison, np.full((2, 1), 1e300), y, np.ones(2)) == np.inf


# Losses of stacks, and of averages of them


def test_losses_of_numbers_by_hand(targets, rng):
    rows, weights = rng.permutation(50)[:20], rng.uniform(size=20)
    stack = targets[rows] + rng.normal(size=(4, 20, 3)) * targets.std(axis=0)
    parts, losses = Outcomes(targets).comparison(stack, rows, weights)
    share, average = weights / weights.sum(), np.array([0.1, 0.2, 0.0, 0.7])

    def by_hand(predictions):
        y = targets[rows]
        variance = share @ (y - share @ y) ** 2
        return np.mean(share @ (predictions - y) ** 2 / variance)

    assert_allclose(losses(parts), [by_hand(predictions) for predictions in stack])
    mixed = np.tensordot(average, parts, axes=1)[np.newaxis]
    assert_allclose(losses(mixed), [by_hand(np.tensordot(average, stack, axes=1))])
    assert_allclose(losses(parts), [Outcomes(targets).loss(predictions, rows, weights) for predictions in stack])


def test_losses_of_classes_by_hand(labels, rng):
    rows, weights = rng.permutation(50)[:20], rng.uniform(size=20)
    outcomes = Outcomes(labels, ClassCodes.fit(labels, 5, np.ones(50)))
    stack = rng.dirichlet(np.ones(5), size=(4, 20))
    stack[0, 0, labels[rows[0]]] = 0.0  # which no loss takes for impossible
    parts, losses = outcomes.comparison(stack, rows, weights)
    share, average = weights / weights.sum(), np.array([0.1, 0.2, 0.0, 0.7])

    def by_hand(predictions):
        return -sum(s * np.log(max(p[k], 1e-12)) for s, p, k in zip(share, predictions, labels[rows], strict=True))

    assert_allclose(losses(parts), [by_hand(predictions) for predictions in stack])
    mixed = np.tensordot(average, parts, axes=1)[np.newaxis]
    assert_allclose(losses(mixed), [by_hand(np.tensordot(average, stack, axes=1))])
    assert_allclose(losses(parts), [outcomes.loss(predictions, rows, weights) for predictions in stack])
