"""A fit that fails leaves the estimator as it was: the old model, or none."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Ridge

from rfmlearn import (
    AGOPFeatureMap,
    ConvRFMClassifier,
    DeepRFMClassifier,
    DeepRFMRegressor,
    RFMClassifier,
    RFMClassifierCV,
    RFMRegressor,
    RFMRegressorCV,
)
from rfmlearn.solvers import CholeskyFactor, RidgePath

RNG = np.random.default_rng(0)
X, OTHER = RNG.normal(size=(40, 3)), 1000 * RNG.normal(size=(40, 3))
Y, LABELS = X[:, 0], (X[:, 0] > 0).astype(int)
FEW = [{"max_iter": 1}]
ESTIMATORS = [
    (RFMRegressor(max_iter=1), Y),
    (RFMClassifier(max_iter=1), LABELS),
    (RFMRegressorCV(FEW, cv=2, random_state=0), Y),
    (RFMClassifierCV(FEW, cv=2, random_state=0), LABELS),
    (DeepRFMRegressor(n_layers=2, n_random_features=8, random_state=0), Y),
    (DeepRFMClassifier(n_layers=2, n_random_features=8, random_state=0), LABELS),
    (AGOPFeatureMap(random_state=0), Y),
    (ConvRFMClassifier(image_shape=(1, 3), patch_size=1, depth=1, max_iter=1, random_state=0), LABELS),
]


def answer(model, X):
    return model.transform(X) if isinstance(model, AGOPFeatureMap) else model.predict(X)


class Interrupted(KeyboardInterrupt):
    """What a user does who has waited long enough."""


def interrupt_after(monkeypatch, n_calls):
    """Let the n-th system that is solved be the last."""
    calls = []
    for solver in (CholeskyFactor, RidgePath):
        init = solver.__init__

        def counting(self, *args, init=init, **keywords):
            calls.append(1)
            if len(calls) > n_calls:
                raise Interrupted
            init(self, *args, **keywords)

        monkeypatch.setattr(solver, "__init__", counting)


@pytest.mark.parametrize("n_calls", [0, 3])
@pytest.mark.parametrize(("model", "y"), ESTIMATORS, ids=lambda value: type(value).__name__)
def test_an_interrupted_fit_leaves_what_was_there(model, y, n_calls, monkeypatch):
    model = pickle.loads(pickle.dumps(model))
    with monkeypatch.context() as patch:
        interrupt_after(patch, n_calls)
        with pytest.raises(Interrupted):
            model.fit(X, y)
    with pytest.raises(NotFittedError):
        answer(model, X)
    expected, before = answer(model.fit(X, y), X), vars(model).copy()
    with monkeypatch.context() as patch:
        interrupt_after(patch, n_calls)
        with pytest.raises(Interrupted):
            model.fit(OTHER[:, :3], y[::-1])
    assert vars(model) == before or vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(answer(model, X), expected)


def test_a_refused_target_leaves_names_and_number_of_columns():
    model = RFMRegressor(max_iter=0).fit(X, Y)
    with pytest.raises(ValueError, match="y"):
        model.fit(np.c_[X, X], None)
    assert model.n_features_in_ == 3
    assert np.isfinite(model.predict(X)).all()


def test_a_failing_callback_leaves_the_old_model():
    def fail(current):
        raise RuntimeError("no more")

    model = RFMRegressor(max_iter=1).fit(X, Y)
    expected = model.predict(X)
    with pytest.raises(RuntimeError, match="no more"):
        model.set_params(callback=fail).fit(OTHER, Y)
    np.testing.assert_array_equal(model.predict(X), expected)


def test_a_failing_estimator_leaves_the_old_map():
    model = AGOPFeatureMap(Ridge()).fit(X, Y)
    expected = model.transform(X)
    with pytest.raises(ValueError, match="alpha"):
        model.set_params(estimator__alpha=-1.0).fit(OTHER, Y)
    np.testing.assert_array_equal(model.transform(X), expected)


@pytest.mark.parametrize(("model", "y"), ESTIMATORS, ids=lambda value: type(value).__name__)
def test_fit_keeps_its_signature(model, y):
    assert "sample_weight" in inspect.signature(model.fit).parameters
    assert "Parameters" in model.fit.__doc__


@pytest.mark.parametrize(("model", "y"), ESTIMATORS[:3:2], ids=lambda value: type(value).__name__)
def test_warnings_of_a_fit_point_to_its_caller(model, y):
    twice, settings = np.r_[X, X + 1e-12], {"alpha": 1e-300, "kernel": "gaussian", "max_iter": 1}
    model = RFMRegressor(**settings) if isinstance(model, RFMRegressor) else RFMRegressorCV([settings], cv=2)
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(twice, np.r_[y, y])
    assert {warning.filename for warning in caught} == {__file__}
