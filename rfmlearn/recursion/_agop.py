"""Average gradient outer product (AGOP) of a kernel machine, and which points it is averaged over."""

from __future__ import annotations

import numpy as np

from ..runtime._budget import GRADIENT_ENTRIES


def agop_rows(sample_weight, n_rows, rng):
    """Rows to average over: all, or `n_rows` drawn at random with probability proportional to weight.

    Returns
    -------
    rows : ndarray of int or None
        None stands for all of them.
    weights : ndarray
        Weights of these rows in the average; they sum to one.
    """
    if n_rows is None or n_rows >= len(sample_weight):
        return None, sample_weight / sample_weight.sum()
    rows = rng.choice(len(sample_weight), n_rows, replace=True, p=sample_weight / sample_weight.sum())
    rows, counts = np.unique(rows, return_counts=True)
    return rows, counts / n_rows


def machine_agop(machine, sample, outer_products, gram=None, center=False, max_entries=GRADIENT_ENTRIES):
    """AGOP of ``f_l(x) = sum_i coef[i, l] k(x_i M^(1/2), x M^(1/2))`` in original coordinates.

    ``G = sum_j w_j sum_l (df_l / dx)(x_j) (df_l / dx)(x_j)^T`` over rows j (arXiv 2212.13881, equation 2); with
    `center`, the mean gradient ``sum_j w_j (df_l / dx)(x_j)`` of each output is subtracted first.

    Parameters
    ----------
    machine : Machine
    sample : (rows, weights)
        As `agop_rows` returns them.
    outer_products : callable
        From gradients by transformed points, shape (n_outputs, m, d), and weights of the m points to a tuple of arrays.
    gram : PairMatrix, default=None
        Sums of all pairs of centres, if they are at hand; they are used when all rows count.
    center : bool, default=False
    max_entries : int
        Entries of the gradient that are held at once: outputs are summed in parts.

    Returns
    -------
    tuple of ndarray
    """
    kernel, points, coef = machine.kernel, machine.centers, machine.dual_coef
    rows, weights = sample
    n_rows = len(points) if rows is None else len(rows)
    per_output = max(1, n_rows * points.n_coordinates)
    step = max(1, max_entries // per_output)
    evaluated = None if rows is None else points[rows]
    total = None
    for start in range(0, coef.shape[1], step):
        part = np.ascontiguousarray(coef[:, start : start + step])
        if rows is None and gram is not None:
            gradient = gram.gradient(kernel, part)
        else:
            gradient = kernel.gradient(points, part, points if evaluated is None else evaluated)
        if center:
            gradient -= np.einsum("lmk,m->lk", gradient, weights.astype(gradient.dtype))[:, None]
        blocks = outer_products(gradient, weights)
        total = blocks if total is None else tuple(a + b for a, b in zip(total, blocks, strict=True))
    return total
