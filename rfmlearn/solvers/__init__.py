"""Solvers of ``(K + alpha W^-1) c = y``."""

from ._cholesky import CholeskyFactor
from ._conjugate_gradient import NystromPreconditioner, SolveResult, conjugate_gradient, gram_product
from ._leave_one_out import RidgePath, are_repetitions, leave_one_out_residuals, ridge_diagonal
from ._ridge_choice import ALPHAS, choose_ridge
from ._trouble import collect_trouble, warn_of_solution

__all__ = [
    "ALPHAS",
    "CholeskyFactor",
    "NystromPreconditioner",
    "RidgePath",
    "SolveResult",
    "are_repetitions",
    "choose_ridge",
    "collect_trouble",
    "conjugate_gradient",
    "gram_product",
    "leave_one_out_residuals",
    "ridge_diagonal",
    "warn_of_solution",
]
