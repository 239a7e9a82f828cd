"""Fresh random cases in every run: answers or clear errors, and nothing else."""

import datetime
import os
import re
import time
import warnings

import numpy as np
import pytest

import rfmlearn

from . import _outcomes
from ._cases import make_case
from ._outcomes import ANSWER, FAULTS, HANG, LEAKED, NOT_FINITE, UNCLEAR, WRONG, run

# So that each run of CI has cases of its own, and all workers of one run the same.
FIRST = int(os.environ.get("GITHUB_RUN_ID") or datetime.date.today().toordinal()) * 10_000
CASES, CHUNKS = 300, 10


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_fresh_cases(chunk):
    check(FIRST + chunk * CASES // CHUNKS, CASES // CHUNKS)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(20))
def test_many_cases(chunk):
    check(500 * chunk, 500)


def check(first, count):
    """Cases of so many numbers; what is found is told with the command that shows it again."""
    found = []
    for number in range(first, first + count):
        case, outcomes = run(number)
        faults = [str(outcome) for outcome in outcomes if outcome.kind in FAULTS]
        if faults:
            found.append("\n".join([f"python -m tests.fuzz {number}  # {case.subject}", *faults]))
    assert not found, f"{len(found)} of the cases {first} to {first + count - 1} fail:\n" + "\n\n".join(found)


# The fuzzer itself -----------------------------------------------------------------------------------------------


def test_a_case_follows_from_its_number():
    for number in range(40):
        first, second = make_case(number), make_case(number)
        assert re.sub("0x[0-9A-F]+", "", str(first)) == re.sub("0x[0-9A-F]+", "", str(second))  # of generators
        assert repr((first.X, first.y, first.new)) == repr((second.X, second.y, second.new))


def warn(X):
    warnings.warn("overflow encountered in square", RuntimeWarning, stacklevel=2)
    return np.zeros(len(X))


def fail(X):
    raise ValueError("attempt to get argmin of an empty sequence")


def lose_the_type(X):
    raise KeyError("X")


SPOILT = {
    "NaN": (lambda X: np.full(len(X), np.nan), NOT_FINITE),
    "a row is missing": (lambda X: np.zeros(len(X) - 1), WRONG),
    "an error of others": (fail, UNCLEAR),
    "an error of another type": (lose_the_type, UNCLEAR),
    "a warning": (warn, LEAKED),
    "no end": (lambda X: time.sleep(60), HANG),
}


@pytest.mark.parametrize("name", SPOILT)
def test_faults_are_found(name, monkeypatch):
    predict, kind = SPOILT[name]
    number = next(n for n in range(1000) if make_case(n).subject == "RFMRegressor" and only_answers(n))
    monkeypatch.setattr(rfmlearn.RFMRegressor, "predict", lambda self, X: predict(X))
    monkeypatch.setattr(_outcomes, "SECONDS", 2)
    assert kind in {outcome.kind for outcome in run(number)[1]}


def only_answers(number):
    return {outcome.kind for outcome in run(number)[1]} == {ANSWER}
