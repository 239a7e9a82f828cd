"""Classification by layers of recursive feature machines."""

from __future__ import annotations

import numpy as np

from .._sklearn_compat import _fit_context, check_weights
from ..rfm._classifier import RFMClassifier
from ..targets._checks import check_labels, code_known_labels, code_labels
from ..targets._probabilities import LogitsClassifierMixin
from ._base import BaseDeepRFM
from ._collapse import collapse
from ._gradients import gradient_of_layers


class DeepRFMClassifier(LogitsClassifierMixin, BaseDeepRFM):
    """Classification by a deep recursive feature machine: learned linear maps with random features between them.

    Each layer fits a recursive feature machine (RFM) to its points, maps them by the root of its average gradient
    outer product (AGOP), and passes random features of what it gets to the next one. The machine of the last layer
    predicts, or that of the layer which is best on a validation set. The history tells how classes collapse from
    layer to layer.

    Parameters
    ----------
    estimator : RFMClassifier or None, default=None
        Machine of every layer; its parameters are reached as ``estimator__alpha``. None is
        ``RFMClassifier(kernel="laplace", feature_matrix="full", scaling=None, max_iter=1)``.
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
        Scaling of numeric columns, as in `RFMClassifier`.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Categorical columns, as in `RFMClassifier`.
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
    classes_ : ndarray of shape (n_classes,)
        Labels.
    class_prior_ : ndarray of shape (n_classes,)
        Their shares in fit, by weight and `class_weight` of the estimator, which `class_prior` of predictions may
        replace.
    layers_ : list of Layer
        Up to the one that predicts: ``features``, ``estimator``, ``mean``, ``agop`` and ``root`` of each.
    best_layer_ : int
        The layer that predicts, from 0.
    history_ : list of dict
        A record of each layer: ``layer``, ``n_features``, ``bandwidth``, ``alpha``, ``train_loss``,
        ``leave_one_out_loss`` where it chose the ridge, ``effective_rank`` of the metric of its machine, ``seconds``
        and, with a validation set, ``validation_loss``; and of the training rows the within-class variability ``nc1``
        and the simplex deviation ``nc2`` as the layer gets them, ``nc1_mapped`` and ``nc2_mapped`` after its map. Deep
        layers have seen the labels, so that their leave-one-out loss says little.
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
    With class means m_k of K classes and the mean m of these, ``nc1 = tr S_W / tr S_B``, the average covariance within
    classes over that of the means, and ``nc2`` is the mean squared difference of the cosines of m_k - m from those of
    a simplex, 1 and ``-1 / (K - 1)``. Neural collapse is when both go to zero.

    Each layer costs what an RFM with `n_random_features` coordinates does: O(n^2 (n / 3 + k n_classes)) time and one
    n x n array.

    References
    ----------
    .. [1] Beaglehole, Sukenik, Mondelli, Belkin, Average gradient outer product as a mechanism for deep neural
       collapse, arXiv 2402.13728, Algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from rfmlearn import DeepRFMClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DeepRFMClassifier(random_state=0).fit(X[:400], y[:400])
    >>> bool(model.score(X[400:], y[400:]) > 0.9)
    True
    >>> [record["nc1"] for record in model.history_] == sorted((r["nc1"] for r in model.history_), reverse=True)
    True
    """

    _single = RFMClassifier

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None, X_val=None, y_val=None, sample_weight_val=None):
        """Learn the layers from a table.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers, dates and categories; NaN and None mean missing.
        y : array-like of shape (n_samples,)
            Class labels of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative. Whole numbers are repetitions of rows.
        groups : array-like of shape (n_samples,), default=None
            Labels of rows that belong together: in every layer they are left out together where the ridge is chosen and
            probabilities are calibrated.
        X_val, y_val : array-like, default=None
            Validation set: the layer with the smallest Brier score on it predicts instead of the last.
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
        y = check_labels(self, X, y)
        weights = check_weights(sample_weight, X)
        self.classes_, labels = code_labels(self, y, weights)
        validation = self._check_validation(X_val, y_val, sample_weight_val)
        if validation is not None:
            validation = validation[0], code_known_labels(self, self.classes_, validation[0], y_val), validation[1]

        def describe(H, mapped, rows):
            names = ("nc1", "nc2", "nc1_mapped", "nc2_mapped")
            values = (value for points in (H, mapped) for value in collapse(points, labels[rows], weights[rows]))
            return dict(zip(names, values, strict=True))

        self._fit(X, labels, weights, groups, validation, describe)
        return self

    @staticmethod
    def _validation_loss(estimator, H, labels, weights):
        """The mean squared error of probabilities, by which layers are also compared."""
        probabilities = estimator.predict_proba(H)
        errors = probabilities - np.eye(probabilities.shape[1])[labels]
        loss = float(np.average(np.square(errors).sum(axis=1), weights=weights))
        return loss, loss

    @property
    def class_prior_(self):
        """Shares of the classes in fit."""
        return self.layers_[-1].estimator.class_prior_

    def _logits(self, X):
        H, estimator = self._last_points(X)
        return estimator._logits(H)

    def _input_gradient(self, output):
        """Gradient of an output by the columns of a table, as `rfmlearn.gradients` asks for it."""
        return gradient_of_layers(self, output)
