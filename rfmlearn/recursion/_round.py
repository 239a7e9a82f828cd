"""One round of the recursion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..kernels._pairs import PairMatrix
from ..solvers import CholeskyFactor, Minimum
from ._packed_system import PackedSystem
from ._ridge_choice import RidgeChoice


@dataclass(frozen=True, kw_only=True)
class Round:
    """A kernel machine and the round of feature learning that made it; callbacks are called with it.

    Parameters
    ----------
    n_iter : int
        How often the feature matrix was learned; 0 is the plain kernel.
    machine : Machine
        ``kernel``, ``feature_matrix``, ``centers``, ``dual_coef``, and ``decision(points)``.
    alpha : float or ndarray of shape (n_codes,)
        Ridge of this round; for other losses than squared error one for each column, if there are several.
    solver : str
        "cholesky", "cg" for an approximate solution, or "packed" for one with a packed Gram matrix; for other losses
        "newton", or "landmarks" of many rows.
    residual : float
        ``|y - G c| / |y|`` that the solver left, 0 for a direct one; what another step of Newton's method would gain.
    seconds : float
        Wall time since the recursion began.
    train_loss : float
        Weighted mean over the training rows of the squared error, or the loss, summed over outputs.
    leave_one_out_loss : float or None
        The same of rows left out, on which the ridge was chosen; None where it was given.
    trouble : tuple of str
        What went wrong in the solution, and which parameter to change.
    is_preliminary : bool
        Whether only features are learned, by squared error, for a machine with another loss.
    _workspace : Workspace
        What the recursion needs to go on from here; not for others.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressor
    >>> rounds = []
    >>> model = RFMRegressor(max_iter=1, callback=rounds.append).fit(*load_diabetes(return_X_y=True))
    >>> [(r.n_iter, r.solver, r.machine.feature_matrix.blocks[0].shape) for r in rounds]
    [(0, 'cholesky', (10,)), (1, 'cholesky', (10,))]
    """

    n_iter: int
    machine: Any
    alpha: float
    solver: str
    residual: float
    seconds: float
    train_loss: float
    leave_one_out_loss: float | None
    trouble: tuple[str, ...] = ()
    is_preliminary: bool = False
    _workspace: Any = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """What the solution of a round leaves for those who go on with it, before the next round takes the room.

    Attributes
    ----------
    gram : PairMatrix or None
        Of an exact round. There is one, and the next round writes into it.
    choice : RidgeChoice or None
        How the ridge was chosen.
    factor : CholeskyFactor, PackedSystem, list of Minimum or None
        In the place of the Gram matrix; None where the choice of the ridge has solved the system.
    """

    gram: PairMatrix | None = None
    choice: RidgeChoice | None = None
    factor: CholeskyFactor | PackedSystem | list[Minimum] | None = None
