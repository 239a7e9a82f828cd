"""How much a search compares: efforts, rungs, and splits whose results are known."""

import numpy as np
import pytest
from extra_data import linear
from numpy.testing import assert_allclose, assert_array_equal
from search_data import ESTIMATORS, data, rung, values, with_budget
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit

from rfmlearn import RFMClassifierCV, RFMRegressorCV
from rfmlearn.runtime._budget import EFFORTS, SearchBudget
from rfmlearn.search._extra_members import ExtraModels
from rfmlearn.search._own_models import OwnModels
from rfmlearn.search._portfolio import default_settings

PLAIN = {"max_iter": 0, "alpha": 0.1}


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):
    return request.param


@pytest.fixture
def runs(monkeypatch):
    """Keeps the index and the split of each fold of settings that was computed."""
    seen, original = [], OwnModels.score

    def score(self, index, pair, last_round):
        seen.append((index, tuple(pair[0]), tuple(pair[1])))
        return original(self, index, pair, last_round)

    monkeypatch.setattr(OwnModels, "score", score)
    return seen


def compared(model):
    """Settings that were compared, without the round."""
    return {
        tuple(sorted((k, str(v)) for k, v in params.items() if k != "max_iter"))
        for params in model.cv_results_["params"]
    }


# Efforts


def test_low_is_the_default_machine(Estimator):
    X, y = data(Estimator)
    model = Estimator(effort="low", cv=3, random_state=0).fit(X, y)
    assert compared(model) == {()}
    assert [params["max_iter"] for params in model.cv_results_["params"]] == [0, 1, 2]
    assert len(model.members_) == 1
    same = Estimator([{"max_iter": 2}], cv=3, random_state=0).fit(X, y)
    assert_array_equal(values(model, X), values(same, X))


def test_more_effort_compares_more(Estimator):
    X, y = data(Estimator)
    low, medium, high = (
        compared(Estimator(effort=effort, cv=2, random_state=0).fit(X, y)) for effort in ("low", "medium", "high")
    )
    assert low < medium < high
    assert len(medium) == len(default_settings("medium", 3, 3, 1, False))
    assert Estimator().effort == "medium"


def test_more_effort_takes_more_members_and_rows():
    low, medium, high = (RFMRegressorCV(effort=name).budget for name in EFFORTS)
    assert high.max_members > medium.max_members == low.max_members
    assert high.n_search_samples > medium.n_search_samples == low.n_search_samples
    assert all(RFMClassifierCV(effort=name).budget == EFFORTS[name] for name in EFFORTS)
    asked = RFMRegressorCV(effort="high", max_members=2, n_search_samples=150).budget
    assert (asked.max_members, asked.n_search_samples) == (2, 150) and asked.rungs == EFFORTS["high"].rungs


@pytest.mark.parametrize("effort", EFFORTS)
def test_settings_are_compared_with_any_effort(Estimator, effort):
    X, y = data(Estimator)
    settings = [PLAIN, {"kernel": "gaussian", "max_iter": 1}]
    model = Estimator(settings, effort=effort, cv=3, random_state=0).fit(X, y)
    assert len(model.cv_results_["params"]) == 3
    assert {group.params.get("kernel") for group in model.members_} <= {None, "gaussian"}


@pytest.mark.parametrize("effort", ["highest", None, 1])
def test_other_efforts_are_refused(Estimator, effort):
    with pytest.raises(ValueError, match=r"'effort' parameter of RFM.*CV must be a str among"):
        Estimator(effort=effort).fit(*data(Estimator))


def test_efforts_are_parameters(Estimator):
    X, y = data(Estimator)
    model = Estimator([PLAIN], effort="high", cv=2)
    assert clone(model).get_params()["effort"] == "high" and model.get_params()["max_members"] is None
    search = GridSearchCV(Estimator([PLAIN], cv=2, random_state=0), {"effort": ["low", "high"]}, cv=2).fit(X, y)
    assert search.best_params_["effort"] in EFFORTS
    with pytest.raises(ValueError, match="effort"):
        GridSearchCV(Estimator([PLAIN]), {"effort": ["none"]}, cv=2, error_score="raise").fit(X, y)


