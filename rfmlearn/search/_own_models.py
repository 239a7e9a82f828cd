"""Settings of the single models that are compared, and the rows that they are fitted to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..kernels._reach import single_precision_tells_apart
from ..large._plan import LargePlan
from ..rfm._settings import make_encoder, make_kernel_of, make_recursion
from ..runtime._budget import ALPHAS, PACKED_MEMBERS_FROM
from ..runtime._large_budget import LargeBudget
from ..solvers import Weights
from ..tables._copies import Copies
from ..targets._outcomes import Outcomes
from ._encodings import Encodings


@dataclass(kw_only=True)
class OwnModels:
    """Settings of the single models, and the rows of the table.

    Parameters
    ----------
    X : table
    outcomes : Outcomes
    weights : Weights
        Zero for rows that do not count.
    copies : Copies
        Rows that are fitted as one.
    make_model : callable
        Settings to an unfitted single model, of which only the parameters are read.
    settings : list of dict
    are_default : bool, default=False
        Whether they are not the user's, whom their number would tell nothing.
    seed : int
    smallest_ridge_in_float32 : float
        As in `SearchBudget`.
    sizes : dict
        Numbers of rows at which recursions look.
    large : LargeBudget
        What a fit of many rows spends.
    large_plan : LargePlan or None
        That of the fit of all rows, if it is one.
    """

    X: object
    outcomes: Outcomes
    weights: Weights
    copies: Copies
    make_model: Callable
    settings: list[dict]
    seed: int
    smallest_ridge_in_float32: float = np.inf
    are_default: bool = False
    sizes: dict = field(default_factory=dict)
    large: LargeBudget | None = None
    large_plan: LargePlan | None = None

    def __post_init__(self):
        self._models = [self.make_model(setting) for setting in self.settings]
        self._encodings = Encodings(self.X, self.outcomes, self.weights, self.copies)

    def __len__(self):
        return len(self.settings)

    def params(self, index):
        """What all rounds of some settings have in common, as `cv_results_` says it."""
        return dict(self.settings[index])

    @property
    def is_large(self):
        """Whether all rows are divided among a global machine and local ones."""
        return self.large_plan is not None

    @property
    def smallest_ridge(self):
        """The smallest number that any candidate might add to the diagonal of its Gram matrix."""
        unit = self.weights.unit
        alphas = [ALPHAS[0] * unit if isinstance(model.alpha, str) else model.alpha for model in self._models]
        return min(alphas) / unit / self.weights.total.max()

    @property
    def quick_dtype(self):
        """Precision of machines that are only compared: single, for half the time, if no ridge is too small for it."""
        return np.float32 if self.smallest_ridge >= self.smallest_ridge_in_float32 else np.float64

    @property
    def forms(self):
        """The form of feature matrix of each setting."""
        return [model.feature_matrix for model in self._models]

    def last_round(self, index):
        """The last round of some settings."""
        return self._models[index].max_iter

    def expect(self, jobs):
        """Pairs of settings and a split for each of which a call of `score` or `skip` will come."""
        self._encodings.expect([(make_encoder(self._models[index]), id(pair)) for index, pair in jobs])

    def skip(self, index, pair):
        """A call of `score` that was expected will not come."""
        self._encodings.skip(make_encoder(self._models[index]), id(pair))

    def score(self, index, pair, last_round):
        """Scores of the test rows of a split for every round, and what solutions have warned of."""
        with self._named(index):
            fold = self._encodings.fold(make_encoder(self._models[index]), id(pair), *pair)
            return self._score_quickly(index, fold, last_round)

    def calibrate(self, scores, rows, sample_weight):
        """The link from scores of rows that were left out to predictions."""
        return self.outcomes.calibrate(scores, rows, sample_weight)

    def calibrate_left_out(self, rows, fold, recursion, final):
        """The link of a machine of all rows, by what is predicted for those that it leaves out.

        Returns
        -------
        places : ndarray of int
            Of the rows left out, among those that the recursion sees.
        scores : ndarray
        link : Link
        """
        places, decisions = recursion.left_out_decisions(final)
        scores, (standing, _) = fold.target.decode(decisions), self.copies.among(rows)
        return places, scores, self.calibrate(scores, standing[places], fold.weights.total[places])

    def start(self, index, rows, few_agop_rows):
        """An unfitted recursion of some settings on training rows, and how these are encoded.

        Where `few_agop_rows` says so, its AGOP decides nothing, and a few rows have to do for it.
        """
        with self._named(index):
            fold = self._encodings.encode(make_encoder(self._models[index]), rows).astype(np.float64)
            recursion = self._recursion(index, fold, solver=self._solver(index, fold.points))
        if few_agop_rows:
            recursion = recursion.with_few_agop_rows(np.random.RandomState(self.seed))
        return fold, recursion

    def pilot(self, index, pair, n_rows, clock):
        """Run two rounds of a setting on some training rows of a split, to see how long it takes.

        Returns
        -------
        n_rows : int
            As many as there were.
        encoding, each : float
            Seconds to encode the rows, and of each round.
        """
        last_round, start = min(1, self._models[index].max_iter), clock()
        train, test = (_spread(part, size) for part, size in zip(pair, (n_rows, n_rows // 2), strict=True))
        with self._named(index):
            fold = self._encodings.encode(make_encoder(self._models[index]), train, test)
            encoded = clock()
            self._score_quickly(index, fold, last_round)
        return len(train), encoded - start, (clock() - encoded) / (last_round + 1)

    def _solver(self, index, points):
        """Who solves for a member: where rows are many and products dear, packed Gram matrices cost a third."""
        model = self._models[index]
        if self.is_large:
            return "two_level"
        are_many = len(points) >= PACKED_MEMBERS_FROM and not make_kernel_of(model).has_cheap_products
        are_many = are_many and self.outcomes.objective is None
        if model.solver == "auto" and are_many and single_precision_tells_apart(points):
            return "packed"
        return "auto" if model.solver == "two_level" else model.solver

    def _recursion(self, index, fold, **options):
        rng = np.random.RandomState(self.seed)
        model, names = self._models[index], fold.encoder.coordinate_names_
        options |= self.sizes
        return make_recursion(
            model,
            fold.points,
            names,
            fold.codes,
            fold.weights,
            rng,
            large=self.large,
            loss=self.outcomes.objective,
            **options,
        )

    def _score_quickly(self, index, fold, last_round):
        """The same as `_score_rounds`, in single precision unless something is out of its reach."""
        if self.quick_dtype is np.float32 and single_precision_tells_apart(fold.points):
            with contextlib.suppress(ValueError):
                return self._score_rounds(index, fold.astype(np.float32), last_round)
        return self._score_rounds(index, fold.astype(np.float64), last_round)

    def _score_rounds(self, index, fold, last_round):
        """Scores of the test rows of a fold for every round, and what solutions have warned of."""
        scores, trouble = {}, []
        recursion = self._recursion(index, fold, solver="cholesky")
        for current in recursion.rounds(last_round):
            trouble += current.trouble
            if current.is_preliminary:
                continue
            machine = current.machine
            is_cautious = self._models[index].alpha == "cautious" and self.outcomes.objective is None
            if is_cautious and current.n_iter < last_round:
                cautious = recursion.solve_cautiously(current)
                trouble += [cautious.trouble] if cautious.trouble else []
                machine = replace(machine, dual_coef=cautious.coef)
            scores[current.n_iter] = fold.target.decode(machine.decision(fold.test_points))
        return scores, trouble

    @contextlib.contextmanager
    def _named(self, index):
        """Errors about settings name them."""
        try:
            yield
        except (TypeError, ValueError) as error:
            if self.are_default:
                raise
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(f"settings[{index}]: {error}") from error


def _spread(rows, n_rows):
    """At most so many rows, evenly spread."""
    return rows if len(rows) <= n_rows else rows[np.linspace(0, len(rows) - 1, n_rows).astype(np.intp)]
