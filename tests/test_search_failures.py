"""Candidates that fail, which a search leaves out, and what it tells of them."""

import numpy as np
import pytest
from extra_data import LINE, Failing, linear, lines, tree
from large_data import SEARCHES
from numpy.testing import assert_allclose, assert_array_equal
from search_data import ESTIMATORS, data, rung, values, with_budget
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

from rfmlearn.search import _own_models, _race

GOOD, OTHER = {"max_iter": 1}, {"kernel": "gaussian", "max_iter": 1}


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):
    return request.param


@pytest.fixture
def broken(monkeypatch):
    """Makes settings that hold some parameters fail on at least so many training rows."""

    def be(lowest=0, error=RuntimeError, **parameters):
        original = _own_models.make_recursion

        def make_recursion(model, points, *args, **options):
            if len(points) >= lowest and parameters.items() <= model.get_params().items():
                raise error(f"no recursion of {len(points)} rows")
            return original(model, points, *args, **options)

        monkeypatch.setattr(_own_models, "make_recursion", make_recursion)

    return be


def failed(model):
    """Places in `cv_results_` without any score."""
    return np.flatnonzero(np.isnan(model.cv_results_["mean_test_score"]))


# Settings


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, np.linalg.LinAlgError, KeyError])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_settings_that_fail_are_left_out(Estimator, broken, error, n_jobs):
    X, y = data(Estimator)
    expected = Estimator([GOOD], cv=3, random_state=0).fit(X, y)
    broken(kernel="gaussian", error=error)
    message = "left out, .* fit to 40 rows failed: kernel='gaussian'.*no recursion"
    with pytest.warns(FitFailedWarning, match=message) as r:
        model = Estimator([GOOD, OTHER], cv=3, random_state=0, n_jobs=n_jobs).fit(X, y)
    assert len(r) == 1 and str(r[0].message) == model.fit_warnings_[-1]
    kind = "ValueError: settings[1]" if issubclass(error, ValueError) else error.__name__
    assert kind in model.fit_warnings_[-1]
    assert_array_equal(values(model, X), values(expected, X))
    (place,) = failed(model)
    results = model.cv_results_
    assert place == len(results["params"]) - 1 == 2 and results["params"][place] == OTHER
    assert results["rank_test_score"][place] == 3 and results["n_resources"][place] == 40
    assert np.isnan(results["mean_fit_time"][place])


def test_the_first_settings_may_fail(Estimator, broken):
    broken(kernel="gaussian")
    with pytest.warns(FitFailedWarning):
        model = Estimator([OTHER, GOOD], cv=3, random_state=0).fit(*data(Estimator))
    assert {group.params["max_iter"] for group in model.members_} == {1} and model.best_params_["max_iter"] in (0, 1)
    assert "kernel" not in model.best_params_


@pytest.mark.parametrize("limit", [None, 1e6])
def test_if_all_fail_the_first_error_is_raised(Estimator, broken, limit):
    broken(error=ValueError)
    with pytest.raises(ValueError, match=r"^settings\[0\]: no recursion of \d+ rows"):
        Estimator([GOOD, OTHER], cv=3, time_limit=limit, n_jobs=2).fit(*data(Estimator))
    with pytest.raises(ValueError, match=r"^no recursion of \d+ rows"):
        Estimator(effort="low", cv=3, time_limit=limit).fit(*data(Estimator))


def test_members_of_other_families_do_not_make_an_ensemble_alone(Estimator, broken):
    broken(error=ValueError)
    bad = Failing(linear(Estimator))
    with pytest.raises(ValueError, match=r"settings\[0\]: no recursion"):
        Estimator([GOOD], extra_members=[bad, linear(Estimator)], cv=3).fit(*data(Estimator))


def test_settings_that_fail_on_a_later_rung(Estimator, broken):
    X, y = data(Estimator, 200)
    Small = with_budget(Estimator, rungs=(rung(60, 3, 2),))
    broken(lowest=80, kernel="gaussian")
    # The best of its form goes on.
    settings = [GOOD, {**OTHER, "feature_matrix": "full"}, {"scaling": None, "max_iter": 1}]
    with pytest.warns(FitFailedWarning, match="kernel='gaussian'"):
        model = Small(settings, cv=3, random_state=0, extra_members=[tree(Estimator)]).fit(X, y)
    results = model.cv_results_
    assert {params.get("kernel") for params in results["params"] if "max_iter" in params} == {None, "gaussian"}
    assert "kernel" not in model.best_params_ and len(failed(model)) == 1
    assert all("kernel" not in group.params for group in model.members_)


