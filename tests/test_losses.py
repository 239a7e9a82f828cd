"""Losses: value, slope and curvature belong together; formulas are those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loss_cases import LOSSES, decisions_and_targets, multinomial, window
from numpy.testing import assert_allclose
from scipy.special import softmax
from scipy.stats import expectile
from sklearn.metrics import log_loss, mean_pinball_loss, mean_tweedie_deviance

from rfmlearn.targets._codes import ClassLogits
from rfmlearn.targets._loss_links import Exponential, OrderedShift
from rfmlearn.targets._loss_targets import LocatedTargets, PositiveTargets, make_target
from rfmlearn.targets._losses import (
    ExpectileLoss,
    HuberLoss,
    MultinomialLoss,
    SmoothQuantileLoss,
    TweedieLoss,
    weighted_quantiles,
)

STEP = 1e-3
sizes = st.floats(-20, 20)


def five_point(function, step=STEP):
    return (8 * (function(step) - function(-step)) - (function(2 * step) - function(-2 * step))) / (12 * step)


def corners(name, f, y):
    """Rows near a place where the slope has a bend."""
    near, r = 3 * STEP, np.abs(y - f)
    bends = {"quantile": 0.3, "absolute_error": 0.3, "huber": 0.7, "expectile": 0.0}
    return np.abs(r - bends[name]) < near if name in bends else np.zeros(r.shape, dtype=bool)


@pytest.mark.parametrize("name", LOSSES)
def test_slope_is_that_of_the_value(name):
    loss, (f, y) = LOSSES[name], decisions_and_targets(name)
    for k in range(f.shape[1]):
        unit = np.eye(f.shape[1])[k]
        differences = five_point(lambda t, unit=unit: loss.value(f + t * unit, y).sum(axis=1))
        smooth = ~corners(name, f, y)[:, k]
        assert_allclose(loss.slope(f, y)[smooth, k], differences[smooth], atol=1e-9)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "log_loss"])
def test_curvature_is_that_of_the_slope(name):
    loss, (f, y) = LOSSES[name], decisions_and_targets(name)
    differences = five_point(lambda t: loss.slope(f + t, y))
    smooth = ~corners(name, f, y)
    assert smooth.mean() > 0.9
    assert_allclose(loss.curvature(f, y)[smooth], differences[smooth], atol=1e-8)


def test_one_curvature_stands_for_those_of_several_classes():
    loss, (f, y) = LOSSES["log_loss"], decisions_and_targets("log_loss")
    p = softmax(loss.logits(f), axis=1)
    bound, mean, n_classes = loss.bound(f, y)[:, 0], loss.curvature(f, y)[:, 0], len(loss.prior)
    for i in range(len(f)):
        hessian = loss.basis.T @ (np.diag(p[i]) - np.outer(p[i], p[i])) @ loss.basis / loss.unit
        assert np.linalg.eigvalsh(hessian)[-1] <= bound[i] * (1 + 1e-12)
        assert_allclose(np.trace(hessian) / (n_classes - 1), mean[i])
    assert f.shape[1] == n_classes - 1


@pytest.mark.parametrize("name", LOSSES)
@given(a=sizes, b=sizes, y=st.floats(0.01, 20), share=st.floats(0, 1))
def test_convex(name, a, b, y, share):
    loss = LOSSES[name]
    n_codes = len(loss.prior) - 1 if isinstance(loss, MultinomialLoss) else 1
    f, g = np.full((1, n_codes), a), np.full((1, n_codes), b)
    y = loss.basis[:1] if isinstance(loss, MultinomialLoss) else np.array([[y]])
    values = [loss.value(part, y).sum() for part in (f, share * f + (1 - share) * g, g)]
    assert values[1] <= (share * values[0] + (1 - share) * values[2]) * (1 + 1e-12) + 1e-9
    assert (loss.curvature(f, y) >= 0).all()
    # the quadratic of one step is not below what the slope tells of the way back
    assert np.sum((loss.slope(f, y) - loss.slope(g, y)) * (f - g)) >= -1e-9


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [1e3, 1e8, 1e300])
def test_nothing_overflows_to_nan(name, size):
    loss, (f, y) = LOSSES[name], decisions_and_targets(name)
    with np.errstate(over="ignore"):
        for sign in (-1, 1):
            parts = [getattr(loss, part)(sign * size * np.ones_like(f), y) for part in ("value", "slope", "curvature")]
            assert not any(np.isnan(part).any() for part in parts)


@pytest.mark.parametrize("name", ["quantile", "absolute_error", "huber"])
@given(r=st.floats(-5, 5), other=st.floats(-5, 5))
def test_parabolas_are_above_the_loss(name, r, other):
    loss, f = LOSSES[name], np.zeros((1, 1))
    y, step = np.array([[r]]), np.array([[r - other]])
    parabola = loss.value(f, y) + loss.slope(f, y) * step + loss.bound(f, y) * step**2 / 2
    assert parabola >= loss.value(f + step, y) - 1e-12


def test_curvature_is_about_one_at_the_constant():
    rng = np.random.default_rng(0)
    weight = np.ones(4000)
    y = rng.normal(size=(4000, 1))
    for level in (0.05, 0.5, 0.8):
        coded = y - np.quantile(y, level)
        loss = SmoothQuantileLoss.of([level]).adapted(coded, weight)
        assert_allclose(loss.curvature(np.zeros_like(y), coded).mean(), 1, rtol=0.05)
    assert 0.7 < HuberLoss(np.ones(1)).adapted(y, weight).curvature(np.zeros_like(y), y).mean() <= 1
    counts = rng.poisson(3, size=(4000, 1)) / 3
    for power in (1, 1.5, 2):
        loss = TweedieLoss(power)
        assert_allclose(loss.curvature(np.zeros_like(y), counts / counts.mean()).mean(), 1, rtol=1e-12)
    loss = multinomial()
    assert 0.5 < loss.curvature(np.zeros((1, 2)), loss.basis[:1])[0, 0] <= 1


def test_the_window_is_seen_only_inside():
    loss, y = window(0.8), np.linspace(-2, 2, 81)[:, None]
    f = np.zeros_like(y)
    exact, smooth = loss.unsmoothed(f, y), loss.value(f, y)
    outside = np.abs(y) >= loss.widths
    assert_allclose(smooth[outside], exact[outside], atol=1e-15)
    assert (smooth[~outside] > exact[~outside]).all()
    assert_allclose(exact[:, 0] * loss.density[0], [mean_pinball_loss(v, [0], alpha=0.8) for v in y])


def test_expectiles_of_one_half_are_squares():
    f, y = decisions_and_targets("expectile")
    assert_allclose(ExpectileLoss(np.array([0.5])).value(f, y), (y - f) ** 2 / 2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_comparison_of_quantiles_is_the_pinball_loss(rng, weighted, level):
    y, predicted = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))
    weight = rng.uniform(0.5, 2, size=50) if weighted else np.ones(50)
    target = make_target(y, weight, "quantile", level, None)
    _, losses = target.comparison(predicted[None], y, weight)
    pinball = [mean_pinball_loss(y, p, alpha=level, sample_weight=weight) for p in (predicted, 0 * y + target.center)]
    assert_allclose(losses(predicted[None]), [pinball[0] / pinball[1]])
    best = min(mean_pinball_loss(y, np.full_like(y, c), alpha=level, sample_weight=weight) for c in y[:, 0])
    assert_allclose(pinball[1], best)


@pytest.mark.parametrize("power", [1, 1.5, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_comparison_of_positive_targets_is_the_deviance(rng, weighted, power):
    y, predicted = rng.gamma(2, size=(50, 1)), rng.gamma(2, size=(50, 1))
    if power < 2:
        y[:5] = 0
    weight = rng.uniform(0.5, 2, size=50) if weighted else np.ones(50)
    _, losses = PositiveTargets.fit(y, weight, power).comparison(predicted[None], y, weight)
    constant = np.full(50, np.average(y[:, 0], weights=weight))
    deviance = [
        mean_tweedie_deviance(y[:, 0], p, sample_weight=weight, power=power) for p in (predicted[:, 0], constant)
    ]
    assert_allclose(losses(predicted[None]), [deviance[0] / deviance[1]], rtol=1e-10)


@pytest.mark.parametrize("power", [1, 1.5, 2])
def test_half_of_the_deviance(rng, power):
    """But for a term in the target alone, so differences are those of scikit-learn."""
    y = rng.gamma(2, size=(30, 1))
    f = rng.normal(size=(2, 30, 1))
    ours = np.diff([TweedieLoss(power).value(part, y).mean() for part in f])
    theirs = np.diff([mean_tweedie_deviance(y[:, 0], np.exp(part[:, 0]), power=power) / 2 for part in f])
    assert_allclose(ours, theirs)


def test_log_loss_of_classes(rng):
    labels = rng.integers(3, size=40)
    target = ClassLogits.fit(labels, 3, np.ones(40))
    f = rng.normal(size=(40, 2))
    loss = target.objective
    ours = loss.value(f, target.encode(labels)).mean() * loss.unit
    assert_allclose(ours, log_loss(labels, softmax(loss.logits(f), axis=1)))
    assert_allclose(softmax(loss.logits(np.zeros((1, 2))), axis=1), [target.prior])


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_constants_are_those_of_the_loss(rng, level):
    y, weight = rng.gamma(2, size=(50, 1)), rng.integers(1, 4, size=50).astype(float)
    repeated = np.repeat(y[:, 0], weight.astype(int))
    for loss, constant in (
        ("expectile", expectile(repeated, level)),
        ("quantile", np.quantile(repeated, level, method="inverted_cdf")),
    ):
        target = make_target(y, weight, loss, level, None)
        assert_allclose(target.center, [constant])
        assert_allclose(target.decode(target.encode(y)), y)


@given(st.integers(1, 12), st.floats(0.01, 0.99), st.integers(0, 10**6))
def test_weighted_quantiles_are_those_of_repetitions(n, share, seed):
    rng = np.random.default_rng(seed)
    values, weight = rng.integers(-3, 4, size=(n, 2)).astype(float), rng.integers(1, 5, size=n)
    repeated = np.repeat(values, weight, axis=0)
    ours = weighted_quantiles(values, weight.astype(float), share)
    assert_allclose(ours, np.quantile(repeated, share, axis=0, method="inverted_cdf"))


def test_columns_of_a_loss_are_its_columns(rng):
    f, y = rng.normal(size=(2, 10, 3))
    levels, widths = np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.5, 1.0])
    for loss in (SmoothQuantileLoss(levels, widths, 1 + widths), HuberLoss(widths), ExpectileLoss(levels)):
        for part in ("value", "slope", "curvature", "unsmoothed"):
            whole = getattr(loss, part)(f, y)
            for k in range(3):
                columns = slice(k, k + 1)
                assert_allclose(getattr(loss.columns(columns), part)(f[:, columns], y[:, columns]), whole[:, columns])


# Links -----------------------------------------------------------------------------------------------------------


def test_shifts_put_as_many_below_as_should_be(rng):
    y, levels = rng.normal(size=(200, 1)), np.array([0.1, 0.5, 0.9])
    scores = np.tile(0.3 * y, 3) + rng.normal(size=(1, 3))
    link = OrderedShift.fit(scores, y, np.ones(200), levels)
    assert_allclose(np.mean(y <= scores + link.shift, axis=0), levels, atol=0.006)
    assert (np.diff(link(scores), axis=1) >= 0).all()


def test_gradients_follow_their_quantiles():
    link = OrderedShift(np.array([0.0, -1.0]), True)
    gradient = np.arange(4.0).reshape(2, 2, 1)  # of two outputs at two rows
    pulled = link.pull_back(np.array([[0.0, 5.0], [0.0, 0.5]]), gradient)
    assert_allclose(pulled[:, :, 0], [[0, 3], [2, 1]])


@pytest.mark.parametrize("power", [1, 1.5, 2])
def test_means_of_left_out_rows_are_right(rng, power):
    """Scores that are too flat are stretched, and predictions are right on average, as of the canonical link."""
    s = rng.normal(size=(3000, 1))
    mean = np.exp(0.3 + 2 * s)
    y = rng.poisson(mean) if power == 1 else mean * rng.gamma(4, 0.25, size=s.shape)
    link = Exponential.fit(s, y.astype(float), np.ones(len(s)), TweedieLoss(power), np.ones(1))
    assert_allclose([link.offset[0], link.stretch[0]], [0.3, 2], atol=0.1)
    if power == 1:
        assert_allclose(link(s).mean(), y.mean(), rtol=0.01)


@pytest.mark.parametrize("sign", [-1.0, 30.0])
def test_an_offset_belongs_to_the_stretch_that_is_taken(rng, sign):
    """Also where the stretch that is best lies beyond its bounds."""
    s = rng.normal(size=(400, 1)) / 10
    y = np.exp(sign * s + 0.5) * rng.gamma(4, 0.25, size=s.shape)
    loss = TweedieLoss(2.0)
    link = Exponential.fit(s, y, np.ones(400), loss, np.ones(1))
    assert link.stretch[0] in (0.05, 5.0)
    assert abs(np.sum(loss.slope(link.offset + link.stretch * s, y))) <= 2 * abs(link.offset[0]) + 1e-6


def test_targets_that_do_not_vary_have_no_units(rng):
    y = np.full((5, 1), 3.0)
    for name in ("absolute_error", "huber", "expectile", "quantile"):
        target = LocatedTargets.fit(y, np.ones(5), name, np.array([0.5]))
        assert_allclose(target.encode(y), 0)
        assert_allclose(target.decode(np.ones((5, 1))), 3)
