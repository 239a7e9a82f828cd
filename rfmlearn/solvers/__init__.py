"""Solvers of ``(K + alpha W^-1) c = y``."""

from ._cholesky import CholeskyFactor
from ._conjugate_gradient import SolveResult, conjugate_gradient, gram_product
from ._leave_one_out import are_repetitions, leave_one_out_residuals, ridge_diagonal
from ._nystrom import NystromPreconditioner
from ._ridge_path import RidgePath

__all__ = [
    "CholeskyFactor",
    "NystromPreconditioner",
    "RidgePath",
    "SolveResult",
    "are_repetitions",
    "conjugate_gradient",
    "gram_product",
    "leave_one_out_residuals",
    "ridge_diagonal",
]
