"""Classification by an ensemble of recursive feature machines that chooses its settings."""

from __future__ import annotations

from typing import ClassVar

from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import StrOptions, _fit_context, check_weights
from ..rfm._classifier import RFMClassifier
from ..solvers import Weights
from ..targets._calibration import calibration_error
from ..targets._checks import check_group_labels, check_labels, class_factors, code_labels
from ..targets._class_sets import SET_METHODS, SetScores, check_set_method, most_probable
from ..targets._codes import ClassCodes
from ..targets._neighbour_sets import NeighbourSets
from ..targets._outcomes import Outcomes, log_probabilities
from ..targets._probabilities import LogitsClassifierMixin
from ._base import BaseRFMCV
from ._gradients import gradient_of_classifying_ensemble
from ._members import heaviest_machine
from ._splits import Given


class RFMClassifierCV(LogitsClassifierMixin, BaseRFMCV):
    """Classification by recursive feature machines that choose all their settings: nothing to tune.

    Takes tables as they are: numbers in any scale, missing values, categories, any labels. Kernel, form of the feature
    matrix, scaling, coding of categories, rounds of feature learning and ridge are compared in folds, and a small
    weighted average of the best machines is fitted on all rows. Calibration and prediction sets come from the same
    folds.

    Parameters
    ----------
    settings : list of dict or None, default=None
        What is compared: each dict holds parameters of `RFMClassifier`, and all rounds of feature learning up to its
        `max_iter` are compared too. The first is what the choice falls back to. None takes those of `effort`, which
        suit different tables: kernels, forms of the feature matrix, scalings, AGOP powers, codings of categories.
    effort : {"low", "medium", "high"}, default="medium"
        How much is compared. "low" is the default machine, of which the best round and a calibration are found in
        folds: two to seven fits of it. "medium" compares a dozen settings, some ten fits. "high" compares more settings
        on more rows, and up to twelve machines make the ensemble: some three times "medium". docs/model_choice.md has
        the seconds for tables of several sizes, and what each brings.
    extra_members : list of estimators or None, default=None
        Members of other families: any estimators of scikit-learn with `fit` and ``predict_proba``, such as
        ``[HistGradientBoostingClassifier(), ExtraTreesClassifier()]``. Each is cloned, fitted in the folds of the
        last comparison to the same rows of X, as it was passed, and joins the average with the weight that its
        out-of-fold predictions earn. Weights of rows, times those of classes, go to those that take `sample_weight`,
        of a pipeline to its last step, in a search to what is searched; others fail where rows have weights. What has
        no say is not kept. Importances and AGOP are those of the machines alone; gradients of the average are taken by
        differences.
    scoring : str, callable or None, default=None
        What to optimise, as in `sklearn.model_selection.GridSearchCV`: a name, a scorer, or a function
        ``(estimator, X, y)`` of what is left out, all folds in one, in which the estimator predicts these rows and no
        others. Weights, where there are any, go to scorers that take `sample_weight`. None is log-loss.
    cv : int, splitter, iterable or None, default=None
        Folds. None is 5, repeated three times up to 400 rows. Numbers stratify and shuffle, and keep copies of a row
        together; give a splitter where rows are ordered in time, and `groups` to `fit` where rows belong together.
        Splitters see X, y and groups as they were passed to `fit`. Their splits, or pairs of row numbers or masks, are
        used as they are, every one of them; where a table has more rows than the search looks at, each draws from its
        own parts.
    max_members : int or None, default=None
        Machines in the ensemble, at most; None is 6, with ``effort="high"`` 12. Each costs the time of one single model
        in prediction. 1 is the best machine by folds alone; beside another family's it has a share of 5 %.
    n_search_samples : int or None, default=None
        Rows that the search looks at, drawn at random, by class, if there are more; the members are then
        fitted on all. None is 1,500, with ``effort="high"`` 3,000.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Categorical columns: those of pandas or polars type category, string or boolean; or indices, names or a mask; or
        none.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, times sample weights; "balanced" makes all classes equally heavy.
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
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    class_prior_ : ndarray of shape (n_classes,)
        Their shares in fit, by weight and `class_weight`, which `class_prior` of predictions may replace.
    calibration_error_ : float
        Expected calibration error of the most probable class, out of fold, in 15 bins of equal width.
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
        Parameters with which `RFMClassifier` is the best single machine by folds, with
        `categorical_features` and `class_weight` as here.
    best_score_ : float
        Its out-of-fold score.
    best_index_ : int
        Its place in `cv_results_`.
    ensemble_score_ : float
        Out-of-fold score of the average. Its weights were chosen on these rows, so it is optimistic, by little.
    cv_results_ : dict of ndarray
        Scores of all machines compared, as `sklearn.model_selection.GridSearchCV` keeps them, with the rung (``iter``)
        and its training rows (``n_resources``) as in `HalvingGridSearchCV`.
    oof_prediction_ : ndarray of shape (n_samples, n_classes)
        Probabilities of the ensemble for each training row by machines that have not seen it; NaN for rows
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

    References
    ----------
    .. [1] Caruana, Niculescu-Mizil, Crew, Ksikes, Ensemble selection from libraries of models, ICML 2004.
    .. [2] Radhakrishnan, Beaglehole, Pandit, Belkin, Mechanism for feature learning in neural networks and
       backpropagation-free machine learning models, Science 383, 2024, arXiv 2212.13881.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from rfmlearn import RFMClassifierCV
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = RFMClassifierCV(cv=3, random_state=0).fit(X[:300], y[:300])
    >>> bool(model.score(X[300:], y[300:]) > 0.95)
    True
    >>> model.predict_set(X[300:302], coverage=0.99).shape
    (2, 2)
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseRFMCV._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _single = RFMClassifier
    _default_score = "neg_log_loss"

    def __init__(
        self,
        settings=None,
        *,
        effort="medium",
        extra_members=None,
        scoring=None,
        cv=None,
        max_members=None,
        n_search_samples=None,
        categorical_features="from_dtype",
        class_weight=None,
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
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Compare, select, and fit the members on all rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers, dates and categories; NaN and None mean missing.
        y : array-like of shape (n_samples,)
            Class labels of any type.
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
        y = check_labels(self, X, y)
        sample_weight = check_weights(sample_weight, X)
        self.classes_, labels = code_labels(self, y, sample_weight)
        factors = class_factors(self.class_weight, self.classes_, y, sample_weight)[labels]
        groups = check_group_labels(groups, X)
        weights = Weights.of(sample_weight, factors, groups)
        outcomes = Outcomes(labels, ClassCodes.fit(labels, len(self.classes_), weights.total))
        selection = self._fit(X, given, outcomes, weights, groups, labels)
        rows = selection.rows
        self.oof_prediction_ = selection.predictions
        held_out = self.oof_prediction_[rows], labels[rows], selection.counts
        self.calibration_error_ = calibration_error(*held_out)
        self._set_scores = SetScores(*held_out)
        return self

    @property
    def class_prior_(self):
        """Shares of the classes in fit."""
        return self.members_[0].target.prior

    def _logits(self, X):
        """Logarithms of the averaged probabilities."""
        return log_probabilities(self._average(X))

    def predict_set(self, X, coverage=0.9, *, method="raps", randomized=True):
        """Sets of classes that contain the label of a new row with the probability asked for.

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.
        coverage : float or array-like of shape (n_coverages,), default=0.9
            Share of new rows whose target should be inside, 0 < coverage < 1; or several.
        method : {"lac", "aps", "raps", "dance"}, default="raps"
            "lac" makes the smallest sets on average, "aps" larger ones for rows that are harder, "raps" cuts their
            tails of improbable classes. "dance" asks the nearest training rows, in the metric that the machine of
            largest weight has learned, instead of the probabilities.
        randomized : bool, default=True
            Randomised sets (by `random_state`) cover as often as asked for, and are therefore sometimes empty where the
            classifier is right more often. Others always hold the most probable class and cover at least as often.

        Returns
        -------
        ndarray of bool of shape (m, n_classes)
            True for the classes in the set, in the order of `classes_`. For several coverages there is one more axis,
            the last, in their order, as in MAPIE: shape (m, n_classes, n_coverages).

        Raises
        ------
        ValueError
            If coverage is not in (0, 1), or so close to 1 that the training rows are too few for it; if method is none
            of these, or "dance" is asked of a model that has no training rows any more.

        Notes
        -----
        The first call with "dance" finds the neighbours of all n training rows, O(n^2 d) operations.

        References
        ----------
        Romano, Sesia, Candes, Classification with valid and adaptive coverage, arXiv 2006.02544, equation 5;
        Angelopoulos, Bates, Malik, Jordan, Uncertainty sets for image classifiers using conformal prediction,
        arXiv 2009.14193; Feng, Reich, Beaglehole and others, DANCE: Doubly adaptive neighborhood conformal estimation,
        arXiv 2602.20652.
        """
        check_is_fitted(self)
        check_set_method(method, (*SET_METHODS, "dance"))
        rng = check_random_state(self.random_state) if randomized else None
        if method == "dance":
            return self._sets_by_neighbours(X, coverage, rng)
        return self._set_scores.predict(self._average(X), coverage, method, rng)

    def _sets_by_neighbours(self, X, coverage, rng):
        """Sets by the nearest training rows; without a generator, with the most probable class in each."""
        group, machine = heaviest_machine(self.members_)
        reference = machine.centers.dense()
        if len(reference) != len(self._neighbour_sets.labels):
            raise ValueError(
                f"method='dance' compares with the {len(self._neighbour_sets.labels)} rows of the fit, of which this "
                f"model has {len(reference)} left: ask the model that was not compressed, or take method='raps'."
            )
        points = group.learned_points(machine, self._check_X(X, reset=False)).dense()
        sets = self._neighbour_sets.predict(points, reference, coverage, rng)
        if rng is not None:
            return sets
        first = most_probable(self._average(X))
        return sets | first.reshape(first.shape + (1,) * (sets.ndim - 2))

    def _keep_members(self, own, rows):
        super()._keep_members(own, rows)
        standing, places = own.copies.among(rows)
        weights = own.weights.merge(rows, standing, places)
        self._neighbour_sets = NeighbourSets(
            own.outcomes.y[standing], weights.counts, len(self.classes_), weights.groups
        )

    def _input_gradient(self, output):
        """Gradient of an output by the columns of a table, as `rfmlearn.gradients` asks for it."""
        return gradient_of_classifying_ensemble(self, output)
