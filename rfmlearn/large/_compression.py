"""A smaller machine, distilled from what a fitted one predicts: fewer centres, float32, fewer coordinates."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from ..kernels import Points
from ..recursion._feature_matrix import FullFeatureMatrix, ThinFeatureMatrix
from ..recursion._machine import Machine
from ..runtime._large_budget import (
    DISTILLED_CENTERS,
    DISTILLED_RIDGE,
    DISTILLED_ROWS,
    DROPPED_SHARE,
    FEWEST_CENTERS,
    N_PROBES,
    SMALLEST_CHANCE,
)
from ..runtime._spread import spread
from ._landmarks import NormalEquations, solve_landmarks
from ._parts import GlobalPart, LargeMachine, LocalPart


class Compressor:
    """Makes smaller machines of one machine.

    Centres are drawn with probability proportional to the size of their coefficients, which measured better than the
    largest and than uniform draws. Their coefficients are those with which the smaller machine predicts what the old
    one does at all centres, by least squares; the parts of a `LargeMachine` are distilled one by one, leaf by leaf.

    Parameters
    ----------
    machine : Machine or LargeMachine
    with_probes : bool
        Whether some centres are kept aside, to see how much predictions change at rows that are no centres. At its own
        centres a machine has learned noise that no new row sees; so what is compared there are the old machine
        without their coefficients, and what is distilled from that.
    seed : int

    Attributes
    ----------
    probes : ndarray of int
        Places of the centres that are kept aside.
    """

    def __init__(self, machine, with_probes=True, seed=0):
        old = as_large(machine)
        n, rng = len(old.centers), np.random.RandomState(seed)
        n_probes = min(N_PROBES, n // 8) if with_probes else 0
        probes = np.sort(rng.choice(n, n_probes, replace=False))
        # The r largest of u^(1 / s) are r draws without replacement with probabilities proportional to s; so they nest.
        sizes = _sizes(old)
        keys = np.log(rng.uniform(size=n)) / np.maximum(sizes, SMALLEST_CHANCE * sizes.max() or 1.0)
        keys[probes] = -np.inf
        places = np.empty(n, dtype=np.intp)
        places[np.argsort(-keys, kind="stable")] = np.arange(n)
        self.machine, self.probes = machine, probes
        self._old, self._places, self._projected = old, places, project(_in_final_precision(old))
        self._known = None

    def whole(self):
        """The same machine with all centres, in the precision of a smaller one."""
        return _as_it_was(_in_final_precision(self._old), self.machine)

    def smaller(self, share):
        """A machine with so large a share of the centres, and by how much it changes predictions.

        Returns
        -------
        machine : Machine or LargeMachine
        change : float or None
            Mean square over the probes of the change of decisions, summed over outputs; None without probes.
        """
        kept = self._kept(share)
        if self._known is None:
            self._known = [self._targets(part) for part in self._old.parts]
        parts = [self._distil(part, targets, kept) for part, targets in zip(self._old.parts, self._known, strict=True)]
        twice = replace(self._projected, centers=self._projected.centers[kept], parts=tuple(parts))
        change = self._change(twice) if len(self.probes) else None
        n_outputs = self._old.n_outputs
        parts = [replace(part, coef=np.ascontiguousarray(part.coef[:, :n_outputs])) for part in twice.parts]
        return _as_it_was(replace(twice, parts=tuple(parts)), self.machine), change

    def _kept(self, share):
        """Centres of the smaller machine, of each part and leaf its share of these."""
        n_kept = max(FEWEST_CENTERS, round(share * len(self._old.centers)))
        kept = self._places < n_kept
        for part in self._old.parts:
            for rows in _leaves(part):
                n_least = min(len(rows), max(FEWEST_CENTERS, round(share * len(rows)) if _is_sparse(part, kept) else 0))
                if np.count_nonzero(kept[rows]) < n_least:
                    kept[rows[np.argsort(self._places[rows])[:n_least]]] = True
        kept[self.probes] = False
        return np.flatnonzero(kept)

    def _distil(self, part, targets, kept):
        """The part with coefficients at centres that are kept, for the old machine and that without its probes."""
        leaves = [np.intersect1d(rows, kept) for rows in _leaves(part)]
        if not isinstance(part, LocalPart):
            leaves = [np.sort(rows[np.argsort(self._places[rows])[:DISTILLED_CENTERS]]) for rows in leaves]
        points, samples, kernels = self._projected.centers, self._samples(part), _kernels(part, self._old.kernel)

        def make_task(leaf):
            return partial(_fit, kernels[leaf], points[leaves[leaf]], points[samples[leaf]], targets[leaf])

        with spread(make_task, len(leaves)) as found:
            coef = np.concatenate(list(found))
        rows = np.searchsorted(kept, np.concatenate(leaves))
        smaller = replace(part, rows=rows.astype(np.int32), coef=coef)
        return replace(smaller, starts=np.cumsum([0, *map(len, leaves)])) if isinstance(part, LocalPart) else smaller

    def _targets(self, part):
        """For each leaf the decisions of its machine, and of that without the probes, at the rows that are fitted."""
        points, kernels, samples = self._old.centers, _kernels(part, self._old.kernel), self._samples(part)
        coef = part.coef
        if len(self.probes):
            coef = np.hstack([coef, np.where(np.isin(part.rows, self.probes)[:, None], 0, coef)])
        leaves, coefs = _leaves(part), np.split(coef, np.cumsum([len(rows) for rows in _leaves(part)])[:-1])

        def make_task(leaf):
            return partial(kernels[leaf].product, points[leaves[leaf]], coefs[leaf], points[samples[leaf]])

        with spread(make_task, len(leaves)) as found:
            return list(found)

    def _samples(self, part):
        """For each leaf the rows to which smaller machines are fitted."""
        rows = _leaves(part) if isinstance(part, LocalPart) else [np.arange(len(self._old.centers))]
        others = [np.setdiff1d(places, self.probes) for places in rows]
        return [places[:: -(-max(1, len(places)) // DISTILLED_ROWS)] for places in others]

    def _change(self, twice):
        """Of the machine of both, the second half against the old machine without the coefficients of the probes."""
        quiet = []
        for part in self._old.parts:
            rows = np.isin(part.rows, self.probes)[:, None]
            quiet.append(replace(part, coef=np.where(rows, 0, part.coef)))
        leaves = [_leaves_of(part, self.probes) for part in self._old.parts]
        before = replace(self._old, parts=tuple(quiet)).decision_in(leaves, self._old.centers[self.probes])
        after = twice.decision_in(leaves, self._projected.centers[self.probes])[:, self._old.n_outputs :]
        return float(np.mean(np.sum((after - before) ** 2, axis=1)))


def _fit(kernel, centers, points, targets):
    """Coefficients of an expansion in centres that has these values at points."""
    if not len(centers):
        return np.zeros((0, targets.shape[1]), dtype=centers.dtype)
    equations = NormalEquations.of(kernel, centers, points, targets.astype(np.float64), np.ones(len(points)))
    return solve_landmarks(equations, kernel(centers).astype(np.float64), DISTILLED_RIDGE).astype(centers.dtype)


def as_large(machine):
    """Any machine as the sum of its parts."""
    if isinstance(machine, LargeMachine):
        return machine
    rows = np.arange(len(machine.centers), dtype=np.int32)
    part = GlobalPart(rows=rows, coef=machine.dual_coef, alpha=np.inf, share=1.0)
    return LargeMachine(
        kernel=machine.kernel, feature_matrix=machine.feature_matrix, centers=machine.centers, parts=(part,)
    )


def _as_it_was(large, machine):
    """A machine of one global part as one without parts, if the old one had none."""
    if isinstance(machine, LargeMachine):
        return large
    part = large.parts[0]
    order = np.argsort(part.rows)
    return Machine(
        kernel=large.kernel,
        feature_matrix=large.feature_matrix,
        centers=large.centers[part.rows[order]],
        dual_coef=part.coef[order],
    )


def _in_final_precision(machine):
    """Centres and coefficients in float32, but for smooth kernels, whose coefficients are too large for it."""
    dtype = np.float64 if machine.kernel.is_smooth else np.float32
    parts = tuple(replace(part, coef=part.coef.astype(dtype)) for part in machine.parts)
    return replace(machine, centers=machine.centers.astype(dtype), parts=parts)


def project(machine):
    """The machine in the leading directions of its centres, where its kernel sees distances only.

    What is left out holds a share of 0.001 of the spread of the centres. Other kernels, and other forms of the feature
    matrix than a full one, have coordinates that nothing may rotate.
    """
    matrix, centers = machine.feature_matrix, machine.centers
    if not machine.kernel.has_cheap_products or not isinstance(matrix, FullFeatureMatrix):
        return machine
    deviations = centers.numeric - centers.numeric.mean(axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh(deviations.T @ deviations)
    beyond = np.cumsum(np.maximum(values, 0.0))
    n_dropped = int(np.count_nonzero(beyond <= DROPPED_SHARE * beyond[-1]))
    directions = vectors[:, n_dropped:]
    if not n_dropped or not directions.size:
        return machine
    return replace(
        machine,
        feature_matrix=ThinFeatureMatrix((matrix.roots[0] @ directions,)),
        centers=Points.of_numbers(np.ascontiguousarray(centers.numeric @ directions.astype(centers.dtype))),
    )


def _sizes(machine):
    """Size of the coefficients of each centre, those of a part in units of their average, by shares."""
    sizes = np.zeros(len(machine.centers))
    for part in machine.parts:
        size = np.linalg.norm(part.coef.astype(np.float64), axis=1)
        sizes[part.rows] += part.share * size / (size.mean() or 1.0)
    return sizes


def _leaves(part):
    """Rows of each machine of a part."""
    return np.split(part.rows, part.starts[1:-1]) if isinstance(part, LocalPart) else [part.rows]


def _kernels(part, kernel):
    """The kernel of each machine of a part."""
    is_local = isinstance(part, LocalPart)
    return [kernel.with_bandwidth(float(width)) for width in part.bandwidths] if is_local else [kernel]


def _leaves_of(part, rows):
    return part.leaves_of_centers()[rows] if isinstance(part, LocalPart) else None


def _is_sparse(part, kept):
    """Whether few of all rows are centres of a part."""
    return len(part.rows) < len(kept)
