"""Probes of a concept over the layers of a network, as an estimator of scikit-learn."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import DocumentedMixin, Interval, StrOptions, _fit_context, unset_random_states
from ..rfm._classifier import RFMClassifier
from ..runtime._side_by_side import side_by_side
from ..runtime._threads import thread_limit
from ..targets._checks import check_group_labels, check_labels, code_labels
from ..targets._probabilities import LogitsClassifierMixin
from ._aggregation import AGGREGATIONS, Aggregation
from ._directions import METHODS
from ._folds import make_folds
from ._layer_search import LayerSearch, can_leave_out_twice
from ._layers import check_activations, check_spread
from ._monitor import Monitor, MonitorMixin

# Of few examples one round is best, of more several.
DEFAULT_SETTINGS = ({"max_iter": 1}, {"max_iter": 3})


class ConceptProbe(
    MonitorMixin,
    LogitsClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    DocumentedMixin,
    BaseEstimator,
):
    """Directions of a concept in the activations of a network, layer by layer, and detection by them.

    Given activations of examples with a concept (texts of a kind, images that show something) and of examples without
    it, each layer gets a recursive feature machine. The leading eigenvectors of its average gradient outer product
    (AGOP) are the directions along which the layer represents the concept. They detect it in new activations, and moved
    along them a network shows more of it: see `steer`.

    Parameters
    ----------
    method : {"rfm", "mean_difference", "logistic", "pca"}, default="rfm"
        Where directions come from: the AGOP of a recursive feature machine; or, to compare with, the difference of the
        class means, the coefficients of logistic regression, or principal components.
    estimator : estimator or None, default=None
        Classifier whose AGOP is taken. None is ``RFMClassifier(kernel="laplace", feature_matrix="full",
        scaling=None)``. It gets units scaled to a deviation of one.
    settings : list of dict or None, default=None
        Parameters of the estimator that are compared by AUC on folds, in the mean over layers. None stands for one
        round of feature learning and for three, or for `estimator` as it is.
    n_components : int, default=10
        Directions in each layer, where the method has several.
    aggregation : {"best", "mean", "ridge"}, default="ridge"
        From the scores of layers to one: that of the best layer by AUC on folds, their mean, each divided by its
        deviation, or ridge regression of the classes on them, which learns from scores of examples left out.
    cv : int, splitter, iterable or None, default=5
        Folds. A number shuffles and stratifies, and keeps copies of an example together, and those of a group. None
        stands for 5.
    n_jobs : int or None, default=None
        Layers side by side, in threads; -1 for as many as there are cores.
    random_state : int, RandomState instance or None, default=None
        Shuffles, and seeds estimators that have no seed of their own.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Labels; the second means that the concept is there.
    class_prior_ : ndarray of shape (2,)
        Their shares in fit.
    layers_ : list of LayerProbe
        One for each layer: ``mean``, ``directions``, ``direction`` and ``gap``.
    directions_ : ndarray of shape (n_layers, n_components, width)
        Unit vectors along which the concept is found, the one that matters most first. Those of the AGOP are orthogonal
        where they are multiplied by the deviations of units. A layer with fewer than others has zeros for the rest.
    steering_directions_ : ndarray of shape (n_layers, width)
        Unit vector of each layer by which it scores, combined of these.
    layer_scores_ : ndarray of shape (n_layers,)
        Area under the ROC curve (AUC) of each layer on examples left out.
    settings_ : dict
        Those that were chosen.
    best_layer_ : int
        The layer of the largest AUC, from 0.
    layer_shape_ : tuple (n_layers, width)
    n_features_in_ : int
        Their product.

    Notes
    -----
    For each layer, fold and setting one machine is fitted, one more for the settings that are chosen, and with
    ``aggregation="ridge"`` one for each pair of folds: O(n^3 + n^2 d) operations each for n examples and the
    smaller d of n and the width. Thirty layers of width 576 with 400 examples take 44 seconds on two cores.

    Probabilities, and thresholds of `alarm` and `predict_set`, come from scores that examples had when they were
    left out: of directions, of their aggregation, and of the directions whose scores the aggregation learned from.
    With fewer than three folds or more than ten the last of these is left undone, and rates are too good then. What
    remains is that settings and the best layer were chosen on the same folds.

    References
    ----------
    Beaglehole, Radhakrishnan, Boix-Adsera, Belkin, Toward universal steering and monitoring of AI models, arXiv
    2502.03708.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.concepts import ConceptProbe
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((100, 3, 8)), rng.integers(0, 2, 100)
    >>> X[:, 1, 4] += 3 * y  # the second of three layers knows
    >>> probe = ConceptProbe(n_components=2, random_state=0).fit(X, y)
    >>> probe.best_layer_, int(np.argmax(probe.steering_directions_[1]))
    (1, 4)
    >>> probe.directions_.shape, probe.steering_vector(0.5).shape
    ((3, 2, 8), (3, 8))
    """

    _parameter_constraints: ClassVar[dict] = {
        "method": [StrOptions(set(METHODS))],
        "estimator": [BaseEstimator, None],
        "settings": [list, None],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "aggregation": [StrOptions(set(AGGREGATIONS))],
        "cv": ["cv_object"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        method="rfm",
        *,
        estimator=None,
        settings=None,
        n_components=10,
        aggregation="ridge",
        cv=5,
        n_jobs=None,
        random_state=None,
    ):
        self.method = method
        self.estimator = estimator
        self.settings = settings
        self.n_components = n_components
        self.aggregation = aggregation
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.three_d_array = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, groups=None):
        """Find the directions of a concept.

        Parameters
        ----------
        X : array-like of shape (n_examples, n_layers, width)
            Activations, as `record_activations` returns them; of one layer also (n_examples, width).
        y : array-like of shape (n_examples,)
            Two labels; the second in sorted order means that the concept is there.
        groups : array-like of shape (n_examples,), default=None
            Examples that belong together, as those made from one sentence do: they come into one fold.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X is not finite, of another shape or of a scale beyond 1e75, layers differ in width, y has not two
            labels, groups are not one for each example, or examples are too few for the folds.

        Warns
        -----
        UserWarning
            If layers do not vary.
        """
        X = check_activations(self, X, reset=True)
        y = check_labels(self, X, y)
        classes, labels = code_labels(self, y, np.ones(len(y)))
        if len(classes) > 2:
            raise ValueError(
                f"Only binary classification is supported. y has {len(classes)} classes, but a concept is there or it "
                "is not: fit a probe for each label, with y == label."
            )
        check_spread(X)
        rng, groups = check_random_state(self.random_state), check_group_labels(groups, X)
        folds = make_folds(self.cv, X, labels, groups, rng)
        settings, seed = self._settings(), rng.randint(2**31 - 1)
        estimators = [self._estimator(each, seed) for each in settings]
        search = LayerSearch(self.method, self.n_components, estimators, seed)
        left_out = self._over_layers(X, lambda A: search.left_out_scores(A, labels, folds))
        scores = np.stack(left_out, axis=-1)  # of shape (n_settings, n, n_layers)
        aucs = np.array([[roc_auc_score(labels, layer) for layer in each.T] for each in scores])
        best = int(np.argmax(aucs.mean(axis=1)))
        layers = self._over_layers(X, lambda A: search.only(best).probes(A, labels)[0])
        n_components = max(len(layer.directions) for layer in layers)
        self.layers_ = [layer.padded(n_components) for layer in layers]
        self.classes_, self.settings_ = classes, dict(settings[best])
        self.layer_scores_ = aucs[best]
        self.best_layer_ = int(np.argmax(self.layer_scores_))
        self._finish(X, labels, folds, scores[best], search.only(best))
        return self

    def _finish(self, X, labels, folds, scores, search):
        """Aggregate layers, and calibrate by scores that were left out of that too.

        An aggregation that learns must learn from scores by probes that have not seen the examples on which it is
        judged: of many layers that know nothing it would else find those that have.
        """
        self._aggregation = self._aggregate(scores, labels)
        seen = np.broadcast_to(scores, (len(folds), *scores.shape))
        if self.aggregation == "ridge" and X.shape[1] > 1 and can_leave_out_twice(folds, labels):
            seen = np.stack(self._over_layers(X, lambda A: search.twice_left_out_scores(A, labels, folds)), axis=-1)
        left_out = np.empty(len(labels))
        for (train, test), known in zip(folds, seen, strict=True):
            left_out[test] = self._aggregate(known[train], labels[train])(scores[test])
        self._monitor = Monitor(left_out, labels)

    def _aggregate(self, scores, labels):
        return Aggregation.fit(self.aggregation, scores, labels, self.best_layer_)

    def _over_layers(self, X, function):
        """What a function says of the activations of each layer, in threads."""
        n_threads = effective_n_jobs(self.n_jobs)
        pieces = [partial(function, X[:, k]) for k in range(X.shape[1])]
        with thread_limit(1 if n_threads > 1 else None):
            return list(side_by_side(pieces, n_threads))

    def _estimator(self, settings, seed):
        """A machine, unfitted, with a seed."""
        template = self.estimator
        if template is None:
            template = RFMClassifier(kernel="laplace", feature_matrix="full", scaling=None)
        model = clone(template).set_params(**settings)
        return model.set_params(**dict.fromkeys(unset_random_states(model), seed))

    def _settings(self):
        settings = list(DEFAULT_SETTINGS) if self.settings is None and self.estimator is None else self.settings
        settings = [{}] if settings is None or self.method != "rfm" else settings
        if not settings or not all(isinstance(each, dict) for each in settings):
            raise ValueError(f"settings must be a list of dicts of parameters of the estimator, got {self.settings!r}.")
        return settings

    @property
    def directions_(self):
        """Unit vectors along which the concept is found, shape (n_layers, n_components, width)."""
        return self._of_layers("directions")

    @property
    def steering_directions_(self):
        """Unit vector of each layer by which it scores, shape (n_layers, width)."""
        return self._of_layers("direction")

    def _of_layers(self, name):
        if not hasattr(self, "layers_"):
            raise AttributeError(f"This {type(self).__name__} instance is not fitted yet, and has no {name}.")
        return np.stack([getattr(layer, name) for layer in self.layers_])

    def steering_vector(self, strength=1.0):
        """What to add to the activations of each layer for more of the concept, or less.

        ``strength * gap_l * v_l`` in layer l, where ``v_l`` is the direction by which it scores, and ``gap_l`` the
        distance between the means of both classes along it: at strength 1, an example as the average one without the
        concept comes to where that with it is, by this layer alone. Steering several layers adds up.

        Parameters
        ----------
        strength : float or array-like of shape (n_layers,), default=1.0
            Negative for less of it; one for each layer to leave some out.

        Returns
        -------
        ndarray of shape (n_layers, width)
        """
        check_is_fitted(self)
        try:
            strengths = np.asarray(strength, dtype=np.float64)
        except (TypeError, ValueError):  # no numbers, or lists of different length
            strengths = np.array(np.nan)
        if strengths.shape not in ((), (len(self.layers_),)) or not np.isfinite(strengths).all():
            raise ValueError(
                f"strength must be a finite number, or one for each of {len(self.layers_)} layers, got {strength!r}."
            )
        return (strengths * self._of_layers("gap"))[:, None] * self.steering_directions_

    def layer_decisions(self, X):
        """Coordinates along the direction of each layer, from its mean over the examples of fit.

        Parameters
        ----------
        X : array-like of shape (m, n_layers, width)
            As in fit.

        Returns
        -------
        ndarray of shape (m, n_layers)
            The larger, the more of the concept.
        """
        return np.stack(self._by_layer("score", X), axis=1)

    def transform(self, X):
        """Coordinates along all directions of all layers, from the means over the examples of fit.

        Parameters
        ----------
        X : array-like of shape (m, n_layers, width)
            As in fit.

        Returns
        -------
        ndarray of shape (m, n_layers * n_components)
            Those of a layer next to each other.
        """
        return np.concatenate(self._by_layer("project", X), axis=1)

    def _by_layer(self, function, X):
        check_is_fitted(self)
        X = check_activations(self, X, reset=False)
        return [getattr(layer, function)(X[:, k]) for k, layer in enumerate(self.layers_)]

    @property
    def _n_features_out(self):
        return sum(len(layer.directions) for layer in self.layers_)

    def _scores(self, X):
        """Scores of examples, larger for more of the concept, shape (m,)."""
        decisions = self.layer_decisions(X)
        return self._aggregation(decisions)
