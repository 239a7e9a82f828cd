"""Conformal sets of classes from out-of-fold probabilities.

References
----------
Y. Romano, M. Sesia and E. J. Candes, Classification with valid and adaptive coverage (arXiv 2006.02544).
A. N. Angelopoulos, S. Bates, J. Malik and M. I. Jordan, Uncertainty sets for image classifiers using conformal
prediction (arXiv 2009.14193).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._conformal import conformal_quantile, for_each_coverage

SET_METHODS = ("lac", "aps", "raps")

# What a rank too much costs in "raps", in units of probability.
_PENALTY = 0.01


def check_set_method(method, known=SET_METHODS):
    """The method; a ValueError unless it is one of those that are known."""
    if not isinstance(method, str) or method not in known:
        raise ValueError(f"method must be one of {', '.join(map(repr, known))}, got method={method!r}")
    return method


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


def most_probable(proba):
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
    >>> from rfmlearn.targets._class_sets import SetScores
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
            scores = np.where(_of_labels(most_probable(self.proba), self.labels), 0.0, scores)
        return conformal_quantile(scores, self.weight, coverage)

    def predict(self, proba, coverage, method, rng=None):
        """Sets for the rows of ``proba``, a mask of shape (m, n_classes), or (m, n_classes, n_coverages) for several.

        Without a Generator or RandomState ``rng`` they are not randomised; with one, all coverages share its draws.
        """
        ours, theirs = (None, None) if rng is None else (rng.uniform(size=len(p)) for p in (self.proba, proba))

        def sets(coverage):
            threshold, u = self.threshold(coverage, method, ours), 1.0 if theirs is None else theirs
            inside = prediction_sets(proba, threshold, u=u, **self._parameters(coverage, method))
            return inside | most_probable(proba) if rng is None else inside

        return for_each_coverage(sets, coverage)

    def _parameters(self, coverage, method):
        penalty, k_reg = self.regularization(coverage) if check_set_method(method) == "raps" else (0.0, 1)
        return {"method": method, "penalty": penalty, "k_reg": k_reg}
