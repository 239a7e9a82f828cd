"""Classification by a recursive feature machine."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from .._sklearn_compat import StrOptions, _fit_context, check_weights
from ..solvers import Weights
from ..tables._copies import merge_copies
from ..tables._frames import take_rows
from ..targets._checks import check_groups, check_labels, class_factors, code_known_labels, code_labels
from ..targets._codes import ClassCodes, ClassLogits
from ..targets._probabilities import LogitsClassifierMixin
from ._base import BaseRFM
from ._gradients import gradient_of_classifier


class RFMClassifier(LogitsClassifierMixin, BaseRFM):
    """Classification by a recursive feature machine: a kernel machine in a metric that it learns.

    Takes tables as they are: numbers in any scale, missing values, categories, any labels. The columns and directions
    on which the classes depend are found by the average gradient outer product (AGOP), without backpropagation.
    Probabilities are calibrated on scores of rows left out, in closed form.

    Parameters
    ----------
    kernel : {"laplace", "gaussian", "product_laplace", "lpq_laplace", "sum_power_laplace"} or Kernel, \
            default="lpq_laplace"
        Kernel of transformed points; see `rfmlearn.kernels` for the formulas. An instance brings its own bandwidth
        and exponents, and `bandwidth`, `exponent` and `norm_p` are then not used.
    loss : {"squared_error", "log_loss"}, default="squared_error"
        What machines minimise of codes of the classes: squared error, from which calibration makes probabilities; or
        the log-loss of probabilities themselves, as in kernel logistic regression, which takes longer.
    bandwidth : float or "auto", default="auto"
        L > 0, in units of transformed distance. "auto" sets it in every round to a multiple of the median distance of
        distinct training rows, looked at among 1,000 rows drawn at random if there are more: five times for Laplace
        kernels, once for Gaussian ones.
    exponent : float, default=1.0
        q in ``exp(-|x - z|^q / L^q)``, 0 < q <= 2. Smaller fits rougher functions. Not used by "gaussian".
    norm_p : float, default=1.5
        p of "lpq_laplace", q <= p <= 2.
    alpha : float, "auto" or "cautious", default="auto"
        Ridge, added to the diagonal of the Gram matrix as it is: not multiplied by the number of rows. In units of the
        kernel's value at distance zero, 1. Larger is smoother. A row of weight w gets alpha / w, so a factor of all
        weights divides alpha. "auto" has every round take the value between 1e-4 and 3, times the mean weight of what
        is left out at a time (so that a factor of all weights changes nothing), with the smallest leave-one-out error,
        in closed form, on 1,000 rows drawn at random if there are more. Leave-one-out is optimistic once features are
        learned, since they have seen the label left out: with "cautious" the last fit takes the next larger candidate,
        about three times the ridge. For "log_loss" candidates go up to 100.
    max_iter : int, default=3
        Rounds of feature learning. 0 is kernel ridge regression with the plain kernel.
    feature_matrix : {"full", "diagonal", "block"}, default="diagonal"
        What is learned: a matrix over all coordinates, in which every category has an indicator; a weight for each
        coordinate; or one matrix for the numeric columns and one for each categorical column, which is cheaper when
        categories are many.
    feature_matrix_init : array-like, estimator or None, default=None
        M of round 0, which is else the identity: learned on another task, say. With ``max_iter=0`` it stays as it is.
        An array of shape (n_coordinates, n_coordinates), or (n_coordinates,) for a diagonal; or a fitted estimator with
        a `feature_matrix_`, whose entries are found by the names of coordinates (one that it has not seen gets the
        average of the diagonal). Of the form that `feature_matrix` names. Wrap a fitted estimator in
        `sklearn.frozen.FrozenEstimator` where it is cloned.
    agop_power : float, default=0.375
        p in ``M^(1/2) = ((1 - s) G + s I)^p``, 0 < p <= 1, where G is the AGOP divided by its largest entry. 1/2 takes
        the AGOP itself for M; less is more cautious.
    shrinkage : float, default=0.005
        s, 0 <= s <= 1, the share of the identity in it: no direction is lost for good.
    n_agop_samples : int or None, default=20_000
        Training rows over which the AGOP is averaged, drawn at random with probability proportional to weight; None
        means all.
    center_gradients : bool, default=False
        Whether the mean gradient of each output is subtracted before outer products are averaged, in the rounds and in
        `agop_`: a linear trend then counts for nothing.
    scaling : {"standard", "robust", "quantile"} or None, default="robust"
        Scaling of numeric columns: to mean 0 and deviation 1; to median 0 and interquartile range 1 with tails
        smoothly limited; to a normal distribution by ranks; or none. Missing numbers become the centre and get an
        indicator column.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Categorical columns: those of pandas or polars type category, string or boolean; or indices, names or a mask; or
        none. Missing values are a category if there are any in training; categories never seen are treated as missing.
    categorical_encoding : {"one_hot", "ordinal", "target"}, default="one_hot"
        What stands for a category: an indicator of each level, its place in the order of the levels, or the average of
        the targets over its rows (shrunk, cross-fitted), which suits columns of many levels.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, times sample weights; "balanced" makes all classes equally heavy.
    solver : {"auto", "cholesky", "cg", "packed", "two_level"}, default="auto"
        How the machine is fitted. "cholesky" is exact in every round. "cg" takes float32 and conjugate gradients with a
        Nystrom preconditioner, to the tolerance `tol`, for rounds that only learn features; below 500 rows it is exact
        too. Its last round is exact: to rounding, or, for Euclidean kernels from 6,000 rows on, to a relative residual
        of 1e-8, by a float32 factor refined in float64. "packed" learns features on 10,000 rows drawn at random, and
        then fits one machine to all, with a Gram matrix in 16-bit fixed point, n^2 bytes. "two_level" adds trees of
        local machines to it, and takes landmarks instead beyond 50,000 rows. "auto" is "cholesky" below 2,500 rows,
        "cg" up to 10,000, and "two_level" beyond. For "log_loss" "two_level" takes landmarks alone, and there is no
        "packed".
    tol : float, default=1e-3
        Relative residual at which "cg" stops.
    max_memory : float, str or None, default=None
        Most memory that the fit may take beside the table, in bytes or as "4GB": where it is short, rows are divided
        among local machines earlier, with fewer landmarks and smaller leaves,
        never larger ones than without a limit. None lets the plan follow from the numbers of rows, columns and outputs
        alone. `rfmlearn.estimate_memory` tells what that takes.
    n_iter_no_change : int or None, default=None
        With a validation set, stop after so many rounds without improvement.
    time_limit : float or None, default=None
        Seconds; no round is begun that would, with what comes after the last one, probably end later. The least that is
        done is one exact fit without learned features, whose `agop_` is then averaged over a few rows. Makes results
        depend on the machine.
    callback : callable or None, default=None
        Called after each round with a `rfmlearn.recursion.Round` (``n_iter``, ``machine``, ``alpha``, ``residual``,
        ``seconds``); a true result stops.
    random_state : int, RandomState instance or None, default=None
        Draws the rows for the AGOP, the bandwidth, and the preconditioner. Nothing is drawn below 500 rows.
    verbose : bool, default=False
        Log each round to standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    class_prior_ : ndarray of shape (n_classes,)
        Their shares in fit, by weight and `class_weight`, which `class_prior` of predictions may replace.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Diagonal of the AGOP summed over the coordinates of each column, as shares of its total. Columns that do not
        matter have small values, not zero. Equal shares if the prediction is constant.
    machine_ : rfmlearn.recursion.Machine
        The kernel machine: ``kernel``, ``feature_matrix``, ``centers``, ``dual_coef``, and its function of points. Of
        many rows it has ``parts`` instead of ``dual_coef``: a global machine and trees of local ones.
    agop_ : ndarray of shape (n_coordinates, n_coordinates)
        Average gradient outer product of the fitted function over the training rows, in scaled coordinates: numeric
        columns, indicators of missing numbers, and one coordinate for each category; constant columns have none. Its
        leading eigenvectors are the directions that matter most. What was not learned of it is computed when it is
        first asked for.
    feature_matrix_ : ndarray of shape (n_coordinates, n_coordinates)
        M, the learned metric; ``machine_.feature_matrix.blocks`` is what was learned of it, without the zeros.
    kernel_ : Kernel
        Kernel with its bandwidth.
    alpha_ : float
        Ridge of the last fit, of the global machine where there are local ones.
    X_fit_ : Points
        The n_fitted training rows in the coordinates of the feature matrix: those of positive weight, in their order,
        and of copies of a row only the first. Where `solver_` is "landmarks" only these.
    dual_coef_ : ndarray of shape (n_fitted, n_codes)
        Dual coefficients of the coded targets.
    coordinate_names_ : list of str
        Names of the scaled coordinates: of numeric columns that vary, indicators ("age_missing"), and categories
        ("colour=red").
    coordinate_columns_ : ndarray of int of shape (n_coordinates,)
        The column of X to which each coordinate belongs.
    solver_ : str
        How the round that was kept was solved: "cholesky", "packed" or "two_level"; for "log_loss" "newton", or
        "landmarks" of many rows.
    n_iter_ : int
        Rounds of feature learning that were run.
    best_iter_ : int
        The one that was kept.
    history_ : list of dict
        A record of each round: ``n_iter``, ``bandwidth``, ``alpha``, ``solver``, ``residual``, ``seconds``; the squared
        errors of coded targets, or "log_loss" in its last two rounds, ``train_loss``, ``leave_one_out_loss`` where it
        chose the ridge (of 1,000 rows at most), and ``validation_loss`` with a validation set; and of its feature
        matrix M ``effective_rank``, ``(tr M)^2 / tr M^2``, and ``alignment``, the cosine with that of the round that
        was kept.
    fit_warnings_ : list of str
        What fit has warned of.

    Notes
    -----
    Repeat: fit kernel ridge regression with the kernel ``k(x M^(1/2), z M^(1/2))``; average the outer products of the
    gradients of what was fitted, the AGOP ``G = mean_i grad f(x_i) grad f(x_i)^T``; take it for the next M. A weight
    is a repetition of its row in everything that is computed. Copies of a row, which have its values and its target,
    are one row with the weight of all, so that none is left out while another stays; rows that agree by chance, as
    those of surveys do, are not copies.

    Up to 10,000 rows time O(n^3 / 3) for the last round, O(n^2 (d + 600)) for each other from 2,500 rows on, and memory
    of one n x n array of float64 (0.8 GB at 10,000 rows), or of float32 for Euclidean kernels from 6,000 rows on. From
    there on features are learned on 10,000 rows, and all rows fit a global machine and trees of local ones, which are
    averaged with weights that predict rows held out best: up to 50,000 rows time O(n^2 d) and n^2 bytes, beyond time
    O(n) and some 3 GB (user guide, "Many rows").

    With ``loss="log_loss"`` logits f minimise ``sum_i w_i l(y_i, f(x_i)) + alpha / 2 |f|^2``, where l is minus the
    logarithm of the probability of the true class, in a unit that makes it about as curved as squared error, w_i the
    weight of row i, alpha the ridge, and ``|f|`` the norm in the space of the kernel. Features are learned by
    squared error first, and once by the loss before the last round, by Newton's method with one system for all classes;
    the ridge is chosen, and probabilities are calibrated, on rows left out of the system that was solved last [3]_.

    References
    ----------
    .. [1] Radhakrishnan, Beaglehole, Pandit, Belkin, Mechanism for feature learning in neural networks and
       backpropagation-free machine learning models, Science 383, 2024, arXiv 2212.13881, Algorithm 1.
    .. [2] Beaglehole, Holzmueller, Radhakrishnan, Belkin, xRFM: Accurate, scalable, and interpretable feature learning
       models for tabular data, arXiv 2508.10053.
    .. [3] Rad, Maleki, A scalable estimate of the extra-sample prediction error via approximate leave-one-out,
       arXiv 1801.10243.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from rfmlearn import RFMClassifier
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> model = RFMClassifier().fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.95)
    True
    >>> model.predict_proba(X[:1]).shape
    (1, 3)
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseRFM._parameter_constraints,
        "loss": [StrOptions({"squared_error", "log_loss"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        kernel="lpq_laplace",
        *,
        loss="squared_error",
        bandwidth="auto",
        exponent=1.0,
        norm_p=1.5,
        alpha="auto",
        max_iter=3,
        feature_matrix="diagonal",
        feature_matrix_init=None,
        agop_power=0.375,
        shrinkage=0.005,
        n_agop_samples=20_000,
        center_gradients=False,
        scaling="robust",
        categorical_features="from_dtype",
        categorical_encoding="one_hot",
        class_weight=None,
        solver="auto",
        tol=1e-3,
        max_memory=None,
        n_iter_no_change=None,
        time_limit=None,
        callback=None,
        random_state=None,
        verbose=False,
    ):
        super().__init__(
            kernel,
            bandwidth=bandwidth,
            exponent=exponent,
            norm_p=norm_p,
            alpha=alpha,
            max_iter=max_iter,
            feature_matrix=feature_matrix,
            feature_matrix_init=feature_matrix_init,
            agop_power=agop_power,
            shrinkage=shrinkage,
            n_agop_samples=n_agop_samples,
            center_gradients=center_gradients,
            scaling=scaling,
            categorical_features=categorical_features,
            categorical_encoding=categorical_encoding,
            solver=solver,
            tol=tol,
            max_memory=max_memory,
            n_iter_no_change=n_iter_no_change,
            time_limit=time_limit,
            callback=callback,
            random_state=random_state,
            verbose=verbose,
        )
        self.loss = loss
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None, X_val=None, y_val=None, sample_weight_val=None):
        """Learn features, coefficients and probabilities from a table.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers, dates and categories; NaN and None mean missing.
        y : array-like of shape (n_samples,)
            Class labels of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative. Whole numbers are repetitions, which are left out together where rows are left out to choose
            and to calibrate, as copies of a row are. Of other numbers the ratios matter: as many rows count as there
            are.
        groups : array-like of shape (n_samples,), default=None
            Rows that belong together, as measurements of one patient do: where rows are left out to choose the ridge,
            to code categories by their targets and to calibrate, all rows of a group are.
        X_val, y_val : array-like, default=None
            Validation set: the round with the smallest loss on it is kept instead of the last.
        sample_weight_val : array-like, default=None
            Weights of the validation rows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X, y or a weight is not what is described above; the message names it.
        MemoryError
            If the fit does not fit in the memory available, or in `max_memory`, before anything is allocated.
        """
        X = self._check_X(X, reset=True)
        y = check_labels(self, X, y)
        sample_weight = check_weights(sample_weight, X)
        classes, labels = code_labels(self, y, sample_weight)
        factors = class_factors(self.class_weight, classes, y, sample_weight)[labels]
        kept = np.flatnonzero(sample_weight > 0)
        weights = Weights.of(sample_weight[kept], factors[kept], check_groups(groups, X, kept))
        X, labels, weights = merge_copies(take_rows(X, kept), labels[kept], weights, self.categorical_features)
        codes = ClassCodes if self.loss == "squared_error" else ClassLogits
        target = codes.fit(labels, len(classes), weights.total)
        validation = self._check_validation(X_val, y_val, sample_weight_val)
        if validation is not None:
            validation = validation[0], code_known_labels(self, classes, validation[0], y_val), validation[1]
        recursion, best = self._fit(X, target, labels, weights, validation)
        self._finish(recursion, best, classes, labels, weights)
        return self

    def _finish(self, recursion, best, classes, labels, weights):
        """Calibrate probabilities on rows left out."""
        rows, scores = self._left_out_scores(recursion, best)
        self.classes_ = classes
        self._calibration = self._target.calibrate(scores, labels[rows], weights.total[rows])

    @property
    def class_prior_(self):
        """Shares of the classes in fit."""
        return self._target.prior

    def _logits(self, X):
        F = self._decision(X)
        return self._calibration.logits(self._target.decode(F)).astype(F.dtype, copy=False)

    def _input_gradient(self, output):
        """Gradient of an output by the columns of a table, as `rfmlearn.gradients` asks for it."""
        return gradient_of_classifier(self, output)
