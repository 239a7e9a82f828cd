"""From the parameters of a single model to its encoder and its recursion, which a fit and a search share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..kernels import Kernel, RadialKernel, make_kernel
from ..kernels._reach import check_coordinates
from ..large._draws import LargeDraws
from ..large._loss_recursion import LargeLossRecursion
from ..large._plan import LargePlan
from ..large._recursion import LargeRecursion
from ..large._rows import RowsHere
from ..recursion._draws import Draws
from ..recursion._initial_matrix import make_initial_matrix
from ..recursion._loss_recursion import LossRecursion
from ..recursion._packed_recursion import PackedRecursion
from ..recursion._plan import Plan, make_plan, n_packed_landmarks, warn_of_large_blocks
from ..recursion._recursion import Recursion
from ..runtime._large_budget import LargeBudget
from ..tables._encoder import ColumnEncoder
from ._plans import choose_plan


def make_encoder(model):
    """The unfitted encoder of tables that the parameters of a model describe."""
    return ColumnEncoder(model.scaling, model.categorical_features, model.categorical_encoding)


def make_recursion(
    model, points, names, targets, weights, rng, *, loss=None, solver=None, large=None, max_memory=None, **sizes
):
    """The recursion that the parameters of a model describe; over many rows one with a pilot.

    Parameters
    ----------
    model : RFMRegressor or RFMClassifier
        Only its parameters are read.
    points : Points
        Training rows.
    names : list of str
        Names of their coordinates.
    targets : ndarray of shape (n, n_codes)
    weights : Weights
    rng : numpy.random.RandomState
    loss : Loss, default=None
        What machines minimise; None is squared error.
    solver : str, default=None
        Instead of the model's.
    large : LargeBudget, default=None
        What a fit of many rows spends.
    max_memory : float, default=None
        Bytes that the fit may take.
    **sizes : int
        Numbers of rows to look at, as in `Draws.of`.

    Raises
    ------
    MemoryError
        If the fit does not fit in the memory available, or in the limit.
    """
    solver, large = model.solver if solver is None else solver, LargeBudget() if large is None else large
    if loss is not None:  # systems of very different ridges need all digits
        points, large = points.astype(np.float64), large.for_losses(len(points))
    kernel = make_kernel_of(model)
    if isinstance(kernel, RadialKernel):
        # Values of a kernel of one's own may be negative, which those of packed Gram matrices are not.
        large = replace(large, packed_up_to=0)
    plan = choose_plan(
        LargePlan.of(points, targets.shape[1], large),
        points.widths,
        kernel=kernel,
        form=model.feature_matrix,
        solver=solver,
        dtype=points.dtype,
        max_memory=max_memory,
    )
    plan = plan if loss is None else plan.for_loss()
    plan.check()
    if loss is not None and isinstance(plan, Plan) and plan.n_learning_rows:
        raise ValueError('solver="packed" is for loss="squared_error" only: take solver="auto".')
    if isinstance(plan, LargePlan):
        check_coordinates(points, names, np.float32)
        if loss is not None:
            return _make_large_loss_recursion(model, points, names, targets, weights, rng, plan, loss, sizes)
        rows = RowsHere(points=points, targets=targets, weights=weights)
        return make_large_recursion(model, rows, names, weights, rng, plan, **sizes)
    recursion = _make_recursion(model, points, names, targets, weights, rng, plan, sizes)
    return recursion if loss is None else LossRecursion.of(recursion, loss, rng)


def _make_recursion(model, points, names, targets, weights, rng, plan, sizes):
    kernel, alpha, form = make_kernel_of(model), model.alpha, model.feature_matrix
    if model.max_iter:
        warn_of_large_blocks(form, points.widths, names, stacklevel=7)
    check_coordinates(points, names, np.float32 if plan.iterative or plan.mixed else points.dtype)
    if plan.n_learning_rows:
        sizes["n_landmarks"] = n_packed_landmarks(len(points))
    recursion = Recursion(
        points=points,
        targets=targets,
        weights=weights,
        kernel=kernel,
        plan=plan,
        draws=Draws.of(weights, rng, model.n_agop_samples, **sizes),
        adaptive=model.bandwidth == "auto" and not isinstance(model.kernel, Kernel),
        alpha=None if isinstance(alpha, str) else float(alpha),
        cautious=isinstance(alpha, str) and alpha == "cautious",
        form=form,
        agop_power=float(model.agop_power),
        shrinkage=float(model.shrinkage),
        center=model.center_gradients,
        tol=float(model.tol),
        initial=make_initial_matrix(model.feature_matrix_init, form, points, names),
    )
    return PackedRecursion.of(recursion, rng, model.n_agop_samples) if plan.n_learning_rows else recursion


def _make_large_loss_recursion(model, points, names, targets, weights, rng, plan, loss, sizes):
    draws = LargeDraws.of(weights, rng, plan.budget, model.n_agop_samples)
    rows = draws.pilot
    options = {"kernel": make_kernel_of(model), "form": model.feature_matrix, "dtype": points.dtype}
    pilot_plan = make_plan(len(rows), points.widths, targets.shape[1], solver="auto", **options)
    pilot = _make_recursion(model, points[rows], names, targets[rows], weights[rows], rng, pilot_plan, sizes)
    pilot = LossRecursion.of(pilot, loss, rng)
    return LargeLossRecursion(pilot=pilot, points=points, targets=targets, weights=weights, draws=draws, plan=plan)


def make_large_recursion(model, rows, names, weights, rng, plan, **sizes):
    """The recursion over many rows, here or elsewhere; for other parameters see `make_recursion`.

    Parameters
    ----------
    model : RFMRegressor or RFMClassifier
    rows : RowsHere
    names : list of str
    weights : Weights
    rng : numpy.random.RandomState
    plan : LargePlan
    **sizes : int
    """
    draws = LargeDraws.of(weights, rng, plan.budget, model.n_agop_samples)
    points, targets = rows.take(draws.pilot)
    pilot_plan = make_plan(
        len(points),
        points.widths,
        targets.shape[1],
        kernel=make_kernel_of(model),
        form=model.feature_matrix,
        solver="cg",
        dtype=points.dtype,
    )
    pilot = _make_recursion(model, points, names, targets, weights[draws.pilot], rng, pilot_plan, sizes)
    return LargeRecursion(pilot=pilot, rows=rows, weights=weights, plan=plan, draws=draws, budget=plan.budget)


def check_kernel(model):
    """Refuse parameters of a kernel that do not go together, before anything is fitted."""
    make_kernel_of(model)


def make_kernel_of(model):
    """The kernel that the parameters of a model describe."""
    if isinstance(model.kernel, Kernel):
        return model.kernel
    bandwidth = 1.0 if model.bandwidth == "auto" else model.bandwidth
    return make_kernel(model.kernel, bandwidth, model.exponent, model.norm_p)
