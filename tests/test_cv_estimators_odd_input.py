"""Estimators that choose their settings, given bad and odd input."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from search_data import ESTIMATORS, FEW, ONE_ROUND, data, values
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import KFold

from rfmlearn import RFMClassifierCV, RFMRegressorCV
from rfmlearn.search._encodings import Encodings
from rfmlearn.search._portfolio import default_settings


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):
    return request.param


@pytest.mark.parametrize(("parameters", "message"), [
    ({"settings": []}, "settings must hold at least one"),
    ({"settings": [{"kernle": "gaussian"}]}, r"settings\[0\] is not for RFM.*kernle"),
    ({"settings": [{}, {"alpha": -1}]}, r"settings\[1\] is not for RFM.*'alpha' parameter"),
    ({"settings": [{"time_limit": 1, "verbose": 1}]}, "must not hold time_limit, verbose: RFM.*CV sees to it"),
    ({"scoring": lambda model, X, y: float("nan"), "settings": ONE_ROUND}, "scoring=.* is NaN"),
    ({"settings": [{"kernel": "cubic"}]}, "'kernel' parameter"),
    ({"max_members": 0}, "max_members"),
    ({"n_search_samples": 10}, "n_search_samples"),
    ({"scoring": "accurracy"}, "scoring"),
    ({"time_limit": 0.0}, "time_limit"),
    ({"cv": 1}, "cv"),
])  # fmt: skip
def test_parameters_are_checked(Estimator, parameters, message):
    with pytest.raises(ValueError, match=message):
        Estimator(**parameters).fit(*data(Estimator))


def test_settings_are_dicts(Estimator):
    with pytest.raises(TypeError, match=r"settings\[1\] must be a dict of parameters, got 'gaussian'"):
        Estimator([{}, "gaussian"]).fit(*data(Estimator))


def test_groups_are_as_many_as_rows(Estimator):
    with pytest.raises(ValueError, match="groups has 7 labels, but X has"):
        Estimator(FEW).fit(*data(Estimator), groups=np.zeros(7))


def test_scores_undefined_in_single_folds():
    X, y = data(RFMClassifierCV)
    order = np.argsort(y, kind="stable")  # most unshuffled folds have one class each

    def scoring(model, X, y):
        return model.score(X, y) if len(np.unique(y)) > 1 else np.nan

    model = RFMClassifierCV([{"max_iter": 1}], cv=KFold(10), scoring=scoring).fit(X[order], y[order])
    assert np.isfinite(model.best_score_)
    splits = np.array([model.cv_results_[f"split{k}_test_score"] for k in range(10)])
    assert np.isnan(splits).any()
    assert_allclose(model.cv_results_["mean_test_score"], np.nanmean(splits, axis=0))


def test_a_time_limit_too_short_keeps_the_first_settings(Estimator):
    X, y = data(Estimator)
    with pytest.warns(ConvergenceWarning, match="time_limit=1e-06 was reached: 1 of 2 settings"):
        model = Estimator(FEW, cv=2, time_limit=1e-6, random_state=0).fit(X, y)
    assert all("kernel" not in params for params in model.cv_results_["params"])
    assert "1 of 2 settings" in model.fit_warnings_[0]
    assert np.isfinite(np.asarray(values(model, X))).all()


def test_ten_rows(Estimator):
    X, y = data(Estimator, 10)
    model = Estimator(random_state=0).fit(X, y)
    assert np.isfinite(np.asarray(values(model, X))).all()


def test_one_column(Estimator):
    X, y = data(Estimator)
    assert Estimator(cv=2, random_state=0).fit(X[:, :1], y).score(X[:, :1], y) > 0.5


def test_more_folds_than_rows_of_a_class():
    X, y = data(RFMClassifierCV, 40)
    y = np.where(np.arange(40) < 2, "rare", y)
    model = RFMClassifierCV(FEW, cv=5, random_state=0).fit(X, y)
    assert "rare" in model.classes_ and np.isfinite(model.predict_proba(X)).all()


def test_a_class_that_a_fold_has_not_seen():
    X, y = data(RFMClassifierCV, 40)
    first = np.flatnonzero(y == "a")
    rest = np.flatnonzero(y != "a")
    model = RFMClassifierCV(FEW, cv=[(rest, first), (first, rest)], random_state=0).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


def test_hundred_classes():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, 5)) * 4
    y = np.repeat(np.arange(100), 4)
    X = centres[y] + 0.3 * rng.normal(size=(400, 5))
    model = RFMClassifierCV(ONE_ROUND, cv=2, random_state=0).fit(X, y)
    assert model.score(centres, np.arange(100)) > 0.95


def test_imbalance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(601, 3))
    y = np.zeros(601, int)
    y[0], X[0] = 1, 6.0
    model = RFMClassifierCV([{"max_iter": 1}], cv=2, random_state=0).fit(X, y)
    proba = model.predict_proba(X)[:, 1]
    assert 0 <= proba.min() and 0.0005 < proba.mean() < 0.015
    both = np.r_[np.zeros(300, int), 1, 1, 1]
    model = RFMClassifierCV(FEW, cv=3, random_state=0).fit(np.r_[X[1:301], X[:3] + 6], both)
    assert model.predict_proba(X[:1])[0, 1] > 0.3


def test_constant_target_inside_a_fold_and_everywhere():
    X, y = data(RFMRegressorCV)
    y = np.where(np.arange(60) < 30, 1.0, y)
    halves = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    assert np.isfinite(RFMRegressorCV(FEW, cv=halves).fit(X, y).predict(X)).all()
    model = RFMRegressorCV(FEW, cv=3).fit(X, np.full(60, 7.0))
    assert_allclose(model.predict(X), 7.0)


def test_duplicated_rows(Estimator):
    X, y = data(Estimator, 30)
    once = Estimator(FEW, cv=3, random_state=0).fit(X, y)
    thrice = Estimator(FEW, cv=3, random_state=0).fit(np.tile(X, (3, 1)), np.tile(y, 3))
    assert thrice.ensemble_score_ == pytest.approx(once.ensemble_score_, rel=1e-6)
    assert_allclose(values(thrice, X), values(once, X), rtol=1e-6)


def test_many_columns_leave_full_matrices_out(Estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 401))
    y = X[:, 0] if Estimator is RFMRegressorCV else (X[:, 0] > 0).astype(int)
    model = Estimator(cv=2, random_state=0).fit(X, y)
    assert all(params.get("feature_matrix") != "full" for params in model.cv_results_["params"])


def test_settings_suit_the_table():
    default, coded = {"max_iter": 2}, {"max_iter": 2, "categorical_encoding": "target"}
    everything = default_settings("medium", n_coordinates=20, n_numeric=10, n_outputs=1, has_categories=True)
    assert everything[0] == default and coded in everything and len(everything) == 13
    assert not any("categorical_encoding" in settings for settings in default_settings("medium", 10, 10, 1, False))
    assert coded not in default_settings("medium", 20, 10, 50, True)
    for effort in ("medium", "high"):
        wide = default_settings(effort, 5000, 5000, 1, False)
        assert wide[0] == default and all(settings.get("kernel", "laplace") == "laplace" for settings in wide)
        assert not any("norm_p" in settings or "feature_matrix" in settings for settings in wide)
    assert default_settings("low", 20, 10, 1, True) == [default]


def test_float32_is_computed_in_float64(Estimator):
    X, y = data(Estimator)
    X = X.astype(np.float32)
    one, other = (Estimator(FEW, cv=3, random_state=0).fit(A, y) for A in (X, X.astype(np.float64)))
    assert_allclose(values(one, X), values(other, X), rtol=1e-4, atol=1e-6)


def test_no_warnings_on_common_data():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X, y = load_diabetes(return_X_y=True)
        assert RFMRegressorCV(cv=2, random_state=0).fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.4
        X, y = load_breast_cancer(return_X_y=True)
        assert RFMClassifierCV(cv=2, random_state=0).fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.93


@pytest.mark.parametrize("n", [101, 102, 103])
def test_a_few_rows_more_than_the_search_looks_at(n, rng):
    X, y = rng.normal(size=(n, 2)), np.arange(n) % 3
    model = RFMClassifierCV([{"max_iter": 0}], cv=2, n_search_samples=100, random_state=0).fit(X, y)
    assert np.isfinite(model.best_score_)


@pytest.mark.parametrize("scale", [1e-165, 1e160])
def test_targets_of_any_size_are_scored(scale, rng):
    X = rng.normal(size=(60, 2))
    y = X[:, 0] + 0.5 * rng.normal(size=60)
    one, other = (RFMRegressorCV(FEW, cv=2, random_state=0).fit(X, s * y) for s in (1.0, scale))
    assert_allclose(other.best_score_, one.best_score_, rtol=1e-6)
    assert_allclose(other.predict(X) / scale, one.predict(X), rtol=1e-6)


def test_after_the_time_limit_nothing_is_encoded(rng, monkeypatch):
    calls = []
    encode = Encodings.encode
    monkeypatch.setattr(Encodings, "encode", lambda self, *args: (calls.append(1), encode(self, *args))[1])
    settings = [{"max_iter": 0}, *({"max_iter": 0, "scaling": scaling} for scaling in ("standard", "quantile", None))]
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        RFMRegressorCV(settings, cv=3, time_limit=1e-9).fit(rng.normal(size=(40, 3)), rng.normal(size=40))
    assert len(calls) == 2 + 3 + 1  # a trial, folds of the first settings, and the fit on all rows


def test_groups_of_any_form(Estimator, rng):
    X, y = data(Estimator)
    groups = np.arange(len(X)) // 5
    model = Estimator(FEW, cv=3, random_state=0)
    expected = values(model.fit(X, y, groups=groups), X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)
        column = values(model.fit(X, y, groups=groups[:, None]), X)
    assert_allclose(column, expected)
    mixed = np.array([f"g{g}" if g % 2 else g for g in groups], dtype=object)
    assert np.isfinite(values(model.fit(X, y, groups=mixed), X)).all()