# Rungs


def test_the_best_of_each_form_survives():
    X, y = data(RFMRegressorCV, 200)
    Small = with_budget(RFMRegressorCV, rungs=(rung(60, 3, 1),))
    useless = {"kernel": "gaussian", "max_iter": 0, "bandwidth": 1e-4}
    settings = [{"max_iter": 1}, *({**useless, "feature_matrix": form} for form in ("full", "full", "diagonal"))]
    settings[2] |= {"bandwidth": 1.0}
    model = Small(settings, cv=3, random_state=0).fit(X, y)
    last = np.flatnonzero(model.cv_results_["iter"] == 1)
    kept = [model.cv_results_["params"][place] for place in last]
    assert [params.get("feature_matrix") for params in kept] == [None, None, "full"]  # two rounds of the default
    assert kept[-1]["bandwidth"] == 1.0
    assert (model.cv_results_["iter"] == 0).sum() == 5


def test_rungs_that_drop_nothing_are_left_out(Estimator, runs):
    Small = with_budget(Estimator, rungs=(rung(60, 3, 2), rung(100, 3, 1)))
    X, y = data(Estimator, 200)
    one, two, three = (
        Small([{**PLAIN, "alpha": 10.0**-k} for k in range(n)], cv=3, random_state=0).fit(X, y) for n in (1, 2, 3)
    )
    assert [list(np.unique(model.cv_results_["iter"])) for model in (one, two, three)] == [[0], [0, 1], [0, 1, 2]]
    assert one.cv_results_["n_resources"].max() == three.cv_results_["n_resources"].max() >= 133


def test_rungs_look_at_more_and_more_rows(Estimator):
    X, y = data(Estimator, 400)
    Small = with_budget(Estimator, rungs=(rung(60, 2, 2), rung(120, 3, 1)), n_search_samples=300)
    model = Small([{**PLAIN, "alpha": 10.0**-k} for k in range(4)], cv=5, random_state=0).fit(X, y)
    results = model.cv_results_
    rungs = [np.flatnonzero(results["iter"] == number) for number in range(3)]
    assert [len(places) for places in rungs] == [4, 2, 1]
    sizes = [results["n_resources"][places].max() for places in rungs]
    assert_allclose(sizes, [60, 120, 240], rtol=0.1)
    known = [np.isfinite([results[f"split{k}_test_score"][places[0]] for k in range(5)]).sum() for places in rungs]
    assert known == [2, 3, 5] and model.n_splits_ == 5
    assert_array_equal(np.sort(results["rank_test_score"][rungs[2]]), [1])
    assert results["rank_test_score"][rungs[0]].min() > results["rank_test_score"][rungs[1]].max()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_splits_that_were_run_are_not_run_again(Estimator, runs, n_jobs):
    X, y = data(Estimator)
    Small = with_budget(Estimator, rungs=(rung(100, 2, 2), rung(200, 3, 1)))
    settings = [{**PLAIN, "alpha": 10.0**-k} for k in range(3)]
    model = Small(settings, cv=5, random_state=0, n_jobs=n_jobs).fit(X, y)
    assert len(runs) == len(set(runs))
    counts = sorted(np.bincount([index for index, *_ in runs]))
    assert counts == [2, 3, 5]
    # What was known before is what is found anew.
    (place,) = np.flatnonzero(model.cv_results_["iter"] == 2)
    anew = Estimator([model.cv_results_["params"][place]], cv=5, random_state=0).fit(X, y).cv_results_
    for name in [f"split{k}_test_score" for k in range(5)]:
        assert_allclose(model.cv_results_[name][place], anew[name][0], rtol=1e-10)


