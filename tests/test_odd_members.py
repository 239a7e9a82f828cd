"""Members of other families that do not do as they should, or are not what they seem."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from extra_data import LINE, FreeClassifierCV, FreeRegressorCV, linear, lines
from numpy.testing import assert_allclose, assert_array_equal
from search_data import values
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from rfmlearn.search._weights_of_fits import weight_parameter


class Careless(RegressorMixin, BaseEstimator):
    """A linear model that overwrites what it is given, and whose fit returns nothing."""

    def fit(self, X, y):
        self.fitted_ = LinearRegression().fit(np.asarray(X), y)
        self._overwrite(X)
        y[:] = 0.0

    def predict(self, X):
        predictions = self.fitted_.predict(np.asarray(X))
        self._overwrite(X)
        return predictions

    def _overwrite(self, X):
        if isinstance(X, np.ndarray):
            X[:] = 7.0
        elif isinstance(X, pd.DataFrame):
            X.iloc[:, :] = 7.0
        else:
            X.insert_column(0, pl.Series("new", np.full(len(X), 7.0)))


class Shaped(RegressorMixin, ClassifierMixin, BaseEstimator):
    """A linear model whose predictions a function changes."""

    def __init__(self, change=None, classes=None):
        self.change, self.classes = change, classes

    def fit(self, X, y):
        self.fitted_ = (LogisticRegression() if np.asarray(y).dtype.kind in "OU" else LinearRegression()).fit(X, y)
        if hasattr(self.fitted_, "classes_"):
            self.classes_ = self.fitted_.classes_ if self.classes is None else self.classes
        return self

    def predict(self, X):
        return self.change(self.fitted_.predict(X))

    def predict_proba(self, X):
        return self.change(self.fitted_.predict_proba(X))


class Configured(RegressorMixin, BaseEstimator):
    """Remembers what it was told in the configuration of scikit-learn."""

    def fit(self, X, y):
        self.fitted_ = LinearRegression().fit(StandardScaler().fit_transform(X)[["x0"]], y)  # fails on arrays
        return self

    def predict(self, X):
        return self.fitted_.predict(pd.DataFrame({"x0": X[:, 0]}))


# What they are given is theirs


@pytest.mark.parametrize("as_table", [np.array, pd.DataFrame, lambda X: pl.DataFrame(X, schema=["a", "b", "c"])])
def test_tables_are_not_changed(as_table):
    X, y = lines(FreeRegressorCV)
    table, targets = as_table(X), y.copy()
    options = {"cv": 3, "random_state": 0}
    model = FreeRegressorCV(LINE, extra_members=[Careless(), Ridge()], **options).fit(table, targets)
    assert "Careless" in {type(member.estimator).__name__ for member in model.extra_members_}
    before = model.predict(table)
    assert_array_equal(np.asarray(table), X)
    assert_array_equal(targets, y)
    assert_array_equal(model.predict(table), before)
    other = FreeRegressorCV(LINE, extra_members=[LinearRegression(), Ridge()], **options).fit(as_table(X), y)
    assert_allclose(before, other.predict(as_table(X)))


def test_threads_have_the_configuration_of_scikit_learn():
    X, y = lines(FreeRegressorCV, 300)
    with sklearn.config_context(transform_output="pandas"):
        one, other = (
            FreeRegressorCV(LINE, extra_members=[Configured()], cv=3, random_state=0, n_jobs=n).fit(X, y)
            for n in (1, 2)
        )
    assert len(one.extra_members_) == 1 and not other.fit_warnings_
    assert_array_equal(one.predict(X), other.predict(X))


# What they return


def _twice(p):
    return np.column_stack([p, p])


@pytest.mark.parametrize("change", [_twice, lambda p: p[:-1], lambda p: p[None], lambda p: 3.0])
def test_numbers_of_another_shape_are_left_out(change):
    X, y = lines(FreeRegressorCV)
    with pytest.warns(FitFailedWarning, match=r"predict of Shaped returns"):
        model = FreeRegressorCV(LINE, extra_members=[Shaped(change)], cv=3, random_state=0).fit(X, y)
    assert model.extra_members_ == [] and model.predict(X).shape == (60,)


@pytest.mark.parametrize("change", [_twice, lambda p: p[:-1], lambda p: p[:, :1], lambda p: p[:, 0], lambda p: 3.0])
def test_probabilities_of_another_shape_are_left_out(change):
    X, y = lines(FreeClassifierCV)
    with pytest.warns(FitFailedWarning, match=r"predict_proba of Shaped returns an array of shape \(.*3 classes"):
        model = FreeClassifierCV(LINE, extra_members=[Shaped(change)], cv=3, random_state=0).fit(X, y)
    assert model.extra_members_ == []


@pytest.mark.parametrize("classes", [["a", "b", "z"], ["high", "low", "between"]])
def test_other_classes_are_named(classes):
    X, y = lines(FreeClassifierCV)
    with pytest.warns(FitFailedWarning, match=r"Shaped has classes \['.*'\], which y has not"):
        FreeClassifierCV(LINE, extra_members=[Shaped(np.array, classes)], cv=3, random_state=0).fit(X, y)


@pytest.mark.parametrize("Estimator", [FreeRegressorCV, FreeClassifierCV])
@pytest.mark.parametrize("change", [lambda p: p.astype(np.float32), pd.DataFrame, lambda p: p.tolist()])
def test_any_array_of_the_right_shape_will_do(Estimator, change):
    X, y = lines(Estimator)
    options = {"cv": 3, "random_state": 0}
    model = Estimator(LINE, extra_members=[Shaped(change)], **options).fit(X, y)
    expected = Estimator(LINE, extra_members=[linear(Estimator)], **options).fit(X, y)
    assert_allclose(values(model, X), values(expected, X), rtol=1e-4, atol=1e-5)


# Weights


@pytest.mark.parametrize(("estimator", "name"), [
    (LogisticRegression(), "sample_weight"),
    (KNeighborsClassifier(), None),
    (make_pipeline(StandardScaler(), LogisticRegression()), "logisticregression__sample_weight"),
    (make_pipeline(make_pipeline(Ridge())), "pipeline__ridge__sample_weight"),
    (make_pipeline(StandardScaler(), KNeighborsClassifier()), None),
    (GridSearchCV(Ridge(), {}), "sample_weight"),
    (make_pipeline(GridSearchCV(Ridge(), {})), "gridsearchcv__sample_weight"),
])  # fmt: skip
def test_what_fit_calls_weights(estimator, name):
    assert weight_parameter(estimator) == name


@pytest.mark.parametrize("wrap", [
    lambda inner: make_pipeline(StandardScaler(with_std=False), inner),
    lambda inner: GridSearchCV(inner, {}, cv=2),
    lambda inner: VotingClassifier([("inner", inner)], voting="soft"),
])  # fmt: skip
def test_weights_reach_those_within_others(wrap):
    X, y = lines(FreeClassifierCV)
    weight = np.random.default_rng(1).integers(1, 9, 60).astype(float)
    model = FreeClassifierCV(LINE, extra_members=[wrap(GaussianNB())], cv=3, random_state=0).fit(X, y, weight)
    (member,) = model.extra_members_
    assert_allclose(member.estimator.predict_proba(X), GaussianNB().fit(X, y, weight).predict_proba(X), rtol=1e-6)


def test_weights_are_routed_where_that_is_asked_for():
    X, y = lines(FreeRegressorCV)
    weight = 1.0 + np.arange(60) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        member = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), Ridge().set_fit_request(sample_weight=True)
        )
        model = FreeRegressorCV(LINE, extra_members=[member], cv=3, random_state=0).fit(X, y, weight)
    scaled = StandardScaler().fit_transform(X)
    (member,) = model.extra_members_
    assert_allclose(member.estimator[-1].coef_, Ridge().fit(scaled, y, weight).coef_, rtol=1e-6)


def test_a_weight_is_a_repetition():
    X, y = lines(FreeRegressorCV)
    weight = 1 + np.arange(60) % 3
    repeated = np.repeat(np.arange(60), weight)
    options = {"extra_members": [Ridge(10.0)], "cv": 3, "random_state": 0}
    weighted = FreeRegressorCV(LINE, **options).fit(X, y, weight)
    copied = FreeRegressorCV(LINE, **options).fit(X[repeated], y[repeated])
    (one,), (other,) = weighted.extra_members_, copied.extra_members_
    assert_allclose(one.estimator.coef_, Ridge(10.0).fit(X, y, weight).coef_, rtol=1e-6)
    assert_allclose(one.estimator.coef_, other.estimator.coef_, rtol=1e-6)
    assert_allclose(weighted.predict(X), copied.predict(X), rtol=1e-5)


def test_those_that_hand_on_what_is_not_taken_fail():
    X, y = lines(FreeClassifierCV)
    members = [OneVsRestClassifier(LogisticRegression()), GridSearchCV(KNeighborsClassifier(), {})]
    with pytest.warns(FitFailedWarning) as r:
        model = FreeClassifierCV(LINE, extra_members=members, cv=3).fit(X, y, 1.0 + np.arange(60) % 2)
    assert len(r) == 2 and model.extra_members_ == []


# Methods that come and go


def test_stacks_have_probabilities_when_they_are_fitted():
    X, y = lines(FreeClassifierCV)
    stack = StackingClassifier([("a", GaussianNB())], cv=2)
    assert not hasattr(stack, "predict_proba")
    members = [stack, make_pipeline(StandardScaler(), stack)]
    model = FreeClassifierCV(LINE, extra_members=members, cv=3, random_state=0).fit(X, y)
    assert model.extra_members_ and not model.fit_warnings_


@pytest.mark.parametrize("member", [SVC(), GridSearchCV(SVC(), {}), VotingClassifier([("a", GaussianNB())])])
def test_methods_that_settings_take_away_are_asked_for(member):
    with pytest.raises(ValueError, match=r"extra_members\[0\] must have predict_proba, which \w+ has not"):
        FreeClassifierCV(LINE, extra_members=[member]).fit(*lines(FreeClassifierCV))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_deviations_of_targets_of_any_size(scale):
    X, y = lines(FreeRegressorCV)
    members = [KNeighborsRegressor(2)]  # which squares no targets
    one, other = (
        FreeRegressorCV(LINE, extra_members=members, cv=3, random_state=0).fit(X, c * y) for c in (1.0, scale)
    )
    assert len(one.extra_members_) == len(other.extra_members_) == 1
    expected = scale * one.predict(X, return_std=True)[1]
    assert_allclose(other.predict(X, return_std=True)[1], expected, rtol=1e-6)
