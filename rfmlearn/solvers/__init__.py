"""Direct and iterative solutions of a ridge system, and what is left out of them.

Arrays and functions go in, a `Solution` of ``(K + R) c = y`` comes out; solvers know neither kernels nor points.

``K`` is a Gram matrix, ``R = alpha W^-1`` the ridge of each row. `CholeskyFactor` is direct, `conjugate_gradient` takes
any product with ``K + R`` and any preconditioner, of which `NystromPreconditioner` is one, and `RidgePath` solves for
many ridges at once. `Weights` says how much each row counts, and what is left out together.
"""

from ._cholesky import CholeskyFactor
from ._conjugate_gradient import conjugate_gradient
from ._factorable import FactorableGram
from ._leave_one_out import factor_residuals, factor_variances, left_out_group_residuals, left_out_residuals
from ._newton import Minimum, NewtonStep, Pointwise, left_out_decisions, minimize, search_along
from ._nystrom import NystromPreconditioner
from ._ridge_path import RidgePath
from ._solution import Solution
from ._weights import Weights

__all__ = [
    "CholeskyFactor",
    "FactorableGram",
    "Minimum",
    "NewtonStep",
    "NystromPreconditioner",
    "Pointwise",
    "RidgePath",
    "Solution",
    "Weights",
    "conjugate_gradient",
    "factor_residuals",
    "factor_variances",
    "left_out_decisions",
    "left_out_group_residuals",
    "left_out_residuals",
    "minimize",
    "search_along",
]
