"""The feature matrix that a recursion starts from: of an array, or of a model fitted to another task."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np

from ._feature_matrix import FORMS, DiagonalFeatureMatrix, FeatureMatrix, blocks_to_array
from ._spectral import symmetric_power

# What counts as zero beside the largest entry: an eigenvalue, an entry outside of the blocks.
_ROUNDING = 1e-8


def make_initial_matrix(init, form, points, names) -> FeatureMatrix | None:
    """A feature matrix of some form for points.

    Parameters
    ----------
    init : array-like, fitted estimator or None
        M itself as an array of shape (n_coordinates, n_coordinates) or, if it is diagonal, (n_coordinates,). Of an
        estimator, its `feature_matrix_`, by the names of coordinates.
    form : str
        A key of `FORMS`.
    points : Points
    names : list of str
        Names of the coordinates of `points`.

    Raises
    ------
    ValueError
        If M is not positive semidefinite, of another shape, zero, or not of this form.
    """
    if init is None or not names:
        return None
    matrix = _of_estimator(init, names) if hasattr(init, "get_params") else init
    matrix = check_matrix(matrix, len(names), "scaled coordinate (columns that vary, missing indicators, categories)")
    edges = np.cumsum([0, *points.widths])
    if form == "full":
        blocks = [matrix if matrix.ndim == 2 else np.diag(matrix)]
    elif form == "diagonal":
        blocks = [matrix if matrix.ndim == 1 else np.diag(matrix)]
    else:
        square = matrix if matrix.ndim == 2 else None
        pairs = itertools.pairwise(edges)
        blocks = [np.diag(matrix[a:b]) if square is None else square[a:b, a:b] for a, b in pairs]
    if matrix.ndim == 2:
        lost = np.abs(matrix - blocks_to_array(blocks)).max()
        if lost > _ROUNDING * np.abs(matrix).max():
            raise ValueError(
                f"feature_matrix_init has entries up to {lost:.2g} that feature_matrix={form!r} has no place for: "
                'take feature_matrix="full".'
            )
    roots = tuple(np.sqrt(block.clip(0)) if block.ndim == 1 else symmetric_power(block, 0.5) for block in blocks)
    return FORMS[form](roots)


def check_matrix(init, n, coordinate):
    """A positive semidefinite matrix, not zero, as an array of shape (n, n), or its diagonal, shape (n,)."""
    try:
        given = np.asarray(init)
        given = np.array(given.tolist()) if given.dtype == object else given  # which says what the objects are
        if given.dtype.kind not in "biufO":
            raise TypeError(f"it holds {given.dtype}")
        with np.errstate(over="ignore"):  # of a longdouble: infinity is told of below
            matrix = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:  # rows of different length, text
        raise ValueError(f"feature_matrix_init must be real numbers in an array: {error}") from error
    # What counts as zero: single precision leaves more.
    nothing = max(_ROUNDING, 10 * n * float(np.finfo(given.dtype).eps)) if given.dtype.kind == "f" else _ROUNDING
    if matrix.shape not in {(n, n), (n,)}:
        raise ValueError(
            f"feature_matrix_init must have shape ({n}, {n}) or ({n},), one row for each {coordinate}, got "
            f"{matrix.shape}."
        )
    if not np.isfinite(matrix).all():
        raise ValueError("feature_matrix_init must be finite, but holds NaN or infinity.")
    scale = np.abs(matrix).max()
    if scale == 0.0:
        raise ValueError("feature_matrix_init is zero, and would make all rows the same: give None for the identity.")
    if not 1e-100 <= scale <= 1e100:
        raise ValueError(f"feature_matrix_init must have its largest entry between 1e-100 and 1e100, got {scale:.3g}.")
    if matrix.ndim == 2 and np.abs(matrix - matrix.T).max() > nothing * scale:
        raise ValueError("feature_matrix_init must be symmetric.")
    smallest = matrix.min() if matrix.ndim == 1 else np.linalg.eigvalsh(matrix)[0]
    if smallest < -nothing * scale:
        raise ValueError(
            f"feature_matrix_init must be positive semidefinite, but its smallest eigenvalue is {smallest:.3g}."
        )
    return matrix


def _of_estimator(estimator, names):
    """Entries by the names of coordinates; those that were not there get the average of the diagonal."""
    machine = getattr(estimator, "machine_", None)
    if machine is None and not hasattr(estimator, "feature_matrix_"):
        raise ValueError(
            f"feature_matrix_init={type(estimator).__name__} has no feature_matrix_: it is not fitted, or learns none. "
            "Where estimators are cloned, as in a grid of GridSearchCV, give FrozenEstimator(model) of sklearn.frozen, "
            "or model.feature_matrix_."
        )
    # A column may be called as an indicator is: the second of a name is the second there too.
    source = {key: position for position, key in enumerate(_numbered(estimator.coordinate_names_))}
    keys = _numbered(names)
    known = [position for position, key in enumerate(keys) if key in source]
    if not known:
        raise ValueError(
            f"feature_matrix_init={type(estimator).__name__} has no coordinate in common with X: it was fitted to "
            f"{list(estimator.coordinate_names_)[:5]}..., and X has {list(names)[:5]}..."
        )
    theirs = [source[keys[position]] for position in known]
    if machine is not None and isinstance(machine.feature_matrix, DiagonalFeatureMatrix):
        (learned,) = machine.feature_matrix.blocks
        matrix = np.full(len(names), np.mean(learned))
        matrix[known] = learned[theirs]
        return matrix
    learned = np.asarray(estimator.feature_matrix_, dtype=np.float64)
    matrix = np.mean(np.diag(learned)) * np.eye(len(names))
    matrix[np.ix_(known, known)] = learned[np.ix_(theirs, theirs)]
    return matrix


def _numbered(names):
    """Pairs of a name and how often it came before."""
    seen: Counter = Counter()
    keys = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys
