"""Which steps suit a function: tried at a few rows, since it may round, jump or be noisy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..runtime._budget import N_PROBED_ROWS
from ..tables._frames import take_rows
from ._steps import Steps

# Each step that is tried is so many times the one before, up to this many deviations of the column.
_FACTOR, _LARGEST = 8.0, 0.05
# A step does if the next smaller one changes the gradients by at most this share of their size, which leaves to itself
# an eighth of that in rounding; if none does, the best one up to _FAIR. A function that jumps has 1 or more.
_GOOD, _FAIR = 0.05, 0.25
# Changes over a deviation of the column that are smaller than this share of the output's deviation tell nothing.
_NEGLIGIBLE = 1e-3
# Averages of a gradient, over so many deviations, are no larger than it is. Where they are by this factor, and at one
# row of so many, there are jumps besides.
_WIDE, _HIDDEN, _ONE_OF = 0.2, 1.5, 4


@dataclass(frozen=True)
class Choice:
    """Steps, and what was found on the way.

    Attributes
    ----------
    steps : Steps
    is_rough : bool
        Whether no small steps will do.
    n_flat, n_rows : int
        Rows around which the smallest steps change nothing, and how many were looked at.
    is_noisy : bool
        Whether the function gave the same rows different values.
    """

    steps: Steps
    is_rough: bool = False
    n_flat: int = 0
    n_rows: int = 0
    is_noisy: bool = False

    def advice(self):
        """A warning, or None."""
        if not self.is_rough:
            return None
        remedy = "step (in standard deviations, such as step=0.5) sets another one."
        if self.is_noisy:
            what = "the model gives other values for the same rows in every call, so that small differences are noise"
            remedy = "Fix its seed, or pass a function that averages many calls."
        elif 2 * self.n_flat > self.n_rows:
            what = (
                f"the model is constant around {self.n_flat} of {self.n_rows} rows although its output varies over X, "
                "as that of trees does: small differences say little about it"
            )
        else:
            what = (
                "the model is piecewise constant, as trees are, or in part, or rounds its input or output: small "
                "differences say little about it"
            )
        return f"{what}. Trends over half a deviation, between values that X has, were measured instead. {remedy}"


@np.errstate(over="ignore", invalid="ignore")
def choose_steps(differences, X, smallest, make_coarse, scales):
    """The smallest step of each column at which differences say something, or coarse ones if there is none.

    Parameters
    ----------
    differences : Differences
    X : ndarray or DataFrame
    smallest : Steps
        The first to be tried.
    make_coarse : callable
        Gives the steps of last resort.
    scales : ndarray of shape (p,)
        Deviations of the columns.

    Returns
    -------
    Choice
    """
    rows = take_rows(X, np.unique(np.linspace(0, len(X) - 1, N_PROBED_ROWS).round().astype(np.intp)))
    every = np.arange(len(scales))

    def slopes(steps, places=every):
        return differences.at(rows, steps, places)[0] * scales[places]

    values = differences.values(rows)
    climb = _Climb.of(slopes, smallest, scales, _deviation(values))
    wide = slopes(Steps.of(np.maximum(_WIDE * scales, climb.steps.sizes)))
    matters = _length(wide) > _HIDDEN * climb.negligible
    if climb.silent.all() and not matters.any():
        is_rough = _deviation(differences.values(X)) > 0
    else:
        jumps = (climb.told & (climb.doubt > _FAIR)) | (climb.silent & matters)
        is_rough = bool(jumps.any()) or climb.hides_jumps(wide)
    if not is_rough:
        return Choice(climb.steps)
    noise = np.abs(differences.values(rows) - values)
    return Choice(make_coarse(), True, climb.n_flat, len(values), bool((noise > climb.negligible).any()))


@dataclass(frozen=True)
class _Climb:
    """From one step to the next larger one, for each column until it has found its own.

    Attributes
    ----------
    steps : Steps
        Of a column along which nothing happens, the smallest one.
    slopes : ndarray of shape (n_outputs, n_rows, p)
        Gradients with these steps.
    doubt : ndarray of shape (p,)
        By which share of their size these gradients differ from those of the next smaller step.
    told : ndarray of bool of shape (p,)
        Whether the function changes by more than what is negligible.
    negligible : float
    n_flat : int
        Rows around which the smallest step changes nothing.
    """

    steps: Steps
    slopes: np.ndarray
    doubt: np.ndarray
    told: np.ndarray
    negligible: float
    n_flat: int

    @property
    def silent(self):
        """Columns along which no small step changes anything that matters."""
        return ~self.told & np.isinf(self.doubt)

    def hides_jumps(self, wide):
        """Whether gradients over wide steps are larger than those over small ones, along a column and at many rows."""
        here = _length(wide) > _HIDDEN * np.maximum(_length(self.slopes), self.negligible)
        by_row, small = (np.linalg.norm(part[:, :, here], axis=(0, 2)) for part in (wide, self.slopes))
        more = by_row > _HIDDEN * np.maximum(small, self.negligible)
        return bool(_ONE_OF * np.count_nonzero(more) >= len(more))

    @classmethod
    def of(cls, slopes, smallest, scales, deviation):
        """Climb; `slopes` are gradients by some columns with some steps, and `deviation` that of the function."""
        steps, doubt, told = smallest, np.full(len(scales), np.inf), np.zeros(len(scales), dtype=bool)
        finer, left, tried = slopes(smallest.scaled(1 / _FACTOR)), np.arange(len(scales)), smallest
        found = np.zeros_like(finer)
        n_flat = int(np.count_nonzero(~finer.any(axis=(0, 2))))
        while len(left):
            here = slopes(tried, left)
            size, gap = _length(here), _length(finer - here)
            if not deviation:  # that of a single row
                deviation = float(np.linalg.norm(size))
            tells = np.maximum(size, gap) > _NEGLIGIBLE * deviation
            share = np.divide(gap, size, out=np.full(len(left), np.inf), where=size > 0)
            share[~tells & (share > _GOOD)] = np.inf  # rounding
            # The best so far, or where rounding was all that moved and no longer matters, this one.
            better = np.flatnonzero((share < doubt[left]) | (told[left] & ~tells))
            told[left] = tells
            steps = steps.put(left[better], tried.take(better))
            doubt[left[better]], found[:, :, left[better]] = share[better], here[:, :, better]
            larger = tried.scaled(_FACTOR)
            more = np.flatnonzero((share > _GOOD) & (larger.sizes <= _LARGEST * scales[left]))
            left, tried, finer = left[more], larger.take(more), here[:, :, more]
        return cls(steps, found, doubt, told, _NEGLIGIBLE * deviation, n_flat)


def _deviation(values):
    """Standard deviation over rows, of all outputs together; 0 if a value is not finite."""
    deviation = np.sqrt(np.sum(np.var(values - values[:1], axis=0)))
    return float(deviation) if np.isfinite(deviation) else 0.0


def _length(gradient):
    """Root mean square over rows, of all outputs together."""
    return np.sqrt(np.mean(np.sum(np.square(gradient), axis=0), axis=0))
