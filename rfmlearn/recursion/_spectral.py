"""From an AGOP to a metric, and the eigenvectors of either: the one place that does it."""

from __future__ import annotations

import numpy as np
import scipy.linalg


def symmetric_power(matrix, power, shrinkage=0.0):
    """``((1 - s) A + s I)^p`` of a positive semidefinite A, whose eigenvalues below zero are taken for rounding."""
    if len(matrix) < 2:  # LAPACK's divide and conquer wants two rows, SciPy before 1.14 lets it ask
        return ((1 - shrinkage) * np.clip(matrix, 0, None) + shrinkage) ** power
    values, vectors = scipy.linalg.eigh((matrix + matrix.T) / 2, driver="evd", check_finite=False)
    values = ((1 - shrinkage) * np.clip(values, 0, None) + shrinkage) ** power
    return (vectors * values) @ vectors.T


def metric_roots(agop, power, shrinkage):
    """``M^(1/2) = ((1 - s) G / max G + s I)^p`` of an AGOP G, its blocks or its diagonal; None where that is zero.

    Parameters
    ----------
    agop : sequence of ndarray
        Square blocks, or vectors for diagonal ones.
    power, shrinkage : float
        p and s.

    Returns
    -------
    tuple of ndarray or None

    Raises
    ------
    ValueError
        If the AGOP is not finite.
    """
    largest = max((float(np.max(block)) for block in agop if block.size), default=0.0)
    if not all(np.isfinite(block).all() for block in agop):
        raise ValueError(
            "the AGOP is not finite: the solution has overflowed; increase alpha, or give targets in smaller units."
        )
    if largest <= np.finfo(np.float64).tiny:
        return None
    return tuple(
        ((1 - shrinkage) * np.clip(block / largest, 0, None) + shrinkage) ** power
        if block.ndim == 1
        else symmetric_power(block / largest, power, shrinkage)
        for block in agop
    )


def unit_trace_root(agop, power, shrinkage):
    """The same of one block, times a constant that brings the trace of M to the number of coordinates."""
    roots = metric_roots((agop,), power, shrinkage)
    if roots is None:
        return np.eye(len(agop))
    (root,) = roots
    return root / np.sqrt(np.mean(np.einsum("ij,ij->i", root, root)))


def eigenpairs(matrix):
    """Eigenvalues, the largest first and none negative, and eigenvectors in rows.

    An eigenvector has no sign of its own: its largest entry is made positive.
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    values, vectors = np.clip(values[::-1], 0.0, None), vectors.T[::-1]
    largest = np.abs(vectors).argmax(axis=1)
    return values, vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, np.newaxis]


def shares_of_trace(eigenvalues):
    """Eigenvalues over their sum, zeros if that is zero."""
    total = eigenvalues.sum()
    return eigenvalues / total if total > 0 else np.zeros_like(eigenvalues)
