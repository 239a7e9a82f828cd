"""How many rounds, and which of them is kept."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from instances import assert_close
from recursions import make_recursion, table

from rfmlearn.kernels import LpqLaplaceKernel
from rfmlearn.kernels._points import as_points
from rfmlearn.recursion._feature_matrix import DiagonalFeatureMatrix
from rfmlearn.recursion._machine import Machine
from rfmlearn.recursion._plan import make_plan
from rfmlearn.recursion._round import Workspace
from rfmlearn.recursion._stopping import StoppingRule, ValidationSet
from rfmlearn.solvers import Weights


class Constant(Machine):
    """A machine that predicts the same number, its coefficient, everywhere."""

    def decision(self, points):
        return np.full((len(points), 1), self.dual_coef)


def make_round(n_iter, error, feature_matrix=None, factor=None):
    (real,) = make_recursion(np.zeros((2, 1)), np.ones((2, 1))).rounds(0)
    values = {**vars(real.machine), "dual_coef": error}
    machine = Constant(**values | ({"feature_matrix": feature_matrix} if feature_matrix else {}))
    return dataclasses.replace(real, n_iter=n_iter, machine=machine, _workspace=Workspace(factor=factor))


class Script:
    """A stand-in for a recursion whose rounds have given errors and durations; records which are begun."""

    def __init__(self, errors, durations=None):
        self.errors, self.durations = errors, durations or [1.0] * len(errors)
        self.time, self.begun, self.solved, self.is_large = 100.0, 0, [], False

    def clock(self):
        return self.time

    def rounds(self, max_iter):
        for n_iter in range(max_iter + 1):
            self.begun += 1
            self.time += self.durations[n_iter]
            factor = "factor" if n_iter == max_iter else None
            yield make_round(n_iter, self.errors[n_iter], MATRICES[n_iter], factor)

    def finish(self, best, is_latest):
        if is_latest and best._workspace.factor:
            return best
        self.solved.append((best.machine.feature_matrix, best.n_iter))
        return make_round(best.n_iter, self.errors[best.n_iter], best.machine.feature_matrix, "factor")

    def run(self, max_iter, validation=None, **options):
        return StoppingRule(max_iter, validation, clock=self.clock, **options).run(self)


MATRICES = [DiagonalFeatureMatrix((np.array([1.0, angle]),)) for angle in range(10)]
VALIDATION = ValidationSet(as_points(np.zeros((3, 1))), np.zeros((3, 1)), Weights.of(np.ones(3)))


def test_the_best_round_is_kept():
    script = Script([3.0, 1.0, 2.0, -1.5])
    best, history, _ = script.run(3, VALIDATION)
    assert best.n_iter == 1 and best._workspace.factor == "factor" and script.solved == [(MATRICES[1], 1)]
    assert [record["validation_loss"] for record in history] == [9.0, 1.0, 4.0, 2.25]
    assert [record["n_iter"] for record in history] == [0, 1, 2, 3]
    # M is diag(1, a^2) in round a, and that of round 1 was kept.
    expected = [(1 + a**2) / np.sqrt(2 * (1 + a**4)) for a in range(4)]
    assert [record["alignment"] for record in history] == pytest.approx(expected)
    assert [record["effective_rank"] for record in history] == pytest.approx([2 * cosine**2 for cosine in expected])


def test_the_first_of_equals_is_kept():
    best, *_ = Script([3.0, 1.0, 1.0, -1.0]).run(3, VALIDATION)
    assert best.n_iter == 1


def test_the_last_round_is_not_solved_again():
    for validation, errors in ((VALIDATION, [3.0, 2.0, 1.0]), (None, [1.0, 2.0, 3.0])):
        script = Script(errors)
        best, history, _ = script.run(2, validation)
        assert best.n_iter == 2 and not script.solved and len(history) == 3
        assert ("validation_loss" in history[0]) == (validation is not None)


@pytest.mark.parametrize("patience, begun", [(1, 3), (3, 7), (4, 8)])
def test_patience(patience, begun):
    script = Script([5.0, 3.0, 4.0, 2.0, 2.5, 2.0, 3.0, 1.0])
    best, history, _ = script.run(7, VALIDATION, patience=patience)
    assert script.begun == len(history) == begun
    assert best.n_iter == {1: 1, 3: 3, 4: 7}[patience]


def test_patience_without_validation_is_endless():
    script = Script([1.0, 2.0, 3.0, 4.0])
    best, *_ = script.run(3, patience=1)
    assert best.n_iter == 3 and script.begun == 4


def test_a_callback_stops():
    seen = []

    def callback(iterate):
        seen.append(iterate.n_iter)
        return iterate.n_iter == 1

    script = Script([1.0] * 5)
    best, history, _ = script.run(4, callback=callback)
    assert seen == [0, 1] and best.n_iter == 1 and len(history) == 2 and script.solved == [(MATRICES[1], 1)]
    script = Script([1.0] * 5)
    best, *_ = script.run(4, callback=lambda iterate: None)
    assert best.n_iter == 4


@pytest.mark.parametrize(
    "durations, time_limit, begun",
    [
        ([10.0] * 6, 35.0, 3),  # a fourth would end at 40
        ([10.0] * 6, 40.0, 4),
        ([10.0] * 6, 5.0, 1),  # the first is always there
        ([10.0] * 6, 1000.0, 6),
        ([1.0, 20.0, 1.0, 1.0, 1.0, 1.0], 41.5, 3),  # at the pace of the slowest
        ([20.0, 1.0, 1.0, 1.0, 1.0, 1.0], 41.5, 3),
    ],
)
def test_time_limit(durations, time_limit, begun):
    script = Script([1.0] * 6, durations)
    best, history, _ = script.run(5, time_limit=time_limit)
    assert script.begun == len(history) == begun and best.n_iter == begun - 1
    assert best._workspace.factor == "factor"


@pytest.mark.parametrize(
    "options, begun",
    [
        ({"time_limit": 40.0}, 4),
        ({"time_limit": 40.0, "start": 95.0}, 3),  # five seconds had gone before the rounds
        ({"time_limit": 40.0, "exact": 1.0}, 3),  # one more round's time for what comes after the last
        ({"time_limit": 40.0, "agop": 1.5}, 1),  # a round, and an AGOP before and after it
        ({"time_limit": 40.0, "closing": 15.0}, 2),
        ({"time_limit": 40.0, "closing": 45.0}, 1),
    ],
)
def test_what_comes_before_and_after_the_rounds_counts(options, begun):
    script = Script([1.0] * 6, [10.0] * 6)
    _, history, _ = script.run(5, **options)
    assert script.begun == len(history) == begun
    # Where there is no time for a round beside the exact one, that alone is run.
    assert bool(script.solved) == (options.get("closing") != 45.0)


def test_approximate_rounds_leave_time_for_an_exact_one():
    rule = StoppingRule(3, time_limit=1.0)
    few, many = (make_plan(n, [3], 1, kernel=LpqLaplaceKernel()) for n in (1000, 5000))
    assert rule.with_time_after_rounds(few).closing == 0.0 < rule.with_time_after_rounds(many).closing
    assert rule.with_time_after_rounds(few).exact < rule.with_time_after_rounds(many).exact


def test_an_agop_of_many_outputs_takes_longer():
    rule = StoppingRule(3, time_limit=1.0)
    shares = [rule.with_time_after_rounds(make_plan(500, [3], k, kernel=LpqLaplaceKernel())).agop for k in (1, 4, 40)]
    assert shares[0] == shares[1] and shares[2] == 10 * shares[0]


def test_whether_there_is_time_for_the_agop_after_no_round():
    first, learned = {"n_iter": 0, "seconds": 2.0}, {"n_iter": 1, "seconds": 6.0}
    rule = StoppingRule(3, time_limit=10.0, start=0.0, agop=3.0, clock=lambda: 5.0)
    assert not rule.has_time_for_agop([first])
    assert replace(rule, time_limit=11.0).has_time_for_agop([first])
    assert replace(rule, time_limit=None).has_time_for_agop([first])
    assert rule.has_time_for_agop([first, learned])  # the rounds have left time for it


def test_validation_loss_is_weighted(rng):
    points, targets, weights = as_points(rng.normal(size=(5, 2))), rng.normal(size=(5, 1)), rng.uniform(1, 3, 5)
    loss = ValidationSet(points, targets, Weights.of(weights)).loss(make_round(0, 0.5).machine)
    np.testing.assert_allclose(loss, sum(weights * (0.5 - targets[:, 0]) ** 2) / sum(weights), rtol=1e-13)


@pytest.mark.parametrize("iterative", [False, True], ids=["exact", "iterative"])
def test_a_real_recursion_keeps_its_best_round(iterative, rng):
    X, Y = table(rng, n=80)
    X_val, Y_val = table(rng, n=40)
    recursion = make_recursion(X, Y + rng.normal(size=Y.shape), adaptive=True, iterative=iterative, alpha=1e-4)
    validation = ValidationSet(as_points(X_val), Y_val, Weights.of(np.ones(40)))
    best, history, _ = StoppingRule(5, validation).run(recursion)
    losses = [record["validation_loss"] for record in history]
    assert len(history) == 6 and best.n_iter == int(np.argmin(losses))
    assert best._workspace.factor is not None and best.solver == "cholesky"
    assert {"n_iter", "bandwidth", "solver", "residual", "seconds", "validation_loss"} <= set(history[0])
    expected = list(recursion.rounds(5))[best.n_iter]
    assert_close(
        best.machine.decision(as_points(X_val)),
        expected.machine.decision(as_points(X_val)),
        0.02 if iterative else 1e-8,
    )
    np.testing.assert_allclose(validation.loss(best.machine), min(losses), rtol=0.05 if iterative else 1e-8)
