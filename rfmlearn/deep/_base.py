"""What deep recursive feature machines share: the scikit-learn contract around the layers."""

from __future__ import annotations

import time
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions
from ..runtime._progress import log_record, log_to_stderr
from ..tables._base import TableEstimator
from ..tables._encoder import ColumnEncoder, column_shares
from ..tables._frames import take_rows
from ..tables._numeric import SCALINGS
from ..targets._checks import check_groups
from ._layers import Layer, enter_last, learn_layers
from ._linearity import linearity_of_layers
from ._random_features import RANDOM_FEATURES


class BaseDeepRFM(TableEstimator):
    """Layers, and prediction by the model of one of them."""

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [BaseEstimator, None],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "random_features": [StrOptions(set(RANDOM_FEATURES))],
        "n_random_features": [Interval(Integral, 1, None, closed="left")],
        "agop_power": [Interval(Real, 0, 1, closed="right")],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "scaling": [StrOptions({scaling for scaling in SCALINGS if scaling}), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_layers=3,
        random_features="relu",
        n_random_features=512,
        agop_power=0.25,
        shrinkage=0.005,
        scaling="standard",
        categorical_features="from_dtype",
        random_state=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.n_layers = n_layers
        self.random_features = random_features
        self.n_random_features = n_random_features
        self.agop_power = agop_power
        self.shrinkage = shrinkage
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.random_state = random_state
        self.verbose = verbose

    def _template(self, rng):
        """The unfitted machine of a layer, which takes points as they are."""
        if self.estimator is None:
            settings = dict(kernel="laplace", feature_matrix="full", scaling=None, max_iter=1)
            model = self._single(**settings)
        elif isinstance(self.estimator, self._single):
            model = clone(self.estimator)
        else:
            raise TypeError(
                f"estimator must be {self._single.__name__} or None, got {type(self.estimator).__name__}: layers of "
                "other estimators are made by AGOPFeatureMap(n_layers=...)."
            )
        return model if model.random_state is not None else model.set_params(random_state=rng.randint(2**31 - 1))

    def _fit(self, X, y, weights, groups, validation, describe):
        """Learn the layers; `describe` adds what it sees in the points of a layer to its record.

        Parameters
        ----------
        X : table as `_check_X` returns it
        y : ndarray
        weights : ndarray of shape (n,)
        groups : array-like of shape (n,) or None
        validation : tuple (X, y, weights) or None
        describe : callable
            From points, mapped points and the rows they stand for to a dict.
        """
        rng, kept = check_random_state(self.random_state), np.flatnonzero(weights > 0)
        y, weights, groups = y[kept], weights[kept], check_groups(groups, X, kept)
        self._encoder = ColumnEncoder(self.scaling, self.categorical_features)
        Z = self._encoder.fit_transform(take_rows(X, kept), weights).dense()
        self._warn_of_suspicions(self._encoder)
        template = self._template(rng)
        Z_val = None if validation is None else self._encoder.transform(validation[0]).dense()
        self.layers_: list[Layer] = []
        self.history_: list[dict] = []
        best_loss, start = np.inf, time.perf_counter()
        layers = learn_layers(
            Z,
            weights,
            lambda H: clone(template).fit(H, y, weights, groups=groups),
            n_layers=self.n_layers,
            kind=self.random_features,
            n_features=self.n_random_features,
            power=self.agop_power,
            shrinkage=self.shrinkage,
            rng=rng,
        )
        with log_to_stderr(self.verbose):
            for number, (layer, H, mapped) in enumerate(layers):
                record = self._record(number, layer, H) | describe(H, mapped, kept)
                loss = float(-number)  # without a validation set, every layer counts as better than those before
                if validation is not None:
                    H_val = layer.enter(Z_val)
                    record["validation_loss"], loss = self._validation_loss(layer.estimator, H_val, *validation[1:])
                    Z_val = layer.map(H_val)
                record["seconds"] = time.perf_counter() - start
                self.layers_.append(layer)
                self.history_.append(record)
                log_record(record)
                if loss < best_loss or number == 0:
                    best, best_loss = number, loss
        # Layers beyond the one that predicts are of no more use; their records stay.
        self.layers_ = self.layers_[: best + 1]
        self.best_layer_ = best
        self._store_importances()

    def _record(self, number, layer, H):
        last = layer.estimator.history_[-1]
        names = ("bandwidth", "alpha", "train_loss", "leave_one_out_loss", "effective_rank")
        return {"layer": number, "n_features": H.shape[1]} | {name: last[name] for name in names if name in last}

    def _store_importances(self):
        """What the first layer has learned of the columns."""
        self.agop_ = self.layers_[0].agop
        self.coordinate_names_ = self._encoder.coordinate_names_
        self.coordinate_columns_ = self._encoder.coordinate_columns_
        self.feature_importances_ = column_shares(np.diag(self.agop_), self.coordinate_columns_, self.n_features_in_)

    def _last_points(self, X):
        """Points of the layer that predicts, and its model."""
        check_is_fitted(self)
        Z = self._encoder.transform(self._check_X(X, reset=False)).dense()
        return enter_last(self.layers_, Z), self.layers_[-1].estimator

    def target_linearity(self, X, y, *, sample_weight=None, n_components=None):
        """How much of the targets is a linear function of the features that each layer gets.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, n_features)
            Rows, many more than a layer has features: d features that say nothing have about ``d / n``.
        y : array-like of shape (n,) or (n, n_outputs)
            Targets, or labels of classes.
        sample_weight : array-like of shape (n,), default=None
            Non-negative.
        n_components : int or None, default=None
            Leading principal components that take the place of more features than that, as in
            `rfmlearn.neural.target_linearity`, where the measure is described.

        Returns
        -------
        ndarray of shape (`best_layer_` + 1,)
            Of the coordinates that the first layer gets, and of the random features that the others do.
        """
        check_is_fitted(self)
        Z = self._encoder.transform(self._check_X(X, reset=False)).dense()
        task = "classification" if is_classifier(self) else "regression"
        options = {"sample_weight": sample_weight, "n_components": n_components}
        return np.array(linearity_of_layers(self.layers_, Z, y, task=task, **options))
