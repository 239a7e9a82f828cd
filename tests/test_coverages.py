"""Several coverages at once: what each of them gives alone, along a last axis, in their order."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rfmlearn import RFMClassifierCV, RFMRegressorCV

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X[:, 0] + 0.3 * RNG.normal(size=60)
COVERAGES = [0.9, 0.5, 0.8]
FEW = [{"max_iter": 0}]


@pytest.fixture(scope="module")
def regressor():
    return RFMRegressorCV(FEW, cv=3, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def classifier():
    return RFMClassifierCV(FEW, cv=3, random_state=0).fit(X, np.digitize(Y, [-0.5, 0.5]))


@pytest.mark.parametrize("given", [list, tuple, np.array, lambda c: np.array(c, dtype=np.float32)])
def test_intervals(given, regressor):
    coverages = given(COVERAGES)
    found = regressor.predict_interval(X[:7], coverage=coverages)
    assert found.shape == (7, 2, 3)
    for k, coverage in enumerate(coverages):
        assert_array_equal(found[:, :, k], regressor.predict_interval(X[:7], coverage=coverage))
    assert (found[:, 0, 0] < found[:, 0, 1]).all() and (found[:, 1, 0] > found[:, 1, 1]).all()


def test_intervals_of_several_outputs():
    model = RFMRegressorCV(FEW, cv=3, random_state=0).fit(X, np.c_[Y, -Y])
    assert model.predict_interval(X[:7], coverage=COVERAGES).shape == (7, 2, 2, 3)
    assert model.predict_interval(X[:7], coverage=[0.5]).shape == (7, 2, 2, 1)


@pytest.mark.parametrize("randomized", [True, False])
@pytest.mark.parametrize("method", ["lac", "aps", "raps"])
def test_sets(method, randomized, classifier):
    options = {"method": method, "randomized": randomized}
    found = classifier.predict_set(X, coverage=COVERAGES, **options)
    assert found.shape == (60, 3, 3) and found.dtype == bool
    for k, coverage in enumerate(COVERAGES):
        assert_array_equal(found[:, :, k], classifier.predict_set(X, coverage=coverage, **options))
    if method != "raps":  # sets of a larger coverage hold those of a smaller one, also where both are drawn
        assert (found[:, :, 1] <= found[:, :, 2]).all() and (found[:, :, 2] <= found[:, :, 0]).all()


@pytest.mark.parametrize("coverage", [[], [[0.9]], [0.9, 1.0], [0.9, None], ["0.9"], [0.9999]])
def test_bad_coverages(coverage, regressor, classifier):
    for ask in (regressor.predict_interval, classifier.predict_set):
        with pytest.raises(ValueError, match="coverage"):
            ask(X, coverage=coverage)
