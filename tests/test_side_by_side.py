"""Work in threads: what happens to the rest after an error, and what errors of settings say."""

import time

import numpy as np
import pytest
from search_data import ESTIMATORS, data
from sklearn.exceptions import FitFailedWarning

from rfmlearn.runtime._side_by_side import side_by_side
from rfmlearn.runtime._threads import Team
from rfmlearn.search._own_models import OwnModels


def failing(seen, place, error):
    """Pieces of work of which one fails."""

    def piece(number):
        seen.append(number)
        if number == place:
            raise error
        time.sleep(0.001)
        return number

    return [lambda number=number: piece(number) for number in range(40)]


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_results_come_in_order(n_threads):
    assert list(side_by_side(failing([], None, None), n_threads)) == list(range(40))
    assert list(side_by_side([], n_threads)) == []


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()], ids=repr)
def test_after_an_error_no_further_piece_is_begun(n_threads, error):
    seen, results = [], []
    with pytest.raises(type(error)):
        for result in side_by_side(failing(seen, 3, error), n_threads):
            results.append(result)
    assert results == [0, 1, 2]
    assert len(seen) <= 4 + 2 * n_threads


@pytest.mark.parametrize("n_threads", [1, 2])
def test_after_an_interrupt_of_the_consumer_no_further_piece_is_begun(n_threads):
    seen = []
    with pytest.raises(KeyboardInterrupt):
        for _ in side_by_side(failing(seen, None, None), n_threads):
            raise KeyboardInterrupt
    done = len(seen)
    assert done <= 1 + 2 * n_threads
    time.sleep(0.01)
    assert len(seen) == done


def test_a_team_stops_at_an_error():
    seen = []

    def core(start, stop):
        seen.append(start)
        if start == 0:
            raise ValueError("first")
        time.sleep(0.002)

    with pytest.raises(ValueError, match="first"), Team(n_threads=2) as team:
        team.share(core, 40, piece=1)
    assert len(seen) < 20


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_search_stops_at_an_error(Estimator, monkeypatch):
    seen = []

    def score(self, index, pair, last_round):
        seen.append(pair)
        raise KeyboardInterrupt

    monkeypatch.setattr(OwnModels, "score", score)
    with pytest.raises(KeyboardInterrupt):
        Estimator(n_jobs=2).fit(*data(Estimator))
    assert len(seen) <= 4


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("limit", [None, 100.0])
def test_errors_name_settings_that_are_none(Estimator, limit):
    with pytest.raises(ValueError, match=r"settings\[1\] is not for RFM.*"):
        settings = [{"max_iter": 0}, {"norm_p": 1.0, "exponent": 1.5}]
        Estimator(settings, cv=3, time_limit=limit).fit(*data(Estimator))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize(("initial", "message"), [
    (np.eye(7), r"feature_matrix_init must have shape \(3, 3\)"),
    (-np.eye(3), "feature_matrix_init must be positive semidefinite"),
])  # fmt: skip
@pytest.mark.parametrize("limit", [None, 100.0])
def test_settings_that_do_not_suit_the_table_are_named(Estimator, initial, message, limit):
    good, bad = {"max_iter": 0}, {"feature_matrix_init": initial}
    with pytest.raises(ValueError, match=r"settings\[0\]: " + message):
        Estimator([bad, bad], cv=3, time_limit=limit).fit(*data(Estimator))
    with pytest.warns(FitFailedWarning, match=r"settings\[1\]: " + message):
        model = Estimator([good, bad], cv=3, time_limit=limit).fit(*data(Estimator))
    assert [group.params for group in model.members_] == [good]
