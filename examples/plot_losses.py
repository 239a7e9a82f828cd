"""
Quantiles, costs and counts
===========================

Squared error asks for the mean. Where too little costs more than too much, where the spread matters as much as the
middle, or where the target is a number of events, another question is the right one, and ``loss`` asks it.
"""

# %%
# Quantiles
# ---------
#
# A stand sells more ice when it is warm, and on warm days sales vary more. Five quantiles are learned in one fit; they
# do not cross. They lie close together in the cold and far apart in the heat, farther above the median than below it.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import d2_tweedie_score

from rfmlearn import RFMRegressor

LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
rng = np.random.default_rng(0)


def draw_days(n):
    """Temperatures of n days, and portions that could have been sold."""
    degrees = rng.uniform(0, 35, n)
    return degrees[:, None], rng.gamma(6, (20 + 180 / (1 + np.exp((22 - degrees) / 4))) / 6)


X, demand = draw_days(1500)
temperature = X[:, 0]
X_new, demand_new = draw_days(5000)
fan = RFMRegressor(loss="quantile", quantile=LEVELS, random_state=0).fit(X, demand)
below = (demand_new[:, None] <= fan.predict(X_new)).mean(axis=0)
for level, share in zip(LEVELS, below, strict=True):
    print(f"quantile {level:.2f}: {share:.3f} of new days lie below")

# %%
# Costs
# -----
#
# How many portions should be made? One that is missing loses 4 of profit, one that is left over 1. The cheapest order
# is the quantile of the demand at 4 / (4 + 1): on so many days there should be enough. Whoever orders the mean pays
# more.

MISSING, LEFT_OVER = 4.0, 1.0


def cost(order):
    """Mean cost of a new day."""
    return np.mean(MISSING * np.maximum(demand_new - order, 0) + LEFT_OVER * np.maximum(order - demand_new, 0))


levels = np.array([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98])
orders = RFMRegressor(loss="quantile", quantile=levels, random_state=0).fit(X, demand).predict(X_new)
costs = [cost(order) for order in orders.T]
best_level = MISSING / (MISSING + LEFT_OVER)
of_mean = cost(RFMRegressor(random_state=0).fit(X, demand).predict(X_new))
print(f"order the quantile {best_level:.2f}: {costs[list(levels).index(best_level)]:.1f} a day")
print(f"order the mean: {of_mean:.1f} a day")

# %%
# Counts
# ------
#
# Claims of drivers who were insured for a part of a year. The target is the number of claims by year, weighed by the
# years insured, as in scikit-learn. The logarithm of the rate is learned, so that rates are positive. A rate of .02
# instead of .04 is as far off as one of .2 instead of .4. Squared error hardly sees the former, and predicts rates
# below zero.


def draw_drivers(n):
    """Ages, distances and two columns that say nothing; years insured; and claims by year."""
    X, years = rng.normal(size=(n, 4)), rng.uniform(0.1, 1, n)
    X[:, 0] = rng.uniform(18, 90, n)
    return X, years, rng.poisson(years * rate(X[:, 0], X[:, 1])) / years


def rate(age, distance):
    """Claims expected in a year."""
    return np.exp(-4 + 3 * np.exp(-(((age - 18) / 15) ** 2)) + 2 / (1 + np.exp((75 - age) / 4)) + 0.8 * distance)


X, years, claims = draw_drivers(2500)
X_new, years_new, claims_new = draw_drivers(20_000)
poisson = RFMRegressor(loss="poisson", random_state=0).fit(X, claims, sample_weight=years)
squared = RFMRegressor(random_state=0).fit(X, claims, sample_weight=years)
print(f"poisson: {poisson.score(X_new, claims_new, years_new):.3f} of the deviance explained")
not_positive = np.mean(squared.predict(X_new) <= 0)
kept = np.maximum(squared.predict(X_new), 0.01)
score = d2_tweedie_score(claims_new, kept, sample_weight=years_new, power=1)
print(f"squared error, cut off at .01: {score:.3f}, as {not_positive:.0%} of its rates are not positive")

# %%
# Left, quantiles of sales, and the days of training. In the middle, what a day costs by the quantile that is ordered:
# it is cheapest near the ratio of costs, 4 / (4 + 1). Right, rates of drivers whose other columns are zero, on a
# logarithmic scale; where the curve of squared error is not to be seen, it is below zero.

fig, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
grid = np.linspace(0, 35, 300)
curves = fan.predict(grid[:, None]).T
axes[0].scatter(temperature, demand, s=5, color="tab:gray", alpha=0.5, linewidth=0)
axes[0].fill_between(grid, curves[0], curves[-1], color="tab:blue", alpha=0.2, linewidth=0, label="5 to 95 %")
axes[0].fill_between(grid, curves[1], curves[-2], color="tab:blue", alpha=0.3, linewidth=0, label="25 to 75 %")
axes[0].plot(grid, curves[2], color="tab:blue", label="median")
axes[0].set(title="quantiles", xlabel="temperature", ylabel="portions", xlim=(0, 35), ylim=(0, None))

axes[1].plot(levels, costs, color="tab:blue", marker="o", markersize=3, label="a quantile")
axes[1].axhline(of_mean, color="tab:orange", linestyle="--", label="the mean")
axes[1].axvline(best_level, color="black", linewidth=0.8, label="ratio of costs")
axes[1].set(title="costs", xlabel="quantile that is ordered", ylabel="cost of a day", ylim=(0, None))

ages = np.linspace(18, 90, 300)
rows = np.column_stack([ages, np.zeros((len(ages), 3))])
axes[2].plot(ages, rate(ages, 0), color="black", linewidth=0.8, label="true")
axes[2].plot(ages, poisson.predict(rows), color="tab:blue", label="poisson")
axes[2].plot(ages, squared.predict(rows), color="tab:orange", linestyle="--", label="squared error")
axes[2].set(title="counts", xlabel="age", ylabel="claims a year", yscale="log", ylim=(0.003, None))
for ax, place in zip(axes, ("upper left", "lower left", "upper center"), strict=True):
    ax.legend(loc=place, fontsize="small")
plt.show()