def test_all_fail_on_a_later_rung(Estimator, broken):
    Small = with_budget(Estimator, rungs=(rung(60, 3, 1),))
    broken(lowest=80)
    with pytest.raises(RuntimeError, match="no recursion"):
        Small([GOOD, OTHER], cv=3, extra_members=[linear(Estimator)]).fit(*data(Estimator, 200))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_another_selection_where_the_fit_of_all_rows_fails(Estimator, broken, n_jobs):
    X, y = data(Estimator)
    expected = Estimator([GOOD], cv=3, random_state=0).fit(X, y)
    broken(lowest=60, kernel="gaussian")
    with pytest.warns(FitFailedWarning, match="fit to 60 rows failed: kernel='gaussian'"):
        model = Estimator([GOOD, OTHER], cv=3, random_state=0, n_jobs=n_jobs).fit(X, y)
    assert_allclose(values(model, X), values(expected, X), rtol=1e-6)
    assert_allclose(model.weights_.sum(), 1)
    assert "kernel" not in model.best_params_
    assert model.cv_results_["params"][model.best_index_] == model.best_params_
    assert_allclose(model.best_score_, expected.best_score_, rtol=1e-6)


def test_the_only_settings_fail_on_all_rows(Estimator, broken):
    broken(lowest=60)
    with pytest.raises(RuntimeError, match="no recursion of 60 rows"):
        Estimator([GOOD], extra_members=[Failing(linear(Estimator))], cv=3).fit(*data(Estimator))


def test_settings_that_fail_are_no_matter_of_time(Estimator, broken):
    X, y = data(Estimator)
    broken(kernel="gaussian")
    with pytest.warns(FitFailedWarning) as warned:
        model = Estimator([OTHER, GOOD], cv=3, random_state=0, time_limit=1e6).fit(X, y)
    assert not any(issubclass(w.category, ConvergenceWarning) for w in warned)
    assert all("kernel" not in group.params for group in model.members_)


def test_interrupts_are_no_failures(Estimator, broken):
    broken(kernel="gaussian", error=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        Estimator([GOOD, OTHER], cv=3).fit(*data(Estimator))


@pytest.mark.parametrize("Search", SEARCHES)
def test_many_rows(Search, broken):
    X, y = lines(Search, 400)
    broken(lowest=390, kernel="gaussian")
    bad = Failing(linear(Search), lowest=330)
    with pytest.warns(FitFailedWarning) as warned:
        model = Search([GOOD, OTHER], extra_members=[bad], cv=3, random_state=0).fit(X, y)
    assert any("kernel='gaussian'" in str(w.message) for w in warned)
    assert all("kernel" not in group.params for group in model.members_) and model.extra_members_ == []
    assert_allclose(model.weights_.sum(), 1)
    assert np.isfinite(values(model, X)).all()


# Members of other families


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_members_of_other_families_that_fail_are_left_out(Estimator, method):
    X, y = lines(Estimator)
    message = "no fit to 40 rows" if method == "fit" else "predict.* of Failing is not finite"
    with pytest.warns(FitFailedWarning, match=f"(?s)fit to 40 rows failed: extra_member=Failing.*{message}"):
        bad = Failing(linear(Estimator), method=method)
        model = Estimator(LINE, extra_members=[bad, linear(Estimator)], cv=3, random_state=0).fit(X, y)
    assert [type(m.estimator) for m in model.extra_members_] == [type(linear(Estimator))]
    (place,) = failed(model)
    assert model.cv_results_["param_extra_member"][place] is bad
    assert np.isfinite(values(model, X)).all() and "Failing" in model.fit_warnings_[-1]


def test_one_that_fails_on_all_rows_is_left_out(Estimator):
    X, y = lines(Estimator)
    expected = Estimator(LINE, cv=3, random_state=0).fit(X, y)
    with pytest.warns(FitFailedWarning, match="(?s)fit to 60 rows failed: extra_member=Failing.*no fit to 60 rows"):
        members = [Failing(linear(Estimator), lowest=60)]
        model = Estimator(LINE, extra_members=members, cv=3, random_state=0).fit(X, y)
    assert model.extra_members_ == []
    assert_allclose(values(model, X), values(expected, X))
    assert_allclose(model.oof_prediction_, expected.oof_prediction_)


# Limits on time


def test_members_of_other_families_have_a_share_of_the_time(Estimator):
    X, y = lines(Estimator)
    options = {"extra_members": [linear(Estimator)], "cv": 3, "random_state": 0}
    one, other = (Estimator(LINE, time_limit=limit, **options).fit(X, y) for limit in (None, 1e6))
    assert_array_equal(values(one, X), values(other, X))
    assert len(other.extra_members_) == 1 and not other.fit_warnings_


def test_one_that_takes_too_long_is_begun_once(Estimator, monkeypatch):
    X, y = lines(Estimator)
    monkeypatch.setattr(_race, "EXTRA_SHARE", 0.0)
    seen, fit = [], _race.ExtraModels.score
    monkeypatch.setattr(_race.ExtraModels, "score", lambda self, *args: seen.append(1) or fit(self, *args))
    with pytest.warns(ConvergenceWarning, match="1 of 2 settings were compared"):
        model = Estimator(LINE, extra_members=[linear(Estimator)], time_limit=1e6, cv=3, random_state=0, n_jobs=1)
        model.fit(X, y)
    assert len(seen) == 1 and model.extra_members_ == []
