"""Target linearity: how much of the targets is a linear function of features."""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_consistent_length, check_random_state, check_scalar

from .._sklearn_compat import check_weights, numbers_of_any_size
from ._read import as_array, as_labels, as_numbers, without_torch
from ._task import TASKS, guess_task

# Of more features than the first so many leading principal components count, as in the paper.
_MOST_FEATURES, _COMPONENTS = 1000, 256


def target_linearity(H, y, *, sample_weight=None, task="auto", fit_intercept=False, n_components=None):
    """How much of the targets is a linear function of features: the training R2 of least squares.

    ``TL = 1 - |Y - H C|^2 / |Y|^2`` with squared Frobenius norms, the least-squares coefficients C, and targets Y whose
    columns are centred, one for each class where they are labels. It is 1 if the targets are linear in the features.

    Parameters
    ----------
    H : array-like of shape (n, ...)
        Features, such as what a layer of a network gives; flattened to (n, d). No PyTorch is needed.
    y : array-like of shape (n,) or (n, n_outputs)
        Targets.
    sample_weight : array-like of shape (n,), default=None
        Non-negative. Whole numbers are repetitions of rows.
    task : {"auto", "regression", "classification"}, default="auto"
        What y holds. "auto" takes strings, booleans and categories for classes, and whole numbers, be they ints or
        floats, if there are at most ten different ones that occur twice or more on average.
    fit_intercept : bool, default=False
        Whether least squares has a constant. The measure of the paper has none, so that features count as they are.
    n_components : int or None, default=None
        With more features than this, so many leading principal components take their place. None stands for 256 where
        there are more than 1,000.

    Returns
    -------
    float
        At most 1; below 0 only by rounding.

    Raises
    ------
    TypeError, ValueError
        If H or y is not what is described above or not finite, or y does not vary.

    Warns
    -----
    UserWarning
        If there are as many features as rows, with which any targets are fitted.

    Notes
    -----
    d features that say nothing about n rows have about ``d / n`` all the same: compare layers of the same width, or on
    many more rows than features. An invertible linear map of H changes nothing. Of features that depend on each other
    the solution of smallest norm is taken, where the authors of the measure add ``1e-5 I`` to ``H^T H``.

    References
    ----------
    Cha, Beaglehole, Radhakrishnan and others, arXiv 2605.06258.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.neural import target_linearity
    >>> X = np.random.default_rng(0).standard_normal((1000, 3))
    >>> y = X[:, 0] + X[:, 0] * X[:, 1]
    >>> round(target_linearity(X, y), 1)
    0.5
    >>> round(target_linearity(np.column_stack([X, X[:, 0] * X[:, 1]]), y), 6)
    1.0
    """
    H = _as_features(H)
    if n_components is not None:
        check_scalar(n_components, "n_components", Integral, min_val=1)
    weights = check_weights(sample_weight, H)
    Y = target_columns(y, task, weights)
    check_consistent_length(H, Y)
    kept = weights > 0
    H, Y, weights = H[kept], Y[kept], weights[kept] / weights.sum()
    Y = Y - np.average(Y, axis=0, weights=weights)
    total = np.average(np.square(Y).sum(axis=1), weights=weights)
    # Targets are scaled to at most 1, and what is left of constant ones is rounding.
    if total <= np.square(4 * np.finfo(float).eps * Y.shape[1]):
        raise ValueError("y does not vary among the rows of positive weight: its linearity is not defined.")
    H = _leading_components(H, weights, n_components)
    # Least squares would drop columns that are small beside others.
    H = H / np.where(H.any(axis=0), np.abs(H).max(axis=0), 1.0)
    if H.shape[1] + fit_intercept >= len(H):
        warnings.warn(
            f"H has {H.shape[1]} features of {len(H)} rows: any targets are linear in so many. Take more rows, or "
            "fewer features by n_components.",
            UserWarning,
            stacklevel=2,
        )
    from sklearn.linear_model import LinearRegression  # takes long to import

    fitted = LinearRegression(fit_intercept=fit_intercept).fit(H, Y, sample_weight=weights).predict(H)
    left = np.average(np.square(Y - fitted.reshape(Y.shape)).sum(axis=1), weights=weights)
    return float(1 - left / total)


def target_columns(y, task="auto", sample_weight=None):
    """Numbers at most 1 in size, in columns; of labels one column for each class."""
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(map(repr, TASKS))}, got {task!r}.")
    y = without_torch(y)
    y_array = as_array(y, "y")
    if sample_weight is not None:
        check_consistent_length(sample_weight, y_array)
    if task == "auto":
        task = guess_task(y, sample_weight)
    if task == "classification":
        labels = np.ravel(as_labels(y, "y"))
        if len(labels) != len(y_array):
            raise ValueError(f"y must have one label for each row, got shape {y_array.shape}.")
        classes, codes = np.unique(labels, return_inverse=True)
        return np.eye(len(classes))[codes]
    with numbers_of_any_size():
        Y = check_array(as_numbers(y, "y").reshape(len(y_array), -1), dtype=np.float64, input_name="y")
    return _to_unit_size(Y)


def _as_features(H):
    """Features as finite float64 in two dimensions, at most 1 in size, on which nothing depends."""
    H = np.asarray(without_torch(H))
    if H.ndim < 2 or not len(H):
        raise ValueError(f"H must have rows and features, got shape {H.shape}.")
    with numbers_of_any_size():
        H = check_array(H.reshape(len(H), -1), dtype=np.float64, input_name="H")
    return _to_unit_size(H)


def _to_unit_size(A):
    """Divided by the largest entry, so that no square overflows."""
    largest = np.max(np.abs(A))
    return A / largest if largest > 0 else A


def _leading_components(H, weights, n_components):
    """Products with leading principal axes; H itself if it has few features."""
    limit, kept = (_MOST_FEATURES, _COMPONENTS) if n_components is None else (n_components, n_components)
    if H.shape[1] <= limit:
        return H
    from sklearn.utils.extmath import randomized_svd  # the PCA of scikit-learn takes no weights

    centred = np.sqrt(weights)[:, None] * (H - np.average(H, axis=0, weights=weights))
    axes = randomized_svd(centred, kept, random_state=check_random_state(0))[2]
    return H @ axes.T
