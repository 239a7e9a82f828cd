"""Scores of predictions that are at hand: what the user's `scoring` says of them, as in searches of scikit-learn."""

from __future__ import annotations

import re
from inspect import signature
from numbers import Number

import numpy as np

from .._sklearn_compat import numbers_of_any_size
from ..targets._codes import ScaledTargets
from ._known_model import KnownNumbers, KnownProbabilities, KnownRows

# Beyond these, squares of deviations are not far from where they overflow or underflow.
_SMALLEST_DEVIATION, _LARGEST_DEVIATION = 1e-140, 1e140


class Score:
    """The score of predictions of some rows; greater is better, and NaN is one that cannot be computed.

    Parameters
    ----------
    function : callable
        ``(predictions, rows, weights)`` to a number.
    scoring : object
        What the user called it, for messages.
    """

    def __init__(self, function, scoring):
        self._function, self._scoring = function, scoring
        self._is_ever_known, self.error = False, None

    def __call__(self, predictions, rows, weights):
        """The score, or NaN; why it is, is remembered."""
        try:
            with numbers_of_any_size():  # what is not finite is no score
                value = self._function(predictions, rows, weights)
        except (ValueError, ArithmeticError) as error:
            self.error = error
            return np.nan
        except AttributeError as error:
            why = re.sub(r"'?Known(Numbers|Probabilities)'?( object)?", "the scored model", str(error))
            raise ValueError(
                f"scoring={self._scoring!r} does not work here: {why.rstrip('.')}. The model that a search scores "
                "knows its predictions of the rows that were left out, probabilities if they are of classes, and "
                "nothing else."
            ) from error
        self._is_ever_known |= bool(np.isfinite(value))
        return value

    def comparison(self, predictions, rows, weights):
        """What there is to be averaged of the predictions of many, and the scores of such averages.

        Parameters
        ----------
        predictions : ndarray of shape (n_candidates, n, ...)
        rows : ndarray of int of shape (n,)
        weights : ndarray of shape (n,)

        Returns
        -------
        parts : ndarray of shape (n_candidates, n, ...)
            Of the predictions as much as the score looks at.
        scores : callable
            Scores of a stack of parts; minus infinity for those that have none, and are not to be taken.
        """
        return predictions, lambda parts: _or_worst(np.array([self(part, rows, weights) for part in parts]))

    def require_any(self):
        """Refuse to go on where no predictions at all had a score."""
        if not self._is_ever_known:
            why = "" if self.error is None else f" It raises {type(self.error).__name__}: {self.error}"
            raise ValueError(
                f"scoring={self._scoring!r} is NaN for out-of-fold predictions of every machine, which must be "
                f"comparable.{why}"
            ) from self.error


class OwnScore(Score):
    """R2, or minus log-loss, of many predictions at once.

    Parameters
    ----------
    outcomes : Outcomes
    best : float
        The score of predictions without loss.
    """

    def __init__(self, outcomes, best):
        super().__init__(lambda predictions, rows, weights: best - outcomes.loss(predictions, rows, weights), None)
        self._outcomes, self._best = outcomes, best

    def comparison(self, predictions, rows, weights):
        """As that of `Score`: log-loss looks at probabilities of the true classes."""
        parts, losses = self._outcomes.comparison(predictions, rows, weights)
        self._is_ever_known |= bool(np.isfinite(parts).all(axis=tuple(range(1, parts.ndim))).any())
        return parts, lambda parts: _or_worst(self._best - losses(parts))


def _or_worst(values):
    """Scores, of which those that cannot be computed are the worst: such a candidate is not taken."""
    return np.where(np.isnan(values), -np.inf, values)


def make_score(scoring, outcomes, given, classes, weights):
    """The score that `scoring` means.

    Parameters
    ----------
    scoring : str, callable or None
        None is minus the outcome's own loss plus, for numbers, one: R2, or minus log-loss.
    outcomes : Outcomes
    given : Given
        Scorers see its rows.
    classes : ndarray or None
        None for numbers.
    weights : Weights
        Of all rows. Scorers get theirs if they take any, and if they are not all equal.

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If scikit-learn knows no such scorer, or targets are too large or too small for it.
    """
    if scoring is None:
        return OwnScore(outcomes, best=1.0 if classes is None else 0.0)
    from sklearn.metrics import check_scoring  # takes long to import

    model = KnownNumbers() if classes is None else KnownProbabilities(classes=classes)
    scorer = check_scoring(model, scoring=scoring)
    counted = weights.rows > 0
    weighted = np.ptp(weights.total[counted]) > 0 and _takes_weights(scorer)
    known: dict[int, tuple] = {}

    def value(predictions, rows, weights):
        if id(rows) not in known:  # the same rows come again and again; kept, so that no others get their id
            known[id(rows)] = rows, KnownRows(*given.part(rows))
        part = known[id(rows)][1]
        options = {"sample_weight": weights} if weighted and np.ptp(weights) > 0 else {}
        return _as_number(scorer(model.of(part, predictions), part.X, part.y, **options))

    if classes is None:
        _check_size(Score(value, scoring), scoring, outcomes.y, np.flatnonzero(counted), weights)
    return Score(value, scoring)


def _takes_weights(scorer):
    """Whether a scorer, or the metric that it is made of, takes weights of rows."""
    try:
        parameters = signature(getattr(scorer, "_score_func", scorer)).parameters
    except (TypeError, ValueError):  # of compiled functions
        return False
    if "sample_weight" not in parameters or not hasattr(scorer, "get_metadata_routing"):
        return "sample_weight" in parameters
    return scorer.get_metadata_routing().score.requests.get("sample_weight") is not False


def _as_number(value):
    if np.ndim(value) == 0 and hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, Number):
        raise TypeError(f"scoring must return one number, got {value!r} of type {type(value).__name__}.")
    return float(value)  # type: ignore[arg-type]


def _check_size(score, scoring, Y, rows, weights):
    """Refuse targets of a size at which the score does not tell averages from predictions that are a little better."""
    target = ScaledTargets.fit(Y[rows], weights.total[rows])
    scales = target.scale[np.isfinite(target.scale)]
    if not len(scales) or (scales.min() > _SMALLEST_DEVIATION and scales.max() < _LARGEST_DEVIATION):
        return
    weight, shares = weights.total[rows], (0.0, 1e-6, 1.0)
    with np.errstate(all="ignore"):
        scores = {score(target.mean + share * (Y[rows] - target.mean), rows, weight) for share in shares}
    if score.error is not None:  # which has another reason, and comes again
        return
    if len(scores) < len(shares) or not np.isfinite(list(scores)).all():
        raise ValueError(
            f"scoring={scoring!r} does not work for targets whose deviation is about {scales.max():.2g}: their squares "
            "overflow or underflow. Multiply y by a constant, or take scoring=None, which is R2 of targets of any size."
        )
