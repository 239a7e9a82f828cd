"""Estimators that choose their settings: what they choose, report and predict."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from search_data import ESTIMATORS, FEW, ONE_ROUND, data, in_float64, rung, values, with_budget
from sklearn.base import clone
from sklearn.datasets import load_iris, make_friedman1
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV


@pytest.fixture(params=ESTIMATORS, scope="module")
def Estimator(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(Estimator):
    """Fitted once; not to be changed."""
    return Estimator(FEW, cv=3, random_state=0).fit(*data(Estimator))


# What is reported


def test_cv_results_have_the_form_of_a_grid_search(fitted):
    results = fitted.cv_results_
    n = len(results["params"])
    assert n == 4 + 3  # each round of both settings, round 0 included
    assert {len(column) for column in results.values()} == {n}
    assert {"mean_test_score", "std_test_score", "rank_test_score", "mean_fit_time", "split2_test_score", "iter",
            "n_resources", "param_kernel", "param_max_iter"} <= set(results)  # fmt: skip
    splits = np.column_stack([results[f"split{k}_test_score"] for k in range(3)])
    assert_allclose(results["mean_test_score"], splits.mean(axis=1))
    assert_array_equal(np.sort(results["rank_test_score"]), np.arange(1, n + 1))
    assert results["param_kernel"].mask.sum() == 4
    assert "param_alpha" not in results
    pd.DataFrame(results)


def test_params_make_the_single_model(fitted):
    assert fitted.best_params_ == fitted.cv_results_["params"][fitted.best_index_]
    single = RFMRegressor if isinstance(fitted, RFMRegressorCV) else RFMClassifier
    for params in fitted.cv_results_["params"]:
        single(**params)._validate_params()


def test_one_member_is_the_single_model_of_its_parameters(Estimator):
    X, y = data(Estimator)
    model = Estimator(FEW, cv=3, max_members=1, random_state=0).fit(X, y)
    assert_array_equal(model.weights_, [1.0])
    single = (RFMRegressor if Estimator is RFMRegressorCV else RFMClassifier)(**model.best_params_).fit(X, y)
    if Estimator is RFMRegressorCV:
        assert_allclose(model.predict(X), single.predict(X))
    else:  # each is calibrated in its own way
        scores = single._target.decode(single._decision(X))
        assert_allclose(model.predict_proba(X), model.members_[0].machines[0].link(scores))
    assert_allclose(model.feature_importances_, single.feature_importances_)


def test_ensemble(fitted):
    X, _ = data(type(fitted))
    machines = [(member, machine) for member in fitted.members_ for machine in member.machines]
    assert 1 <= len(machines) <= 6
    assert_allclose([machine.weight for _, machine in machines], fitted.weights_)
    assert_allclose(fitted.weights_.sum(), 1)
    assert fitted.ensemble_score_ >= fitted.best_score_ - 0.05
    assert_allclose(fitted.feature_importances_.sum(), 1)
    assert np.argmax(fitted.feature_importances_) == 0
    if isinstance(fitted, RFMClassifierCV):
        assert_allclose(fitted.predict_proba(X).sum(axis=1), 1)
        assert_array_equal(fitted.predict(X), fitted.classes_[fitted.decision_function(X).argmax(axis=1)])
        assert 0 <= fitted.calibration_error_ < 0.3


def test_summary_tells_what_was_chosen(fitted):
    text = fitted.summary()
    assert "7 machines compared in 3 folds" in text
    assert text.count("\n") == 2 + len(fitted.weights_)
    for weight in fitted.weights_:
        assert f"{weight:.2f}" in text


def test_out_of_fold_predictions_come_from_models_that_have_not_seen_the_row():
    X, y = data(RFMRegressorCV)
    folds = list(KFold(3, shuffle=True, random_state=1).split(X))
    model = in_float64(RFMRegressorCV)([{}], cv=folds, max_members=1, random_state=0).fit(X, y)
    expected = np.empty(len(y))
    for train, test in folds:
        expected[test] = RFMRegressor(**model.best_params_).fit(X[train], y[train]).predict(X[test])
    assert_allclose(model.oof_prediction_, expected)
    some = [folds[0]]
    model = RFMRegressorCV([{}], cv=some, random_state=0).fit(X, y)
    assert_array_equal(np.flatnonzero(~np.isnan(model.oof_prediction_)), np.sort(folds[0][1]))


# What is chosen


def test_rotated_targets_choose_a_full_matrix():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 8))
    direction = np.ones(8) / np.sqrt(8)
    y = np.sin(2 * X @ direction) + 0.1 * rng.normal(size=500)
    model = RFMRegressorCV(FEW, cv=3, random_state=0).fit(X[:300], y[:300])
    assert model.best_params_.get("feature_matrix") == "full"
    assert model.score(X[300:], y[300:]) > RFMRegressor().fit(X[:300], y[:300]).score(X[300:], y[300:]) + 0.05


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc_ovr", None])
def test_scoring_of_classes(scoring):
    X, y = load_iris(return_X_y=True)
    model = RFMClassifierCV(ONE_ROUND, scoring=scoring, cv=3, random_state=0).fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.9
    assert -0.3 < model.best_score_ <= 1
    assert f"by {scoring or 'neg_log_loss'}" in model.summary()


@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "neg_root_mean_squared_error", None])
def test_scoring_of_numbers(scoring):
    X, y = data(RFMRegressorCV)
    model = RFMRegressorCV(FEW, scoring=scoring, cv=3, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9


def test_default_scores_are_those_of_sklearn(Estimator):
    X, y = data(Estimator)
    name = "r2" if Estimator is RFMRegressorCV else "neg_log_loss"
    one, other = (Estimator(ONE_ROUND, scoring=s, cv=3, random_state=0).fit(X, y) for s in (None, name))
    assert_allclose(one.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"], rtol=1e-6)


def test_several_outputs():
    X, y = data(RFMRegressorCV)
    model = RFMRegressorCV(FEW, cv=3, random_state=0).fit(X, np.column_stack([y, 1000 * X[:, 2]]))
    assert model.predict(X).shape == model.oof_prediction_.shape == (60, 2)
    assert model.predict_interval(X).shape == (60, 2, 2)
    assert model.score(X, np.column_stack([y, 1000 * X[:, 2]])) > 0.9


def test_rungs(Estimator):
    Small = with_budget(Estimator, rungs=(rung(60, 3, 2),))
    settings = [{"max_iter": 1}, {"scaling": None, "max_iter": 1}, {"kernel": "gaussian", "max_iter": 1},
                {"kernel": "laplace", "bandwidth": 1e-3, "max_iter": 1}]  # fmt: skip
    X, y = data(Estimator, 200)
    model = Small(settings, cv=3, n_search_samples=120, random_state=0).fit(X, y)
    results = model.cv_results_
    assert_array_equal(np.unique(results["iter"]), [0, 1])
    assert results["n_resources"].max() <= 90
    last = results["iter"] == 1
    assert last.sum() == 4 and (results["rank_test_score"][last] <= 4).all()
    assert last[model.best_index_]
    assert {"max_iter": 1} in [results["params"][k] for k in np.flatnonzero(last)]  # the default
    assert model.members_[0].machines[0].machine.dual_coef.shape[0] == 200
    values(model, X)


def test_rungs_take_float32_where_ridges_allow(Estimator):
    X, y = data(Estimator, 150)

    def scores(largest, limit=1e-5):
        sizes = {"rungs": (rung(60, 2, 1),)}
        model = with_budget(Estimator, **sizes, smallest_ridge_in_float32=limit)(FEW, cv=2, random_state=0).fit(
            X, y, np.where(np.arange(150) == 7, largest, 1.0)
        )
        return model.cv_results_["mean_test_score"]

    single, double = scores(1.0), scores(1.0, limit=np.inf)
    assert 0 < np.abs(single - double).max() < 1e-3
    assert_array_equal(scores(1e8), scores(1e8, limit=np.inf))  # ridges of 1e-6 are nothing in float32


# Intervals and sets


def test_intervals_cover():
    X, y = make_friedman1(700, noise=2.0, random_state=0)
    model = RFMRegressorCV(FEW, cv=5, random_state=0).fit(X[:300], y[:300])
    for coverage in (0.5, 0.9):
        low, high = model.predict_interval(X[300:], coverage).T
        assert abs(np.mean((low <= y[300:]) & (y[300:] <= high)) - coverage) < 0.07
    assert_allclose((low + high) / 2, model.predict(X[300:]))
    with pytest.raises(ValueError, match="coverage"):
        model.predict_interval(X, 1.0)


def test_sets_cover():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 3))
    logits = X @ np.array([[2, 0, -2], [0, 2, -1], [1, 1, -2]])
    y = np.argmax(logits + rng.gumbel(size=(800, 3)) * 2, axis=1)
    model = RFMClassifierCV([{}], cv=5, random_state=0).fit(X[:400], y[:400])
    for method in ("lac", "aps", "raps"):
        sets = model.predict_set(X[400:], 0.8, method=method)
        assert abs(np.mean(sets[np.arange(400), y[400:]]) - 0.8) < 0.07
        whole = model.predict_set(X[400:], 0.8, method=method, randomized=False)
        assert whole.any(axis=1).all()
        assert_array_equal(whole[np.arange(400), np.argmax(model.predict_proba(X[400:]), axis=1)], True)


# A citizen of scikit-learn


def test_threads_do_not_change_results(Estimator):
    X, y = data(Estimator)
    one, two = (Estimator(FEW, cv=3, n_jobs=n, random_state=0).fit(X, y) for n in (1, 2))
    assert_array_equal(values(one, X), values(two, X))
    assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])


def test_same_seed_same_model_and_pickle(fitted):
    X, y = data(type(fitted))
    assert_array_equal(values(clone(fitted).fit(X, y), X), values(fitted, X))
    assert_array_equal(values(pickle.loads(pickle.dumps(fitted)), X), values(fitted, X))


def test_pipeline_and_grid_search(Estimator):
    X, y = data(Estimator)
    model = Estimator([{"max_iter": 1}], cv=2, random_state=0)
    assert np.isfinite(cross_val_score(make_pipeline(FunctionTransformer(), model), X, y, cv=2)).all()
    search = GridSearchCV(model, {"max_members": [1, 2]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.5


def test_frames_with_categories_and_gaps(Estimator):
    X, y = data(Estimator, 90)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.loc[::7, "b"] = np.nan
    frame["colour"] = pd.Categorical(np.where(X[:, 2] > 0, "red", "blue"))
    model = Estimator(cv=2, random_state=0).fit(frame[:70], y[:70])
    assert list(model.feature_names_in_) == ["a", "b", "c", "colour"]
    codings = {params.get("categorical_encoding") for params in model.cv_results_["params"]}
    assert codings == {None, "ordinal", "target"}
    assert np.isfinite(np.asarray(values(model, frame[70:].assign(colour="green")), dtype=float)).all()


def test_weights_are_repetitions_where_folds_agree(Estimator):
    X, y = data(Estimator, 40)
    weight = np.random.default_rng(1).integers(0, 3, 40)
    fold = np.arange(40) % 3
    rows = np.repeat(np.arange(40), weight)
    splits = lambda groups: [(np.flatnonzero(groups != k), np.flatnonzero(groups == k)) for k in range(3)]  # noqa: E731
    weighted = Estimator(FEW, cv=splits(fold), random_state=0).fit(X, y, sample_weight=weight)
    repeated = Estimator(FEW, cv=splits(fold[rows]), random_state=0).fit(X[rows], y[rows])
    assert_allclose(values(weighted, X), values(repeated, X), rtol=1e-6, atol=1e-8)


def test_groups_reach_the_folds(Estimator):
    X, y = data(Estimator)
    groups = np.arange(60) // 6
    default = Estimator([{"max_iter": 1}], cv=5, random_state=0).fit(X, y, groups=groups)
    assert default.n_splits_ == 5
    assert Estimator([{"max_iter": 1}], cv=GroupKFold(10)).fit(X, y, groups=groups).n_splits_ == 10


def test_progress(capsys, fitted):
    X, y = data(type(fitted))
    clone(fitted).set_params(verbose=True).fit(X, y)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "settings" in shown.err
