"""Activations of the layers of a network: arrays of shape (n_examples, n_layers, width), checked."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import validate_data

from .._sklearn_compat import numbers_of_any_size
from ..runtime._trouble import warn_user
from ..targets._read import without_torch

# Of activations, so that products of squares are numbers.
_LARGEST = 1e75


def check_activations(estimator, X, reset):
    """Activations as a finite array of shape (n, n_layers, width), in float32 or float64.

    With `reset` the estimator remembers layers and width as ``layer_shape_``; else they must be those.

    Raises
    ------
    ValueError
        If X has another number of dimensions, layers of different widths, none, other ones than in fit, or entries that
        are not finite: of these the message names the first layer.
    """
    X = _one_array(X)
    if X.ndim == 2:
        shape, flat = None, X
    elif X.ndim == 3:
        shape, flat = X.shape[1:], X.reshape(len(X), X.shape[1] * X.shape[2])
        _check_finite(X)
    else:
        raise ValueError(
            f"X must have shape (n_examples, n_layers, width), or (n_examples, width) of one layer, got {X.shape}. "
            "Reshape your data: of several tokens take one, or their mean."
        )
    if not reset and shape is not None and shape != estimator.layer_shape_:
        raise ValueError(
            f"X has {shape[0]} layers of width {shape[1]}, but {type(estimator).__name__} was fitted to "
            f"{estimator.layer_shape_[0]} of width {estimator.layer_shape_[1]}."
        )
    with numbers_of_any_size():
        flat = validate_data(estimator, flat, reset=reset, dtype=(np.float64, np.float32))
    if shape is None:
        shape = (1, flat.shape[1]) if reset else estimator.layer_shape_
        if shape[0] > 1:
            raise ValueError(f"X has two dimensions, but {type(estimator).__name__} was fitted to {shape[0]} layers.")
    if reset:
        estimator.layer_shape_ = tuple(map(int, shape))
    return flat.reshape(len(flat), *shape)


def check_spread(X):
    """Warn of layers that do not vary, and refuse those whose squares would overflow or vanish."""
    spread = (X.max(axis=0).astype(np.float64) - X.min(axis=0)).max(axis=1)
    odd = np.flatnonzero((spread > _LARGEST) | ((spread > 0) & (spread < 1 / _LARGEST)))
    if len(odd):
        raise ValueError(
            f"layer {odd[0]} varies by {spread[odd[0]]:.3g}, which is not between {1 / _LARGEST:g} and {_LARGEST:g}: "
            "multiply its activations by a constant."
        )
    if len(flat := np.flatnonzero(spread == 0)):
        warn_user(f"layers {flat.tolist()} are the same in all examples, and have no directions: leave them out.")


def _one_array(X):
    """An array of what was given; ValueError where layers differ in width, which no array can hold."""
    if np.ma.is_masked(X):
        raise ValueError("X has masked entries: leave these examples out.")
    X = without_torch(X)
    if isinstance(X, (list, tuple)) and X and all(np.ndim(part) == 2 for part in X):
        shapes = [np.shape(part) for part in X]
        if len(set(shapes)) > 1:
            raise ValueError(
                f"X is a list of arrays of different shapes, {str(shapes[:4])[1:-1]}: layers must have one width. Take "
                "those of equal width as one array, np.stack(arrays, axis=1), and a probe for each of the others."
            )
    return X if hasattr(X, "ndim") and hasattr(X, "shape") else np.asarray(X)


def _check_finite(X):
    if X.dtype.kind != "f" or np.isfinite(X).all():
        return
    layer = int(np.argmin(np.isfinite(X).all(axis=(0, 2))))
    rows = np.flatnonzero(~np.isfinite(X[:, layer]).all(axis=1))
    raise ValueError(
        f"Input X contains NaN or infinity, first in layer {layer}, in {len(rows)} of {len(X)} examples, the first of "
        f"which is {rows[0]}: leave these out, or record activations in a wider type than half precision."
    )
