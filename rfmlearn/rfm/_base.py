"""What regressor and classifier share: the scikit-learn contract around the recursion."""

from __future__ import annotations

import copy
import time
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions
from ..kernels import Kernel
from ..kernels._names import KERNELS
from ..large._draws import sample_rows
from ..large._leaf_agops import leaf_agops
from ..large._plan import is_large
from ..recursion._feature_matrix import FORMS
from ..recursion._stopping import StoppingRule, ValidationSet
from ..runtime._budget import LARGEST_CODE
from ..runtime._large_budget import LargeBudget
from ..runtime._memory import as_bytes, refuse_square
from ..runtime._progress import log_to_stderr, progress
from ..runtime._trouble import warn_of_trouble
from ..solvers import Weights
from ..tables._base import TableEstimator
from ..tables._categories import CODINGS
from ..tables._encoder import column_shares
from ..tables._frames import take_rows
from ._compression import CompressibleMixin, agop_of, deviation_of
from ._settings import make_encoder, make_recursion


class BaseRFM(CompressibleMixin, TableEstimator):
    """Fit and predict of a recursive feature machine on encoded targets."""

    large_budget: ClassVar[LargeBudget] = LargeBudget()

    _parameter_constraints: ClassVar[dict] = {
        "kernel": [StrOptions(set(KERNELS)), Kernel],
        "bandwidth": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "exponent": [Interval(Real, 0, 2, closed="right")],
        "norm_p": [Interval(Real, 0, 2, closed="right")],
        "alpha": [StrOptions({"auto", "cautious"}), Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "feature_matrix": [StrOptions(set(FORMS))],
        "feature_matrix_init": ["array-like", BaseEstimator, None],
        "agop_power": [Interval(Real, 0, 1, closed="right")],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "n_agop_samples": [Interval(Integral, 1, None, closed="left"), None],
        "center_gradients": ["boolean"],
        "scaling": [StrOptions({"standard", "robust", "quantile"}), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "categorical_encoding": [StrOptions(set(CODINGS))],
        "solver": [StrOptions({"auto", "cholesky", "cg", "packed", "two_level"})],
        "tol": [Interval(Real, 0, 1, closed="neither")],
        "max_memory": [Interval(Real, 0, None, closed="neither"), str, None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "callback": [callable, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        kernel="lpq_laplace",
        *,
        bandwidth="auto",
        exponent=1.2,
        norm_p=1.5,
        alpha="auto",
        max_iter=3,
        feature_matrix="diagonal",
        feature_matrix_init=None,
        agop_power=0.375,
        shrinkage=0.005,
        n_agop_samples=20_000,
        center_gradients=False,
        scaling="robust",
        categorical_features="from_dtype",
        categorical_encoding="one_hot",
        solver="auto",
        tol=1e-3,
        max_memory=None,
        n_iter_no_change=None,
        time_limit=None,
        callback=None,
        random_state=None,
        verbose=False,
    ):
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.exponent = exponent
        self.norm_p = norm_p
        self.alpha = alpha
        self.max_iter = max_iter
        self.feature_matrix = feature_matrix
        self.feature_matrix_init = feature_matrix_init
        self.agop_power = agop_power
        self.shrinkage = shrinkage
        self.n_agop_samples = n_agop_samples
        self.center_gradients = center_gradients
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.categorical_encoding = categorical_encoding
        self.solver = solver
        self.tol = tol
        self.max_memory = max_memory
        self.n_iter_no_change = n_iter_no_change
        self.time_limit = time_limit
        self.callback = callback
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X, target, y, weights, validation):
        """Learn from a checked table.

        Parameters
        ----------
        X : table of the rows of positive weight
        target : Target
        y : ndarray
            Outcomes that `target` encodes.
        weights : Weights
        validation : tuple (X, y, weights) or None

        Returns
        -------
        recursion : Recursion
        best : Round
            The round that is kept, with what the recursion needs to leave rows out of it.
        """
        start, rng = time.perf_counter(), check_random_state(self.random_state)
        codes = target.encode(y)
        points = self._encode(X, codes, weights, rng)
        names = self._encoder.coordinate_names_
        limits = {"large": self.large_budget, "max_memory": as_bytes(self.max_memory)}
        recursion = make_recursion(self, points, names, codes, weights, rng, loss=target.objective, **limits)
        if validation is not None:
            table, y_val, sample_weight = validation
            points_val = self._encoder.transform(table)
            codes_val, objective = _encode_validation(target, y_val), target.objective
            if objective is not None:
                objective = objective.adapted(codes, weights.total)
            validation = ValidationSet(points_val, codes_val, Weights.of(sample_weight), objective)
        best = self._run(recursion, target, rng, start, validation)
        return recursion, best

    def _encode(self, X, codes, weights, rng):
        """Learn how columns are encoded, of very many rows from some; points of all of them."""
        rows = None
        if is_large(len(X), self.solver, self.large_budget):
            rows = sample_rows(len(X), rng, self.large_budget)
        if rows is None or len(rows) == len(X):
            return self._learn_encoding(X, codes, weights)
        seen = self._learn_encoding(take_rows(X, rows), codes[rows], weights[rows])
        points = self._encoder.transform(X, known=True)
        points.numeric[rows] = seen.numeric  # averages of targets are not those of a row's own
        return points

    def _learn_encoding(self, X, codes, weights):
        """Learn how columns are encoded; points of the rows from which it was learned."""
        self._encoder = make_encoder(self)
        points = self._encoder.fit_transform(X, weights.total, codes, weights.groups)
        self._warn_of_suspicions(self._encoder)
        return points

    def _run(self, recursion, target, rng, start, validation=None):
        """Run a recursion, and keep what it has learned; the round that is kept."""
        rule = StoppingRule(
            self.max_iter, validation, self.n_iter_no_change, self.time_limit, self.callback, start=start
        )
        if self.time_limit is not None:
            rule = rule.with_time_after_rounds(recursion.plan, recursion.n_rounds_to_finish)
            recursion = recursion.within_time(rule.seconds_left)
        with log_to_stderr(self.verbose), progress(self.verbose) as on_progress:
            best, self.history_, self.fit_warnings_ = rule.run(recursion.with_progress(on_progress))
        if not rule.has_time_for_agop(self.history_):
            recursion = recursion.with_few_agop_rows(rng)
        warn_of_trouble(self.fit_warnings_, stacklevel=6)
        self.fit_warnings_ = list(self._encoder.suspicions_) + self.fit_warnings_
        self._target = target
        self._store(recursion, best)
        return best

    def _left_out_scores(self, recursion, best):
        """Rows that were left out of the round that was kept, and scores of them."""
        rows, decisions = recursion.left_out_decisions(best)
        return rows, self._target.decode(decisions)

    def _store(self, recursion, best):
        """Keep what prediction and inspection need, and not the n x n arrays."""
        self.machine_ = best.machine
        self.__dict__.pop("compression_", None)
        self.alpha_, self.solver_ = best.alpha, best.solver
        self.n_iter_ = max(record["n_iter"] for record in self.history_)
        self.best_iter_ = best.n_iter
        self.coordinate_names_ = self._encoder.coordinate_names_
        self.coordinate_columns_ = self._encoder.coordinate_columns_
        self._agop = recursion.agop(best)
        self._leaf_agops = leaf_agops(best.machine)
        self.feature_importances_ = column_shares(self._agop.diagonal, self.coordinate_columns_, self.n_features_in_)

    def _machines(self):
        """The only one, as the ensembles have several."""
        return [self.machine_]

    def _with_machines(self, machines):
        """A copy with other machines."""
        model = copy.copy(self)
        model.machine_ = machines[0]
        model._agop, model._leaf_agops = agop_of(self._agop, machines[0]), leaf_agops(machines[0])
        if hasattr(self, "_deviation"):
            model._deviation = deviation_of(self._deviation)
            model._errors = self._errors.without_rows(model._deviation)
        return model

    def _left_out_squares(self):
        """Mean squared error of coded targets, as far as fit knows it.

        It lies between that of training rows and that of rows left out, where the ridge was chosen on few of them:
        their geometric mean, if both are known.
        """
        record = next(record for record in self.history_ if record["n_iter"] == self.best_iter_)
        losses = [record.get(name) for name in ("train_loss", "leave_one_out_loss")]
        known = [loss for loss in losses if loss is not None and np.isfinite(loss)]
        return float(np.prod(known) ** (1 / len(known)))

    def _fitted(self, name):
        """The machine, for an attribute that is there once it is."""
        if not hasattr(self, "machine_"):
            raise AttributeError(f"This {type(self).__name__} instance is not fitted yet, and has no {name}.")
        return self.machine_

    @property
    def agop_(self):
        """Average gradient outer product over all coordinates.

        Where a diagonal or blocks were learned, the rest is computed when it is first asked for: d^2 numbers and
        O(n m d + m d^2) operations for d coordinates and averages over m of n training rows. Pickles leave it out.
        """
        self._fitted("agop_")
        return self._agop.array

    @property
    def leaf_agops_(self):
        """Diagonal of the AGOP over the rows of each leaf, shape (n_leaves, n_coordinates), of models of many rows.

        Leaves are those of the first tree, and the function is the whole of what was fitted. Computed when it is first
        asked for, over at most 50 rows of each leaf.
        """
        self._fitted("leaf_agops_")
        if self._leaf_agops is None:
            raise AttributeError(
                f"This {type(self).__name__} has no leaf_agops_, since its machine has no leaves: only tables of more "
                f"than {self.large_budget.exact_up_to} rows, or any with solver='two_level', are divided among leaves, "
                "where these predict better. agop_ is the average over all rows."
            )
        return self._leaf_agops.array

    @property
    def feature_matrix_(self):
        """The learned metric as one array over all coordinates, d^2 numbers; `machine_` has its blocks."""
        machine = self._fitted("feature_matrix_")
        refuse_square(machine.centers.n_coordinates, "feature_matrix_")
        return machine.feature_matrix.to_array()

    @property
    def kernel_(self):
        """Kernel with its bandwidth."""
        return self._fitted("kernel_").kernel

    @property
    def dual_coef_(self):
        """Dual coefficients of the coded targets."""
        return self._fitted("dual_coef_").dual_coef

    @property
    def X_fit_(self):
        """Training rows in the coordinates of the feature matrix."""
        return self._fitted("X_fit_").centers

    def _points(self, X):
        """Points of a table."""
        check_is_fitted(self)
        return self._encoder.transform(self._check_X(X, reset=False))

    def _decision(self, X):
        """Coded predictions of a table, shape (m, n_codes)."""
        check_is_fitted(self)
        return self._in_blocks(self._decide, X)

    def _decide(self, points):
        """Coded predictions of points, in their precision.

        Gram matrices of smooth kernels are nearly singular, and coefficients large: in float32 a prediction would
        depend on how many rows are predicted at a time. So these are evaluated in float64.
        """
        machine = self.machine_
        if machine.kernel.is_smooth and points.dtype == np.float32:
            return machine.astype(np.float64).decision(points.astype(np.float64)).astype(np.float32)
        return machine.decision(points)


def _encode_validation(target, y_val):
    """Codes of outcomes that the target has not seen; ValueError where their squares would overflow."""
    with np.errstate(over="ignore"):
        codes = target.encode(y_val)
    if (largest := float(np.max(np.abs(codes)))) > LARGEST_CODE:
        raise ValueError(
            f"y_val lies up to {largest:.3g} standard deviations of y from the mean of y, so that squared errors would "
            "overflow: give both in the same unit."
        )
    return codes
