"""Regression by an ensemble of recursive feature machines that chooses its settings."""

from __future__ import annotations

import functools
from typing import ClassVar

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from .._sklearn_compat import _fit_context, check_weights
from ..recursion._left_out import Errors, LeftOut
from ..rfm._intervals import IntervalMixin
from ..rfm._losses import LossMixin
from ..rfm._regressor import RFMRegressor
from ..solvers import Weights
from ..tables._frames import take_rows
from ..targets._checks import check_group_labels
from ..targets._codes import ScaledTargets
from ..targets._conformal import IntervalScores
from ..targets._loss_checks import check_loss, check_targets, check_targets_of_loss
from ..targets._loss_targets import LOG_LINKS
from ..targets._outcomes import Outcomes
from ._base import BaseRFMCV
from ._gradients import gradient_of_ensemble, gradient_of_logarithm
from ._splits import Given


class RFMRegressorCV(LossMixin, IntervalMixin, MultiOutputMixin, RegressorMixin, BaseRFMCV):
    """Regression by recursive feature machines that choose all their settings: nothing to tune.

    Takes tables as they are: numbers in any scale, missing values, categories. Kernel, form of the feature matrix,
    scaling, coding of categories, rounds of feature learning and ridge are compared in folds, and a small weighted
    average of the best machines is fitted on all rows. Intervals come from the same folds.

    Parameters
    ----------
    settings : list of dict or None, default=None
        What is compared: each dict holds parameters of `RFMRegressor`, and all rounds of feature learning up to its
        `max_iter` are compared too. The first is what the choice falls back to. None takes those of `effort`, which
        suit different tables: kernels, forms of the feature matrix, scalings, AGOP powers, codings of categories.
    loss : {"squared_error", "absolute_error", "huber", "quantile", "expectile", "poisson", "gamma", "tweedie"}, \
            default="squared_error"
        What is minimised, and so what is predicted: the mean; the median; nearly the mean, on which outliers have
        little influence; a quantile; an expectile; or the mean of counts ("poisson"), of positive targets ("gamma") or
        of such with zeros ("tweedie"), which then is positive, as its logarithm is learned.
    quantile : float, array-like of shape (n_quantiles,) or None, default=None
        0 < quantile < 1, the level of "quantile" and "expectile", for which it must be given. Several, in ascending
        order, are fitted together to one target. Quantiles do not cross.
    power : float, default=1.5
        1 <= power <= 2 of "tweedie": to this power of the mean the variance is proportional. 1 is "poisson", 2 "gamma".
    effort : {"low", "medium", "high"}, default="medium"
        How much is compared. "low" is the default machine, of which the best round and a calibration are found in
        folds: two to seven fits of it. "medium" compares a dozen settings, some ten fits. "high" compares more settings
        on more rows, and up to twelve machines make the ensemble: some three times "medium". docs/model_choice.md has
        the seconds for tables of several sizes, and what each brings.
    extra_members : list of estimators or None, default=None
        Members of other families: any estimators of scikit-learn with `fit` and ``predict``, such as
        ``[HistGradientBoostingRegressor(), ExtraTreesRegressor()]``. Each is cloned, fitted in the folds of the
        last comparison to the same rows of X, as it was passed, and joins the average with the weight that its
        out-of-fold predictions earn. Weights of rows go to those that take `sample_weight`, of a
        pipeline to its last step, in a search to what is searched; others fail where rows have weights. What has no say
        is not kept. Importances and AGOP are those of the machines alone; gradients of the average are taken by
        differences. For ``loss="squared_error"`` only.
    scoring : str, callable or None, default=None
        What to optimise, as in `sklearn.model_selection.GridSearchCV`: a name, a scorer, or a function
        ``(estimator, X, y)`` of what is left out, all folds in one, in which the estimator predicts these rows and no
        others. Weights, where there are any, go to scorers that take `sample_weight`. None is R2, which for the choice
        is squared error, or D2 for other losses: one minus the loss over that of the best constant.
    cv : int, splitter, iterable or None, default=None
        Folds. None is 5, repeated three times up to 400 rows. Numbers shuffle, and keep copies of a row together; give
        a splitter where rows are ordered in time, and `groups` to `fit` where rows belong together. Splitters see X, y
        and groups as they were passed to `fit`. Their splits, or pairs of row numbers or masks, are used as they are,
        every one of them; where a table has more rows than the search looks at, each draws from its own parts.
    max_members : int or None, default=None
        Machines in the ensemble, at most; None is 6, with ``effort="high"`` 12. Each costs the time of one single model
        in prediction. 1 is the best machine by folds alone; beside another family's it has a share of 5 %.
    n_search_samples : int or None, default=None
        Rows that the search looks at, drawn at random if there are more; the members are then
        fitted on all. None is 1,500, with ``effort="high"`` 3,000.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Categorical columns: those of pandas or polars type category, string or boolean; or indices, names or a mask; or
        none.
    time_limit : float or None, default=None
        Seconds. Settings are first tried on a few rows, for a seventh of it at most; then as many are compared, on as
        many rows and with as many rounds, as there seems to be time for beside the fit on all rows. What was left out
        is told in a `ConvergenceWarning`. The least that is done is one comparison on some hundred rows and one fit on
        all rows, of the cheapest settings and without learned features, which takes longer than the limit where rows
        are many; where `settings` is None and columns are many, these are ``{"kernel": "laplace"}``. So does the first
        fit after installation, which compiles loops. Makes results depend on the machine.
    max_memory : float, str or None, default=None
        Most memory that the fit may take beside the table, in bytes or as "4GB": where it is short, rows are divided
        among local machines earlier, with fewer landmarks and smaller leaves,
        never larger ones than without a limit. None lets the plan follow from the numbers of rows, columns and outputs
        alone. `rfmlearn.estimate_memory` tells what that takes.
    n_jobs : int or None, default=None
        Folds and settings fitted side by side, in threads. None is as many as BLAS may use. It does not change results.
    random_state : int, RandomState instance or None, default=None
        Draws folds and rows.
    verbose : bool, default=False
        Show progress on standard error: a bar where rich is installed, else lines of the log.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.
    members_ : list of rfmlearn.search.MemberGroup
        The ensemble: for each recursion its ``params``, ``encoder``, ``target``, ``agop``, and ``machines``, of which
        each has ``machine``, ``n_iter``, ``alpha``, ``link`` and ``weight``.
    extra_members_ : list of rfmlearn.search.ExtraMember
        Members of other families that have a say: each has ``estimator``, ``link`` and ``weight``.
    weights_ : ndarray of shape (n_machines,)
        Weights of the machines in the average, in the order of `members_`.
    best_params_ : dict
        Parameters with which `RFMRegressor` is the best single machine by folds, with
        `categorical_features` as here.
    best_score_ : float
        Its out-of-fold score.
    best_index_ : int
        Its place in `cv_results_`.
    ensemble_score_ : float
        Out-of-fold score of the average. Its weights were chosen on these rows, so it is optimistic, by little.
    cv_results_ : dict of ndarray
        Scores of all machines compared, as `sklearn.model_selection.GridSearchCV` keeps them, with the rung (``iter``)
        and its training rows (``n_resources``) as in `HalvingGridSearchCV`.
    oof_prediction_ : ndarray of shape (n_samples,), (n_samples, n_outputs) or (n_samples, n_quantiles)
        Prediction of the ensemble for each training row by machines that have not seen it; NaN for rows
        that were in no test part.
    n_splits_ : int
        Folds of the last rung.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Weighted average of the members' importances: the diagonal of the AGOP summed over the coordinates of each
        column, as shares of its total.
    fit_warnings_ : list of str
        What fit has warned of: odd columns, a time limit that was reached, trouble in the solutions of the members,
        candidates that failed and were left out.

    Notes
    -----
    In each fold features are learned afresh from its training rows, and every round of every recursion, with the ridge
    that leave-one-out chose, predicts the rows left out: leave-one-out alone would be optimistic, since the features
    have seen the label it leaves out. All settings are first compared on 600 training rows in one to three folds, six
    in three folds, and three on `n_search_samples` in all: those that an ensemble takes most of, and the best of each
    form of feature matrix (successive halving). Greedy selection with repetition then finds weights of an average of
    the out-of-fold predictions [1]_, which is mixed with the default model as if that were worth 100 more rows. Members
    are fitted again on all rows. A candidate that fails is left out, with a `FitFailedWarning`.

    Time about 100 fits of 600 rows and 15 of 1,200, whatever the number of rows, and a fit of all rows for each member.
    Beyond 10,000 rows these are the three settings of largest weight, each fitted as a single model is, and weighed
    anew by rows that all of them held out.

    With another loss than squared error every candidate minimises it, as in `RFMRegressor`, whose notes have the
    formula and the order of rounds [3]_; the settings of `effort` have one round more. Machines of all rows are
    calibrated by rows left out of them in closed form, candidates and averages are compared by the loss, of several
    quantiles by its mean. A candidate takes longer than one of squared error, the more so the more quantiles there are.

    References
    ----------
    .. [1] Caruana, Niculescu-Mizil, Crew, Ksikes, Ensemble selection from libraries of models, ICML 2004.
    .. [2] Radhakrishnan, Beaglehole, Pandit, Belkin, Mechanism for feature learning in neural networks and
       backpropagation-free machine learning models, Science 383, 2024, arXiv 2212.13881.
    .. [3] Fernandes, Guerre, Horta, Smoothing quantile regressions, arXiv 1905.08535; Tang, Gu, Wang, fastkqr: a fast
       algorithm for kernel quantile regression, arXiv 2408.05393.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressorCV
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = RFMRegressorCV(random_state=0).fit(X[:300], y[:300])
    >>> bool(model.score(X[300:], y[300:]) > 0.4)
    True
    >>> model.predict_interval(X[300:302], coverage=0.8).shape
    (2, 2)
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseRFMCV._parameter_constraints,
        **{name: RFMRegressor._parameter_constraints[name] for name in ("loss", "quantile", "power")},
    }
    _single = RFMRegressor
    _default_score = "r2"

    def __init__(
        self,
        settings=None,
        *,
        loss="squared_error",
        quantile=None,
        power=1.5,
        effort="medium",
        extra_members=None,
        scoring=None,
        cv=None,
        max_members=None,
        n_search_samples=None,
        categorical_features="from_dtype",
        time_limit=None,
        max_memory=None,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        super().__init__(
            settings,
            effort=effort,
            extra_members=extra_members,
            scoring=scoring,
            cv=cv,
            max_members=max_members,
            n_search_samples=n_search_samples,
            categorical_features=categorical_features,
            time_limit=time_limit,
            max_memory=max_memory,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.loss = loss
        self.quantile = quantile
        self.power = power

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Compare, select, and fit the members on all rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers, dates and categories; NaN and None mean missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; a weight is a repetition, of which cross-validation leaves out all or none. Numbers that are
            not whole matter by their ratios: as many rows count as there are.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are never on both sides of a split.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X, y, a weight, a fold or a setting is not what is described above; the message names it.
        MemoryError
            If the fit does not fit in the memory available, or in `max_memory`, before anything is allocated.
        """
        given = Given.of(X, y, groups)
        X = self._check_X(given.X, reset=True)
        check_loss(self)
        y = check_targets(self, X, y)
        groups = check_group_labels(groups, X)
        weights = Weights.of(check_weights(sample_weight, X), groups=groups)
        Y = y.reshape(len(y), -1)
        outcomes = Outcomes(Y, self._shared_target(Y, weights))
        selection = self._fit(X, given, outcomes, weights, groups, None)
        self._y_shape = self._shape_of(y)
        self.oof_prediction_ = selection.predictions.reshape(len(y), *self._y_shape)
        residuals = (outcomes.y - selection.predictions)[selection.rows]
        self._interval_scores = IntervalScores(residuals, None, selection.counts)
        places, first = np.unique(selection.places, return_index=True)
        member, group = self._heaviest()
        points = None
        if len(member.machine.centers) < len(selection.weights):  # landmarks
            points = group.learned_points(member.machine, take_rows(X, selection.rows[first]))
        left_out = LeftOut(rows=places, errors=residuals[first], weights=selection.weights[places], points=points)
        self._errors = Errors(machine=member.machine, source=left_out)
        return self

    def _shared_target(self, Y, weights):
        """How outcomes are coded for a loss other than squared error; None for that."""
        if self.loss == "squared_error":
            return None
        if self.extra_members:
            raise ValueError(f"extra_members are for loss='squared_error' only, got loss={self.loss!r}.")
        rows = weights.rows > 0
        check_targets_of_loss(self, Y[rows], "y")
        return self._make_target(Y[rows], weights.total[rows])

    def predict(self, X, return_std=False):
        """Predict targets.

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.
        return_std : bool, default=False
            Whether to tell the deviation of each target from its prediction too, noise included: that of the mixture
            of what the machines say, each as `RFMRegressor.predict` does. With weights w_m, predictions f_m and
            deviations s_m it is ``sqrt(sum_m w_m (s_m^2 + (f_m - f)^2))``. For every machine the first call takes n^2
            numbers and 2 n^3 / 3 operations, which pickles leave out, and every row n^2 operations. For
            ``loss="squared_error"`` only.

        Returns
        -------
        Y : ndarray of shape (m,), (m, n_outputs) or (m, n_quantiles)
        std : ndarray of shape (m,) or (m, n_outputs)
            With `return_std`. No interval with a guarantee, which `predict_interval` gives.

        Raises
        ------
        MemoryError
            If the n^2 numbers do not fit in the memory available, before they are allocated.
        """
        if return_std:
            self._refuse_deviations("return_std=True")
        Y = self._average(X)
        shape = len(Y), *self._y_shape
        return (Y.reshape(shape), self._deviation(X, Y).reshape(shape)) if return_std else Y.reshape(shape)

    def _deviation(self, X, Y):
        """Deviation of the mixture of the machines' distributions, shape (m, n_outputs)."""
        X, parts = self._check_X(X, reset=False), [np.zeros(Y.shape)]
        for group in self.members_:
            for weight, predictions, deviations in group.distributions(X):
                parts += [weight**0.5 * (predictions - Y), weight**0.5 * deviations]
        for member in self.extra_members_:
            off = member.predict(X) / member.weight - Y
            parts += [member.weight**0.5 * off, member.weight**0.5 * np.broadcast_to(member.deviation, Y.shape)]
        return functools.reduce(np.hypot, parts)  # squares might overflow

    def _targets_of(self, X):
        return self._average(X)

    def _heaviest(self):
        """The machine of largest weight, in whose metric errors are compared, and its group."""
        pairs = [(member, group) for group in self.members_ for member in group.machines]
        return max(pairs, key=lambda pair: pair[0].weight)

    def _left_out(self):
        return self._errors.left_out

    def _scales(self, X):
        _, group = self._heaviest()
        return self._errors.scale(group.encoder.transform(self._check_X(X, reset=False)))

    def _deviations(self, X):
        return self._deviation(X, self._average(X))

    def _left_out_deviations(self):
        """Deviations of the mixture at rows left out: machines leave them out in closed form, whatever the folds."""
        rows, parts = self._left_out().rows, []
        for group in self.members_:
            assert isinstance(group.target, ScaledTargets)
            for member in group.machines:
                assert member.deviation is not None
                left_out = member.deviation.left_out.in_units(group.target.units).at(rows)
                parts.append((member.weight, left_out.errors, left_out.deviations))
        mean = sum(weight * errors for weight, errors, _ in parts) / sum(weight for weight, _, _ in parts)
        spread = [weight**0.5 * (errors - mean) for weight, errors, _ in parts]
        spread += [weight**0.5 * deviations for weight, _, deviations in parts]
        spread += [member.weight**0.5 * np.broadcast_to(member.deviation, mean.shape) for member in self.extra_members_]
        return functools.reduce(np.hypot, spread)

    def _input_gradient(self, output):
        """Gradient of an output by the columns of a table, as `rfmlearn.gradients` asks for it."""
        return gradient_of_logarithm(self) if self.loss in LOG_LINKS else gradient_of_ensemble(self)
