"""What fits with other losses than squared error spend, each figure with its reason."""

from __future__ import annotations

from ._budget import ALPHAS

# Where quantiles are fitted, this share of the rows left out lies in the window in which the loss is smooth: on half of
# it and on twice as much pinball losses were larger by 1 to 4 % at .05 and .95. Huber's loss is linear beyond so many
# deviations, which loses 5 % of efficiency for normal errors.
SMOOTHED_SHARE, HUBER_WIDTH = 0.2, 1.35
# Logarithms of means beyond which they are cut off, so that squares of their exponentials do not overflow.
LARGEST_LOG = 300.0
# Newton's method: steps, halvings of a step, the ridge of rows that have no curvature, and up to which share of rows
# that have one the system of these is copied instead of factored in place.
MAX_NEWTON_STEPS, MAX_STEP_CUTS, LARGEST_WORKING_RIDGE, REDUCED_UP_TO = 100, 12, 1e7, 0.85
# Share of the Gram matrix that is copied at a time then: the square of that share, and what it has with other rows.
COPIED_SHARE = 1.0
# Share of a step below which it is cut short; and what is worth a warning if steps do not suffice to gain it.
SHORT_STEP, WORTH_TELLING = 0.1, 1e-4
# Decisions follow from dual coefficients times ridges where these round by less than that.
LARGEST_ROUNDING = 1e-9
# Ridges that are compared: targets may be mostly noise, as numbers of claims are. The search begins at a large one, as
# their systems are solved in few steps; small ones may all interpolate, and be alike.
LOSS_ALPHAS, FIRST_LOSS_RIDGE = (*ALPHAS, 10.0, 30.0, 100.0), 1.0
# The smallest ridge, of which the inverse is a bound of dual coefficients, that numbers can be told apart with.
SMALLEST_LOSS_RIDGE = 1e-10
# Rows on which features are learned by the loss, after rounds of squared error on all rows.
N_LOSS_LEARNING_ROWS = 2500
# Gains that end Newton's method, in units of loss: in rounds that learn, where ridges are compared, in the last round.
LEARNING_GAIN, COMPARISON_GAIN, EXACT_GAIN = 1e-4, 1e-5, 1e-12
