"""Members of other families: what they are fitted to, what say they get, and what an ensemble makes of them."""

import pickle

import numpy as np
import pandas as pd
import pytest
from extra_data import (
    ESTIMATORS,
    LINE,
    NOTHING,
    FirstColumn,
    FreeClassifierCV,
    FreeRegressorCV,
    Frequencies,
    constant,
    is_regression,
    linear,
    lines,
    tree,
)  # fmt: skip
from large_data import SEARCHES
from numpy.testing import assert_allclose, assert_array_equal
from search_data import data, values
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted

from rfmlearn import RFMClassifierCV, RFMRegressor, RFMRegressorCV
from rfmlearn.gradients import input_gradients


@pytest.fixture(params=ESTIMATORS, scope="module")
def Estimator(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(Estimator):
    """With a linear model and a tree on a linear problem, fitted once; not to be changed."""
    members = [linear(Estimator), tree(Estimator)]
    return Estimator(LINE, extra_members=members, cv=3, random_state=0).fit(*lines(Estimator))


def by_hand(model, X):
    """Weighted sum of what the machines, and the fitted estimators of other families, predict."""
    total = sum(group.predict(X) for group in model.members_)
    for member in model.extra_members_:
        if is_regression(type(model)):
            part = member.estimator.predict(X).reshape(len(X), -1)
        else:
            part = member.link(np.log(np.maximum(member.estimator.predict_proba(X), 1e-4)))
        total = total + member.weight * part
    return total


# What say they get


def test_the_best_has_most_of_the_say(fitted):
    X, y = lines(type(fitted), 200)
    (first, *_) = sorted(fitted.extra_members_, key=lambda member: -member.weight)
    assert type(first.estimator) is type(linear(type(fitted))) and first.weight > 0.5
    assert fitted.score(X[60:], y[60:]) > 0.75
    assert fitted.ensemble_score_ > fitted.best_score_


def test_predictions_are_weighted_sums_and_weights_sum_to_one(fitted):
    X, _ = lines(type(fitted), 90)
    assert_allclose(values(fitted, X).reshape(90, -1), by_hand(fitted, X), rtol=1e-10)
    weights = [member.weight for member in fitted.extra_members_]
    assert_allclose(fitted.weights_.sum() + sum(weights), 1)
    assert 0 < fitted.weights_.sum() and min(weights) > 0


def test_importances_are_those_of_machines(fitted):
    expected = sum(group.weight * group.column_importances(3) for group in fitted.members_) / fitted.weights_.sum()
    assert_allclose(fitted.feature_importances_, expected)
    assert_allclose(fitted.feature_importances_.sum(), 1)


def test_what_is_reported(fitted):
    results = fitted.cv_results_
    extra = ~results["param_extra_member"].mask
    assert extra.sum() == 2 and len(results["params"]) == 3
    assert fitted.best_params_ == {**LINE[0]} and not extra[fitted.best_index_]
    assert results["rank_test_score"][extra].min() == 1
    text = fitted.summary()
    assert "3 machines compared" in text and f"extra_member={type(linear(type(fitted))).__name__}(" in text
    assert text.count("\n") == 2 + len(fitted.weights_) + len(fitted.extra_members_)


def test_what_says_nothing_is_not_kept(Estimator):
    X, y = data(Estimator)
    model = Estimator([{"max_iter": 1}], extra_members=[constant(Estimator)], cv=3, random_state=0).fit(X, y)
    assert model.extra_members_ == [] and len(model.cv_results_["params"]) == 3
    assert_allclose(model.weights_.sum(), 1)


def test_out_of_fold_predictions_are_those_of_clones():
    X, y = lines(FreeRegressorCV)
    folds = KFold(3, shuffle=True, random_state=0)
    model = FreeRegressorCV(LINE, extra_members=[Ridge(0.1)], cv=folds, random_state=0).fit(X, y)
    left_out = np.empty(60)
    for train, test in folds.split(X):
        left_out[test] = Ridge(0.1).fit(X[train], y[train]).predict(X[test])
    (place,) = np.flatnonzero(~model.cv_results_["param_extra_member"].mask)
    for k, (_, test) in enumerate(folds.split(X)):
        expected = 1 - np.mean((y[test] - left_out[test]) ** 2) / np.var(y[test])
        assert_allclose(model.cv_results_[f"split{k}_test_score"][place], expected, rtol=1e-10)
    (member,) = model.extra_members_
    assert_allclose(member.deviation, [np.sqrt(np.mean((y - left_out) ** 2))], rtol=1e-10)
    assert_allclose(member.estimator.coef_, Ridge(0.1).fit(X, y).coef_)


def test_none_and_an_empty_list_are_the_same(Estimator):
    X, y = data(Estimator)
    one, other = (Estimator(LINE, extra_members=m, cv=2, random_state=0).fit(X, y) for m in (None, []))
    assert_array_equal(values(one, X), values(other, X))
    assert one.extra_members_ == other.extra_members_ == []


# What they are fitted to


def test_frames_come_as_they_are(Estimator):
    X, y = lines(Estimator)
    frame = pd.DataFrame(X, columns=list("abc"))
    frame["colour"] = pd.Categorical(np.where(X[:, 2] > 0, "red", "blue"))
    coded = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    member = make_pipeline(coded, linear(Estimator))
    model = Estimator(LINE, extra_members=[member], cv=3, random_state=0).fit(frame, y)
    assert model.extra_members_[0].estimator[-1].coef_.shape[-1] == 5
    assert np.isfinite(values(model, frame[::-1])).all()
    assert_allclose(values(model, frame[::-1])[::-1], values(model, frame))


def test_a_class_that_a_fold_lacks_has_the_least_probability():
    X, y = lines(FreeClassifierCV)
    y = y.astype(object)
    y[0] = "alone"
    folds = [(np.arange(20, 60), np.arange(20)), (np.arange(40), np.arange(40, 60)), (np.arange(60), np.arange(20, 40))]
    model = FreeClassifierCV(NOTHING, extra_members=[LogisticRegression()], cv=folds, random_state=0)
    with pytest.warns(UserWarning, match="copies"):
        model.fit(X, y)
    assert list(model.classes_) == ["alone", "high", "low", "middle"]
    assert len(model.extra_members_) == 1
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert np.isfinite(model.oof_prediction_).all() and set(model.predict(X)) <= set(model.classes_)


def test_several_outputs():
    X, y = lines(FreeRegressorCV)
    Y = np.column_stack([y, 100 * X[:, 2]])
    model = FreeRegressorCV(LINE, extra_members=[LinearRegression()], cv=3, random_state=0).fit(X, Y)
    assert_allclose(model.predict(X), by_hand(model, X))
    Z, std = model.predict(X, return_std=True)
    assert Z.shape == std.shape == (60, 2) and (std[:, 0] > 0).all() and (std[:, 0] < 1.5).all()


def test_deviations_are_those_of_the_mixture():
    X, y = lines(FreeRegressorCV)
    model = FreeRegressorCV(LINE, extra_members=[LinearRegression()], cv=3, random_state=0).fit(X, y)
    (group,), (member,) = model.members_, model.extra_members_
    single = RFMRegressor(**model.best_params_).fit(X, y)
    (mean, deviation), own = single.predict(X, return_std=True), member.estimator.predict(X)
    mixed = group.weight * mean + member.weight * own
    variance = group.weight * (deviation**2 + (mean - mixed) ** 2)
    variance += member.weight * (member.deviation**2 + (own - mixed) ** 2)
    prediction, std = model.predict(X, return_std=True)
    assert_allclose(prediction, mixed)
    assert_allclose(std, np.sqrt(variance), rtol=1e-6)


def test_weights_reach_those_that_take_any(Estimator):
    X, y = lines(Estimator)
    weight = np.random.default_rng(1).integers(1, 4, 60).astype(float)
    member = LinearRegression() if is_regression(Estimator) else GaussianNB()
    model = Estimator(LINE, extra_members=[member], cv=3, random_state=0).fit(X, y, weight)
    method = "predict" if is_regression(Estimator) else "predict_proba"
    told = getattr(model.extra_members_[0].estimator, method)(X)
    assert_allclose(told, getattr(clone(member).fit(X, y, weight), method)(X), rtol=1e-6)
    assert np.abs(told - getattr(clone(member).fit(X, y), method)(X)).max() > 1e-3


def test_weights_of_classes_do_too():
    X, y = lines(FreeClassifierCV)
    heavy = {"class_weight": {"high": 5.0}, "cv": 3, "random_state": 0}
    model = FreeClassifierCV(LINE, extra_members=[GaussianNB()], **heavy).fit(X, y)
    expected = GaussianNB().fit(X, y, np.where(y == "high", 5.0, 1.0)).predict_proba(X)
    assert_allclose(model.extra_members_[0].estimator.predict_proba(X), expected, rtol=1e-6)


@pytest.mark.parametrize("member", [FirstColumn(), Frequencies()])
def test_those_that_take_no_weights_fail_where_there_are_some(member):
    Estimator = FreeRegressorCV if isinstance(member, FirstColumn) else FreeClassifierCV
    X, y = lines(Estimator)
    name = type(member).__name__
    with pytest.warns(FitFailedWarning, match=f"{name} takes no sample_weight, but rows or classes have weights"):
        model = Estimator(LINE, extra_members=[member], cv=3).fit(X, y, 1.0 + np.arange(60) % 2)
    assert model.extra_members_ == []
    Estimator(LINE, extra_members=[member], cv=3).fit(X, y, np.full(60, 2.0))  # all the same


def test_rows_without_weight_take_no_part():
    X, y = lines(FreeRegressorCV)
    X[::4, 0], weight = 1e9, (np.arange(60) % 4 > 0).astype(float)
    model = FreeRegressorCV(LINE, extra_members=[FirstColumn(), Ridge()], cv=3, random_state=0).fit(X, y, weight)
    for member in model.extra_members_:
        if isinstance(member.estimator, FirstColumn):
            assert len(member.estimator.rows_) == 45 and member.estimator.rows_[:, 0].max() < 10
        else:
            assert_allclose(member.estimator.coef_, Ridge().fit(X[weight > 0], y[weight > 0]).coef_)
    assert model.extra_members_


def test_seeds_are_drawn_where_they_are_none(Estimator):
    X, y = data(Estimator)

    def fit(seed=0, **options):
        members = [tree(Estimator, splitter="random", **options)]
        return Estimator(NOTHING, extra_members=members, cv=3, random_state=seed).fit(X, y)

    one, other = fit(), fit()
    assert_array_equal(values(one, X), values(other, X))
    assert isinstance(one.extra_members_[0].estimator.random_state, int)
    assert fit(random_state=7).extra_members_[0].estimator.random_state == 7
    assert fit(1).extra_members_[0].estimator.random_state != one.extra_members_[0].estimator.random_state


def test_threads_do_not_change_results(fitted):
    X, y = lines(type(fitted))
    assert_array_equal(values(clone(fitted).set_params(n_jobs=2).fit(X, y), X), values(fitted, X))


# A citizen of scikit-learn


def test_estimators_of_the_user_stay_unfitted(Estimator):
    members = [linear(Estimator), tree(Estimator)]
    before = [member.get_params() for member in members]
    model = Estimator(LINE, extra_members=members, cv=2, random_state=0).fit(*lines(Estimator))
    assert model.extra_members is members and model.get_params()["extra_members"] is members
    for member, params in zip(members, before, strict=True):
        assert member.get_params() == params
        with pytest.raises(NotFittedError):
            check_is_fitted(member)


def test_clone_pickle_and_grid_search(fitted):
    X, y = lines(type(fitted))
    copied = clone(fitted)
    assert [type(m) for m in copied.extra_members] == [type(m) for m in fitted.extra_members]
    assert all(one is not other for one, other in zip(copied.extra_members, fitted.extra_members, strict=True))
    assert_array_equal(values(copied.fit(X, y), X), values(fitted, X))
    assert_array_equal(values(pickle.loads(pickle.dumps(fitted)), X), values(fitted, X))
    grid = {"extra_members": [None, [linear(type(fitted))]]}
    search = GridSearchCV(type(fitted)(LINE, cv=2, random_state=0), grid, cv=2).fit(X, y)
    assert search.best_params_["extra_members"] is not None


@pytest.mark.parametrize("Estimator", [RFMRegressorCV, RFMClassifierCV])
def test_gradients_are_differences(Estimator):
    X, y = lines(Estimator)
    model = Estimator(LINE, extra_members=[linear(Estimator)], cv=3, random_state=0).fit(X, y)
    assert len(model.extra_members_) == 1 and model._input_gradient("probability") is None
    with pytest.raises(ValueError, match="has no closed form"):
        input_gradients(model, X[:2], method="closed_form")
    output = {} if is_regression(Estimator) else {"output": "probability"}
    gradients = np.asarray(input_gradients(model, X[:5], **output)).reshape(-1, 5, 3)
    for j, step in enumerate(1e-5 * np.eye(3)):
        slope = (values(model, X[:5] + step) - values(model, X[:5] - step)).reshape(5, -1) / 2e-5
        assert_allclose(gradients[:, :, j].T, slope, rtol=1e-4, atol=1e-4)


def test_smaller_models_keep_them(fitted):
    X, y = lines(type(fitted), 400)
    smaller = fitted.compress(0.5, X[60:], y[60:])
    assert smaller.extra_members_ == fitted.extra_members_
    assert_allclose(values(smaller, X).reshape(400, -1), by_hand(smaller, X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("member", "error", "message"), [
    (Ridge, TypeError, r"extra_members\[1\] must be an estimator of scikit-learn"),
    ("ridge", TypeError, r"extra_members\[1\] must be an estimator of scikit-learn, got 'ridge'"),
    (OneHotEncoder(), ValueError, r"extra_members\[1\] must have predict.*, which OneHotEncoder has not"),
])  # fmt: skip
def test_what_is_no_member_is_named(Estimator, member, error, message):
    with pytest.raises(error, match=message):
        Estimator(LINE, extra_members=[linear(Estimator), member]).fit(*lines(Estimator))


def test_classes_need_probabilities_and_lists_are_asked_for():
    with pytest.raises(ValueError, match=r"extra_members\[0\] must have predict_proba, which Ridge has not"):
        FreeClassifierCV(LINE, extra_members=[Ridge()]).fit(*lines(FreeClassifierCV))
    with pytest.raises(ValueError, match="'extra_members' parameter of FreeRegressorCV must be"):
        FreeRegressorCV(LINE, extra_members=Ridge()).fit(*lines(FreeRegressorCV))


# Many rows


@pytest.mark.parametrize("Search", SEARCHES)
def test_many_rows(Search):
    X, y = lines(Search, 400)
    model = Search(LINE, extra_members=[linear(Search), tree(Search)], cv=3, random_state=0).fit(X, y)
    assert_allclose(model.weights_.sum() + sum(member.weight for member in model.extra_members_), 1)
    assert_allclose(values(model, X).reshape(400, -1), by_hand(model, X), rtol=1e-10)
    assert np.isfinite(model.feature_importances_).all()
    if is_regression(Search):
        assert [type(member.estimator) for member in model.extra_members_] == [LinearRegression]
        assert model.predict(X, return_std=True)[1].shape == (400,)


@pytest.mark.parametrize("Search", ESTIMATORS + SEARCHES)
def test_a_machine_always_has_some_say(Search):
    X, y = lines(Search, 400 if Search in SEARCHES else 60)
    model = Search(NOTHING, extra_members=[linear(Search)], cv=3, random_state=0).fit(X, y)
    assert 0 < model.weights_.sum() < 0.7 and model.extra_members_[0].weight < 1
    assert_allclose(model.feature_importances_.sum(), 1)


def test_copies_of_rows_that_weigh_are_not_seen():
    X, _ = lines(FreeRegressorCV, 300)
    X = np.tile(X, (2, 1))
    y = X[:, 0] + 0.1 * X[:, 1]
    model = SEARCHES[0](NOTHING, extra_members=[FirstColumn()], cv=3, random_state=0).fit(X, y)
    left_out = {tuple(row) for row in X[~np.isnan(model.oof_prediction_)]}
    (member,) = model.extra_members_
    assert left_out and not left_out & {tuple(row) for row in member.estimator.rows_}
