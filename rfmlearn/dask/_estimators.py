"""Classifier and regressor of tables on a dask cluster."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import _fit_context, check_weights
from ..rfm._classifier import RFMClassifier
from ..rfm._regressor import RFMRegressor
from ..solvers import Weights
from ..tables._copies import without_copies
from ..targets._checks import check_numbers, class_factors, code_labels
from ..targets._class_prior import check_class_prior
from ..targets._codes import ClassCodes, ScaledTargets
from ._estimator import DaskRFM, constructor


class DaskRFMRegressor(DaskRFM, RFMRegressor):
    """`RFMRegressor` of tables on a dask cluster, which may be larger than the memory of any worker.

    Rows are encoded, summed and solved on the workers that have them, in tasks that any worker can run again: one that
    dies changes nothing. The model is that which `RFMRegressor` learns from the same rows in one table, to rounding;
    only copies of a row are not made one, as that would take a look at all pairs of partitions.

    Parameters
    ----------
    kernel : str or Kernel, default="lpq_laplace"
        This and all others but the last are those of `RFMRegressor`.
    client : distributed.Client, default=None
        None takes the client of here and now, whenever one is needed. Pickles leave it out.

    Attributes
    ----------
    client_ : distributed.Client
        The client that is used.
    machine_ : rfmlearn.recursion.Machine or LargeMachine
        This and all others are those of `RFMRegressor`.

    Notes
    -----
    The client holds targets and weights (some 100 bytes a row while it fits), a sample of 200,000 rows or more, and the
    model, with all rows in float32: d numbers a row and two for each tree. Workers hold encoded rows, and the model
    once predictions are asked for. X is computed once. Tables of at most 50,000 rows come to the client, and are fitted
    there as they are by `RFMRegressor`.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from rfmlearn.dask import DaskRFMRegressor
    >>> X = da.random.default_rng(0).normal(size=(300, 3), chunks=(100, 3))
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     model = DaskRFMRegressor().fit(X, X[:, 0])
    ...     score = model.score(X, X[:, 0])
    >>> bool(score > 0.9)
    True
    >>> model.to_local()
    RFMRegressor()
    """

    _local = RFMRegressor
    __init__ = constructor(RFMRegressor)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Learn features and coefficients from a table on the cluster; returns when that is done.

        Parameters
        ----------
        X : dask DataFrame or Array of shape (n_samples, n_features)
            Partitions are DataFrames of pandas or arrays of NumPy; some may be empty, and divisions unknown.
        y : dask Series, DataFrame or Array
            Targets, in the same partitions.
        sample_weight : dask Series or Array, default=None
            As in `RFMRegressor.fit`.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If X, y or weights are not on a cluster, or the client is none.
        ValueError
            If they are not what is described above; the message names column or partition.
        """
        self._check_loss()
        table, is_large = self._read(X, y, sample_weight)
        if not is_large:
            return super().fit(table.whole(), table.y, table.sample_weight)
        y = check_numbers(self, table.y, table.y)
        weights = without_copies(Weights.of(check_weights(table.sample_weight, y)))
        target = ScaledTargets.fit(table.outcomes, weights.total)
        recursion, best = self._fit_on_workers(table, target, weights)
        self._finish(recursion, best, y.shape[1:])
        return self

    def predict(self, X):  # type: ignore[override]
        """Predict targets, lazily.

        Parameters
        ----------
        X : dask DataFrame or Array
            Columns as in fit.

        Returns
        -------
        dask Array, or Series or DataFrame with the index of X
            Of a dask DataFrame the latter.
        """
        n_outputs = self._y_shape[0] if getattr(self, "_y_shape", ()) else None
        return self._predict_on_workers(X, "predict", None if n_outputs is None else list(range(n_outputs)))

    def score(self, X, y, sample_weight=None):
        """R2 of predictions.

        Parameters
        ----------
        X : dask DataFrame or Array
        y : dask Series, DataFrame or Array
        sample_weight : dask Series or Array, default=None

        Returns
        -------
        float
        """
        return self._score(r2_score, X, y, sample_weight)


