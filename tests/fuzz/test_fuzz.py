"""Fresh random cases in every run: answers or clear errors, and nothing else."""

import datetime
import os

import pytest

from ._outcomes import FAULTS, run

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
