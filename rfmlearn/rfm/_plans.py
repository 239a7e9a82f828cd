"""Which plan a fit follows, and how much memory it takes: from the shape of its table, and a limit if one is given."""

from __future__ import annotations

import numpy as np

from ..kernels import LpqLaplaceKernel
from ..large._plan import LargePlan, is_large
from ..recursion._plan import Plan, make_plan
from ..runtime._large_budget import LargeBudget
from ..runtime._memory import as_bytes


def choose_plan(large: LargePlan, widths, *, kernel, form, solver, dtype, max_memory=None) -> Plan | LargePlan:
    """One exact machine, or parts that are fitted to all rows.

    It follows from the numbers of rows, coordinates and outputs alone; a limit on memory only makes it smaller.

    Parameters
    ----------
    large : LargePlan
        What is done where rows are many, without a limit.
    widths : sequence of int
        As in `make_plan`.
    kernel : Kernel
    form, solver : str
    dtype : dtype
    max_memory : float or None
        Bytes.

    Raises
    ------
    MemoryError
        If the limit, or the memory available, is too small.
    """
    n = large.n_samples
    plan = make_plan(
        n,
        widths,
        large.n_outputs,
        kernel=kernel,
        form=form,
        solver="auto" if solver == "two_level" else solver,
        dtype=dtype,
    )
    if is_large(n, solver, large.budget):
        return large.within_memory(max_memory)
    if max_memory is None or plan.n_bytes <= max_memory:
        return plan
    if solver == "auto" and n > 1:
        return large.within_memory(max_memory)
    raise MemoryError(
        f'max_memory={max_memory / 1e6:.0f}MB is too small for solver="{solver}": {n} rows take '
        f'{plan.n_bytes / 1e6:.0f}MB. Take solver="auto", which divides the rows.'
    )


def estimate_memory(
    n_samples,
    n_features,
    n_outputs=1,
    *,
    kernel=None,
    loss="squared_error",
    feature_matrix="diagonal",
    solver="auto",
    dtype="float64",
    max_memory=None,
):
    """Bytes that a fit of a single machine takes at its peak, beside the table.

    One square array of n_samples rows, the points with their gradients, and the feature matrix; of many rows the square
    arrays of the parts that are fitted to them. A fit that needs more than there is is refused before anything is
    allocated.

    Parameters
    ----------
    n_samples : int
        Rows of positive weight.
    n_features : int
        Coordinates: numeric columns, indicators of missing numbers, and one for each level of a category.
    n_outputs : int, default=1
        Targets of a regression, or classes less one.
    kernel : Kernel or None, default=None
        None is that of the estimators' defaults. Euclidean kernels take float32 from 6,000 rows on.
    loss : str, default="squared_error"
        That of the estimator.
    feature_matrix : {"full", "diagonal", "block"}, default="diagonal"
        "block" is counted as one block.
    solver : {"auto", "cholesky", "cg", "packed", "two_level"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"
        Precision of the numbers in X.
    max_memory : float, str or None, default=None
        As in the estimators.

    Returns
    -------
    int

    Raises
    ------
    MemoryError
        If `max_memory` is too small.

    Examples
    --------
    >>> from rfmlearn import estimate_memory
    >>> f"{estimate_memory(10_000, 50) / 1e9:.1f} GB"
    '0.9 GB'
    >>> f"{estimate_memory(10_000, 50, max_memory='400MB') / 1e9:.1f} GB"
    '0.4 GB'
    """
    dtype, budget = np.dtype(dtype), LargeBudget()
    has_other_loss = loss != "squared_error"
    large = LargePlan(
        n_samples=n_samples,
        n_coordinates=n_features,
        n_outputs=n_outputs,
        point_bytes=n_samples * n_features * dtype.itemsize,
        budget=budget.for_losses(n_samples) if has_other_loss else budget,
    )
    kernel = LpqLaplaceKernel() if kernel is None else kernel
    options = {"form": feature_matrix, "solver": solver, "dtype": dtype, "max_memory": as_bytes(max_memory)}
    plan = choose_plan(large, [n_features], kernel=kernel, **options)
    return (plan.for_loss() if has_other_loss else plan).n_bytes
