"""What the benchmarks share: a problem of any size, and loops that are compiled before anything is timed."""

import numpy as np

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor

SINGLE = {"RFMRegressor": RFMRegressor, "RFMClassifier": RFMClassifier}


def problem(name, n, d=20):
    """Standard normal X, and y = x0 x1 + sin(2 x2) + noise, or its sign for classifiers."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.1 * rng.standard_normal(n)
    return X, y if "Regressor" in name else y > 0


class Compiled:
    """Benchmarks whose compiled loops lie in numba's cache: asv calls setup_cache once, in a process of its own."""

    timeout = 600

    def setup_cache(self):
        """Fit everything once."""
        for name, Model in SINGLE.items():
            X, y = problem(name, 100)
            Model().fit(X, y).predict(X)
        RFMClassifierCV(random_state=0).fit(*problem("RFMClassifierCV", 100))
