"""The search for the best probe of one layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from ._directions import METHODS
from ._layer_probe import LayerProbe

# Whether all directions are combined to one, or the first stands for them; of methods that have several.
_COMBINED = {"rfm": (False, True), "pca": (True,)}


@dataclass(frozen=True)
class LayerFit:
    """The probe of a layer, and how it was found.

    Attributes
    ----------
    probe : LayerProbe
        Of all examples.
    scores : ndarray of shape (n,)
        Of examples left out, by the same settings.
    auc : float
        Of these.
    settings : dict
        What was chosen.
    """

    probe: LayerProbe
    scores: np.ndarray
    auc: float
    settings: dict


@dataclass(frozen=True)
class LayerSearch:
    """What is compared in each layer.

    Attributes
    ----------
    method : str
        A key of `METHODS`.
    n_components : int
    template : estimator
        Unfitted.
    settings : list of dict
        Parameters of the template.
    seed : int
        For estimators without a seed of their own.
    """

    method: str
    n_components: int
    template: object
    settings: list[dict]
    seed: int

    def fit(self, X, y, folds):
        """Compare candidates on folds by AUC, and fit the best to all examples.

        Parameters
        ----------
        X : ndarray of shape (n, width)
        y : ndarray of int of shape (n,)
        folds : list of (train, test)
        """
        X = X.astype(np.float64)
        parts = [self._probes(X[train], y[train], self.settings) for train, _ in folds]
        best = None
        for candidate in parts[0]:
            scores = np.empty(len(y))
            for (_, test), probes in zip(folds, parts, strict=True):
                scores[test] = probes[candidate].score(X[test])
            auc = float(roc_auc_score(y, scores))
            if best is None or auc > best[0]:
                best = auc, candidate, scores
        auc, (number, combined), scores = best
        settings = self.settings[number]
        probe = self._probes(X, y, [settings])[0, combined]
        return LayerFit(probe, scores, auc, {**settings, "combined": combined})

    def _probes(self, X, y, settings):
        """Probes of all candidates, by the number of their settings and whether directions are combined."""
        rng, estimators = np.random.RandomState(self.seed), [self._estimator(each) for each in settings]
        probes = {}
        for number, directions in enumerate(METHODS[self.method](X, y, self.n_components, estimators, rng)):
            first = LayerProbe.of(X, y, directions)
            for combined in _COMBINED.get(self.method, (False,)):
                probes[number, combined] = first.combined(X, y) if combined else first
        return probes

    def _estimator(self, settings):
        model = clone(self.template).set_params(**settings)
        if "random_state" in model.get_params() and model.random_state is None:
            model.set_params(random_state=self.seed)
        return model
