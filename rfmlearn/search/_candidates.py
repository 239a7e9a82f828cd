"""What is compared: machines that might become members, and their predictions of rows left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..targets._calibration import Link


@dataclass(frozen=True)
class Candidate:
    """One machine that might become a member: settings and a round.

    Attributes
    ----------
    index : int
        Of its settings, which it shares with the other rounds of one recursion; those of members of other families come
        after all settings.
    n_iter : int
    is_extra : bool, default=False
        Whether it is a member of another family, which has one round.
    """

    index: int
    n_iter: int
    is_extra: bool = False


@dataclass(frozen=True)
class Scored:
    """A candidate's held-out predictions on one rung of the race.

    Attributes
    ----------
    candidate : Candidate
    predictions : ndarray of shape (n_test_rows, ...)
        In the order of the folds' `rows`.
    link : Link
        From scores to predictions.
    seconds : float
        Mean time to fit its recursion in a fold, which all rounds share.
    """

    candidate: Candidate
    predictions: np.ndarray
    link: Link
    seconds: float
