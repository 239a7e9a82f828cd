"""What probes of concepts say of input that they cannot use."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import ShuffleSplit

from rfmlearn.concepts import ConceptProbe

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 2, 5)), np.arange(20) % 2


def with_nan():
    bad = X.copy()
    bad[3:5, 1, 2] = np.nan
    return bad


@pytest.mark.parametrize(
    ("bad", "y", "message"),
    [
        (with_nan(), Y, r"contains NaN or infinity, first in layer 1, in 2 of 20 examples, the first of which is 3"),
        (np.where(np.isnan(with_nan()), np.inf, X), Y, "NaN or infinity, first in layer 1"),
        (X, np.zeros(20), "needs at least two classes .* got 1 class"),
        (X, np.arange(20) % 3, r"Only binary classification is supported\. y has 3 classes.* y == label"),
        (X[:6], Y[:6], r"cv=5 folds need at least as many examples of each class.* got 3 of one class"),
        ([X[:, 0], X[:, 1, :3]], Y, r"list of arrays of different shapes, \(20, 5\), \(20, 3\): layers must have one"),
        ([X[:, 0], X[:6, 1]], Y, "list of arrays of different shapes"),
        (np.ma.masked_greater(X, 1.0), Y, "X has masked entries"),
        (X[0, 0], Y, r"must have shape \(n_examples, n_layers, width\).* got \(5,\)"),
        (X[None], Y, "of several tokens take one"),
        (X[:0], Y[:0], "0 sample"),
        (X[:, :0], Y, "0 feature"),
        (X, Y[:10], "inconsistent numbers of samples"),
        (X, None, "requires y to be passed"),
        (np.full((20, 2, 5), "a"), Y, "convert string to float|could not convert|numeric"),
        (X + 1j, Y, "Complex data not supported"),
    ],
)
def test_fit_refuses(bad, y, message):
    with pytest.raises(ValueError, match=message):
        ConceptProbe("mean_difference").fit(bad, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "mean"}, "The 'method' parameter"),
        ({"aggregation": "median"}, "The 'aggregation' parameter"),
        ({"n_components": 0}, "The 'n_components' parameter"),
        ({"settings": []}, "settings must be a list of dicts"),
        ({"settings": ["max_iter"]}, "settings must be a list of dicts"),
        ({"settings": [{"depth": 3}]}, "Invalid parameter 'depth'"),
        ({"cv": ShuffleSplit(3)}, "cv must test each example exactly once"),
        ({"cv": [(np.arange(0, 20, 2), np.arange(1, 20, 2)), (np.arange(1, 20, 2), np.arange(0, 20, 2))]}, "one class"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ValueError, match=message):
        ConceptProbe(**parameters).fit(X, Y)


def test_prediction_refuses_other_layers():
    probe = ConceptProbe("mean_difference").fit(X, Y)
    for method in ("predict", "transform", "layer_decisions", "alarm", "predict_set"):
        with pytest.raises(ValueError, match="X has 3 layers of width 5, but ConceptProbe was fitted to 2 of width 5"):
            getattr(probe, method)(np.zeros((4, 3, 5)))
        with pytest.raises(ValueError, match="X has two dimensions, but ConceptProbe was fitted to 2 layers"):
            getattr(probe, method)(np.zeros((4, 10)))
        with pytest.raises(ValueError, match="NaN or infinity, first in layer 0"):
            getattr(probe, method)(np.full((4, 2, 5), np.nan))
        with pytest.raises(NotFittedError):
            getattr(ConceptProbe(), method)(X)
    with pytest.raises(NotFittedError):
        ConceptProbe().steering_vector()
    with pytest.raises(AttributeError, match="not fitted yet, and has no directions"):
        ConceptProbe().directions_  # noqa: B018


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, np.nan, "often", None])
def test_rates_of_alarms_are_checked(rate):
    probe = ConceptProbe("mean_difference").fit(X, Y)
    with pytest.raises(ValueError, match="false_alarms must be a number"):
        probe.alarm(X, rate)


def test_rates_that_examples_cannot_tell():
    probe = ConceptProbe("mean_difference").fit(X, Y)
    with pytest.raises(ValueError, match=r"false_alarms=0\.01 needs more than 10 examples without .* at least 0\.0909"):
        probe.alarm(X, 0.01)
    with pytest.raises(ValueError, match=r"coverage=0\.999 needs at least"):
        probe.predict_set(X, 0.999)


def test_fit_that_fails_leaves_the_old_model():
    probe = ConceptProbe("mean_difference").fit(X, Y)
    before = probe.predict_proba(X)
    with pytest.raises(ValueError, match="NaN"):
        probe.fit(with_nan(), Y)
    np.testing.assert_array_equal(probe.predict_proba(X), before)


@pytest.mark.parametrize("method", ["rfm", "mean_difference", "logistic", "pca"])
def test_layers_that_say_nothing(method):
    flat = X.copy()
    flat[:, 0] = 3.0
    probe = ConceptProbe(method, n_components=2, settings=[{"max_iter": 1}])
    with pytest.warns(UserWarning, match=r"layers \[0\] are the same in all examples, and have no directions"):
        probe.fit(flat, Y)
    assert np.isfinite(probe.predict_proba(flat)).all() and np.isfinite(probe.steering_vector()).all()
    assert probe.layer_scores_[0] == 0.5
    n_components = len(probe.layers_[1].directions)
    assert probe.directions_.shape == (2, n_components, 5) and not probe.directions_[0].any()
    assert probe.transform(flat).shape == (20, len(probe.get_feature_names_out())) == (20, 2 * n_components)


def test_layers_of_fewer_dimensions():
    thin = X.copy()
    thin[:, 0] = thin[:, 0, :1]
    probe = ConceptProbe(n_components=3, settings=[{"max_iter": 1}]).fit(thin, Y)
    assert probe.directions_.shape == (2, 3, 5) and not probe.directions_[0, 1:].any()


def test_frames_keep_their_names():
    frame = pd.DataFrame(X[:, 0], columns=list("abcde"))
    probe = ConceptProbe("mean_difference").fit(frame, Y)
    assert probe.feature_names_in_.tolist() == list("abcde")
    with pytest.raises(ValueError, match="feature names"):
        probe.predict(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize("method", ["rfm", "logistic"])
def test_units_that_vary_by_rounding_stay_so_whatever_the_scale(method):
    small = X.copy()
    small[:, :, 0] *= 1e-7
    probe = ConceptProbe(method, n_components=2, settings=[{"max_iter": 1}], random_state=0)
    expected = probe.fit(small, Y).predict_proba(small)
    np.testing.assert_allclose(probe.fit(small * 1e10, Y).predict_proba(small * 1e10), expected, rtol=1e-6)


@pytest.mark.parametrize("method", ["rfm", "mean_difference", "logistic", "pca"])
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scales_beyond_squares(method, scale):
    with pytest.raises(ValueError, match=r"layer 0 varies by .*: multiply its activations by a constant"):
        ConceptProbe(method).fit(X * scale, Y)


def test_output_of_transformers_does_not_matter():
    probe = ConceptProbe(n_components=2, settings=[{"max_iter": 1}], random_state=0)
    expected = probe.fit(X, Y).directions_
    with config_context(transform_output="pandas"):
        np.testing.assert_array_equal(probe.fit(X, Y).directions_, expected)
        assert isinstance(probe.transform(X), pd.DataFrame)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1, 2], "groups has 2 labels, but X has 20 rows"),
        ([np.nan] * 20, "groups has a missing label"),
        (np.ones((20, 2)), "groups must have one label for each row"),
    ],
)
def test_groups_are_checked(groups, message):
    with pytest.raises(ValueError, match=message):
        ConceptProbe("mean_difference").fit(X, Y, groups=groups)


def test_folds_that_leak_and_folds_that_are_not_given():
    rows = np.arange(20)
    with pytest.raises(ValueError, match="fold 0 of cv has examples in its test part that are in its training part"):
        ConceptProbe("mean_difference", cv=[(rows, rows)]).fit(X, Y)
    groups = ["a", 1] * 4 + [f"{k}" for k in range(12)]
    for given in ({}, {"groups": groups}):
        five, none = (ConceptProbe("logistic", cv=cv, random_state=0).fit(X, Y, **given) for cv in (5, None))
        np.testing.assert_array_equal(five.layer_scores_, none.layer_scores_)


def test_tensors_of_half_precision_and_with_gradients():
    torch = pytest.importorskip("torch")
    half = torch.tensor(X).bfloat16()
    probe = ConceptProbe("mean_difference", random_state=0)
    expected = probe.fit(half.float().numpy(), Y).predict_proba(half.float().numpy())
    np.testing.assert_array_equal(probe.fit(half, Y).predict_proba(half.requires_grad_()), expected)
    np.testing.assert_array_equal(probe.fit(list(half), Y).predict_proba(list(half)), expected)


def test_results_are_the_user_s_own():
    probe = ConceptProbe(random_state=0).fit(X, Y)
    probe.settings_["max_iter"] = 99
    assert {"max_iter": 99} not in ConceptProbe(random_state=0)._settings()
    assert probe.layers_[0] == probe.layers_[0] and probe.layers_[0] != probe.layers_[1]
