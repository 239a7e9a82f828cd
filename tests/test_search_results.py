"""What a search found: its table of scores by hand, and in words."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn.search._candidates import Candidate, Scored
from rfmlearn.search._failures import Failure
from rfmlearn.search._folds import Folds
from rfmlearn.search._results import candidate_params, cv_results, summary
from rfmlearn.search._rungs import Rung
from rfmlearn.solvers import Weights

SETTINGS = [{}, {"kernel": "gaussian", "max_iter": 9}]
FIRST = Folds(((np.array([2, 3, 4]), np.array([0, 1])), (np.array([0, 1]), np.array([2]))))
LAST = Folds((
    (np.array([3, 4, 5, 6]), np.array([0, 1, 2])),
    (np.array([0, 1, 2, 5]), np.array([3, 4])),
    (np.arange(5), np.array([5])),
))  # fmt: skip
WEIGHTS = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])


def weighted_mean(predictions, rows, weights):
    """A score that tells from which rows and weights it was made; undefined for the row 5 alone."""
    assert_allclose(weights, WEIGHTS[rows] / WEIGHTS.mean())
    return np.nan if list(rows) == [5] else float(np.average(predictions[:, 0] + rows, weights=weights))


def race(failures=()):
    return SimpleNamespace(
        params=lambda index: dict(SETTINGS[index]) if index < len(SETTINGS) else {"extra_member": "tree"},
        own=SimpleNamespace(weights=Weights.of(WEIGHTS)),
        failures=dict(enumerate(failures)),
    )


@pytest.fixture
def rungs():
    return [
        Rung(
            [
                Scored(Candidate(0, 1), np.array([[0.0], [1.0], [5.0]]), None, 0.5),
                Scored(Candidate(1, 2), np.array([[0.0], [0.0], [0.0]]), None, 0.25),
            ],
            FIRST,
        ),
        Rung(
            [
                Scored(Candidate(1, 0), np.arange(6.0)[:, None], None, 2.0),
                Scored(Candidate(1, 2), 2 * np.arange(6.0)[:, None], None, 2.0),
                Scored(Candidate(1, 3), np.arange(6.0)[:, None], None, 2.0),
            ],
            LAST,
        ),
    ]


@pytest.fixture
def results(rungs):
    return cv_results(rungs, race(), weighted_mean)


def test_params_are_settings_with_the_round(results):
    assert candidate_params(race(), Candidate(1, 2)) == {"kernel": "gaussian", "max_iter": 2}
    assert candidate_params(race(), Candidate(2, 0, is_extra=True)) == {"extra_member": "tree"}
    assert SETTINGS[1]["max_iter"] == 9
    gaussian = [{"kernel": "gaussian", "max_iter": m} for m in (2, 0, 2, 3)]
    assert results["params"] == [{"max_iter": 1}, *gaussian]
    assert_array_equal(results["param_max_iter"].astype(int), [1, 2, 0, 2, 3])
    assert_array_equal(results["param_kernel"].mask, [True, False, False, False, False])
    assert set(results["param_kernel"].compressed()) == {"gaussian"}


def test_what_failed_comes_last_without_scores(rungs):
    failure = Failure(ValueError("no"), {"exponent": 1.5}, 5)
    results = cv_results(rungs, race([failure]), weighted_mean)
    assert len(results["params"]) == 6 and results["params"][-1] == failure.params
    assert results["rank_test_score"][-1] == 6 and np.isnan(results["mean_test_score"][-1])
    assert results["n_resources"][-1] == 5 and results["param_exponent"].compressed() == [1.5]


def test_scores_are_those_of_the_parts(results):
    # Rung 0: rows 0 and 1 weigh 1 and 2, row 2 is alone, and there is no third split.
    assert_allclose(results["split0_test_score"][:2], [(0 + 2 * 2) / 3, (0 + 2 * 1) / 3])
    assert_allclose(results["split1_test_score"][:2], [7, 2])
    assert_array_equal(results["split2_test_score"], np.nan)
    # Rung 1: predictions are once or twice the number of the row.
    first, second = (0 * 1 + 1 * 2 + 2 * 3) / 6, (3 * 4 + 4 * 5) / 9
    assert_allclose(results["split0_test_score"][2:], [2 * first, 3 * first, 2 * first])
    assert_allclose(results["split1_test_score"][2:], [2 * second, 3 * second, 2 * second])


def test_means_leave_out_undefined_scores(results):
    splits = np.column_stack([results[f"split{k}_test_score"] for k in range(2)])
    assert_allclose(results["mean_test_score"], splits.mean(axis=1))
    assert_allclose(results["std_test_score"], splits.std(axis=1))


def test_later_rungs_rank_first_and_equals_alike(results):
    assert results["mean_test_score"][0] > results["mean_test_score"][1]
    assert results["mean_test_score"][3] > results["mean_test_score"][2] == results["mean_test_score"][4]
    assert_array_equal(results["rank_test_score"], [4, 5, 2, 1, 2])


def test_rungs_and_their_cost(results):
    assert_array_equal(results["iter"], [0, 0, 1, 1, 1])
    assert_array_equal(results["n_resources"], [3, 3, 5, 5, 5])  # the largest training part
    assert_array_equal(results["mean_fit_time"], [0.5, 0.25, 2.0, 2.0, 2.0])
    assert {len(column) for column in results.values()} == {5}


def test_candidate_whose_scores_are_all_undefined_is_last():
    folds = Folds(((np.arange(5), np.array([5])), (np.arange(4), np.array([5]))))
    entries = [Scored(Candidate(0, k), np.full((2, 1), value), None, 1.0) for k, value in enumerate((1.0, -3.0))]
    undefined = lambda predictions, rows, weights: np.nan if predictions[0, 0] > 0 else -3.0  # noqa: E731
    results = cv_results([Rung(entries, folds)], race(), undefined)
    assert np.isnan(results["mean_test_score"][0]) and np.isnan(results["std_test_score"][0])
    assert_array_equal(results["rank_test_score"], [2, 1])


def test_summary_in_words():
    members = [(0.25, 3, 0.5, {"kernel": "gaussian"}), (0.75, 0, 1e-3, {})]
    assert summary(14, 3, "r2", 0.81234, 0.9, members).splitlines() == [
        "14 machines compared in 3 folds by r2.",
        "Best single machine 0.8123, average of the 2 members 0.9000 (out-of-fold, greater is better).",
        "weight  rounds  ridge     settings that differ from the defaults",
        "  0.75       0  0.001     (none)",
        "  0.25       3  0.5       kernel='gaussian'",
    ]
