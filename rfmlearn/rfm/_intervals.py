"""Intervals and quantiles of regressions, from errors of rows left out: one function for each method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..recursion._left_out import Errors
from ..runtime._budget import FEWEST_SCALE_ROWS
from ..runtime._trouble import warn_user
from ..targets._bands import Band, QuantileBand
from ..targets._conformal import IntervalScores, for_each_coverage


class IntervalMixin:
    """A regressor that knows errors of rows left out.

    It has ``_errors``, its `Errors`; ``_targets_of(X)``, predictions of shape (m, n_outputs); ``_y_shape``; and says
    ``_left_out()``, the rows left out with errors and deviations in units of the targets, ``_optimism()``, by how much
    errors of new rows are larger, ``_scales(X)``, what ``_errors.scale`` says of rows, and ``_deviations(X)``, each of
    shape (m, n_outputs).
    """

    _errors: Errors
    _y_shape: tuple[int, ...]

    def _optimism(self):
        """By how much errors of new rows are larger: not at all, where rows left out were seen by nothing."""
        return 1.0

    def predict_interval(self: Any, X, coverage=0.9, method="auto"):
        """Intervals that contain the target of a new row with the probability asked for.

        The prediction plus and minus a multiple of a scale, which tells where errors are large; the multiple is the
        conformal quantile of the sizes of errors of rows left out, each divided by its scale. No rows are held out for
        it. Each output has the coverage for itself.

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.
        coverage : float or array-like of shape (n_coverages,), default=0.9
            Share of new rows whose target should be inside, 0 < coverage < 1; or several.
        method : {"auto", "scaled", "studentized", "constant", "quantile"}, default="auto"
            The scale. "constant" is the same everywhere. "studentized" is the deviation that
            ``predict(X, return_std=True)`` tells: larger away from the training rows. "scaled" is learned from the
            sizes of errors, by kernel ridge regression of their logarithms in the metric of the model: larger where
            they were larger. "auto" is "scaled", but "constant" with less than 50 rows left out, and in a model that
            `compress` has made. Models of several quantiles have "quantile" alone, conformalised quantile regression:
            the interval between two predicted quantiles, both moved outwards or inwards by as much as rows left out ask
            for. Between the levels that were fitted it is interpolated, so that levels which reach as far as the
            coverage does serve best: 0.05 and 0.95 for 0.9.

        Returns
        -------
        ndarray of shape (m, 2) or (m, n_outputs, 2)
            Lower and upper end. For several coverages there is one more axis, the last, in their order, as in MAPIE:
            shape (m, 2, n_coverages) or (m, n_outputs, 2, n_coverages).

        Raises
        ------
        ValueError
            If method is none of these, or coverage is not in (0, 1), or so close to 1 that the training rows are too
            few for it; or if the model was compressed and lacks what the method needs.
        MemoryError
            If arrays of n^2 numbers for n training rows do not fit in the memory available, before they are allocated:
            single models need one in the first call, and "studentized" one for each machine.

        Notes
        -----
        Rows left out are out of fold in `RFMRegressorCV`; in `RFMRegressor` they are left out in closed form, which
        takes n^3 operations in the first call, and their errors are multiplied by a factor that makes up for features
        having been learned from them too (docs/uncertainty.md); and beyond 10,000 rows they are rows that were held
        out. "scaled" is fitted in the first call, to at most 2,000 rows; pickles leave it out.

        References
        ----------
        Barber, Candes, Ramdas, Tibshirani, Predictive inference with the jackknife+, arXiv 1905.02928, section 1.

        Lei, G'Sell, Rinaldo, Tibshirani, Wasserman, Distribution-free predictive inference for regression, arXiv
        1604.04173, section 5.2.

        Romano, Patterson, Candes, Conformalized quantile regression, arXiv 1905.03222.
        """
        check_is_fitted(self)
        band = self._interval_method(method)(self, X)
        shape = () if isinstance(band, QuantileBand) else self._y_shape

        def interval(coverage):
            low, high = (np.maximum(end, self._least_target) for end in band.interval(coverage))
            return np.stack([low, high], axis=-1).reshape(len(low), *shape, 2)

        return for_each_coverage(interval, coverage)

    def predict_quantiles(self: Any, X, levels, method="auto"):
        """Quantiles of the target of a new row at any levels: its distribution, in so far as errors tell it.

        The prediction plus the scale times a quantile of the errors of rows left out, with their signs, each divided by
        its scale: the conformal predictive system. Quantiles do not cross. Between those at a / 2 and 1 - a / 2 lies
        the target with probability 1 - a; unlike intervals they need not lie evenly around the prediction.

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.
        levels : float or array-like of shape (n_levels,)
            Probabilities of the target to be at most the quantile, 0 < level < 1.
        method : {"auto", "scaled", "studentized", "constant"}, default="auto"
            The scale, as in `predict_interval`.

        Returns
        -------
        ndarray of shape (m, n_levels) or (m, n_outputs, n_levels)
            In the order of the levels. For a single level without the last axis.

        Raises
        ------
        ValueError
            If method is none of these, or a level is not in (0, 1), or so close to 0 or 1 that the training rows are
            too few for it.
        MemoryError
            As in `predict_interval`.

        References
        ----------
        Vovk, Shen, Manokhin, Xie, Nonparametric predictive distributions based on conformal prediction, Machine
        Learning 108, 2019.
        """
        check_is_fitted(self)
        band = self._interval_method(method)(self, X)

        def quantile(level):
            return np.maximum(band.quantile(level), self._least_target).reshape(len(band.predicted), *self._y_shape)

        return for_each_coverage(quantile, levels, "levels")

    def _interval_method(self: Any, method):
        """The function of a method, which makes the band around predictions of a table."""
        if not isinstance(method, str) or method not in ("auto", *METHODS):
            names = ", ".join(map(repr, ("auto", *METHODS)))
            raise ValueError(f"method must be one of {names}, got method={method!r}")
        has_levels = np.ndim(self.quantile) == 1 and len(self.quantile) > 1
        if has_levels and method not in ("auto", "quantile"):
            raise ValueError(
                f"method={method!r} is for models of one number: with quantile={self.quantile!r} take 'quantile'."
            )
        if method == "quantile" and not has_levels:
            raise ValueError(
                "method='quantile' needs several levels, as loss='quantile', quantile=[0.05, 0.5, 0.95], got "
                f"loss={self.loss!r}, quantile={self.quantile!r}."
            )
        if has_levels:
            return _quantile
        if method != "auto":
            return METHODS[method]
        has_places = self._errors.machine is not None
        return _scaled if has_places and self._errors.left_out.weights.counts.sum() >= FEWEST_SCALE_ROWS else _constant


class SingleIntervalMixin(IntervalMixin):
    """The same of a single machine, of which rows are left out in closed form."""

    def _left_out(self: Any):
        """Rows left out, in units of the targets."""
        return self._errors.left_out.in_units(self._target.units)

    def _optimism(self: Any):
        left_out = self._errors.left_out
        has_seen = left_out.are_all and self.best_iter_
        return optimism(self.machine_.feature_matrix, left_out.weights) if has_seen else 1.0

    @property
    def _interval_scores(self):
        return _scores(self, None)

    def _left_out_deviations(self: Any):
        return self._left_out().deviations

    def _deviations(self: Any, X):
        return self._target.units * self._in_blocks(self._deviation, X)

    def _scales(self: Any, X):
        return self._in_blocks(self._errors.scale, X)


def optimism(feature_matrix, weights):
    """By how much errors of new rows are larger than those of rows left out of a machine that knows its features.

    With p coordinates and n rows the factor is ``(1 + p / n)^(1/2)`` for a weight of each coordinate, as if so many
    more numbers had been fitted, and ``1 + p / n`` for matrices; at most two. Measured, not derived; see
    docs/uncertainty.md. Matrices of more coordinates than rows fit anything, and no factor is enough: a warning.
    """
    n_coordinates, n_rows = sum(len(block) for block in feature_matrix.blocks), weights.counts.sum()
    factor = 1.0 + min(n_coordinates / n_rows, 1.0)
    if not any(block.ndim == 2 for block in feature_matrix.blocks):
        return factor**0.5
    if n_coordinates > n_rows:
        warn_user(
            f"a matrix over {n_coordinates} coordinates was learned from {n_rows:.0f} rows, so that errors of rows left"
            ' out, whose targets it has seen, are far too small: take RFMRegressorCV, or feature_matrix="diagonal".'
        )
    return factor


def _scores(model, scale):
    """Scores of rows left out, as large as those of new rows."""
    left_out = model._left_out()
    return IntervalScores(model._optimism() * left_out.errors, scale, left_out.weights.counts)


def _constant(model, X):
    return Band(model._interval_scores, model._targets_of(X), 1.0)


def _studentized(model, X):
    _require_places(model, "studentized")
    model._refuse_deviations("method='studentized'")
    scale, sizes = model._deviations(X), model._left_out_deviations()
    return Band(_scores(model, np.where(sizes > 0, sizes, 1.0)), model._targets_of(X), scale)


def _scaled(model, X):
    _require_places(model, "scaled")
    scale = model._scales(X)
    return Band(_scores(model, model._errors.scale.left_out), model._targets_of(X), scale)


def _quantile(model, X):
    left_out, levels = model._left_out(), np.asarray(model.quantile)
    weight, predicted = left_out.weights.counts, model._targets_of(X)
    return QuantileBand(levels, left_out.errors, weight, predicted, model._optimism())


# Each takes a model and a table, and returns the band around what it predicts for the rows.
METHODS: dict[str, Callable] = {
    "scaled": _scaled,
    "studentized": _studentized,
    "constant": _constant,
    "quantile": _quantile,
}


def _require_places(model, method):
    if model._errors.machine is None:
        raise ValueError(
            f"method={method!r} needs the training rows, which a compressed model no longer has: take "
            'method="constant", or ask the model of which it was made.'
        )
