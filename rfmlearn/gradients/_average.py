"""Average gradient outer product (AGOP) of any fitted estimator."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from .._sklearn_compat import check_weights
from ..recursion._agop import agop_rows
from ..tables._frames import check_table, take_rows
from ._input_gradients import is_torch_module, make_gradient


def average_gradient_outer_product(
    estimator,
    X,
    *,
    output="auto",
    center=False,
    sample_weight=None,
    n_samples=None,
    method="auto",
    features=None,
    step=None,
    batch_size=10_000,
    layer=None,
    n_jobs=None,
    random_state=None,
):
    r"""Average gradient outer product (AGOP) of a fitted estimator: which directions of the input it reacts to.

    With the gradient :math:`\nabla f_l(x_j)` of output l at row j, as `input_gradients` gives it, and weights
    :math:`w_j` that sum to one,

    .. math:: G = \sum_j w_j \sum_l (\nabla f_l(x_j) - c_l) (\nabla f_l(x_j) - c_l)^T ,

    where :math:`c_l` is 0, or the weighted mean gradient of output l with `center`. The eigenvectors of the largest
    eigenvalues are the directions along which the output changes most; the diagonal is the mean squared derivative by
    each column. Units are those of the columns: to compare columns, scale them, or multiply row and column j of G by
    the standard deviation of column j.

    Parameters
    ----------
    estimator : object
        Fitted estimator with ``predict``, ``predict_proba`` or ``decision_function``; a function from a table to an
        array of shape (m,) or (m, n_outputs); or a torch module, which goes to `rfmlearn.neural.module_agop`, and for
        which `output`, `features` and `step` must be left alone.
    X : array-like or DataFrame of shape (m, n_features)
        Rows to average over, as the estimator takes them. The derivative by a missing number is 0.
    output : {"auto", "prediction", "probability", "decision"}, default="auto"
        What is differentiated: ``predict`` of a regressor, ``predict_proba``, or ``decision_function``. "auto" takes
        probabilities if there are any, else decisions, else predictions. Probabilities of two classes are two outputs
        with opposite gradients, so that G is twice that of one of them; their decision is one.
    center : bool, default=False
        Subtract the mean gradient of each output: G is then zero for a linear function.
    sample_weight : array-like of shape (m,), default=None
        Non-negative weights of the rows. Rows of weight zero are not looked at.
    n_samples : int or None, default=None
        Average over so many rows drawn at random, with replacement, with probability proportional to weight. None, or
        as many as there are, takes all.
    method : {"auto", "closed_form", "differences"}, default="auto"
        "auto" takes the closed form if there is one for the exact type of the estimator and its configuration.
    features : array-like of int, str or bool, or None, default=None
        The columns by which to differentiate: indices, names, or a mask. None takes all. They must be numeric; others
        stay as they are.
    step : float or None, default=None
        Of differences, in standard deviations of each column over X. None finds the smallest one that suits the
        estimator; for one that is piecewise constant, as trees are, half a deviation between values that X has, with a
        warning. `input_gradients` says how.
    batch_size : int, default=10_000
        Rows that differences give to the estimator at once, at most.
    layer : str or None, default=None
        For a torch module, the name of the layer whose input is looked at; None is the input of the module itself.
    n_jobs : int or None, default=None
        Threads among which the calls of differences are shared. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the rows.

    Returns
    -------
    ndarray of float64 of shape (n_features, n_features)
        Symmetric and positive semidefinite; columns in the order of `features`, if it is given.

    Raises
    ------
    ValueError
        If the estimator has not the output or the closed form asked for, a column is categorical, a parameter is not
        what is described above, or the result is not finite; the message names it.
    TypeError
        If the estimator cannot predict.
    NotFittedError
        If the estimator is not fitted.

    Warns
    -----
    UserWarning
        If differences over small steps say nothing, since the estimator is piecewise constant, as trees, forests,
        boosting and nearest neighbours are, or noisy; or if the `step` that was given is too small for it.

    See Also
    --------
    input_gradients : The gradients themselves, with notes on closed forms and on the cost of differences.

    Notes
    -----
    Costs the gradients and O(m n_outputs d^2) operations. Memory is bounded: gradients are held for at most 2**23
    entries at a time.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit, Belkin, Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models, Science 383, 2024, arXiv 2212.13881, equation 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVR
    >>> from rfmlearn import average_gradient_outer_product
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 3))
    >>> model = SVR(C=100.0).fit(X, np.sin(2 * (X[:, 0] + X[:, 1])))
    >>> G = average_gradient_outer_product(model, X)
    >>> direction = np.linalg.eigh(G)[1][:, -1]
    >>> bool(abs(direction @ [1, 1, 0]) / np.sqrt(2) > 0.99)
    True
    """
    if n_samples is not None and (not isinstance(n_samples, Integral) or n_samples is True or n_samples < 1):
        raise ValueError(f"n_samples must be None or an integer of at least 1, got {n_samples!r}.")
    rng = check_random_state(random_state)
    if is_torch_module(estimator):
        _check_torch_options(output, method, features, step)
        return _torch_agop(estimator, X, layer, center, sample_weight, n_samples, rng)
    if layer is not None:
        raise ValueError(f"layer={layer!r} is for torch modules, got the estimator {type(estimator).__name__}.")
    X = check_table(X)
    weights = check_weights(sample_weight, X)
    kept = np.flatnonzero(weights)
    if len(kept) < len(X):
        X, weights = take_rows(X, kept), weights[kept]
    gradient = make_gradient(estimator, X, output, method, features, step, batch_size, n_jobs, weights)
    rows, weights = agop_rows(weights, n_samples, rng)
    if rows is not None:
        X = take_rows(X, rows)
    result = average(gradient, X, weights, center)
    _check_finite(result, gradient, X)
    gradient.finish()
    return result


def average(gradient, X, weights, center):
    """Sum of the outer products over blocks of rows."""
    shape = gradient.n_outputs, 1, gradient.n_columns
    total, mean, origin = np.zeros(2 * shape[2:]), np.zeros(shape), np.zeros(shape)
    for rows, block in gradient.blocks(X):
        if center and rows.start == 0:
            # Any origin does; this one is near the mean, so that no digits are lost when the mean is subtracted.
            origin = block[:, :1].copy()
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told at the end
            block, by_row = block - origin, weights[rows][:, None]
            mean += np.sum(by_row * block, axis=1, keepdims=True)
            flat = (np.sqrt(by_row) * block).reshape(-1, block.shape[2])
            total += flat.T @ flat
    if center:
        mean = mean[:, 0]
        with np.errstate(over="ignore", invalid="ignore"):
            total -= mean.T @ mean
        # A mean square beside a squared mean may come out below zero by rounding.
        np.fill_diagonal(total, np.maximum(np.diag(total), 0.0))
    return total


def _check_finite(agop, gradient, X):
    """ValueError that names what to change."""
    if np.isfinite(agop).all():
        return
    largest, n_lost = 0.0, 0
    for _, block in gradient.blocks(X):
        lost = ~np.isfinite(block).all(axis=(0, 2))
        n_lost += int(np.count_nonzero(lost))
        largest = max(largest, float(np.max(np.abs(block[:, ~lost]), initial=0.0)))
    if n_lost:
        raise ValueError(
            f"the AGOP is not finite: gradients at {n_lost} of {len(X)} rows are NaN or infinite, as the output of the "
            "estimator is there or nearby, or they overflow. Leave out these rows, or give the target in smaller units."
        )
    raise ValueError(
        f"the AGOP is not finite: gradients are as large as {largest:.3g}, and their squares overflow. Give the target "
        "in smaller units, or the columns of X in larger ones."
    )


def _check_torch_options(output, method, features, step):
    if output != "auto" or features is not None or step is not None or method not in ("auto", "closed_form"):
        raise ValueError(
            "output, features, step and differences are not for torch modules, whose gradients are exact: leave "
            f"them alone, got output={output!r}, features={features!r}, step={step!r}, method={method!r}."
        )


def _torch_agop(module, X, layer, center, sample_weight, n_samples, rng):
    """AGOP of the input of a layer, by automatic differentiation."""
    from ..neural._module_gradients import module_agop

    weights = None
    if sample_weight is not None or n_samples is not None:
        rows, weights = agop_rows(check_weights(sample_weight, X), n_samples, rng)
        if rows is not None:
            X = (X if hasattr(X, "shape") else np.asarray(X))[rows]
    return module_agop(module, X, layer=layer, center=center, sample_weight=weights, random_state=rng)
