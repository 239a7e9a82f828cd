"""Gradients of any fitted estimator with respect to its input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from ..runtime._budget import CLOSED_FORM_ROWS, INPUT_GRADIENT_ENTRIES
from ..tables._frames import check_table, table_names, take_rows

# Imported for the closed forms that they register.
from . import _composite, _gaussian_process, _kernel_machines, _linear, _neural_network  # noqa: F401
from ._categorical import categorical_columns
from ._differences import Differences
from ._moves import copy_rows, find_features
from ._outputs import choose_output, output_function
from ._registry import closed_form, closed_form_names


@dataclass(frozen=True)
class InputGradient:
    """Gradient of one output of an estimator with respect to some columns, as a function of rows.

    Attributes
    ----------
    function : callable
        From a table to gradients of shape (n_outputs, m, n_columns).
    n_outputs, n_columns : int
    max_rows : int
        Rows that are taken at a time.
    """

    function: Callable
    n_outputs: int
    n_columns: int
    max_rows: int

    def blocks(self, X):
        """Slices of rows and their gradients."""
        if isinstance(self.function, Differences):
            self.function.prepare(X)
        for start in range(0, len(X), self.max_rows):
            rows = slice(start, min(start + self.max_rows, len(X)))
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is for the caller to tell
                block = self.function(take_rows(X, rows))
            yield rows, block

    def at(self, X):
        """Gradients at all rows, shape (n_outputs, m, n_columns)."""
        result = np.empty((self.n_outputs, len(X), self.n_columns))
        for rows, block in self.blocks(X):
            result[:, rows] = block
        return result

    def finish(self):
        """Warn of what only all rows together tell."""
        if isinstance(self.function, Differences):
            self.function.warn(stacklevel=4)


def make_gradient(
    estimator,
    X,
    output,
    method,
    features,
    step,
    batch_size,
    n_jobs,
    sample_weight=None,
    *,
    entries=INPUT_GRADIENT_ENTRIES,
):
    """The gradient that was asked for, so many of whose entries are computed at once.

    The estimator checks the first row of a checked table on the way.
    """
    _check_options(method, step, batch_size)
    output = choose_output(estimator, output)
    indices = find_features(features, X, categorical_columns(estimator, table_names(X)[0]))
    function = closed_form(estimator, output)
    evaluate = output_function(estimator, output)
    first = evaluate(copy_rows(X, slice(0, 1)))
    n_outputs, n_columns = first.shape[1], len(indices)
    if function is not None and method != "differences":
        rows = min(CLOSED_FORM_ROWS, max(1, entries // (n_outputs * X.shape[1])))
        return InputGradient(lambda part: function(part)[:, :, indices], n_outputs, n_columns, rows)
    if method == "closed_form":
        raise ValueError(
            f"method={method!r}: {type(estimator).__name__} as it is configured has no closed form of the gradient of "
            f"its {output}. There are some for the estimators of tables of this package and for "
            f"{', '.join(closed_form_names())}, but not for their subclasses."
        )
    is_smooth = function is not None
    differences = Differences(evaluate, X, indices, step, first.dtype, batch_size, n_jobs, sample_weight, is_smooth)
    return InputGradient(differences, n_outputs, n_columns, max(1, entries // (n_outputs * n_columns)))


def _check_options(method, step, batch_size):
    if method not in ("auto", "closed_form", "differences"):
        raise ValueError(f'method must be "auto", "closed_form" or "differences", got {method!r}.')
    if step is not None and not (isinstance(step, Real) and 0 < float(step) < np.inf):
        raise ValueError(f"step must be None or a positive number, got {step!r}.")
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(f"batch_size must be an integer of at least 1, got {batch_size!r}.")


def is_torch_module(estimator):
    """Whether it is a network of torch, without importing torch."""
    return "torch" in sys.modules and isinstance(estimator, sys.modules["torch"].nn.Module)


def input_gradients(
    estimator,
    X,
    *,
    output="auto",
    method="auto",
    features=None,
    step=None,
    batch_size=10_000,
    n_jobs=None,
):
    r"""Gradients of a fitted estimator with respect to the columns of X, at each row.

    They are in units of the output by units of the column: what a scaling inside of the estimator does is part of the
    function that is differentiated. Where the estimator has a closed form it is taken, which is exact and fast.
    Elsewhere central differences stand for it, with :math:`e_j` the unit vector of column j,

    .. math:: \frac{\partial f_l}{\partial x_j}(x) \approx \frac{f_l(x + h_j e_j) - f_l(x - h_j e_j)}{2 h_j} .

    Parameters
    ----------
    estimator : object
        Fitted estimator with ``predict``, ``predict_proba`` or ``decision_function``, or a function from a table to an
        array of shape (m,) or (m, n_outputs).
    X : array-like or DataFrame of shape (m, n_features)
        Rows at which to take gradients, as the estimator takes them. The derivative by a missing number is 0.
    output : {"auto", "prediction", "probability", "decision"}, default="auto"
        What is differentiated: ``predict`` of a regressor, ``predict_proba``, or ``decision_function``. "auto" takes
        probabilities if there are any, else decisions, else predictions. Probabilities of two classes are two outputs
        with opposite gradients; their decision is one. Of the models of this package whose loss is "poisson", "gamma"
        or "tweedie" it is the logarithm of the prediction.
    method : {"auto", "closed_form", "differences"}, default="auto"
        "auto" takes the closed form if there is one for the exact type of the estimator and its configuration.
    features : array-like of int, str or bool, or None, default=None
        The columns by which to differentiate: indices, names, or a mask. None takes all. They must be numeric; others
        stay as they are.
    step : float or None, default=None
        :math:`h_j` in standard deviations of column j over X (of a constant column, in its largest magnitude or 1 if
        that is larger). None finds one: the cube root of the machine epsilon, 6e-6 in float64 and 5e-3 where a column
        or the output is in float32, or a larger one, up to 0.05, if the estimator rounds inside. For one that is
        piecewise constant, as trees are, or noisy, no small step will do: half a deviation is taken, between values
        that the column has, and a warning says so. See Notes.
    batch_size : int, default=10_000
        Rows that differences give to the estimator at once, at most.
    n_jobs : int or None, default=None
        Threads among which the calls of differences are shared. The result does not depend on it.

    Returns
    -------
    ndarray of float64 of shape (n_outputs, m, n_features)
        Columns in the order of `features`, if it is given.

    Raises
    ------
    ValueError
        If the estimator has not the output or the closed form asked for, a column is categorical, or a parameter is
        not what is described above; the message names it.
    TypeError
        If the estimator cannot predict, or is a torch module, for which `average_gradient_outer_product` is made.
    NotFittedError
        If the estimator is not fitted.

    Warns
    -----
    UserWarning
        If no small step will do, as of trees, forests, boosting and nearest neighbours; if the output for the same
        rows differs from call to call; if a step that was given finds the estimator constant around more than half of
        the rows although its output varies over X, or a few jumps decide the result.

    See Also
    --------
    average_gradient_outer_product : Their average over rows, without holding all of them.

    Notes
    -----
    Closed forms: the estimators of this package for tables; linear models; kernel ridge regression; support vector
    machines (decisions); Gaussian processes; multilayer perceptrons; and pipelines of affine steps, grid searches and
    the like around these. Where a function has a corner the closed form takes one of its one-sided derivatives or the
    mean of both.

    The estimator first predicts one row. Differences then cost ``ceil(2 d m / batch_size)`` calls for d columns, or as
    many for each part of ``2**23 / (n_outputs d)`` rows if there are more; and the four rows with the largest gradients
    are looked at once more.

    Without a `step`, steps are tried before at 32 rows, unless a closed form tells that the estimator is smooth. For
    each column the first of ``h_j, 8 h_j, 64 h_j, ...`` is taken whose differences agree with those of an eighth of it
    to within 5 %. Where none up to 0.05 deviations agrees to within 25 %, or where changes over 0.2 deviations are much
    larger than the gradients tell, the estimator jumps. Then numbers are moved to values of the column near
    :math:`x_j \pm s_j / 2`, or to the next ones, where :math:`s_j` is the standard deviation or the interquartile
    range over 1.349, whichever is smaller: between 0 and 1 in a column of these, and never beyond what the column has.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from rfmlearn.gradients import input_gradients
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> model = LinearRegression().fit(X, 3.0 * X[:, 0] - X[:, 1])
    >>> input_gradients(model, X[:2])
    array([[[ 3., -1.],
            [ 3., -1.]]])
    >>> input_gradients(lambda X: X[:, 0] ** 2, X[:2], features=[0])
    array([[[0.],
            [2.]]])
    """
    if is_torch_module(estimator):
        raise TypeError("input_gradients is not for torch modules: take average_gradient_outer_product.")
    X = check_table(X)
    gradient = make_gradient(estimator, X, output, method, features, step, batch_size, n_jobs)
    result = gradient.at(X)
    gradient.finish()
    return result
