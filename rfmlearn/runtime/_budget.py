"""Numbers of rows, sizes of blocks, and thresholds that decide how much is computed and in which way, with reasons.

They are no parameters of models. Who wants another value passes it: functions have them as defaults of arguments, and
classes as an attribute, of which a subclass may have another. `BLOCK`, `STRIP` and `LANES` are compiled into loops, and
numba's cache does not see that they have changed: empty it then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Threads ---------------------------------------------------------------------------------------------------------

# Below this many elementary operations a second thread costs more than it brings.
WORTH_A_THREAD = 500_000
# Rows that a thread takes at a time, and those of a matrix product. The number of threads does not change them, so that
# it cannot change a result either, not even by rounding.
PIECE, PRODUCT_PIECE = 128, 256

# Targets ---------------------------------------------------------------------------------------------------------

# Numbers beyond it are refused: differences and sums of them might be infinite.
LARGEST_TARGET = 1.8e306
# Standard deviations of targets from their mean, beyond which squares of validation errors might be infinite.
LARGEST_CODE = 1e150
# Least squares tells probabilities no more closely: its estimates may be negative by as much.
UNSURE_PROBABILITY = 0.03
# Losses of two calibrations that differ by a smaller share are equal: the order of the rows must not decide.
SAME_LOSS = 1e-9

# Weights ---------------------------------------------------------------------------------------------------------

# Whole weights up to this are repetitions; the unit of weights, by which ridges are multiplied, stays below the other.
MOST_REPETITIONS, LARGEST_UNIT = 1e9, 1e305
# Weights of classes, or one divided by them, must not exceed it: products with weights of rows stay finite.
LARGEST_CLASS_WEIGHT = 1e40
# Sums of weights that differ by less than this share are equal: thirds of a row, for instance, add up with rounding.
SAME_SHARE = 1e-10

# Kernels ---------------------------------------------------------------------------------------------------------

# Rows and columns of the blocks in which a triangle is turned over.
BLOCK = 64
# Columns that the coordinate loops take at once: what they touch stays in the first-level cache.
STRIP = 1024
# Sums that a function of one's own is given at once: they, its values and its slopes stay in the second-level cache.
CHUNK = 2**14
# Squared distances below this share of the norms are computed anew from differences. It says nothing of whether points
# are the same: near ones are to keep their digits.
CANCELLED: dict[type, float] = {np.float64: 1e-6, np.float32: 1e-2}
# Bandwidths, and ones divided by them, up to which their squares are numbers of a precision with digits to spare.
BANDWIDTH_REACH: dict[type, float] = {np.float32: 1e18, np.float64: 1e100}
# The same for coordinates of training points, whose squares are summed, and which are multiplied by learned matrices.
POINT_REACH: dict[type, float] = {np.float32: 1e16, np.float64: 1e75}
# Coordinates farther from zero than so many times what they vary by are not rounded to float32 where float64 will do.
LARGEST_OFFSET = 300.0
# The code of 1 in 16-bit fixed point; rows of a tile of it: half a megabyte, which the second-level cache holds.
FIXED_POINT_ONE, PACKED_TILE = 65535, 512
# Columns by which such a tile is multiplied in a loop that reads codes, and, beyond, by a matrix product of numbers;
# and so many at a time, lest what is collected of each thread leave the caches.
LOOPED_COLUMNS, MULTIPLIED_COLUMNS = 12, 256
# Indicators of so many levels for each categorical column are a sparse matrix: the product with it is then cheaper.
SPARSE_FROM = 64


@dataclass(frozen=True, kw_only=True)
class PairBudget:
    """How a kernel works through pairs of points.

    Attributes
    ----------
    tile : tuple of int, default=(512, 4096)
        Rows and columns of a tile: 16 MB in float64, so that it stays in the last cache between its passes.
    worth_a_thread : int, default=500_000
        As `WORTH_A_THREAD`.
    """

    tile: tuple[int, int] = (512, 4096)
    worth_a_thread: int = WORTH_A_THREAD


# Solvers ---------------------------------------------------------------------------------------------------------

# A row with a ridge this much larger than the kernel's diagonal has no say; its square is finite in float32.
LARGEST_RIDGE = 1e15
# How often a matrix that rounding makes indefinite is factored again, each time with ten times the jitter.
MAX_JITTERS = 6
# Rows of a triangle that LAPACK factors at once: it works at full speed on so many, and crashes on twice as many.
FACTORED_ROWS = 8192
# Rows of a triangle whose squares are summed at once.
TRIANGLE_ROWS = 256
# Steps of conjugate gradients after which a solution counts as not found.
MAX_STEPS = 100
# Up to so many columns a preconditioner multiplies one by one, which is faster for a few.
ONE_BY_ONE = 8

# Recursion -------------------------------------------------------------------------------------------------------

# Ridges that are compared, each about three times the last; the kernel's diagonal is 1.
ALPHAS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)
# Where the search for a ridge begins in the first round; later ones begin where the last one ended.
FIRST_RIDGE = 1e-2
# Rows whose pairs decide the bandwidth: the median of half a million pairs is known to a fraction of a per cent.
N_BANDWIDTH_ROWS = 1000
# Rows on which ridges are compared, in closed form but at m^3 operations for each.
N_RIDGE_ROWS = 1000
# Rows whose scores calibrate probabilities: two numbers and one a class are fitted to them.
N_CALIBRATION_ROWS = 3000
# Rows of which errors tell where they are large: a function that is smooth, at m^3 operations for each ridge.
N_SCALE_ROWS = 2000
# Sizes of errors below this share of a typical one are much the same: by how little one is missed is chance.
ERROR_FLOOR = 0.3
# Where the search for the ridge of such a function begins: sizes of errors are mostly chance.
FIRST_SCALE_RIDGE = 0.3
# Rows that must have errors before these are told apart by place.
FEWEST_SCALE_ROWS = 50
# Rows over which the AGOP that is only looked at is averaged where rounds are approximate.
N_INSPECTED_ROWS = 1000
# The same where a limit on time leaves no room for rounds of feature learning.
N_FEW_AGOP_ROWS = 100
# Rows whose columns precondition a system, a tenth of all at most; smaller systems are never preconditioned.
N_LANDMARKS, PRECONDITIONED_FROM = 600, 500
# Entries of the gradient that are held at once: 256 MB in float64.
GRADIENT_ENTRIES = 2**25
# Over more coordinates than this, the eigenvectors of a feature matrix take half a minute in every round.
SLOW_BLOCK = 4000
# From so many rows on, rounds that only learn the feature matrix are solved by conjugate gradients.
ITERATIVE_FROM = {"auto": 2500, "cg": 500, "cholesky": math.inf, "packed": 0}
# From so many rows on, rounds that only learn the feature matrix are solved in float32, for half the time, if no ridge
# is smaller than the other.
QUICK_FROM, SMALLEST_QUICK_RIDGE = 600, 1e-5
# From so many rows on, a float32 factor and its refinement are faster than a float64 factor, for kernels whose
# products with a vector are cheap.
MIXED_FROM = 6000
# Rows on which features are learned for a machine of all rows with a packed Gram matrix: more make no better ones.
N_LEARNING_ROWS = 5000
# Relative residual of such a machine, whose Gram matrix is rounded to 1e-5.
PACKED_RESIDUAL = 1e-4
# A column in so many preconditions it, within these bounds: making more of them takes longer than the steps they save.
PACKED_LANDMARKS_EVERY, PACKED_LANDMARKS = 50, (600, 2000)
# Noise that such rounding may add to predictions, beside errors of rows left out, before that is told of.
LARGEST_ROUNDING_SHARE = 0.1
# Entries of its inverse follow from systems of so many near rows for each, at most so many for a group; and from
# solutions for so many vectors of random signs, of so small a residual, that say how large they are on average.
N_NEIGHBOURS, MOST_NEIGHBOURS, N_PROBES, PROBE_RESIDUAL = 64, 1024, 4, 1e-2
# Relative residual of refined solutions, and how many steps of refinement are tried before float64 factors.
EXACT_RESIDUAL, MAX_REFINEMENTS = 1e-8, 20
# Rows of the array that is factored to learn how fast this machine is, where a time limit is to be kept.
PROBED_ROWS = 600
# On wide tables an AGOP takes about so many times as long as a round without one; and that after the last round, as a
# round with one does.
AGOP_SHARE, LAST_AGOP_SHARE = 1.5, 0.9
# That of so many outputs; more take longer in proportion.
OUTPUTS_OF_AGOP_SHARE = 4
# Workspaces of the loops, and gradients of a few thousand rows.
FIXED_BYTES = 2**26

# Search ----------------------------------------------------------------------------------------------------------

# Folds of the default splits; folds that are not all of the same size are as large as they should be up to this share.
N_FOLDS, ABOUT = 5, 0.95
# Where many test rows are thinned, each split of the user's keeps so many: they cost little beside the fit.
FEWEST_TEST_ROWS = 100
# Where a full feature matrix over more coordinates than this would be learned, it is left out: its eigenvectors cost
# d^3 operations in every round of every fold.
MAX_FULL = 400
# On more numeric columns than this, kernels whose every coordinate costs several powers are left out: they take three
# to seven times as long as the others, which on so many columns is minutes.
MAX_SLOW = 1000
# Averages of so many coded targets for every category would make more columns than they are worth.
MAX_CODED_OUTPUTS = 6
# Splits of the user's that have more copies of test rows among training rows are told of.
PARTED_COPIES = 0.1
# From so many rows on members of an ensemble are solved with packed Gram matrices.
PACKED_MEMBERS_FROM = 5000
# Predictions that an ensemble takes in all, one of them perhaps many times.
N_TAKEN = 25
# Probabilities of other families are raised to it: trees are often sure of what they cannot know.
SMALLEST_EXTRA_PROBABILITY = 1e-4
# Share of a limit on time that one of them may take.
EXTRA_SHARE = 0.25
# Members of less weight are dropped, since every member costs time in prediction.
SMALLEST_MEMBER = 0.05


# Where a search has a limit on time: rows on which each setting is tried, as far as that takes next to nothing; share
# of the limit that all trials may take together; share of what is left then that one member may take; share that is
# kept for what nobody predicts.
PILOT_ROWS, PILOT_SHARE = (40, 120, 360), 0.15
MAX_MEMBER_SHARE, SPARE_SHARE = 0.45, 0.05
# Fewest training rows of such a search; and fewest for the sake of more settings.
SMALLEST_SEARCH = (80, 300)
# What each of several threads brings, beside one alone.
TEAM_GAIN = 0.8


@dataclass(frozen=True)
class RungBudget:
    """A rung of a search, on which settings are compared before fewer of them go on.

    Attributes
    ----------
    n_rows, n_folds : int
        Training rows, and how many of five folds, at most; as many test rows where there are other splits.
    n_tested : int
        No more folds than have so many rows in their test parts: a fold more than that would better be one of more
        training rows.
    n_survivors : int
        Settings that go on; where there are no more, the rung is left out.
    """

    n_rows: int
    n_folds: int
    n_tested: int
    n_survivors: int


@dataclass(frozen=True, kw_only=True)
class SearchBudget:
    """What a search spends.

    Attributes
    ----------
    n_repeats, repeated_up_to : int, default=3 and 400
        How often the default splits are repeated up to so many rows: on few rows one split is a lottery.
    rungs : tuple of RungBudget
        Before the last rung, which has all folds.
    n_search_samples : int, default=1500
        Rows of the last rung, of which each fold trains on some.
    n_tested : int, default=3000
        Rows of its test parts, which cost little.
    max_members : int, default=6
        Machines in the ensemble.
    smallest_ridge_in_float32 : float, default=1e-5
        Machines that are only compared take float32, for half the time, if no ridge is smaller than this.
    float32_from : int, default=150
        Rows from which on they do: on fewer it saves next to nothing, and the order of rows decides about digits.
    side_by_side_from : int, default=250
        From so many rows on folds and settings are fitted in threads.
    refit_together : int, default=3000
        Up to so many rows members are fitted side by side, each with a square array of its own.
    doubt : int, default=100
        The ensemble is held to the default machine as if by so many rows of evidence for it.
    n_ridge_rows, n_bandwidth_rows : int, default=500 and 400
        Rows on which a recursion compares ridges and measures distances: fewer than in a single fit, where time
        matters less.
    """

    n_repeats: int = 3
    repeated_up_to: int = 400
    rungs: tuple[RungBudget, ...] = (RungBudget(600, 3, 400, 6), RungBudget(600, 3, 3000, 3))
    n_search_samples: int = 1500
    n_tested: int = 3000
    max_members: int = 6
    smallest_ridge_in_float32: float = 1e-5
    float32_from: int = 150
    side_by_side_from: int = 250
    refit_together: int = 3000
    doubt: int = 100
    n_ridge_rows: int = 500
    n_bandwidth_rows: int = 400


EFFORTS: dict[str, SearchBudget] = {
    "low": SearchBudget(),
    "medium": SearchBudget(),
    "high": SearchBudget(
        repeated_up_to=1500,
        rungs=(RungBudget(1200, 3, 800, 10), RungBudget(1200, 5, 5000, 5)),
        n_search_samples=3000,
        n_tested=5000,
        max_members=12,
    ),
}

# Tables ----------------------------------------------------------------------------------------------------------

# Numbers are converted to float64 so many at a time: 2 MB, which caches hold. But eight columns at least, as many as
# lie on a cache line of a table stored by rows.
COLUMN_ENTRIES, FEWEST_COLUMNS = 2**18, 8
# Rows that are encoded at a time, of all columns in turn: their numbers stay in caches. Smaller tables are taken whole.
ENCODED_ROWS = 2**14
# Rows whose predictions are computed at a time: points, and what a machine makes of them, are of the size of so many.
BLOCK_ROWS = 2**16
# Numbers of a column that differ by so many roundings may be images of the same number.
ROUNDINGS = 16
# Outcomes at one place agree within this share of the interquartile range: no noise worth its name is so small.
AGREEMENT = 1e-3
# Outcomes at one place that agree by chance as rarely as this do it for another reason: they are copies.
CHANCE = 0.05
# Rows of a table of categories coincide up to so many times as often as if its columns were independent.
MORE_THAN_CHANCE = 1.5
# Numbers of rows in fewer cells may have a factor in common by chance.
FEWEST_CELLS = 10
# Outcomes that fewer pairs of rows share hardly ever coincide.
COINCIDENCE = 0.01
# Parts of the training rows, of which each is coded by averages of targets over the others.
N_TARGET_FOLDS = 5
# Values of a column between which normal scores are interpolated, at most.
MAX_KNOTS = 1025
# A scaled number beyond it says no more, and its square still fits float32.
MAX_SCORE = 2.0**48

# Gradients of any estimator, and of networks -----------------------------------------------------------------------

# Entries of the gradient that are computed at once: 64 MB in float64, and a few times that on the way.
INPUT_GRADIENT_ENTRIES = 2**23
# Closed forms take so many rows at a time, as they also hold arrays of rows by training rows.
CLOSED_FORM_ROWS = 1024
# Rows at which steps of differences are tried: enough to see a tree move, and few beside those to be averaged.
N_PROBED_ROWS = 32
# As many outputs of a network are differentiated one by one; more are replaced by as many random combinations.
MAX_EXACT_OUTPUTS = 64

# Images ----------------------------------------------------------------------------------------------------------

# Sizes of values whose squares, and products with gradients, float32 can hold.
LARGEST_PIXEL = 1e13
# Ridges that are compared, in units of the mean of the kernel's diagonal.
IMAGE_ALPHAS = (1e-5, *ALPHAS)
# Images that pass the layers at a time, and a random convolution.
LAYER_IMAGES, CONVOLVED_IMAGES = 256, 64
# Numbers of cut patches that a block of images may have, 32 MB in float32, and images of a block whose patches are
# measured, at most.
PATCH_ENTRIES, MEASURED_IMAGES = 2**23, 64
# Images between which a kernel's values are handled at a time: that many float32 fill a cache line.
LANES = 16
# Unused entries after each place: places would lie a power of two apart, where caches keep few lines.
SKEW = 16
# Bytes that derivatives of a block take in a thread, in float32.
THREAD_BYTES = 2**27
# Rows that are copied at once from the lower triangle of a Gram matrix to the upper one.
MIRRORED_ROWS = 512


@dataclass(frozen=True, kw_only=True)
class ImageKernelBudget:
    """How a kernel of images works through pairs of them.

    Attributes
    ----------
    x_images, z_images : int, default=16 and 64
        Images that a tile takes from either side; a tile of more would leave the second-level cache.
    patch_entries : int, default=2**23
        As `PATCH_ENTRIES`.
    gradient_x_images, gradient_z_images : int, default=32 and 16
        The same where gradients are taken: centres of a tile, and images of a block at most.
    gradient_entries : int, default=2**25
        Numbers that the derivatives of a block may be: 128 MB in float32.
    summed_images : int, default=256
        Images whose sums of outer products are kept apart.
    """

    x_images: int = 16
    z_images: int = 64
    patch_entries: int = PATCH_ENTRIES
    gradient_x_images: int = 32
    gradient_z_images: int = 16
    gradient_entries: int = 2**25
    summed_images: int = 256


@dataclass(frozen=True, kw_only=True)
class ImageBudget:
    """Images drawn at random for what a fit of `ConvRFMClassifier` compares, if there are more.

    Attributes
    ----------
    left_out : int, default=2000
        On these ridges, rounds and layers are compared.
    tried : int, default=500
        On these it is tried whether to standardize.
    """

    left_out: int = 2000
    tried: int = 500
