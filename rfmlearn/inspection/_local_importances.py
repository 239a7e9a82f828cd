"""What of a prediction each column brings about, row by row."""

from __future__ import annotations

import warnings
from numbers import Integral, Real

import numpy as np

from ..gradients._categorical import categorical_columns
from ..gradients._input_gradients import is_torch_module
from ..gradients._paths import PathIntegral
from ..tables._encoder import ColumnEncoder
from ..tables._frames import check_table, split_table, table_names, take_rows


def local_importances(
    estimator, X, *, baseline=None, background=None, output="auto", target=None, tol=0.01, return_error=False
):
    r"""What each column contributes to the difference between the prediction of a row and that of a baseline.

    The gradient of the fitted function is integrated along the straight path from the baseline b to the row x,

    .. math:: a_j(x) = (x_j - b_j) \int_0^1 \frac{\partial f}{\partial x_j}(b + t (x - b)) \, dt ,

    so that :math:`\sum_j a_j(x) = f(x) - f(b)`, to rounding: these are integrated gradients, which serve as SHAP values
    do, at about a thousandth of the price. They are zero for columns to which the function does not react, and for a
    sum of functions of one column each what this function changes by.

    Parameters
    ----------
    estimator : object
        Fitted estimator, or a function, as `average_gradient_outer_product` takes it.
    X : array-like or DataFrame of shape (m, n_features)
        Rows to explain.
    baseline : array-like or DataFrame of shape (k, n_features), default=None
        Row with which rows are compared, or several, over which the result is averaged: its sums are then the
        differences from the mean prediction of these. None takes the mean row of `background`.
    background : array-like or DataFrame of shape (n, n_features), default=None
        Table whose mean row is the baseline: of numbers and dates the mean of those that are not missing, of categories
        the most frequent one; missing if that is the most frequent. None takes X.
    output : {"auto", "prediction", "probability", "decision"}, default="auto"
        What is explained: ``predict`` of a regressor, ``predict_proba``, or ``decision_function``, which of two classes
        is the logit or margin of the second. "auto" takes probabilities if there are any, else decisions, else
        predictions. Of the models of this package whose loss is "poisson", "gamma" or "tweedie" it is the logarithm of
        the prediction.
    target : int, str or None, default=None
        The class, by its label, or the place of the output of a regressor of several. None takes all; of two classes
        the second.
    tol : float, default=0.01
        Largest error of a column that is aimed at, in units of :math:`\sum_j |a_j(x)|` of the output that changes
        most, and of probabilities at least of 0.1.
    return_error : bool, default=False
        Whether estimates of the errors are returned too.

    Returns
    -------
    importances : ndarray of float64 of shape (m, n_features), or (n_outputs, m, n_features) if there are several
        In units of the output.
    error : ndarray of float64 of shape (m,) or (n_outputs, m)
        With `return_error`: for each row an estimate of the largest error of a column, in units of the output. It is
        what the last halving of segments changed, which is some three times the error that is left.

    Raises
    ------
    ValueError
        If the estimator has not the output asked for, or a parameter is not what is described above; or if a column is
        categorical or has missing numbers and the estimator is of another family; the message names it.
    TypeError
        If the estimator cannot predict, or is a torch module.
    NotFittedError
        If the estimator is not fitted.

    Warns
    -----
    UserWarning
        If rows have larger errors than `tol` allows, as where the function jumps; or if X is one row, and there is
        nothing with which it is compared.

    See Also
    --------
    rfmlearn.inspection.SlopeDisplay : A picture of them, and of slopes.
    rfmlearn.gradients.input_gradients : The gradients themselves.

    Notes
    -----
    For the estimators of this package for tables the path is straight in the coordinates in which a machine compares
    rows: numbers are scaled, and a category goes from one indicator to another, a missing number from its indicator,
    so that all of these have their shares; each machine of an ensemble has a path of its own. (Where
    ``scaling="robust"`` bends the ends of a column's range, this is not the straight line in the table, and shares are
    slightly others than along that.) For other estimators it is straight in the table, all columns must be numbers, and
    gradients are taken as `input_gradients` does.

    Paths are divided into segments of equal length, 4 at first, and up to 64 where `tol` asks for them. In a segment
    the gradients of kernels of coordinate-wise powers are replaced by quotients of differences, which know all bends on
    the way; those of other kernels are taken at two nodes; links of probabilities in the middle. What then is missing
    of the sum is shared among columns in proportion to the size of their contributions, and counts as error. Costs are
    those of some 30 predictions of a row. Categories are written out as indicators: costs grow with their levels.

    References
    ----------
    Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, arXiv 1703.01365.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressor
    >>> from rfmlearn.inspection import local_importances
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = RFMRegressor().fit(X, y)
    >>> values = local_importances(model, X[:50], background=X)
    >>> values.shape
    (50, 10)
    >>> change = model.predict(X[:50]) - model.predict(X.mean().to_frame().T)
    >>> bool(abs(values.sum(axis=1) - change).max() < 1e-6)
    True
    """
    if is_torch_module(estimator):
        raise TypeError("local_importances is not for torch modules: pass a function from a table to an array.")
    if not (isinstance(tol, Real) and 0 < float(tol) < np.inf) or tol is True:
        raise ValueError(f"tol must be a positive number, got {tol!r}.")
    if baseline is not None and background is not None:
        raise ValueError("baseline and background were both given: pass one of them.")
    X = check_table(X)
    integral = PathIntegral.of(estimator, X, output)
    if baseline is None and background is None and len(X) == 1:
        warnings.warn(
            "X has one row, which is its own mean, so that all local importances are 0: pass background=, a table with "
            "whose mean row it is compared, or baseline=.",
            UserWarning,
            stacklevel=2,
        )
    if baseline is None:
        starts = mean_row(estimator, X if background is None else _beside("background", background, X))
    else:
        starts = _beside("baseline", baseline, X)
    choose, n_chosen = chosen_outputs(estimator, target, integral.n_outputs)
    values, (errors, sizes) = np.zeros((n_chosen, *X.shape)), np.zeros((2, n_chosen, len(X)))
    for k in range(len(starts)):
        for rows, part, error in integral.blocks(take_rows(starts, slice(k, k + 1)), X, choose, tol):
            values[:, rows] += part / len(starts)
            errors[:, rows] += error / len(starts)
            sizes[:, rows] += np.abs(part).sum(axis=2) / len(starts)
    integral.finish()
    _warn_of_errors(integral.relative(errors, sizes), tol)
    if n_chosen == 1:
        values, errors = values[0], errors[0]
    return (values, errors) if return_error else values


