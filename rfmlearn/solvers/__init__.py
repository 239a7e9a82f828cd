"""Solvers of ``(K + alpha W^-1) c = y``."""

from ._cholesky import CholeskyFactor
from ._conjugate_gradient import NystromPreconditioner, SolveResult, conjugate_gradient, gram_product
from ._leave_one_out import RidgePath, are_repetitions, leave_one_out_residuals, ridge_diagonal
from ._ridge_choice import ALPHAS, choose_ridge

__all__ = [
    "ALPHAS",
    "CholeskyFactor",
    "NystromPreconditioner",
    "RidgePath",
    "SolveResult",
    "are_repetitions",
    "choose_ridge",
    "conjugate_gradient",
    "gram_product",
    "leave_one_out_residuals",
    "ridge_diagonal",
]
