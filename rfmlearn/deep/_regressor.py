"""Regression by layers of recursive feature machines."""

from __future__ import annotations

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin

from .._sklearn_compat import _fit_context, check_weights
from ..rfm._regressor import RFMRegressor
from ..targets._checks import check_numbers
from ._base import BaseDeepRFM
from ._gradients import gradient_of_layers


class DeepRFMRegressor(MultiOutputMixin, RegressorMixin, BaseDeepRFM):
    """Regression by a deep recursive feature machine: learned linear maps with random features between them.

    Each layer fits a recursive feature machine (RFM) to its points, maps them by the root of its average gradient
    outer product (AGOP), and passes random features of what it gets to the next one. The machine of the last layer
    predicts, or that of the layer which is best on a validation set.

    Parameters
    ----------
    estimator : RFMRegressor or None, default=None
        Machine of every layer; its parameters are reached as ``estimator__alpha``. None is
        ``RFMRegressor(kernel="laplace", feature_matrix="full", scaling=None, max_iter=1)``.
    n_layers : int, default=3
        Layers; 1 is the machine alone.
    random_features : {"relu", "fourier"}, default="relu"
        What stands between two maps: ``max(0, z W + b)``, or ``cos(z W + b)``, with random W and b.
    n_random_features : int, default=512
        Columns of W.
    agop_power : float, default=0.25
        p of the map ``M^(1/2) = c ((1 - s) G + s I)^p`` between layers, 0 < p <= 1, where G is the AGOP divided by its
        largest entry, and c brings the trace of M to the number of coordinates.
    shrinkage : float, default=0.005
        s, 0 <= s <= 1.
    scaling : {"standard", "robust", "quantile"} or None, default="standard"
        Scaling of numeric columns, as in `RFMRegressor`.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Categorical columns, as in `RFMRegressor`.
    random_state : int, RandomState instance or None, default=None
        Draws the random features, and what the machines draw.
    verbose : bool, default=False
        Log each layer to standard error.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.
    layers_ : list of Layer
        Up to the one that predicts: ``features``, ``estimator``, ``mean``, ``agop`` and ``root`` of each.
    best_layer_ : int
        The layer that predicts, from 0.
    history_ : list of dict
        A record of each layer: ``layer``, ``n_features``, ``bandwidth``, ``alpha``, ``train_loss``,
        ``leave_one_out_loss`` where it chose the ridge, ``effective_rank`` of the metric of its machine, ``seconds``
        and, with a validation set, ``validation_loss``. Deep layers have seen the targets, so that their
        leave-one-out loss says little.
    agop_ : ndarray of shape (n_coordinates, n_coordinates)
        AGOP of the first layer, with respect to the scaled coordinates of the table.
    coordinate_names_ : list of str
        Names of these coordinates.
    coordinate_columns_ : ndarray of int of shape (n_coordinates,)
        The column of X to which each belongs.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Diagonal of `agop_` summed over the coordinates of each column, as shares of its total.

    Notes
    -----
    Each layer costs what an RFM with `n_random_features` coordinates does: O(n^2 (n / 3 + k)) time and one n x n
    array.

    References
    ----------
    .. [1] Beaglehole, Sukenik, Mondelli, Belkin, Average gradient outer product as a mechanism for deep neural
       collapse, arXiv 2402.13728, Algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn import DeepRFMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 5))
    >>> y = X[:, 0] * X[:, 1]
    >>> model = DeepRFMRegressor(n_layers=2, random_state=0).fit(X, y)
    >>> [record["n_features"] for record in model.history_]
    [5, 512]
    >>> np.sort(np.argsort(model.feature_importances_)[-2:])
    array([0, 1])
    """

    _single = RFMRegressor

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None, X_val=None, y_val=None, sample_weight_val=None):
        """Learn the layers from a table.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers, dates and categories; NaN and None mean missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative. Whole numbers are repetitions of rows.
        groups : array-like of shape (n_samples,), default=None
            Labels of rows that belong together: in every layer they are left out together where the ridge is chosen.
        X_val, y_val : array-like, default=None
            Validation set: the layer with the smallest squared error on it predicts instead of the last.
        sample_weight_val : array-like, default=None
            Weights of the validation rows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X, y, a weight or a group is not what is described above; the message names it.
        """
        X = self._check_X(X, reset=True)
        y = check_numbers(self, X, y)
        weights = check_weights(sample_weight, X)
        validation = self._check_validation(X_val, y_val, sample_weight_val)
        if validation is not None:
            y_val = check_numbers(self, validation[0], y_val, "y_val")
            if y_val.shape[1:] != y.shape[1:]:
                raise ValueError(f"y_val has shape {y_val.shape}, but y has shape {y.shape}.")
            validation = validation[0], y_val, validation[1]
        self._fit(X, y, weights, groups, validation, lambda H, mapped, rows: {})
        return self

    @staticmethod
    def _validation_loss(estimator, H, y, weights):
        """The mean squared error, and its root, by which layers are compared: it is finite whatever the unit of y."""
        errors = (estimator.predict(H) - y).reshape(len(y), -1)
        # Dividing by a power of two is exact and keeps squares from overflow and underflow.
        exponent = np.frexp(np.max(np.abs(errors)))[1]
        loss = np.average(np.square(np.ldexp(errors, -exponent)).sum(axis=1), weights=weights)
        with np.errstate(over="ignore"):
            return float(np.ldexp(loss, 2 * exponent)), float(np.ldexp(np.sqrt(loss), exponent))

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.

        Returns
        -------
        ndarray of shape (m,) or (m, n_outputs)
        """
        H, estimator = self._last_points(X)
        return estimator.predict(H)

    def _input_gradient(self, output):
        """Gradient of an output by the columns of a table, as `rfmlearn.gradients` asks for it."""
        return gradient_of_layers(self, output)
