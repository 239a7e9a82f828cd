"""Estimators that divide a table of a few hundred rows as others do one of many thousands, and recursions of them."""

import numpy as np
from estimator_data import classification, regression

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV
from rfmlearn.kernels._points import as_points
from rfmlearn.rfm._settings import make_recursion
from rfmlearn.runtime._large_budget import LargeBudget
from rfmlearn.solvers import Weights

SMALL = LargeBudget(
    exact_up_to=150, packed_up_to=0, n_pilot_rows=120, n_landmarks=60, n_learning_landmarks=40, n_agop_rows=100,
    leaf_rows=70, n_trees=3, n_held_out_rows=60,
)  # fmt: skip


class SmallRegressor(RFMRegressor):
    large_budget = SMALL


class SmallClassifier(RFMClassifier):
    large_budget = SMALL


class SmallRegressorCV(RFMRegressorCV):
    large_budget = SMALL


class SmallClassifierCV(RFMClassifierCV):
    large_budget = SMALL


SINGLE = [SmallRegressor, SmallClassifier]
SEARCHES = [SmallRegressorCV, SmallClassifierCV]
FEW = [{"max_iter": 1}, {"kernel": "gaussian", "max_iter": 1}]


def data_for(Estimator, n=400):
    """A table and a target of numbers, or of three classes."""
    return regression(n) if issubclass(Estimator, (RFMRegressor, RFMRegressorCV)) else classification(n)


def values(model, X):
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


def large_recursion(X, Y, sample_weight=None, *, groups=None, budget=SMALL, **parameters):
    """The recursion of an array, not scaled, and of targets as they are."""
    points = as_points(X)
    weights = Weights.of(np.ones(len(points)) if sample_weight is None else sample_weight, groups=groups)
    names = [f"x{k}" for k in range(points.n_coordinates)]
    model = RFMRegressor(solver="two_level", **parameters)
    return make_recursion(model, points, names, Y, weights, np.random.RandomState(0), large=budget)


def finished(recursion, max_iter=1):
    """The round of all rows."""
    *_, last = recursion.rounds(max_iter)
    return recursion.finish(last, is_latest=True)
