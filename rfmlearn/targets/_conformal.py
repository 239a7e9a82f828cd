"""Conformal intervals and prediction sets from out-of-fold scores.

A conformity score says how badly a target agrees with a prediction: the size of an error, or one minus the probability
of a label. The scores of rows that the model has not seen are sorted, and their conformal quantile at the coverage that
is asked for tells which targets of a new row are still as good as most.

If the scores of the old rows and that of the new one are exchangeable, as they are for one model and rows held out from
it, the new target is covered with at least that probability: on average over rows, not for each row. Out-of-fold scores
come from several models, and the model that predicts is another one still, so here this is no theorem, but close if
leaving out a fold changes little. (Cross-conformal predictors and CV+ have a bound for every case, 2 c - 1 or a little
less where c is asked for, but need the predictions of all fold models.)

References
----------
V. Vovk, Cross-conformal predictors, Annals of Mathematics and Artificial Intelligence 74, 2015 (arXiv 1208.0806).
R. F. Barber, E. J. Candes, A. Ramdas and R. J. Tibshirani, Predictive inference with the jackknife+ (arXiv 1905.02928).
Y. Romano, M. Sesia and E. J. Candes, Classification with valid and adaptive coverage (arXiv 2006.02544).
A. N. Angelopoulos, S. Bates, J. Malik and M. I. Jordan, Uncertainty sets for image classifiers using conformal
prediction (arXiv 2009.14193).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from ..runtime._budget import SAME_SHARE

SET_METHODS = ("lac", "aps", "raps")

# What a rank too much costs in "raps", in units of probability.
_PENALTY = 0.01


def check_coverage(coverage, name="coverage"):
    """The coverage as a float; a ValueError unless ``0 < coverage < 1``."""
    value = float(coverage) if isinstance(coverage, Real) else math.nan
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must be a number with 0 < {name} < 1, got {name}={coverage!r}")
    return value


def for_each_coverage(function, coverage, name="coverage"):
    """What a function says for a coverage, or for each of several: along a last axis, in their order."""
    try:
        n_axes = np.ndim(coverage)
    except ValueError:  # lists of different length
        n_axes = 2
    if n_axes == 0:
        return function(coverage)
    if n_axes != 1 or not len(coverage):
        raise ValueError(f"{name} must be a number or a list of numbers, got {name}={coverage!r}")
    return np.stack([function(value) for value in coverage], axis=-1)


def check_set_method(method):
    """The method; a ValueError unless it is one of "lac", "aps" and "raps"."""
    if not isinstance(method, str) or method not in SET_METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, SET_METHODS))}, got method={method!r}")
    return method


def conformal_quantile(scores, weight, coverage):
    """Smallest score at or below which lies enough weight for a new row to be there with probability ``coverage``.

    With W the total weight and c the coverage, it is the smallest score q with

        ``sum of weight_i over scores_i <= q``  >=  ``c (W + 1)``.

    The 1 is the new row, which could be worse than all others. A weight is a repetition, so W counts as the number of
    rows, and it is W, not the length of the arrays, to which one unit is added: a row that occurs r times, as in
    repeated cross-validation, must come with weights that add up to what it would have weighed once (1 / r each).

    Parameters
    ----------
    scores, weight : ndarray of shape (n,)
    coverage : float
        c, 0 < c < 1. A ValueError if c (W + 1) > W: fewer than c / (1 - c) rows cannot tell.
    """
    coverage = check_coverage(coverage)
    order = np.argsort(scores, kind="stable")
    cumulative = np.cumsum(weight[order], dtype=np.float64)
    total = float(cumulative[-1]) if len(cumulative) else 0.0
    target = coverage * (total + 1.0) * (1.0 - SAME_SHARE)
    if target > total:
        needed = math.ceil(coverage / (1.0 - coverage) * (1.0 - SAME_SHARE))
        raise ValueError(
            f"coverage={coverage:g} needs at least {needed} rows (total weight), got {total:g}: "
            f"give more rows or a coverage of at most {total / (total + 1.0):.4g}"
        )
    return float(scores[order[np.searchsorted(cumulative, target)]])


@dataclass(frozen=True)
class IntervalScores:
    """Out-of-fold errors of a regression, from which the radius of intervals follows.

    The interval of output j at x is ``f_j(x) - q_j s_j(x)`` to ``f_j(x) + q_j s_j(x)``, where f is the prediction, s
    the local size of the error as estimated without seeing the target (1 for intervals of constant width), and q_j the
    conformal quantile of ``|y_ij - f_j(x_i)| / s_j(x_i)``. Each output has the coverage for itself, not all jointly.

    Attributes
    ----------
    residuals : ndarray of shape (n, n_outputs)
        Target minus out-of-fold prediction.
    scale : ndarray of shape (n, n_outputs) or None
        Out-of-fold s > 0; None is 1 everywhere.
    weight : ndarray of shape (n,)
        Repetitions of the rows; see `conformal_quantile`.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.targets._conformal import IntervalScores
    >>> errors = np.array([[0.3], [-0.1], [0.5], [0.2], [-0.4]])
    >>> IntervalScores(errors, None, np.ones(5)).radius(coverage=0.5)
    array([0.3])
    """

    residuals: np.ndarray
    scale: np.ndarray | None
    weight: np.ndarray

    def radius(self, coverage):
        """Radius q in units of the scale, shape (n_outputs,)."""
        sizes = np.abs(self.residuals) / (1.0 if self.scale is None else self.scale)
        return np.array([conformal_quantile(column, self.weight, coverage) for column in sizes.T])

    def quantile(self, level):
        """Quantile of the errors of new rows at a level, with its sign and in units of the scale, shape (n_outputs,).

        The conformal predictive system: with s the errors over their scale, and W rows in all, above 1/2 the smallest s
        at or below which are at least ``level (W + 1)`` rows, and below 1/2 the same from the other side. So quantiles
        do not cross, and between those at a / 2 and 1 - a / 2 lie at least ``1 - a`` of new rows. A ValueError if rows
        are too few to tell.
        """
        level = check_coverage(level, "levels")
        sign = 1.0 if level >= 0.5 else -1.0
        outside, total = min(level, 1.0 - level), float(np.sum(self.weight))
        if outside * (total + 1.0) * (1.0 + SAME_SHARE) < 1.0:
            raise ValueError(
                f"levels={level:g} needs at least {math.ceil((1.0 / outside - 1.0) * (1.0 - SAME_SHARE))} rows (total "
                f"weight), got {total:g}: levels may go from {1 / (total + 1.0):.4g} to {total / (total + 1.0):.4g}"
            )
        scores = sign * self.residuals / (1.0 if self.scale is None else self.scale)
        return np.array([sign * conformal_quantile(column, self.weight, 1.0 - outside) for column in scores.T])


def _above(proba):
    """For each class the mass of classes that are more probable, and its rank, 1 plus their number; shape (m, K)."""
    order = np.argsort(-proba, axis=1, kind="stable")
    falling = np.take_along_axis(proba, order, axis=1)
    # Equally probable classes are above none of each other: all count from where the first of them stands.
    first = np.zeros(proba.shape, dtype=np.intp)
    first[:, 1:] = np.where(falling[:, 1:] < falling[:, :-1], np.arange(1, proba.shape[1]), 0)
    first = np.maximum.accumulate(first, axis=1)
    before = np.cumsum(falling, axis=1) - falling
    mass, rank = np.empty_like(falling), np.empty_like(first)
    np.put_along_axis(mass, order, np.take_along_axis(before, first, axis=1), axis=1)
    np.put_along_axis(rank, order, first + 1, axis=1)
    return mass, rank


def _class_scores(proba, *, method, penalty, k_reg, u):
    """Conformity score of every class, shape (m, K)."""
    if check_set_method(method) == "lac":
        return 1.0 - proba
    mass, rank = _above(proba)
    scores = mass + np.reshape(u, (-1, 1)) * proba
    return scores + penalty * np.maximum(0, rank - k_reg) if method == "raps" else scores


def _most_probable(proba):
    """The most probable class of each row, or several if they are equally probable; mask of shape (m, K)."""
    return proba == proba.max(axis=1, keepdims=True)


def _of_labels(values, labels):
    """Of each row the value of its label."""
    return values[np.arange(len(labels)), labels]


def set_scores(proba, labels, *, method, penalty=0.0, k_reg=1, u=1.0):
    """Conformity scores of labels, shape (n,); larger is worse.

    With p the probabilities of a row, y its label, ``A = sum of p_k over p_k > p_y`` the mass of the classes that are
    more probable, and ``rank = 1 + their number``, the score is

    - "lac": ``1 - p_y``, which gives the smallest sets on average if the probabilities are right;
    - "aps": ``A + u p_y``, which gives larger sets to rows that are harder;
    - "raps": ``A + u p_y + penalty max(0, rank - k_reg)``, "aps" without its long tails of improbable classes.

    Parameters
    ----------
    proba : ndarray of shape (n, n_classes)
    labels : ndarray of int of shape (n,)
    method : {"lac", "aps", "raps"}
    penalty : float, default=0.0
        Only for "raps", >= 0.
    k_reg : int, default=1
        Only for "raps": ranks up to this one are free.
    u : float or ndarray of shape (n,), default=1.0
        Independent and uniform on [0, 1] for randomised scores, 1 for others. Not used by "lac".
    """
    return _of_labels(_class_scores(proba, method=method, penalty=penalty, k_reg=k_reg, u=u), labels)


def prediction_sets(proba, threshold, *, method, penalty=0.0, k_reg=1, u=1.0):
    """Exactly the classes whose score, as in `set_scores`, is at most the threshold; mask of shape (m, n_classes)."""
    return _class_scores(proba, method=method, penalty=penalty, k_reg=k_reg, u=u) <= threshold


@dataclass(frozen=True)
class SetScores:
    """Out-of-fold probabilities of a classification, from which prediction sets follow.

    Randomised sets, made with an ``rng``, contain the label as often as asked for (up to 1 / n) and not more often, for
    which they are sometimes empty: often so if the classifier is right more often than the coverage. Sets that are not
    randomised always contain the most probable class. That class being in every set whatever its score, rows that it is
    the label of count with score 0: the threshold becomes the lower for it, and sets no larger than they must be. They
    cover at least as often as asked for, and as the classifier is right. "lac" needs no u, but makes this difference.

    Attributes
    ----------
    proba : ndarray of shape (n, n_classes)
        Out-of-fold probabilities.
    labels : ndarray of int of shape (n,)
    weight : ndarray of shape (n,)
        Repetitions of the rows; see `conformal_quantile`.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.targets._conformal import SetScores
    >>> proba = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]])
    >>> scores = SetScores(proba, np.array([0, 1, 1, 2]), np.ones(4))
    >>> scores.predict(np.array([[0.9, 0.1, 0.0], [0.45, 0.35, 0.2]]), coverage=0.8, method="aps")
    array([[ True, False, False],
           [ True,  True, False]])
    """

    proba: np.ndarray
    labels: np.ndarray
    weight: np.ndarray

    def regularization(self, coverage):
        """Penalty and k_reg of "raps" for a coverage.

        k_reg is the conformal quantile of the ranks of the labels, so that only ranks that few rows need are penalised;
        the penalty is always 0.01. k_reg has seen the scores whose quantile is taken next, so exchangeability holds
        only nearly; but it takes few values and settles on one as rows become many, and coverage hardly suffers. (A
        penalty chosen from a grid for the smallest sets gave away about 0.01 of a coverage of 0.9 in simulations with
        300 rows.) Since k_reg grows with the coverage, "raps" sets of a larger coverage need not contain those of a
        smaller one; those of "lac" and "aps" do, for equal ``u``.
        """
        ranks = _of_labels(_above(self.proba)[1], self.labels)
        return _PENALTY, int(conformal_quantile(ranks, self.weight, coverage))

    def threshold(self, coverage, method, u=None):
        """Conformal quantile of the scores of the labels; without ``u`` they are not randomised."""
        given = 1.0 if u is None else u
        scores = set_scores(self.proba, self.labels, u=given, **self._parameters(coverage, method))
        if u is None:
            scores = np.where(_of_labels(_most_probable(self.proba), self.labels), 0.0, scores)
        return conformal_quantile(scores, self.weight, coverage)

    def predict(self, proba, coverage, method, rng=None):
        """Sets for the rows of ``proba``, a mask of shape (m, n_classes), or (m, n_classes, n_coverages) for several.

        Without a Generator or RandomState ``rng`` they are not randomised; with one, all coverages share its draws.
        """
        ours, theirs = (None, None) if rng is None else (rng.uniform(size=len(p)) for p in (self.proba, proba))

        def sets(coverage):
            threshold, u = self.threshold(coverage, method, ours), 1.0 if theirs is None else theirs
            inside = prediction_sets(proba, threshold, u=u, **self._parameters(coverage, method))
            return inside | _most_probable(proba) if rng is None else inside

        return for_each_coverage(sets, coverage)

    def _parameters(self, coverage, method):
        penalty, k_reg = self.regularization(coverage) if check_set_method(method) == "raps" else (0.0, 1)
        return {"method": method, "penalty": penalty, "k_reg": k_reg}
