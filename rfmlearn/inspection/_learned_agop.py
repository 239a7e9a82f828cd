"""The average gradient outer product (AGOP) of a fitted estimator, with what its coordinates are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._columns import ColumnEncoder


@dataclass(frozen=True)
class LearnedAGOP:
    """AGOP in the coordinates of an encoder.

    Attributes
    ----------
    agop : ndarray of shape (n_coordinates, n_coordinates)
    encoder : ColumnEncoder
        Makes points of tables that the estimator has checked.
    estimator : estimator
        It checks them.
    source : str
        Whose AGOP it is, for a title.
    """

    agop: np.ndarray
    encoder: ColumnEncoder
    estimator: BaseEstimator
    source: str

    @classmethod
    def of(cls, estimator):
        """AGOP of a single estimator, or of the member that has the largest weight in an ensemble."""
        check_is_fitted(estimator)
        if hasattr(estimator, "members_"):
            member = max(estimator.members_, key=lambda member: member.weight)
            source = f"AGOP of the member of largest weight, {member.weight:.2g}"
            return cls(member.agop, member.encoder, estimator, source)
        missing = [name for name in ("agop_", "coordinate_names_") if not hasattr(estimator, name)]
        if missing:
            raise TypeError(
                f"estimator must have agop_ and coordinate_names_, or members_, as those for tables in rfmlearn have, "
                f"but {type(estimator).__name__} is without {' and '.join(missing)}; of a Pipeline, pass the step."
            )
        return cls(estimator.agop_, estimator._encoder, estimator, "AGOP")

    @property
    def names(self):
        """Names of the coordinates."""
        return self.encoder.coordinate_names_

    @property
    def columns(self):
        """For each coordinate the column of the table from which it comes."""
        return self.encoder.coordinate_columns_

    def points(self, X):
        """Rows of the user's table in scaled coordinates, shape (m, n_coordinates)."""
        return self.encoder.transform(self.estimator._check_X(X, reset=False)).dense()


def eigenpairs(agop):
    """Eigenvalues, the largest first and none negative, and eigenvectors in rows, their largest entry positive."""
    values, vectors = np.linalg.eigh((agop + agop.T) / 2)
    values, vectors = np.clip(values[::-1], 0.0, None), vectors.T[::-1]
    largest = np.abs(vectors).argmax(axis=1)
    return values, vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, np.newaxis]


def shares_of_trace(eigenvalues):
    """Eigenvalues over their sum, zeros if that is zero."""
    total = eigenvalues.sum()
    return eigenvalues / total if total > 0 else np.zeros_like(eigenvalues)


def check_count(name, value):
    """Raise unless a parameter is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {name}={value!r}.")