def mean_row(estimator, X):
    """A table of one row: means of numbers and dates, most frequent categories."""
    categorical = categorical_columns(estimator, table_names(X)[0])
    mask = np.array([j in categorical or column.is_category for j, column in enumerate(split_table(X))])
    encoder = ColumnEncoder(scaling=None, categorical_features=mask if mask.any() else None)
    points = encoder.fit_transform(X)
    counts = [np.bincount(c, minlength=k + 1)[:k] for c, k in zip(points.codes.T, points.widths[1:], strict=True)]
    numbers = points.numeric.mean(axis=0, dtype=np.float64)
    return encoder.inverse_transform(np.concatenate([numbers, *counts])[None])


def chosen_outputs(estimator, target, n_outputs):
    """Function that takes the wanted ones from outputs, the first axis, and their number."""
    classes = getattr(estimator, "classes_", None)
    if target is None:
        places = [1] if classes is not None and n_outputs == len(classes) == 2 else [*range(n_outputs)]
        return (lambda outputs: outputs[places]), len(places)
    if classes is None or np.size(classes) == 0:
        if target is True or not (isinstance(target, Integral) and 0 <= int(target) < n_outputs):
            raise ValueError(f"target must be None or the place of one of {n_outputs} outputs, got {target!r}.")
        return (lambda outputs: outputs[[target]]), 1
    found = np.flatnonzero([name == target for name in np.asarray(classes).tolist()])
    if not len(found):
        raise ValueError(f"target must be None or one of the classes {np.asarray(classes).tolist()}, got {target!r}.")
    place = int(found[0])
    if n_outputs == 1 and len(classes) == 2:
        return (lambda outputs: outputs if place else -outputs), 1
    if n_outputs != len(classes):
        raise ValueError(
            f"target={target!r} is a class, but there are {n_outputs} outputs for {len(classes)} classes: leave target "
            "at None for all of them."
        )
    return (lambda outputs: outputs[[place]]), 1


def _beside(name, table, X):
    """A checked table that has the columns of X."""
    table = check_table(table)
    if table.shape[1] != X.shape[1] or table_names(table) != table_names(X):
        raise ValueError(
            f"{name} must have the columns of X, {_listed(table_names(X)[0])}, got {_listed(table_names(table)[0])}."
        )
    return table


def _listed(names):
    return ", ".join(names[:5]) + (f" and {len(names) - 5} others" if len(names) > 5 else "")


def _warn_of_errors(shares, tol):
    n_beyond = np.count_nonzero(shares > tol)
    if n_beyond:
        warnings.warn(
            f"local importances of {n_beyond} of {len(shares)} rows have errors of up to {shares.max():.2g} of the sum "
            f"of their sizes, more than tol={tol!r}: the model jumps, or bends often, between these rows and the "
            "baseline. Their sums are exact all the same; return_error=True gives the error of each row.",
            UserWarning,
            stacklevel=3,
        )
