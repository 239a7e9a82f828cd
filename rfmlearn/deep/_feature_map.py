"""A learned linear map in front of any estimator: the root of the average gradient outer product."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from .._sklearn_compat import HasMethods, Interval, StrOptions, _fit_context, check_weights, numbers_of_any_size
from ..recursion._spectral import eigenpairs, shares_of_trace
from ..tables._base import TableEstimator
from ..tables._encoder import ColumnEncoder
from ..tables._frames import array_of_rows, take_rows
from ..tables._numeric import SCALINGS
from ..targets._checks import check_group_labels
from ..targets._linearity import target_linearity
from ..targets._task import TASKS
from ._fitting import fitter
from ._layers import enter_last, learn_layers
from ._linearity import linearity_of_layers
from ._random_features import RANDOM_FEATURES
from ._targets import check_targets, find_task


def _has_one_layer(feature_map):
    if feature_map.n_layers == 1:
        return True
    raise AttributeError(
        f"inverse_transform needs n_layers=1, got {feature_map.n_layers}: random features lose points."
    )


class AGOPFeatureMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TableEstimator):
    """Learned linear features: what a fitted model reacts to, to put in front of any other model.

    Fits an estimator, averages the outer products of the gradients of its predictions, the AGOP G, and transforms rows
    to ``(z - mean) M^(1/2)``, where z are their scaled coordinates and

    ``M^(1/2) = c ((1 - s) G / max G + s I)^p``,

    with c such that the trace of M is the number of coordinates. Distances then count what matters, which helps
    whatever looks at distances or penalises coefficients: nearest neighbours, support vector machines, linear models.

    Parameters
    ----------
    estimator : estimator or None, default=None
        Classifier or regressor that learns from the coordinates; its parameters are reached as
        ``estimator__max_iter``. Of an `RFMClassifier` or `RFMRegressor` with ``scaling=None`` the AGOP is that of
        its coded targets, `agop_`; of others that of `average_gradient_outer_product`. None is an RFM with
        ``kernel="laplace"``, ``feature_matrix="full"`` and ``scaling=None``, a regressor or a classifier as
        `task` says. Estimators of other libraries will do, if they have ``fit``, ``get_params`` and ``set_params``.
    task : {"auto", "regression", "classification"}, default="auto"
        What y holds. With an `estimator`, "auto" is its own type. Without one, "auto" takes strings, booleans and
        categories for classes, and whole numbers, be they ints or floats, if there are at most ten different ones that
        occur twice or more on average (two different ones in any case); all else, and several columns, are numbers.
    n_components : int, float or None, default=None
        None keeps all coordinates. A whole number keeps so many leading eigenvectors of the AGOP; a share between 0
        and 1 as many as have that share of its trace. Then rows become their products with the eigenvectors, times the
        roots of the eigenvalues of M.
    agop_power : float, default=0.25
        p, 0 < p <= 1. 1/2 makes M the AGOP itself; 1/4 its square root.
    shrinkage : float, default=0.005
        s, 0 <= s <= 1, the share of the identity.
    n_agop_samples : int or None, default=2000
        Rows over which the AGOP of an estimator other than an RFM is averaged, drawn at random with probability
        proportional to weight; None means all.
    step : float or None, default=None
        Of differences, for estimators whose gradients have no closed form, in standard deviations of each coordinate.
        None finds the smallest one that suits the estimator; for models that are piecewise constant, such as trees,
        that is half a deviation, with a warning, as `input_gradients` describes.
    n_layers : int, default=1
        More than 1 makes a deep map: the mapped rows pass random features, from which the next map is learned.
    random_features : {"relu", "fourier"}, default="relu"
        What stands between two maps: ``max(0, z W + b)``, or ``cos(z W + b)``, with random W and b.
    n_random_features : int, default=512
        Columns of W.
    scaling : {"standard", "robust", "quantile"} or None, default="standard"
        Scaling of numeric columns, as in `RFMClassifier`. Missing numbers become the centre and get an indicator.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Categorical columns, as in `RFMClassifier`; each category has an indicator.
    random_state : int, RandomState instance or None, default=None
        Draws rows for the AGOP, random features, and seeds for whatever in the estimator has a `random_state` of None.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if all are strings.
    estimator_ : estimator
        That of the last layer, fitted.
    agop_ : ndarray of shape (n_coordinates, n_coordinates)
        AGOP of the last layer.
    feature_matrix_ : ndarray of shape (n_coordinates, n_coordinates)
        M of the last layer.
    mean_ : ndarray of shape (n_coordinates,)
        Weighted mean of the coordinates.
    components_ : ndarray of shape (`n_components_`, n_coordinates)
        Leading eigenvectors of the AGOP, as many as are kept.
    explained_gradient_ratio_ : ndarray of shape (`n_components_`,)
        Their eigenvalues as shares of the trace; zeros if the AGOP is zero.
    n_components_ : int
        Columns of what `transform` returns.
    coordinate_names_ : list of str
        Names of the coordinates: numeric columns that vary, indicators ("age_missing"), categories ("colour=red"); of
        random features "random0", "random1", ...
    layers_ : list of Layer
        ``features``, ``estimator``, ``mean``, ``agop`` and ``root`` of each layer.

    See Also
    --------
    average_gradient_outer_product : The AGOP of any fitted estimator.
    DeepRFMClassifier : Layers of such maps as an estimator.

    Notes
    -----
    The cost is that of the fit of the estimator and O(d^3); transforming m rows takes O(m d n_components). Tables come
    in as they are, rows go out as a dense array, of float32 if all numeric columns are.

    References
    ----------
    .. [1] Radhakrishnan, Beaglehole, Pandit, Belkin, Mechanism for feature learning in neural networks and
       backpropagation-free machine learning models, Science 383, 2024, arXiv 2212.13881.
    .. [2] Beaglehole, Sukenik, Mondelli, Belkin, Average gradient outer product as a mechanism for deep neural
       collapse, arXiv 2402.13728, for more than one layer.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from rfmlearn import AGOPFeatureMap
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(AGOPFeatureMap(n_components=0.95), KNeighborsClassifier())
    >>> bool(cross_val_score(model, X, y, cv=3).mean() > 0.95)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "get_params", "set_params"]), None],
        "task": [StrOptions({*TASKS})],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "agop_power": [Interval(Real, 0, 1, closed="right")],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "n_agop_samples": [Interval(Integral, 1, None, closed="left"), None],
        "step": [Interval(Real, 0, None, closed="neither"), None],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "random_features": [StrOptions(set(RANDOM_FEATURES))],
        "n_random_features": [Interval(Integral, 1, None, closed="left")],
        "scaling": [StrOptions({scaling for scaling in SCALINGS if scaling}), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        task="auto",
        n_components=None,
        agop_power=0.25,
        shrinkage=0.005,
        n_agop_samples=2000,
        step=None,
        n_layers=1,
        random_features="relu",
        n_random_features=512,
        scaling="standard",
        categorical_features="from_dtype",
        random_state=None,
    ):
        self.estimator = estimator
        self.task = task
        self.n_components = n_components
        self.agop_power = agop_power
        self.shrinkage = shrinkage
        self.n_agop_samples = n_agop_samples
        self.step = step
        self.n_layers = n_layers
        self.random_features = random_features
        self.n_random_features = n_random_features
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Fit the estimator, and learn the map from its gradients.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Numbers, dates and categories; NaN and None mean missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative; the estimator must take weights too. Whole numbers are repetitions of rows.
        groups : array-like of shape (n_samples,), default=None
            Labels of rows that belong together, handed to the fit of the estimator, which must take them, as
            `RFMRegressor` and `RFMClassifier` do.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X, y, a weight or a group is not what is described above, if y or the estimator is not for the task, if
            n_components is larger than the number of coordinates, or if the estimator has neither gradients nor
            predictions.

        Warns
        -----
        UserWarning
            If the AGOP is zero, no small step suits the estimator, or whole numbers that were taken for numbers look
            like labels.
        """
        X = self._check_X(X, reset=True)
        weights = check_weights(sample_weight, X)
        task = find_task(self, y, weights)
        y = check_targets(self, X, y, task)
        groups = check_group_labels(groups, X)
        rng, kept = check_random_state(self.random_state), np.flatnonzero(weights > 0)
        self._encoder = ColumnEncoder(self.scaling, self.categorical_features)
        Z = self._encoder.fit_transform(take_rows(X, kept), weights[kept]).dense()
        self._warn_of_suspicions(self._encoder)
        self._check_n_components(Z.shape[1])
        by_row = {"sample_weight": None if sample_weight is None else weights, "groups": groups}
        by_row = {name: values[kept] for name, values in by_row.items() if values is not None}
        fit = fitter(self.estimator, y[kept], task, by_row, rng)
        layers = learn_layers(
            Z,
            weights[kept],
            fit,
            n_layers=self.n_layers,
            kind=self.random_features,
            n_features=self.n_random_features,
            power=self.agop_power,
            shrinkage=self.shrinkage,
            rng=rng,
            n_samples=self.n_agop_samples,
            step=self.step,
        )
        self.layers_ = [layer for layer, _, _ in layers]
        self._store(self.layers_[-1])
        return self

    def _check_n_components(self, n_coordinates):
        limit = n_coordinates if self.n_layers == 1 else self.n_random_features
        if limit and isinstance(self.n_components, Integral) and self.n_components > limit:
            raise ValueError(
                f"n_components={self.n_components} must be at most the number of coordinates, {limit}: columns that "
                "vary, indicators of missing numbers, and categories (or random features, with more than one layer)."
            )

    def _store(self, layer):
        """Attributes of the last layer, and the matrix by which its centred points are multiplied."""
        self.estimator_, self.agop_, self.mean_ = layer.estimator, layer.agop, layer.mean
        self.feature_matrix_ = layer.root @ layer.root
        if self.n_layers == 1:
            self.coordinate_names_ = self._encoder.coordinate_names_
        else:
            self.coordinate_names_ = [f"random{k}" for k in range(len(layer.mean))]
        values, vectors = eigenpairs(layer.agop)
        if not values.any():
            warnings.warn(
                "the AGOP is zero, since predictions do not depend on X, or are piecewise constant (as of trees, which "
                "need a larger step), or so small that squares of their gradients vanish: the map only centres.",
                UserWarning,
                stacklevel=3,
            )
        shares = shares_of_trace(values)
        self.n_components_ = kept = self._count_components(shares)
        self.components_, self.explained_gradient_ratio_ = vectors[:kept], shares[:kept]
        if self.n_components is None:
            self._projection = layer.root
        else:  # eigenvectors of the AGOP are those of its powers
            self._projection = layer.root @ self.components_.T

    def _count_components(self, shares):
        if self.n_components is None or isinstance(self.n_components, Integral):
            return len(shares) if self.n_components is None else int(self.n_components)
        reached = np.cumsum(shares) >= self.n_components * shares.sum() * (1 - 1e-12)
        return int(reached.argmax()) + 1

    @property
    def _n_features_out(self):
        return self.n_components_

    def transform(self, X):
        """Mapped rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.

        Returns
        -------
        ndarray of shape (m, `n_components_`)
            Or a DataFrame, as `set_output` says.
        """
        check_is_fitted(self)
        Z = self._encoder.transform(self._check_X(X, reset=False)).dense()
        H = enter_last(self.layers_, Z)
        return (H - self.mean_.astype(H.dtype)) @ self._projection.astype(H.dtype)

    def target_linearity(self, X, y, *, sample_weight=None, n_components=None):
        """How much of the targets is a linear function of the features that each layer gets, and of those given.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, n_features)
            Rows, many more than there are features: d features that say nothing have about ``d / n``.
        y : array-like of shape (n,) or (n, n_outputs)
            Targets.
        sample_weight : array-like of shape (n,), default=None
            Non-negative.
        n_components : int or None, default=None
            Leading principal components that take the place of more features than that, as in
            `rfmlearn.neural.target_linearity`, where the measure is described.

        Returns
        -------
        ndarray of shape (`n_layers` + 1,)
            Of what each layer gets, and of what `transform` returns. A linear map that keeps all components changes
            next to nothing; one that keeps few tells whether they are the right ones.
        """
        check_is_fitted(self)
        Z = self._encoder.transform(self._check_X(X, reset=False)).dense()
        task = find_task(self, y, check_weights(sample_weight, Z)) or "auto"
        options = {"task": task, "sample_weight": sample_weight, "n_components": n_components}
        by_layer = linearity_of_layers(self.layers_, Z, y, **options)
        mapped = (enter_last(self.layers_, Z) - self.mean_) @ self._projection
        return np.array([*by_layer, target_linearity(mapped, y, **options)])

    @available_if(_has_one_layer)
    def inverse_transform(self, X):
        """Rows of the table that mapped rows come from, exactly if no component was left out.

        Parameters
        ----------
        X : array-like of shape (m, `n_components_`)
            Mapped rows.

        Returns
        -------
        array or DataFrame of shape (m, n_features)
            Of the kind that was given to fit, with numbers as floats. Directions left out are at their mean; a category
            is the one with the largest coordinate, a number is NaN where its indicator is above one half, constant
            columns have their constant. The scaling "robust" holds outliers within a bound: those more than 90,000
            interquartile ranges out come back at that distance.
        """
        check_is_fitted(self)
        with numbers_of_any_size():
            X = check_array(array_of_rows(X), dtype=(np.float64, np.float32), estimator=self, input_name="X")
        if X.shape[1] != self.n_components_:
            raise ValueError(f"X has {X.shape[1]} columns, but {self.n_components_} components are expected.")
        with numbers_of_any_size():
            Z = X @ np.linalg.pinv(self._projection) + self.mean_
            if not np.isfinite(Z).all():
                raise ValueError(
                    f"X has numbers as large as {np.max(np.abs(X)):.3g}, which stand for no row of a table."
                )
            return self._encoder.inverse_transform(Z)
