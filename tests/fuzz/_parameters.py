"""Parameters of estimators, at and inside the edges that they declare, and now and then beyond."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit

from rfmlearn import kernels
from rfmlearn.images import ConvNTK, PatchLaplace
from rfmlearn.kernels import Kernel

# What costs time without showing anything new is held to so much.
LARGEST = {
    "max_iter": 3,
    "n_layers": 3,
    "n_random_features": 40,
    "n_filters": 8,
    "depth": 3,
    "pool": 3,
    "patch_size": 4,
    "max_members": 4,
}
# Of which nothing is to be found, or what is needed is decided elsewhere.
LEFT_ALONE = {"verbose", "categorical_features", "feature_matrix_init", "class_weight", "estimator", "image_shape"}
SIZES = (5e-324, 1e-300, 1e-100, 1e-20, 1e-10, 1e-3, 0.1, 0.5, 1.0, 1.5, 2.0, 1e3, 1e10, 1e20, 1e100, 1e300)


def parameters(rng, cls, share, beyond=0.02):
    """A value for some of the parameters of an estimator."""
    found = {}
    for name, constraints in cls._parameter_constraints.items():
        if name not in LEFT_ALONE and rng.random() < share:
            constraint = constraints[rng.integers(len(constraints))]
            found[name] = draw(rng, name, constraint, rng.random() < beyond)
    return found


def draw(rng, name, constraint, beyond=False):
    """One value that a constraint of scikit-learn allows, or one just beyond."""
    if hasattr(constraint, "options"):
        return "nonsense" if beyond else str(rng.choice(sorted(constraint.options)))
    if hasattr(constraint, "closed"):
        return number(rng, name, constraint, beyond)
    if constraint == "random_state":
        return np.random.RandomState(3) if rng.random() < 0.3 else int(rng.integers(2**31))
    if constraint == "boolean":
        return "perhaps" if beyond else bool(rng.integers(2))
    if constraint == "cv_object":
        return splits(rng)
    if constraint is Integral:  # n_jobs
        return int(rng.choice([1, 2, -1, 0]))
    if constraint is None:
        return None
    return some_object(rng, name, constraint)


def number(rng, name, interval, beyond):
    """At an edge, near it, or anywhere."""
    whole = interval.type is Integral
    low, high = interval.left, interval.right
    low = -np.inf if low is None else low
    high = np.inf if high is None else min(high, LARGEST.get(name, high))
    if beyond:
        return float("nan") if not whole else int(low) - 1
    if whole:
        high = min(high, LARGEST.get(name, low + 200))
        values = {int(low), int(low) + 1, int(low) + 2, int(high), int(high) - 1}
    else:
        values = {*SIZES, low, high, np.nextafter(low, np.inf), np.nextafter(high, -np.inf)}
    allowed = sorted(value for value in values if value in interval and low <= value <= high and np.isfinite(value))
    value = allowed[rng.integers(len(allowed))]
    return int(value) if whole else float(value)


def splits(rng):
    """A `cv`, proper or not."""
    proper = [2, 3, KFold(2), StratifiedKFold(2), ShuffleSplit(2, random_state=0), TimeSeriesSplit(2), GroupKFold(2)]
    odd = [1, [], [([0, 1, 2], [3, 4])], [([0, 1, 2, 3], [1000])], [([0, 1], [])], iter([([0, 1, 2, 3], [4])]), 1000]
    chosen = proper if rng.random() < 0.7 else odd
    return chosen[rng.integers(len(chosen))]


def some_object(rng, name, constraint):
    """A kernel, a callback, a scorer, settings."""
    if constraint is Kernel:
        cls = getattr(kernels, str(rng.choice(["LaplaceKernel", "GaussianKernel", "LpqLaplaceKernel"])))
        return cls(float(rng.choice([1e-10, 0.5, 3.0, 1e10])))
    if isinstance(constraint, type) and name == "kernel":
        return PatchLaplace(2, bandwidth=0.5) if rng.random() < 0.5 else ConvNTK(2, depth=1)
    if name == "callback":
        return (stop_at_once, go_on)[rng.integers(2)]
    if name == "scoring":
        return str(rng.choice(["r2", "neg_mean_squared_error", "accuracy", "neg_log_loss", "roc_auc", "max_error"]))
    if name == "settings":
        return settings(rng)
    return None


def settings(rng):
    """One or two candidates of a search that cost little."""
    kernel = str(rng.choice(["laplace", "gaussian", "lpq_laplace", "sum_power_laplace"]))
    form = str(rng.choice(["full", "diagonal", "block"]))
    first = {"kernel": kernel, "max_iter": int(rng.integers(2)), "feature_matrix": form}
    return [first, {"max_iter": 0}][: 1 + int(rng.integers(2))]


def stop_at_once(iterate):
    return True


def go_on(iterate):
    return False
