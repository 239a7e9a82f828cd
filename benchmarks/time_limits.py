"""Limits on time: what was asked for, and what a fit took.

usage: time_limits.py [--tables 3000x500,2000x1000,12000x50] [--limits 5,10] [--classes 20] [--jobs 0,1]
                      [--models RFMRegressorCV,RFMClassifierCV,RFMRegressor,RFMClassifier]
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import numpy as np
from common import print_environment

import rfmlearn
from rfmlearn.runtime._threads import n_threads_in_force, thread_limit


def table(n, d, n_classes):
    """Numbers, of which three matter, with targets or labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    y = X[:, 0] * X[:, 1] + X[:, 2] + 0.1 * rng.normal(size=n)
    return X, np.searchsorted(np.quantile(y, np.arange(1, n_classes) / n_classes), y) if n_classes else y


def main():
    """One line for each model, table, limit and number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default="3000x500,2000x1000,12000x50")
    parser.add_argument("--limits", default="5,10")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--jobs", default="0", help="numbers of threads; 0 is as many as there are")
    parser.add_argument("--models", default="RFMRegressorCV,RFMClassifierCV,RFMRegressor,RFMClassifier")
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    print(f"{n_threads_in_force()} threads, load {os.getloadavg()[0]:.1f} (beside others, limits are harder to keep)")
    print(f"{'model':16}{'rows x columns':>16}{'threads':>9}{'asked, s':>10}{'took, s':>9}{'rounds or members':>19}")
    for name in args.models.split(","):
        Model, n_classes = getattr(rfmlearn, name), args.classes if "Classifier" in name else 0
        Model().fit(*table(60, 5, min(n_classes, 2)))  # compiles the loops
        for shape in args.tables.split(","):
            X, y = table(*map(int, shape.split("x")), n_classes)
            for limit in map(float, args.limits.split(",")):
                for jobs in map(int, args.jobs.split(",")):
                    with warnings.catch_warnings(), thread_limit(jobs or None):
                        warnings.simplefilter("ignore")
                        start = time.perf_counter()
                        model = Model(time_limit=limit, random_state=0).fit(X, y)
                        took = time.perf_counter() - start
                    size = model.n_iter_ + 1 if hasattr(model, "n_iter_") else len(model.weights_)
                    print(
                        f"{name:16}{shape:>16}{jobs or n_threads_in_force():9d}{limit:10.1f}{took:9.1f}{size:19d}",
                        flush=True,
                    )
                    if messages := [text for text in model.fit_warnings_ if "time_limit" in text]:
                        print("   ", messages[0])


if __name__ == "__main__":
    main()
