"""Probabilities from scores: derivatives by differences, the fit against another minimiser, and errors by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from naive import five_point_gradient
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import softmax

from rfmlearn.targets._calibration import Calibration, _PenalisedLogLoss, calibration_error
from rfmlearn.targets._codes import ClassCodes
from rfmlearn.targets._log_calibration import LogCalibration


def problem(n_classes, n=40, scale=1.0, signal=1.0, seed=0):
    """Scores whose entry of the right class is larger by `signal` on average, labels, weights and their prior."""
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)]
    scores = scale * (rng.normal(size=(n, n_classes)) + signal * np.eye(n_classes)[labels])
    scores -= scores.mean(axis=1, keepdims=True)
    weights = rng.uniform(0.5, 2.0, n)
    weights[-3:] = 0.0
    return scores, labels, weights, np.bincount(labels, weights, n_classes) / weights.sum()


def naive_loss(theta, scores, labels, weights, prior):
    """Mean log-loss plus what two rows of doubt add."""
    total, value = sum(weights), 0.0
    for s, label, w in zip(scores, labels, weights, strict=True):
        logits = [theta[0] * s[k] + math.log(prior[k]) + theta[1 + k] for k in range(len(prior))]
        value += w / total * (math.log(sum(math.exp(z) for z in logits)) - logits[label])
    return value + (sum(b**2 for b in theta[1:]) + (theta[0] / 50) ** 2) / total


def thetas(n_classes):
    """Points at which derivatives are compared, the start of the fit among them."""
    rng = np.random.default_rng(1)
    return [np.r_[4.0, np.zeros(n_classes)], *(np.r_[t, rng.normal(size=n_classes)] for t in (0.0, 0.7, 3.0, -2.0))]


CASES = [(2, 1.0), (3, 1.0), (5, 0.1), (3, 10.0)]


@pytest.mark.parametrize(("n_classes", "scale"), CASES)
def test_loss_by_loops(n_classes, scale):
    given = problem(n_classes, scale=scale)
    loss = _PenalisedLogLoss.of(*given)
    for theta in thetas(n_classes):
        assert_allclose(loss.value_and_gradient(theta)[0], naive_loss(theta, *given), rtol=1e-12)


@pytest.mark.parametrize(("n_classes", "scale"), CASES)
def test_gradient_against_differences(n_classes, scale):
    loss = _PenalisedLogLoss.of(*problem(n_classes, scale=scale))
    for theta in thetas(n_classes):
        value = lambda Z: np.array([[loss.value_and_gradient(z)[0]] for z in Z])  # noqa: E731
        expected = five_point_gradient(value, theta[None], h=1e-3 / scale)[0, 0]
        assert_allclose(loss.value_and_gradient(theta)[1], expected, rtol=1e-7, atol=1e-9 * max(scale, 1))


@pytest.mark.parametrize(("n_classes", "scale"), CASES)
def test_hessian_against_differences_of_the_gradient(n_classes, scale):
    loss = _PenalisedLogLoss.of(*problem(n_classes, scale=scale))
    for theta in thetas(n_classes):
        gradient = lambda Z: np.array([loss.value_and_gradient(z)[1] for z in Z])  # noqa: E731
        expected = five_point_gradient(gradient, theta[None], h=1e-3 / scale)[:, 0]
        hessian = loss.hessian(theta)
        assert_allclose(hessian, expected, rtol=1e-7, atol=1e-9 * max(scale, 1) ** 2)
        assert np.linalg.eigvalsh(hessian).min() > 0  # or Newton's method might go uphill


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_fit_is_the_minimum(n_classes):
    given = problem(n_classes)
    calibration = Calibration.fit(*given)
    theta = minimize(naive_loss, np.r_[1.0, np.zeros(n_classes)], given, "BFGS", options={"gtol": 1e-8}).x
    assert calibration.temperature > 0.1
    assert_allclose(calibration.temperature, theta[0], rtol=1e-5)
    assert_allclose(calibration.bias, np.log(given[-1]) + theta[1:], atol=1e-5)
    scores = given[0][:4]
    assert_allclose(calibration.logits(scores), [calibration.temperature * s + calibration.bias for s in scores])


def test_weights_are_repetitions():
    scores, labels, _, _ = problem(3)
    counts = np.random.default_rng(2).integers(0, 4, len(labels))
    prior = np.bincount(labels, counts, 3) / counts.sum()
    rows = np.repeat(np.arange(len(labels)), counts)
    one = Calibration.fit(scores, labels, counts.astype(float), prior)
    other = Calibration.fit(scores[rows], labels[rows], np.ones(len(rows)), prior)
    assert_allclose(one.temperature, other.temperature, rtol=1e-9)
    assert_allclose(one.bias, other.bias, atol=1e-9)


def test_logits_that_are_right_stay_as_they_are():
    """Labels drawn from the softmax of scores and log prior are best explained by these."""
    rng = np.random.default_rng(0)
    prior, scores = np.array([0.5, 0.3, 0.2]), 1.5 * rng.normal(size=(20_000, 3))
    labels = np.argmax(scores + np.log(prior) + rng.gumbel(size=scores.shape), axis=1)
    calibration = Calibration.fit(scores, labels, np.ones(20_000), prior)
    assert calibration.temperature == pytest.approx(1, abs=0.05)
    assert_allclose(calibration.bias - calibration.bias.mean(), np.log(prior) - np.log(prior).mean(), atol=0.06)


def test_classes_that_separate_leave_doubt():
    scores, labels, weights, prior = problem(2, scale=0.01, signal=1000.0)
    calibration = Calibration.fit(scores, labels, weights, prior)
    proba = softmax(calibration.logits(scores), axis=1)
    assert (proba.argmax(axis=1) == labels).all()
    assert 0.5 < proba.max() < 1 and np.isfinite(calibration.temperature)


def test_scores_that_point_away_say_nothing():
    scores, labels, weights, prior = problem(3)
    calibration = Calibration.fit(-scores, labels, weights, prior)
    assert calibration.temperature == 1e-3
    assert_allclose(softmax(calibration.bias), prior, atol=1e-9)


def test_scores_of_zero_give_the_prior():
    scores, labels, weights, prior = problem(4)
    calibration = Calibration.fit(np.zeros_like(scores), labels, weights, prior)
    assert_allclose(softmax(calibration.logits(np.zeros((1, 4)))), prior[None], atol=1e-9)


def test_class_that_the_rows_do_not_have():
    scores, labels, weights, _ = problem(3)
    calibration = Calibration.fit(scores, labels, weights, np.array([0.5, 0.5, 0.0]))
    assert np.isfinite(calibration.bias).all() and np.isfinite(calibration.temperature)


# Calibration error


def error(confidence, right, weights=None, n_bins=15):
    """That of two classes, the first of which is the probable one."""
    confidence, right = np.asarray(confidence), np.asarray(right)
    weights = np.ones(len(right)) if weights is None else np.asarray(weights, dtype=float)
    return calibration_error(np.column_stack([confidence, 1 - confidence]), 1 - right, weights, n_bins)


@pytest.mark.parametrize(
    ("confidence", "right", "expected"),
    [
        ([1.0, 1.0, 1.0], [1, 1, 1], 0.0),
        ([1.0, 1.0], [0, 0], 1.0),
        ([0.9] * 4, [1, 1, 1, 0], 0.15),
        ([0.75] * 4, [1, 1, 1, 0], 0.0),
        ([0.9, 0.9, 0.6, 0.6], [1, 1, 0, 1], 0.1),  # in both bins the share is off by 0.1
        ([0.9, 0.9, 0.9, 0.6], [1, 1, 1, 1], (3 * 0.1 + 0.4) / 4),
    ],
)
def test_calibration_errors_by_hand(confidence, right, expected):
    assert error(confidence, right) == pytest.approx(expected, abs=1e-12)


def test_errors_cancel_inside_a_bin_only():
    assert error([0.6, 0.7], [1, 0], n_bins=2) == pytest.approx(0.3 / 2)
    assert error([0.6, 0.7], [1, 0], n_bins=10) == pytest.approx((0.4 + 0.7) / 2)
    # The upper edge of a bin belongs to it.
    assert error([0.75, 0.76], [1, 0], n_bins=4) == pytest.approx((0.25 + 0.76) / 2)
    assert error([0.75, 0.74], [1, 0], n_bins=4) == pytest.approx(0.49 / 2)


def test_weights_of_the_calibration_error_are_repetitions():
    rng = np.random.default_rng(0)
    confidence, right, counts = rng.uniform(0.5, 1, 30), rng.integers(0, 2, 30), rng.integers(0, 4, 30)
    repeated = error(np.repeat(confidence, counts), np.repeat(right, counts))
    assert error(confidence, right, counts) == pytest.approx(repeated, rel=1e-12)
    assert error(confidence, right, counts) != pytest.approx(error(confidence, right), rel=1e-3)


def test_calibration_error_by_loops():
    rng = np.random.default_rng(0)
    proba, labels, weights = rng.dirichlet(np.ones(3), 200), rng.integers(0, 3, 200), rng.uniform(size=200)
    expected = 0.0
    for k in range(10):
        inside = [i for i in range(200) if k / 10 < proba[i].max() <= (k + 1) / 10]
        expected += abs(sum(weights[i] * ((proba[i].argmax() == labels[i]) - proba[i].max()) for i in inside))
    assert calibration_error(proba, labels, weights, n_bins=10) == pytest.approx(expected / weights.sum())


def test_rows_without_weight_do_not_count():
    assert_array_equal(error([0.9, 0.9, 0.6], [1, 0, 1], [1, 1, 0]), error([0.9, 0.9], [1, 0]))


# Of two calibrations the better one


@pytest.mark.parametrize("truth", [Calibration, LogCalibration])
def test_classes_take_the_calibration_of_the_smaller_loss(truth, rng):
    prior = np.full(3, 1 / 3)
    scores = rng.dirichlet([0.5, 0.5, 0.5], size=3000) - prior
    linear = Calibration(8.0 if truth is Calibration else 1.0, np.log(prior))
    link = linear if truth is Calibration else LogCalibration(prior, linear)
    chances = link(scores).cumsum(axis=1)
    labels = np.argmax(rng.uniform(size=(3000, 1)) < chances, axis=1)
    weights = rng.uniform(0.5, 2.0, 3000)
    codes = replace(ClassCodes.fit(labels, 3, weights), prior=prior)
    chosen = codes.calibrate(scores, labels, weights)
    both = [kind.fit(scores, labels, weights, codes.prior) for kind in (Calibration, LogCalibration)]
    losses = [codes.loss(candidate(scores), labels, weights) for candidate in both]
    assert type(chosen) is truth is type(both[int(np.argmin(losses))])
    assert codes.loss(chosen(scores), labels, weights) == min(losses)


def test_linear_logits_win_where_both_are_the_same():
    labels = np.arange(20) % 2
    assert type(ClassCodes.fit(labels, 2, np.ones(20)).calibrate(np.zeros((20, 2)), labels, np.ones(20))) is Calibration