class DaskRFMClassifier(DaskRFM, RFMClassifier):
    """`RFMClassifier` of tables on a dask cluster, which may be larger than the memory of any worker.

    See `DaskRFMRegressor`, of which all holds here, too.

    Parameters
    ----------
    kernel : str or Kernel, default="lpq_laplace"
        This and all others but the last are those of `RFMClassifier`.
    client : distributed.Client, default=None
        None takes the client of here and now, whenever one is needed. Pickles leave it out.

    Attributes
    ----------
    client_ : distributed.Client
        The client that is used.
    classes_ : ndarray of shape (n_classes,)
        Sorted; this and all others are those of `RFMClassifier`.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from rfmlearn.dask import DaskRFMClassifier
    >>> X = da.random.default_rng(0).normal(size=(300, 3), chunks=(100, 3))
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     model = DaskRFMClassifier().fit(X, X[:, 0] > 0)
    ...     probabilities = model.predict_proba(X).compute()
    >>> probabilities.shape
    (300, 2)
    """

    _local = RFMClassifier
    __init__ = constructor(RFMClassifier)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Learn features, coefficients and probabilities from a table on the cluster; returns when that is done.

        Parameters
        ----------
        X : dask DataFrame or Array of shape (n_samples, n_features)
            Partitions are DataFrames of pandas or arrays of NumPy; some may be empty, and divisions unknown.
        y : dask Series or Array
            Class labels, in the same partitions.
        sample_weight : dask Series or Array, default=None
            As in `RFMClassifier.fit`.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If X, y or weights are not on a cluster, or the client is none.
        ValueError
            If they are not what is described above; the message names column or partition.
        """
        self._check_loss()
        table, is_large = self._read(X, y, sample_weight, as_classes=True)
        if not is_large:
            return super().fit(table.whole(), table.labels[table.y], table.sample_weight)
        sample_weight = check_weights(table.sample_weight, table.y)
        _, labels = code_labels(self, table.y, sample_weight)
        totals, classes = np.bincount(labels, weights=sample_weight), table.labels
        factors = class_factors(self.class_weight, classes, classes, totals)[labels]
        weights = without_copies(Weights.of(sample_weight, factors))
        target = ClassCodes.fit(labels, len(classes), weights.total)
        recursion, best = self._fit_on_workers(table, target, weights)
        self._finish(recursion, best, classes, labels, weights)
        return self

    def predict(self, X, *, class_prior=None):
        """Most probable class, lazily.

        Parameters
        ----------
        X : dask DataFrame or Array
            Columns as in fit.
        class_prior : array-like of shape (n_classes,) or dict, default=None
            As in `RFMClassifier.predict_proba`.

        Returns
        -------
        dask Array, or Series with the index of X
            Of a dask DataFrame the latter.
        """
        return self._predict_on_workers(X, "predict", None, self._known_classes.dtype, **self._shares(class_prior))

    def predict_proba(self, X, *, class_prior=None):
        """Calibrated probabilities of the classes, in the order of `classes_`, lazily.

        Parameters
        ----------
        X : dask DataFrame or Array
            Columns as in fit.
        class_prior : array-like of shape (n_classes,) or dict, default=None
            As in `RFMClassifier.predict_proba`.

        Returns
        -------
        dask Array, or DataFrame with the index of X and a column for each class
        """
        return self._predict_on_workers(X, "predict_proba", self._known_classes.tolist(), **self._shares(class_prior))

    def predict_log_proba(self, X, *, class_prior=None):
        """Logarithms of the probabilities, lazily.

        Parameters
        ----------
        X : dask DataFrame or Array
            Columns as in fit.
        class_prior : array-like of shape (n_classes,) or dict, default=None
            As in `RFMClassifier.predict_proba`.

        Returns
        -------
        dask Array, or DataFrame with the index of X and a column for each class
        """
        return self._predict_on_workers(
            X, "predict_log_proba", self._known_classes.tolist(), **self._shares(class_prior)
        )

    def decision_function(self, X, *, class_prior=None):
        """Logarithms of probabilities up to a constant, or of the odds of the second of two classes, lazily.

        Parameters
        ----------
        X : dask DataFrame or Array
            Columns as in fit.
        class_prior : array-like of shape (n_classes,) or dict, default=None
            As in `RFMClassifier.predict_proba`.

        Returns
        -------
        dask Array, or Series or DataFrame with the index of X
        """
        classes = self._known_classes.tolist()
        return self._predict_on_workers(
            X, "decision_function", None if len(classes) == 2 else classes, **self._shares(class_prior)
        )

    def score(self, X, y, sample_weight=None):
        """Accuracy of predictions.

        Parameters
        ----------
        X : dask DataFrame or Array
        y : dask Series or Array
        sample_weight : dask Series or Array, default=None

        Returns
        -------
        float
        """
        return self._score(accuracy_score, X, y, sample_weight)

    @property
    def _known_classes(self):
        check_is_fitted(self)
        return self.classes_

    def _shares(self, class_prior):
        """Options of a method, checked here and not by the workers."""
        if class_prior is None:
            return {}
        return {"class_prior": check_class_prior(class_prior, self._known_classes).tolist()}
