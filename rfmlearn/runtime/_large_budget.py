"""The same for large tables: sizes of their machines and trees, and what a fit of them spends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Rows whose kernel with the landmarks is held at once, for the normal equations.
LANDMARK_ROWS = 4096
# Splits are found on so many rows of a node: thresholds are quantiles, and gains differ by more than chance.
SPLIT_ROWS = 50_000
# Levels of categories are ordered as if so many more rows of each had the average target.
ROWS_OF_DOUBT = 10
# How far from the median, in shares of the rows, a node is split; the least that must go to either side.
SPLIT_SHARE, SMALLEST_SIDE = 0.1, 0.2
# Where no column divides a node so evenly, a side may be as small as this share of a whole leaf.
UNEVEN_SHARE = 0.1
# Rows of a sample on which a tree is grown that each leaf has at least on average; and how much less than the most
# rows of a leaf it has on average then, since their numbers differ by a sixth.
SAMPLED_IN_LEAF, LEAF_SHARE = 30, 0.8
# Chunks into which rows are divided, at most; and pieces of these from which the leaves of a tree are put together on a
# cluster, one for each chunk and each task, but so many tasks in any case: schedulers take some 0.2 ms for a piece.
MOST_CHUNKS, MOST_PIECES, FEWEST_BUCKETS = 1000, 200_000, 200
# Kernel values, and rows of the factor, by which the pace of a large fit is measured where its time is limited; values
# that a gradient takes as long as; operations of a value where nothing was measured, for each coordinate.
PROBED_PAIRS, PROBED_OPERATIONS_ROWS, PAIRS_OF_GRADIENT, GUESSED_OPERATIONS = (2048, 1024), 1500, 4, 20
# Ridges that are tried, on average; operations of each in the leaf, in cubes of the rows on which they are compared.
TRIED_RIDGES, OPERATIONS_OF_RIDGE = 4, 0.7
# Operations for each entry of a packed Gram matrix in all steps of a solution: reading takes longer than two of them.
PACKED_STEPS = 200
# Share of the limit that is left for all rows at least; and of what is left then that a fit may take by prediction.
SHARE_OF_ALL_ROWS, CAREFUL_SHARE = 0.5, 0.8
# Share of the limit that the first round of features and its exact fit may take.
SHARE_OF_PILOT = 0.2
# The least that a fit within a limit comes down to: landmarks, and rows of a leaf.
FEWEST_LANDMARKS, SMALLEST_LEAF = 200, 500

# Settings that a search over many rows fits to all of them, at most.
MOST_LARGE_SETTINGS = 3
# A ridge with which a row has next to no say, and which float32 can still hold beside others.
HELD_OUT_RIDGE = 1e6
# Weights of parts in their sum: what local machines make of residuals may be too small by some factor, and parts of
# next to no weight only take time.
LARGEST_SHARE, SMALLEST_SHARE = 3.0, 0.02
# As if each leaf had so many errors of the size that they have in all, where deviations are told.
FEWEST_ERRORS = 30

# Rows of each leaf over which its AGOP is averaged: few, as leaves are many.
LEAF_AGOP_ROWS = 50
# Smaller machines: centres that one may have, since five arrays of as many rows and columns are in memory at a time;
# rows on which it is fitted to the old one, if there are more, and its ridge; centres kept aside to compare them.
DISTILLED_CENTERS, DISTILLED_ROWS, DISTILLED_RIDGE, N_PROBES = 8000, 50_000, 1e-4, 1000
# Share of the spread of centres whose directions are dropped; centres that a machine has at least; least chance of a
# centre to be drawn, beside that of the centre of the largest coefficients.
DROPPED_SHARE, FEWEST_CENTERS, SMALLEST_CHANCE = 1e-3, 20, 1e-6


@dataclass(frozen=True, kw_only=True)
class LargeBudget:
    """What a fit of a large table spends; see docs/large_data.md for the figures behind it.

    Attributes
    ----------
    exact_up_to : int, default=10_000
        Tables of more rows are divided among a global machine and local ones.
    packed_up_to : int, default=50_000
        Up to so many rows the global machine is an exact one, with a Gram matrix of as many bytes as their square.
    n_pilot_rows : int, default=10_000
        Features are learned on so many rows. On 5,000 narrow effects were missed in some tables.
    n_landmarks : int, default=8000
        Centres of the global machine, at most: seven arrays of as many rows and columns are in memory at a time.
    landmark_work : float, default=2e13
        Operations that their normal equations may take: rows times the square of landmarks.
    n_learning_landmarks : int, default=2500
        Those of the global machine from which features are learned, at most.
    n_global_rounds : int, default=1
        How often features are learned anew from the gradients of the global machine, which has seen all rows.
    n_agop_rows : int, default=5000
        Over so many rows the AGOP of the global machine is averaged, if the user does not ask for fewer.
    leaf_rows : int, default=5000
        Most rows of a local machine, whose cost for all rows grows with the square of it; every other tree has leaves
        of half as many.
    n_trees : int, default=6
        Trees that are averaged, at most. The third and fourth learn what the global machine leaves.
    tree_rows : int, default=800_000
        Rows of all trees together: of more than a third as many rows there are three trees.
    n_held_out_rows : int, default=10_000
        Held out to choose the ridge of the global machine, to weigh the parts, and to calibrate, then given back; an
        eighth of all at most.
    n_sample_rows : int, default=200_000
        From so many rows it is learned how columns are scaled and which levels categories have, and on so many trees
        are grown; of very many rows, on 30 to a leaf.
    chunk_rows : int, default=65536
        Rows whose normal equations one task sums, in any place: rounding follows from the number of rows alone.
        A thousandth of all rows, if that is more.
    """

    exact_up_to: int = 10_000
    packed_up_to: int = 50_000
    n_pilot_rows: int = 10_000
    n_landmarks: int = 8000
    landmark_work: float = 2e13
    n_learning_landmarks: int = 2500
    n_global_rounds: int = 1
    n_agop_rows: int = 5000
    leaf_rows: int = 5000
    n_trees: int = 6
    tree_rows: int = 800_000
    n_held_out_rows: int = 10_000
    n_sample_rows: int = 200_000
    chunk_rows: int = 2**16

    def sample_of(self, n_samples):
        """Rows from which columns and trees are learned: enough to tell the leaves of so many rows apart."""
        return max(self.n_sample_rows, SAMPLED_IN_LEAF * n_samples // self.leaf_rows_of(1))

    def chunk_of(self, n_samples):
        """Rows that one task handles, which follow each other."""
        return max(self.chunk_rows, -(-n_samples // MOST_CHUNKS))

    def trees_of(self, n_samples):
        """As many trees as so many rows can afford, three at least if there may be so many."""
        return min(self.n_trees, max(3, self.tree_rows // n_samples))

    @staticmethod
    def learns_residuals(number):
        """Whether a tree learns what the global machine leaves, instead of the targets."""
        return number % 4 >= 2

    def leaf_rows_of(self, number):
        """Most rows of a leaf of a tree."""
        return self.leaf_rows // (1 + number % 2)

    def for_losses(self, n_samples):
        """The same for losses other than squared error: a smaller pilot, and landmarks alone."""
        return replace(
            self,
            packed_up_to=0,
            n_trees=0,
            n_pilot_rows=min(self.n_pilot_rows, LOSS_PILOT_ROWS),
            n_landmarks=min(
                self.n_landmarks, max(math.ceil(math.sqrt(LOSS_LANDMARK_WORK / n_samples)), FEWEST_LOSS_LANDMARKS)
            ),
        )

    def landmarks_of(self, n_samples):
        """As many landmarks as so many rows can afford."""
        return min(self.n_landmarks, math.ceil(math.sqrt(self.landmark_work / n_samples)))


# Losses other than squared error: rows of the pilot, operations of a step of Newton's method with as many landmarks as
# these allow but some in any case, steps at most, and the gain of the last one, in units of loss.
# Bytes of kernel values with landmarks that are kept from one step to the next.
KEPT_VALUES = 1e9
LOSS_PILOT_ROWS, LOSS_LANDMARK_WORK, FEWEST_LOSS_LANDMARKS, MAX_LOSS_STEPS, LOSS_GAIN = 5000, 3e11, 1500, 30, 1e-6
