"""Numbers of rows and thresholds that decide how much is computed, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SearchBudget:
    """What a search spends.

    Attributes
    ----------
    one_rung : int, default=800
        Tables of more rows than this run two rungs: all settings on few training rows, then the survivors.
    first_rung_rows : int, default=700
        Training rows of the first rung.
    n_survivors : int, default=4
        Settings that go on from the first rung.
    smallest_ridge_in_float32 : float, default=1e-5
        Machines that are only compared take float32, for half the time, if no ridge is smaller than this.
    refit_together : int, default=3000
        Up to so many rows members are fitted side by side, each with a square array of its own.
    doubt : int, default=100
        The ensemble is held to the default model as if by so many rows of evidence for it.
    n_ridge_rows, n_bandwidth_rows : int, default=700 and 400
        Rows on which a recursion compares ridges and measures distances: fewer than in a single fit, where time
        matters less.
    """

    one_rung: int = 800
    first_rung_rows: int = 700
    n_survivors: int = 4
    smallest_ridge_in_float32: float = 1e-5
    refit_together: int = 3000
    doubt: int = 100
    n_ridge_rows: int = 700
    n_bandwidth_rows: int = 400
