"""The search for the smallest model whose loss is still allowed."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ..large._compression import Compressor
from ..recursion._deviation import Deviation, NoDeviation
from ..runtime._large_budget import FEWEST_CENTERS
from ..runtime._trouble import warn_user
from ..targets._checks import check_numbers, code_known_labels
from ..targets._codes import ClassCodes, ScaledTargets, mean_loss


class CompressibleMixin:
    """An estimator of machines that can be made smaller."""

    def compress(self: Any, max_loss=0.01, X=None, y=None):
        """A smaller and faster model that predicts nearly the same; this one stays as it is.

        Its machines have fewer centres, with coefficients by which they predict what the old ones do, by least squares
        at all centres; in float32, but for smooth kernels; and of a full feature matrix with a Euclidean kernel only
        the directions that matter. Centres are halved as long as the loss allows it. Calibration, importances and AGOP
        stay as they are.

        Parameters
        ----------
        max_loss : float, default=0.01
            By how much the loss may be worse, in relative terms: log-loss, the root mean squared error of
            regressions, or for another `loss` its mean.
        X : array-like or DataFrame of shape (m, n_features), default=None
            Rows that fit has not seen, on which the loss is measured. Without them it is estimated, for a single model:
            the change of its predictions at up to 1,000 centres that are kept aside, beside the squared error of the
            coded targets that is known from fit: its root for regressions, itself for classes, as a log-loss grows with
            the square of errors too. The CV models need rows, and so do regressors with another loss than squared
            error.
        y : array-like of shape (m,) or (m, n_outputs), default=None
            Their targets.

        Returns
        -------
        model : estimator
            With an attribute `compression_`: a dict of "before" and "after", each with the number of centres
            ``n_centers``, the size of the machines ``n_bytes`` and the ``loss``; the number of rows on which that was
            measured, ``n_rows``; and which these were, ``measured_on``, "centers" or "X, y".

        Raises
        ------
        ValueError
            If a parameter or the rows are not what is described above.

        Warns
        -----
        UserWarning
            If half of the centres are too few. The model then has all of them, in float32.

        Notes
        -----
        For n centres n^2 kernel values for what is to be predicted, and for m of them up to n m^2 operations and five
        arrays of m^2 numbers; in leaves the same of their rows. At most 8,000 centres are drawn of a global machine,
        and it is fitted to at most 50,000 rows. Of a model that was not divided among leaves, ``return_std=True``
        needs the rows that it had, and says so.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from rfmlearn import RFMRegressor
        >>> model = RFMRegressor().fit(*load_diabetes(return_X_y=True))
        >>> smaller = model.compress(max_loss=0.02)
        >>> len(smaller.X_fit_) <= len(model.X_fit_) // 2
        True
        """
        check_is_fitted(self)
        check_max_loss(max_loss)
        if (X is None) != (y is None):
            given, missing = ("X", "y") if y is None else ("y", "X")
            raise ValueError(f"{given} was given without {missing}: pass both or neither.")
        if X is None and not is_classifier(self) and self.loss != "squared_error":
            raise ValueError(f"compress needs X and y for loss={self.loss!r}: rows that fit has not seen.")
        if X is None:
            squares = self._left_out_squares()
            return compressed(self, None, max_loss, squares if is_classifier(self) else np.sqrt(squares), None)
        X = self._check_X(X, reset=False)
        y = self._coded(X, y)
        return compressed(self, lambda model: model._loss(X, y), max_loss, self._loss(X, y), len(X))

    def _coded(self: Any, X, y):
        """Labels of rows as integers, or numbers in columns."""
        if is_classifier(self):
            return code_known_labels(self, self.classes_, X, y, "y", "y of fit")
        return check_numbers(self, X, y).reshape(len(y), -1)

    def _loss(self: Any, X, y):
        """Log-loss, root mean squared error in units of the deviation, or another loss in units of a constant's."""
        weights = np.ones(len(X))
        if is_classifier(self):
            return mean_loss(ClassCodes.comparison, self.predict_proba(X), y, weights)
        if self.loss != "squared_error":
            return self._mean_loss(self.predict(X), y, weights)
        return np.sqrt(mean_loss(ScaledTargets.comparison, self.predict(X).reshape(y.shape), y, weights))


