"""Consumers of the recursion: how many rounds, and which of them is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..kernels import Points
from ..runtime._progress import log_record
from ._machine import RFMIterate
from ._recursion import Recursion


@dataclass(frozen=True)
class ValidationSet:
    """Points on which rounds are compared by their weighted squared error."""

    points: Points
    targets: np.ndarray
    sample_weight: np.ndarray

    def loss(self, iterate: RFMIterate):
        """Weighted mean over rows of the squared error summed over outputs."""
        errors = iterate.decision(self.points) - self.targets
        return float(np.average(np.einsum("ij,ij->i", errors, errors), weights=self.sample_weight))


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
        Seconds; no round is begun that would, at the pace of the slowest one so far, end later.
    callback : callable or None
        Called with each `RFMIterate`; a true result stops.
    """

    max_iter: int
    validation: ValidationSet | None = None
    patience: int | None = None
    time_limit: float | None = None
    callback: Callable[[RFMIterate], object] | None = None

    def run(self, recursion: Recursion) -> tuple[RFMIterate, list[dict]]:
        """Run the recursion; the round that is kept, solved exactly, and a record of each round."""
        start = before = time.perf_counter()
        slowest, best_loss = 0.0, np.inf
        history: list[dict] = []
        metrics = []
        rounds = recursion.rounds(self.max_iter)
        for iterate in rounds:
            history.append(self._record(iterate))
            metrics.append(iterate.feature_matrix)
            # Without a validation set, every round counts as better than those before.
            loss = history[-1].get("validation_loss", -len(history))
            if not history[:-1] or loss < best_loss:
                best, best_loss = iterate, loss
            now = time.perf_counter()
            slowest, before = max(slowest, now - before), now
            if self._is_over(iterate, best, now - start + slowest):
                break
        if best.factor is None:
            rounds.close()
            del iterate  # it may hold another square array, and there is room for one
            best = recursion.solve(best.feature_matrix, best.n_iter, best.pairs, alpha=best.alpha)
        for record, metric in zip(history, metrics, strict=True):
            record |= {"effective_rank": metric.effective_rank(), "alignment": metric.cosine(best.feature_matrix)}
        return best, history

    def _record(self, iterate):
        record = {name: getattr(iterate, name) for name in ("n_iter", "solver", "residual", "seconds", "train_loss")}
        record |= {"bandwidth": iterate.kernel.bandwidth, "alpha": iterate.alpha}
        if iterate.leave_one_out_loss is not None:
            record["leave_one_out_loss"] = iterate.leave_one_out_loss
        if self.validation is not None:
            record["validation_loss"] = self.validation.loss(iterate)
        log_record(record)
        return record

    def _is_over(self, iterate, best, predicted_seconds):
        if self.callback is not None and self.callback(iterate):
            return True
        if self.patience is not None and self.validation is not None and iterate.n_iter - best.n_iter >= self.patience:
            return True
        return self.time_limit is not None and predicted_seconds > self.time_limit
