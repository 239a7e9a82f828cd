"""The average gradient outer product (AGOP) of a fitted estimator, with what its coordinates are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..deep._feature_map import AGOPFeatureMap
from ..deep._layers import Layer, enter_last
from ..tables._encoder import ColumnEncoder

# Of the largest entry: deviations from a symmetric, positive semidefinite matrix up to this are rounding of float32.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class LearnedAGOP:
    """AGOP in named coordinates.

    Attributes
    ----------
    agop : ndarray of shape (n_coordinates, n_coordinates)
    names : list of str
        Names of the coordinates.
    estimator : estimator
        It checks tables.
    encoder : ColumnEncoder or None
        Makes points of tables that the estimator has checked.
    layers : list of Layer
        Those through which these points go, if the coordinates are those of the last.
    source : str
        Whose AGOP it is, for a title.
    """

    agop: np.ndarray
    names: list[str]
    estimator: BaseEstimator
    encoder: ColumnEncoder | None
    layers: list[Layer]
    source: str = "AGOP"

    @classmethod
    def of(cls, estimator):
        """AGOP of a single estimator, or of the member that has the largest weight in an ensemble."""
        if hasattr(estimator, "members_"):
            member = max(estimator.members_, key=lambda member: member.weight)
            source = f"AGOP of the member of largest weight, {member.weight:.2g}"
            return cls(member.agop.array, member.encoder.coordinate_names_, estimator, member.encoder, [], source)
        check_learned(estimator, ["agop_", "coordinate_names_"], "or members_, as the estimators of tables in rfmlearn")
        layers = estimator.layers_ if isinstance(estimator, AGOPFeatureMap) else []
        encoder = getattr(estimator, "_encoder", None)
        return cls(estimator.agop_, estimator.coordinate_names_, estimator, encoder, layers)

    @property
    def columns(self):
        """For each coordinate the column of the table from which it comes; None if it comes from several."""
        if self.encoder is None or len(self.layers) > 1:
            return None
        return self.encoder.coordinate_columns_

    def points(self, X):
        """Rows of the user's table in these coordinates, shape (m, n_coordinates)."""
        if self.encoder is None:
            raise TypeError(
                "estimator must be one of rfmlearn for tables, which says how rows become coordinates, got "
                f"{type(self.estimator).__name__}."
            )
        Z = self.encoder.transform(self.estimator._check_X(X, reset=False)).dense()
        return enter_last(self.layers, Z) if self.layers else Z


def check_learned(estimator, names, such_as):
    """Raise unless an estimator is fitted and has some attributes; the message says what to pass instead."""
    missing = [name for name in names if not hasattr(estimator, name)]
    if not missing:
        return
    check_is_fitted(estimator)
    inside = ""
    if hasattr(estimator, "best_estimator_"):
        inside = "; of a search, pass its best_estimator_"
    elif hasattr(estimator, "steps"):
        inside = "; of a Pipeline, pass the step, and the table that it sees"
    raise TypeError(
        f"estimator must have {' and '.join(names)}, {such_as} have, but {type(estimator).__name__} is without "
        f"{' and '.join(missing)}{inside}."
    )


def check_agop(agop):
    """A matrix as an array of floats; raise unless it is square, finite, symmetric and positive semidefinite."""
    agop = np.asarray(agop, dtype=np.float64)
    if agop.ndim != 2 or agop.shape[0] != agop.shape[1]:
        raise ValueError(f"agop must be a square matrix, got shape {agop.shape}.")
    if not np.isfinite(agop).all():
        raise ValueError("agop must be finite, but it has NaN or infinite entries.")
    allowed = _ROUNDING * np.abs(agop).max(initial=0.0)
    asymmetry = np.abs(agop - agop.T).max(initial=0.0)
    if asymmetry > allowed:
        raise ValueError(f"agop must be symmetric, but entries across the diagonal differ by up to {asymmetry:.3g}.")
    lowest = np.linalg.eigvalsh(agop).min(initial=0.0)
    if lowest < -allowed:
        raise ValueError(f"agop must be positive semidefinite, but it has an eigenvalue {lowest:.3g}.")
    return agop


def check_count(name, value):
    """Raise unless a parameter is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {name}={value!r}.")