def check_max_loss(max_loss):
    """Raise unless it is a number that is not negative."""
    if isinstance(max_loss, bool) or not isinstance(max_loss, Real):
        raise TypeError(f"max_loss must be a number, such as 0.01 for 1 %, got {max_loss!r}.")
    if not 0 <= float(max_loss) < np.inf:
        raise ValueError(f"max_loss must be a number of at least 0, such as 0.01 for 1 %, got max_loss={max_loss!r}.")


def compressed(model, loss, max_loss, before, n_rows):
    """The smallest model whose loss is at most `max_loss` worse, in relative terms.

    Halves the centres as long as that is so, and tries once more between the last two numbers.

    Parameters
    ----------
    model : CompressibleMixin
    loss : callable or None
        From a model to its loss on rows given. None takes what `before` is, the root of a mean square or, for
        classes, a mean square, to which the change of the decisions of the only machine at centres kept aside is added.
    max_loss, before : float
        What is allowed, and the loss of the model as it is.
    n_rows : int or None
        Rows on which `loss` measures.

    Returns
    -------
    model
        With `compression_`.
    """
    machines = model._machines()
    compressors = [Compressor(machine, with_probes=loss is None) for machine in machines]

    def attempt(share):
        found = [compressor.smaller(share) for compressor in compressors]
        smaller = model._with_machines([machine for machine, _ in found])
        if loss is not None:
            return smaller, loss(smaller)
        change = found[0][1]
        return smaller, before + change if is_classifier(model) else float(np.hypot(before, np.sqrt(change)))

    def is_allowed(after):
        return after - before <= max_loss * abs(before)

    share, best, first, lowest = 0.5, None, None, 0.0
    n_least = min(len(machine.centers) for machine in machines)
    while share * n_least >= FEWEST_CENTERS:
        smaller, after = attempt(share)
        first = after if first is None else first
        if not is_allowed(after):
            lowest = share
            break
        best = share, smaller, after
        share /= 2
    if best is not None and lowest:
        smaller, after = attempt(between := (lowest * best[0]) ** 0.5)
        best = (between, smaller, after) if is_allowed(after) else best
    if best is None:
        worse = "" if first is None else f": half of the centres make the loss {first:.4g} instead of {before:.4g}"
        warn_user(
            f"no smaller model has a loss at most {max_loss:.3g} worse, in relative terms{worse}. The model keeps all "
            "of its centres, in float32. Allow more by max_loss."
        )
        best = 1.0, model._with_machines([compressor.whole() for compressor in compressors]), before
    _, smaller, after = best
    smaller.compression_ = {
        "before": _sizes(machines) | {"loss": float(before)},
        "after": _sizes(smaller._machines()) | {"loss": float(after)},
        "n_rows": len(compressors[0].probes) if n_rows is None else n_rows,
        "measured_on": "centers" if loss is None else "X, y",
    }
    return smaller


def _sizes(machines):
    return {
        "n_centers": sum(len(machine.centers) for machine in machines),
        "n_bytes": sum(machine.nbytes for machine in machines),
    }


def agop_of(agop, machine):
    """What was learned of the AGOP, and a smaller machine for the rest of it, over all of its centres."""
    n = len(machine.centers)
    return replace(agop, machine=machine, sample=(None, np.full(n, 1 / n)), dtype=machine.centers.dtype.name)


def deviation_of(deviation):
    """What is left of the deviations of a machine where its training rows are gone."""
    return NoDeviation() if isinstance(deviation, Deviation) else deviation
