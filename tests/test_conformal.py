"""Conformal intervals and prediction sets, against loops and against the coverage that they promise."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binom

from rfmlearn.targets._class_sets import SET_METHODS, SetScores, check_set_method, prediction_sets, set_scores
from rfmlearn.targets._conformal import IntervalScores, check_coverage, conformal_quantile

PARAMETERS = {"penalty": 0.03, "k_reg": 2}
SEEDS = 2000


def naive_quantile(scores, weight, coverage):
    """In exact arithmetic; None if no score is large enough."""
    target = Fraction(coverage).limit_denominator(1000) * (sum(map(Fraction, weight)) + 1)
    for q in sorted(scores):
        if sum(Fraction(w) for s, w in zip(scores, weight, strict=True) if s <= q) >= target:
            return q
    return None


def naive_score(p, label, method, u, penalty, k_reg):
    if method == "lac":
        return 1 - p[label]
    mass, rank = 0.0, 1
    for k in range(len(p)):
        if p[k] > p[label]:
            mass += p[k]
            rank += 1
    score = mass + u * p[label]
    if method == "raps" and rank > k_reg:
        score += penalty * (rank - k_reg)
    return score


def simulated(rng, n, n_classes=5, sharpness=1.5):
    """Probabilities that are not quite right, and labels."""
    logits = rng.normal(size=(n, n_classes)) * sharpness
    cumulative = np.cumsum(softmax(logits, axis=1), axis=1)
    labels = np.argmax(cumulative > rng.uniform(size=(n, 1)), axis=1)
    return softmax(1.3 * logits + 0.3 * rng.normal(size=logits.shape), axis=1), labels


def with_ties(rng, n, n_classes=4):
    """Probabilities in eighths, which add up without rounding."""
    return rng.multinomial(8, np.full(n_classes, 1 / n_classes), size=n) / 8


def assert_rate(hits, trials, lowest, highest=1.0):
    """Hits are binomial with a rate in the range, but for one time in a million on each side."""
    assert binom.cdf(hits, trials, lowest) > 1e-6
    assert binom.sf(hits - 1, trials, highest) > 1e-6


# Quantile


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), min_size=1, max_size=15),
    st.sampled_from([0.05, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9]),
)
def test_quantile(rows, coverage):
    scores, weight = np.array(rows, dtype=float).T
    expected = naive_quantile(scores, weight, coverage)
    if expected is None:
        with pytest.raises(ValueError, match="coverage"):
            conformal_quantile(scores, weight, coverage)
    else:
        assert conformal_quantile(scores, weight, coverage) == expected


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(0, 4)), min_size=1, max_size=15), st.floats(0.05, 0.95))
def test_weights_are_repetitions(rows, coverage):
    scores, counts = np.array(rows).T
    counts = counts.astype(int)
    assume(coverage * (counts.sum() + 1) <= counts.sum())
    repeated = np.repeat(scores, counts)
    assert conformal_quantile(scores, counts, coverage) == conformal_quantile(
        repeated, np.ones(len(repeated)), coverage
    )


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=15),
    st.integers(1, 7),
    st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]),
)
def test_rows_in_parts_of_equal_score_are_rows(scores, times, coverage):
    """Repeated cross-validation that gives the same scores each time changes nothing, in spite of rounding."""
    assume(coverage * (len(scores) + 1) <= len(scores))
    parts, weight = np.tile(scores, times), np.full(len(scores) * times, 1.0 / times)
    assert conformal_quantile(parts, weight, coverage) == conformal_quantile(
        np.array(scores), np.ones(len(scores)), coverage
    )


def test_quantile_of_few_rows_by_hand():
    scores = np.arange(1.0, 10.0)
    assert conformal_quantile(scores, np.ones(9), 0.9) == 9.0
    assert conformal_quantile(scores, np.ones(9), 0.8) == 8.0
    assert conformal_quantile(scores, np.ones(9), 0.1) == 1.0


@pytest.mark.parametrize(("coverage", "needed"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)])
def test_rows_needed(coverage, needed):
    scores = np.arange(float(needed))
    assert conformal_quantile(scores, np.ones(needed), coverage) == needed - 1
    with pytest.raises(ValueError, match=rf"coverage={coverage} needs at least {needed} rows .*got {needed - 1}"):
        conformal_quantile(scores[1:], np.ones(needed - 1), coverage)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.1, 90, np.nan, np.inf, "0.9", None, True])
def test_bad_coverage(coverage):
    scores = SetScores(np.full((50, 2), 0.5), np.zeros(50, dtype=int), np.ones(50))
    for call in (
        lambda: check_coverage(coverage),
        lambda: IntervalScores(np.ones((50, 1)), None, np.ones(50)).radius(coverage),
        lambda: scores.predict(scores.proba, coverage, "raps"),
        lambda: scores.threshold(coverage, "lac"),
    ):
        with pytest.raises(ValueError, match=r"coverage must be a number with 0 < coverage < 1, got coverage="):
            call()


@pytest.mark.parametrize("coverage", [0.9, np.float32(0.5), np.float64(0.5), Fraction(1, 2)])
def test_good_coverage(coverage):
    assert check_coverage(coverage) == float(coverage)


@pytest.mark.parametrize("method", ["APS", "topk", None, 1, ["lac"]])
def test_bad_method(method):
    with pytest.raises(ValueError, match=r"method must be one of 'lac', 'aps', 'raps', got method="):
        check_set_method(method)
    with pytest.raises(ValueError, match="method"):
        SetScores(np.full((50, 2), 0.5), np.zeros(50, dtype=int), np.ones(50)).predict(np.ones((1, 2)), 0.5, method)


# Intervals


@pytest.mark.parametrize("scaled", [False, True])
def test_radius(scaled, rng):
    residuals, weight = rng.normal(size=(30, 3)), rng.integers(1, 4, 30).astype(float)
    scale = rng.uniform(0.5, 2.0, size=(30, 3)) if scaled else None
    radius = IntervalScores(residuals, scale, weight).radius(0.8)
    assert radius.shape == (3,)
    for j in range(3):
        sizes = [abs(residuals[i, j]) / (scale[i, j] if scaled else 1.0) for i in range(30)]
        assert radius[j] == naive_quantile(sizes, weight, 0.8)


@given(st.floats(0.01, 0.95), st.floats(0.01, 0.95))
def test_radius_grows_with_coverage(a, b):
    rng = np.random.default_rng(0)
    scores = IntervalScores(rng.normal(size=(40, 2)), rng.uniform(1, 2, size=(40, 2)), rng.uniform(0.5, 2, 40))
    assert np.all(scores.radius(min(a, b)) <= scores.radius(max(a, b)))


@pytest.mark.parametrize("coverage", [0.5, 0.9])
@pytest.mark.parametrize("n", [9, 25])
def test_intervals_cover(coverage, n, rng):
    """Between c and c + 1 / (n + 1), whatever the distribution: with heavy tails, and a scale that is wrong."""
    scale = rng.uniform(0.5, 2.0, size=(SEEDS, n + 1))
    errors = rng.standard_t(3, size=(SEEDS, n + 1)) * scale**2
    hits = 0
    for e, s in zip(errors, scale, strict=True):
        radius = IntervalScores(e[:n, None], s[:n, None], np.ones(n)).radius(coverage)
        hits += abs(e[n]) <= radius[0] * s[n]
    assert_rate(hits, SEEDS, coverage, coverage + 1 / (n + 1))


# Sets


@pytest.mark.parametrize("method", SET_METHODS)
@pytest.mark.parametrize("u", [0.0, 0.3, 1.0, "rows"])
@pytest.mark.parametrize("make", [with_ties, lambda rng, n: simulated(rng, n)[0]])
def test_scores_and_sets(method, u, make, rng):
    proba = make(rng, 40)
    n_classes = proba.shape[1]
    u = rng.uniform(size=40) if u == "rows" else u
    each = np.broadcast_to(u, 40)
    expected = np.array(
        [[naive_score(proba[i], k, method, each[i], **PARAMETERS) for k in range(n_classes)] for i in range(40)]
    )
    for k in range(n_classes):
        labels = np.full(40, k)
        scores = set_scores(proba, labels, method=method, u=u, **PARAMETERS)
        np.testing.assert_allclose(scores, expected[:, k], rtol=1e-13, atol=1e-15)
        # Exactly: a score is in the set of which it is the threshold.
        for threshold in scores:
            sets = prediction_sets(proba, threshold, method=method, u=u, **PARAMETERS)
            np.testing.assert_array_equal(sets[:, k], scores <= threshold)


@pytest.mark.parametrize("method", SET_METHODS)
@pytest.mark.parametrize("make", [with_ties, lambda rng, n: simulated(rng, n)[0]])
def test_order_of_classes_does_not_matter(method, make, rng):
    proba = make(rng, 60)
    labels, order = rng.integers(0, proba.shape[1], 60), rng.permutation(proba.shape[1])
    there, back = proba[:, order], np.argsort(order)
    for seed in (None, 0):
        a, b = (None if seed is None else np.random.default_rng(seed) for _ in "ab")
        sets = SetScores(proba, labels, np.ones(60)).predict(proba, 0.8, method, a)
        moved = SetScores(there, back[labels], np.ones(60)).predict(there, 0.8, method, b)
        np.testing.assert_array_equal(moved, sets[:, order])


@pytest.mark.parametrize("method", SET_METHODS)
@pytest.mark.parametrize("u", [0.4, 1.0])
def test_sets_are_nested_in_the_threshold(method, u, rng):
    proba, labels = simulated(rng, 100)
    scores = set_scores(proba, labels, method=method, u=u, **PARAMETERS)
    before = np.zeros(proba.shape, dtype=bool)
    for coverage in np.linspace(0.05, 0.95, 19):
        threshold = conformal_quantile(scores, np.ones(100), coverage)
        sets = prediction_sets(proba, threshold, method=method, u=u, **PARAMETERS)
        assert np.all(sets | ~before)
        before = sets


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("seed", [None, 0])
def test_sets_are_nested_in_coverage(method, seed, rng):
    proba, labels = simulated(rng, 100)
    before = np.zeros(proba.shape, dtype=bool)
    for coverage in np.linspace(0.05, 0.95, 19):
        draws = None if seed is None else np.random.RandomState(seed)
        sets = SetScores(proba, labels, np.ones(100)).predict(proba, coverage, method, draws)
        assert np.all(sets | ~before)
        before = sets


@pytest.mark.parametrize("method", SET_METHODS)
def test_sets_that_are_not_randomised_contain_the_most_probable_class(method, rng):
    for make in (with_ties, lambda rng, n: simulated(rng, n)[0]):
        proba = make(rng, 80)
        for labels in (rng.integers(0, proba.shape[1], 80), proba.argmax(axis=1), proba.argmin(axis=1)):
            for coverage in (0.05, 0.5, 0.95):
                sets = SetScores(proba, labels, np.ones(80)).predict(proba, coverage, method)
                assert np.all(sets[proba == proba.max(axis=1, keepdims=True)])


@pytest.mark.parametrize("method", SET_METHODS)
def test_classifier_that_is_always_right(method, rng):
    """Randomised sets are empty as often as the label need not be covered; others are the most probable class."""
    proba, _ = simulated(rng, 2000)
    top = proba.argmax(axis=1)
    scores = SetScores(proba[:1000], top[:1000], np.ones(1000))
    np.testing.assert_array_equal(scores.predict(proba[1000:], 0.8, method), np.eye(5, dtype=bool)[top[1000:]])
    empty = ~scores.predict(proba[1000:], 0.8, method, rng).any(axis=1)
    assert 0.14 < empty.mean() < 0.26


@pytest.fixture(scope="module")
def samples():
    """As many samples of 64 rows as there are seeds."""
    proba, labels = simulated(np.random.default_rng(0), SEEDS * 64)
    return list(zip(np.split(proba, SEEDS), np.split(labels, SEEDS), strict=True))


@pytest.mark.parametrize("method", SET_METHODS)
@pytest.mark.parametrize("randomised", [False, True])
@pytest.mark.parametrize("coverage", [0.3, 0.9])
def test_sets_cover(method, randomised, coverage, samples, rng):
    """At least c; if randomised, also at most c + 1 / (n + 1). The choice of k_reg costs "raps" less than 0.01."""
    n, m = 60, 4
    slack = 0.01 if method == "raps" else 0.0
    hits = np.zeros(m, dtype=int)
    for proba, labels in samples:
        scores = SetScores(proba[:n], labels[:n], np.ones(n))
        sets = scores.predict(proba[n:], coverage, method, rng if randomised else None)
        hits += sets[np.arange(m), labels[n:]]
    # Rows that share a threshold are dependent, so each is counted by itself.
    for count in hits:
        assert_rate(count, SEEDS, coverage - slack, coverage + 1 / (n + 1) + slack if randomised else 1.0)


@pytest.mark.parametrize("method", SET_METHODS)
def test_weights_of_sets_are_repetitions(method, rng):
    proba, labels = simulated(rng, 60)
    counts = rng.integers(1, 4, 60)
    repeated = SetScores(np.repeat(proba, counts, axis=0), np.repeat(labels, counts), np.ones(counts.sum()))
    weighted = SetScores(proba, labels, counts.astype(float))
    for coverage in (0.5, 0.8, 0.95):
        assert weighted.threshold(coverage, method) == repeated.threshold(coverage, method)
        assert weighted.regularization(coverage) == repeated.regularization(coverage)


@pytest.mark.parametrize("coverage", [0.3, 0.6, 0.9])
def test_regularization(coverage, rng):
    proba, labels = simulated(rng, 80, n_classes=9)
    weight = rng.integers(1, 3, 80).astype(float)
    ranks = [1 + sum(p > row[label] for p in row) for row, label in zip(proba, labels, strict=True)]
    assert SetScores(proba, labels, weight).regularization(coverage) == (0.01, naive_quantile(ranks, weight, coverage))


def test_regularization_makes_sets_smaller_when_classes_are_many(rng):
    proba, labels = simulated(rng, 1000, n_classes=50, sharpness=2.0)
    scores = SetScores(proba[:500], labels[:500], np.ones(500))
    size = {method: scores.predict(proba[500:], 0.9, method).sum(axis=1).mean() for method in SET_METHODS}
    assert size["raps"] < size["aps"]


@pytest.mark.parametrize("method", SET_METHODS)
def test_same_seed_same_sets(method, rng):
    proba, labels = simulated(rng, 50)
    scores = SetScores(proba, labels, np.ones(50))
    a, b = (scores.predict(proba, 0.8, method, np.random.RandomState(3)) for _ in "ab")
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("method", SET_METHODS)
def test_too_few_rows_for_sets(method):
    scores = SetScores(np.full((5, 2), 0.5), np.zeros(5, dtype=int), np.ones(5))
    with pytest.raises(ValueError, match=r"coverage=0\.9 needs at least 9 rows"):
        scores.predict(scores.proba, 0.9, method)


def test_one_class():
    scores = SetScores(np.ones((20, 1)), np.zeros(20, dtype=int), np.ones(20))
    for method in SET_METHODS:
        assert scores.predict(np.ones((3, 1)), 0.9, method).all()