def test_members_of_other_families_are_fitted_on_the_last_rung_only(Estimator, monkeypatch):
    seen, original = [], ExtraModels.score
    score = lambda self, place, train, test: seen.append(len(train)) or original(self, place, train, test)  # noqa: E731
    monkeypatch.setattr(ExtraModels, "score", score)
    X, y = data(Estimator, 200)
    Small = with_budget(Estimator, rungs=(rung(60, 3, 1),))
    settings = [PLAIN, {**PLAIN, "alpha": 1.0}]
    model = Small(settings, cv=4, extra_members=[linear(Estimator)], random_state=0, n_jobs=1).fit(X, y)
    assert seen == [150] * 4
    extra = ~model.cv_results_["param_extra_member"].mask
    assert list(model.cv_results_["iter"][extra]) == [1]


PAIRS = [(range(80), range(80, 90)), (range(90, 200), [1, 2])]


@pytest.mark.parametrize("cv", [ShuffleSplit(4, random_state=0), PAIRS])
def test_splits_that_are_not_complementary_are_all_used_on_all_rungs(cv, runs):
    X, y = data(RFMRegressorCV, 200)
    Small = with_budget(RFMRegressorCV, rungs=(rung(50, 1, 1),))
    model = Small([PLAIN, {**PLAIN, "alpha": 1.0}], cv=cv, random_state=0).fit(X, y)
    n_splits = 4 if isinstance(cv, ShuffleSplit) else 2
    splits = np.array([model.cv_results_[f"split{k}_test_score"] for k in range(n_splits)])
    assert splits.shape == (n_splits, 3) and np.isfinite(splits).all()
    tests = {test for _, _, test in runs}
    given = cv.split(X) if isinstance(cv, ShuffleSplit) else cv
    assert tests == {tuple(test) for _, test in given}


def test_folds_of_a_number_are_those_of_the_splitter(Estimator):
    X, y = data(Estimator, 200)
    Small = with_budget(Estimator, rungs=(rung(60, 3, 1),))
    model = Small([PLAIN, {**PLAIN, "alpha": 1.0}], cv=KFold(4), random_state=0).fit(X, y)
    (place,) = np.flatnonzero(model.cv_results_["iter"] == 1)
    parts = [model.cv_results_[f"split{k}_test_score"][place] for k in range(4)]
    whole = Estimator([model.best_params_], cv=KFold(4), random_state=0).fit(X, y)
    assert_allclose(parts, [whole.cv_results_[f"split{k}_test_score"][0] for k in range(4)], rtol=1e-6)


# Precision


@pytest.mark.parametrize("unit", [1e20, 1e60])
def test_what_is_out_of_reach_of_single_precision_is_compared_in_double(unit):
    X, y = data(RFMRegressorCV, 160)
    settings = [{"kernel": "gaussian", "scaling": None, "max_iter": 0}]
    one, other = (RFMRegressorCV(settings, cv=2, random_state=0).fit(c * X, y) for c in (1.0, unit))
    assert_allclose(other.oof_prediction_, one.oof_prediction_, rtol=1e-2, atol=1e-2)
    assert not other.fit_warnings_


def test_few_rows_do_not_depend_on_their_order_or_weights():
    X, y = data(RFMClassifierCV, 140)
    splits = KFold(2).split(X)
    folds = [(list(train), list(test)) for train, test in splits]
    doubled = [([*train, *(140 + k for k in train)], [*test, *(140 + k for k in test)]) for train, test in folds]
    one = RFMClassifierCV([{"max_iter": 1}], cv=folds, random_state=0).fit(X, y, np.full(140, 2.0))
    two = RFMClassifierCV([{"max_iter": 1}], cv=doubled, random_state=0).fit(np.tile(X, (2, 1)), np.tile(y, 2))
    assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-7, atol=1e-9)


def test_budgets_are_those_of_a_class():
    assert SearchBudget() == EFFORTS["medium"]
    budget = with_budget(RFMRegressorCV, float32_from=7)().budget
    assert budget.float32_from == 7 and RFMRegressorCV().budget.float32_from != 7
