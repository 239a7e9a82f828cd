"""Consumers of the recursion: how many rounds, and which of them is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..kernels import Points
from ..runtime._budget import AGOP_SHARE, OUTPUTS_OF_AGOP_SHARE
from ..runtime._progress import log_record
from ..solvers import Weights
from ..targets._losses import Loss
from ._machine import Machine
from ._pace import Pace
from ._plan import Plan
from ._recursion import Recursion
from ._round import Round


@dataclass(frozen=True)
class ValidationSet:
    """Points on which rounds are compared by their weighted loss; an objective of None is squared error."""

    points: Points
    targets: np.ndarray
    weights: Weights
    objective: Loss | None = None

    def loss(self, machine: Machine):
        """Weighted mean over rows of the loss summed over outputs."""
        decisions = machine.decision(self.points)
        if self.objective is None:
            return self.weights.mean_square(decisions - self.targets)
        with np.errstate(over="ignore", invalid="ignore"):  # rows may be out of all proportion to those of fit
            loss = self.weights.mean(self.objective.unsmoothed(decisions.astype(np.float64), self.targets))
        return loss if np.isfinite(loss) else np.inf


@dataclass(frozen=True)
class StoppingRule:
    """When to stop and what to keep.

    Parameters
    ----------
    max_iter : int
        Rounds of feature learning.
    validation : ValidationSet or None
        Keep the round with the smallest loss there; None keeps the last.
    patience : int or None
        Stop after so many rounds without a smaller validation loss.
    time_limit : float or None
        Seconds; no round is begun that would, at the pace of the slowest one so far, end later, with what is still to
        be done after the last one. Where the limit leaves no time for a round beside the last, that alone is run.
    callback : callable or None
        Called with each `Round`; a true result stops.
    clock : callable
        Seconds since some moment.
    start : float or None
        When the limit began, by the clock; None is when the rounds begin.
    agop : float
        How long an AGOP is expected to take, one before each further round and one after the last, in units of the
        first round; once there are two rounds, they tell.
    exact : float
        How long an exact round after the last approximate one takes, in the same units.
    closing : float
        Seconds that come after the rounds beside these.
    """

    max_iter: int
    validation: ValidationSet | None = None
    patience: int | None = None
    time_limit: float | None = None
    callback: Callable[[Round], object] | None = None
    clock: Callable[[], float] = time.perf_counter
    start: float | None = None
    agop: float = 0.0
    exact: float = 0.0
    closing: float = 0.0

    def with_time_after_rounds(self, plan: Plan, n_rounds_to_finish=0.0):
        """The same rule, which leaves time for what is done after the last round."""
        agop = AGOP_SHARE * max(1.0, plan.n_outputs / OUTPUTS_OF_AGOP_SHARE)
        if not plan.iterative:
            return replace(self, agop=agop, exact=n_rounds_to_finish)
        if plan.n_learning_rows:
            # Rounds grow with the square of their rows, and so does that of all rows.
            return replace(self, agop=agop, exact=(plan.n_samples / plan.n_learning_rows) ** 2)
        closing = plan.seconds_after_rounds(Pace.measure(clock=self.clock), self.time_limit)
        return replace(self, agop=agop, exact=1.0 + n_rounds_to_finish, closing=closing)

    def seconds_left(self):
        """Until the limit."""
        assert self.time_limit is not None and self.start is not None
        return self.time_limit - (self.clock() - self.start)

    def has_time_for_agop(self, history):
        """Whether the AGOP after the rounds ends in time; where features were learned, there was time left for it."""
        if self.time_limit is None or self.start is None or history[-1]["n_iter"] > 0:
            return True
        return self.clock() - self.start + self.agop * history[0]["seconds"] <= self.time_limit

    def run(self, recursion: Recursion) -> tuple[Round, list[dict], list[str]]:
        """Run the recursion: the round that is kept, solved exactly; a record of each round; what went wrong."""
        before = self.clock()
        start = before if self.start is None else self.start
        durations, best_loss, is_preliminary = list[float](), np.inf, True
        history: list[dict] = []
        matrices, trouble = [], list[str]()
        # Approximate rounds need an exact one after them, which alone is the least that can be done.
        has_room = self.time_limit is None or before - start + self.closing <= self.time_limit
        rounds = recursion.rounds(self.max_iter if has_room else 0)
        for latest in rounds:
            history.append(self._record(latest))
            matrices.append(latest.machine.feature_matrix)
            trouble += latest.trouble
            # Without a validation set, every round counts as better than those before.
            loss = history[-1].get("validation_loss", np.inf if latest.is_preliminary else -len(history))
            if is_preliminary or loss < best_loss:
                best, best_loss, is_preliminary = latest, loss, latest.is_preliminary
            now = self.clock()
            durations.append(now - before)
            before = now
            if self._is_over(latest, best, now - start + self._seconds_to_come(durations)):
                break
        is_latest = best is latest
        rounds.close()
        del latest  # it may hold another square array, and there is room for one
        kept = [best]
        del best  # its square array may have to make room for others, so nobody holds on to it
        best = recursion.finish(kept.pop(), is_latest)
        trouble += best.trouble
        if recursion.is_large:
            history.append(self._record(best))
            matrices.append(best.machine.feature_matrix)
            if self.callback is not None:
                self.callback(best)
        for record, matrix in zip(history, matrices, strict=True):
            record["effective_rank"] = matrix.effective_rank()
            record["alignment"] = matrix.cosine(best.machine.feature_matrix)
        return best, history, list(dict.fromkeys(trouble))

    def _seconds_to_come(self, durations):
        """Predicted seconds of one more round and of what comes after it."""
        first, slowest = durations[0], max(durations)
        agop = self.agop * first
        if self.agop and len(durations) > 1:
            agop = slowest - first
        return max(slowest, first + agop) + agop + self.exact * first + self.closing

    def _record(self, latest):
        record = {name: getattr(latest, name) for name in ("n_iter", "solver", "residual", "seconds", "train_loss")}
        record |= {"bandwidth": latest.machine.kernel.bandwidth, "alpha": latest.alpha}
        if latest.leave_one_out_loss is not None:
            record["leave_one_out_loss"] = latest.leave_one_out_loss
        if self.validation is not None and not latest.is_preliminary:
            record["validation_loss"] = self.validation.loss(latest.machine)
        log_record(record)
        return record

    def _is_over(self, latest, best, predicted_seconds):
        if self.callback is not None and self.callback(latest):
            return True
        if self.patience is not None and self.validation is not None and latest.n_iter - best.n_iter >= self.patience:
            return True
        return self.time_limit is not None and predicted_seconds > self.time_limit
