"""A row is predicted alone as it is among others, in single precision too."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rfmlearn import RFMClassifier, RFMRegressor
from rfmlearn.kernels import LaplaceKernel


@pytest.mark.parametrize("kernel", ["gaussian", LaplaceKernel(2.0, exponent=2.0)])
@pytest.mark.parametrize("alpha", ["auto", 1e-3])
@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMClassifier])
def test_smooth_kernels_in_single_precision(Estimator, kernel, alpha):
    rng = np.random.default_rng(0)
    X, new = (rng.normal(size=(n, 4)).astype(np.float32) for n in (400, 30))
    y = np.sin(2 * X[:, 0]) + X[:, 1]
    y = y if Estimator is RFMRegressor else (y > 0).astype(int)
    model = Estimator(kernel, alpha=alpha, max_iter=1, scaling="standard").fit(X, y)
    answer = model.predict if Estimator is RFMRegressor else model.predict_proba
    together, alone = answer(new), np.concatenate([answer(new[[i]]) for i in range(30)])
    assert together.dtype == np.float32
    assert_allclose(alone, together, atol=2e-6)
