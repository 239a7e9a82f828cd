"""Run cases by number: ``python -m tests.fuzz 1234`` one of them, ``python -m tests.fuzz 0 10000`` a range of them."""

from __future__ import annotations

import argparse
import collections
import faulthandler
import json
import re
import time
from pathlib import Path

from ._outcomes import FAULTS, SECONDS, run


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("first", type=int, help="number of the (first) case")
    parser.add_argument("stop", type=int, nargs="?", help="number after the last; one case if it is not given")
    parser.add_argument("--json", type=Path, help="file to which a line is added for every fault")
    arguments = parser.parse_args()
    if arguments.stop is None:
        faulthandler.dump_traceback_later(2 * SECONDS, exit=True)
        case, outcomes = run(arguments.first)
        print(case, *(f"  -> {outcome}" for outcome in outcomes), sep="\n")
        return
    kinds, faults, start = collections.Counter(), {}, time.perf_counter()
    for number in range(arguments.first, arguments.stop):
        faulthandler.dump_traceback_later(2 * SECONDS, exit=True)
        try:
            case, outcomes = run(number)
        except RuntimeError as error:
            print(error, repr(error.__cause__))
            continue
        found = [outcome for outcome in outcomes if outcome.kind in FAULTS]
        kinds[found[0].kind if found else outcomes[0].kind] += 1
        for outcome in found:
            faults.setdefault(_signature(outcome), []).append((number, case.subject, outcome))
            if arguments.json:
                line = {"number": number, "subject": case.subject, **vars(outcome)}
                with arguments.json.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    faulthandler.cancel_dump_traceback_later()
    for found in sorted(faults.values(), key=len, reverse=True):
        subjects = sorted({subject for _, subject, _ in found})
        print(f"{len(found):5d} x {found[0][2]}")
        print(" " * 8 + ", ".join(subjects) + ":", ", ".join(str(number) for number, *_ in found[:6]))
    print(f"{arguments.stop - arguments.first} cases in {time.perf_counter() - start:.0f} s:", dict(kinds))


def _signature(outcome):
    """What is the same in all cases of one fault."""
    text = re.sub(r"'[^']*'|\[[^\]]*\]|[-+]?\d[\d.e+-]*", "#", outcome.text)[:45]
    return outcome.kind, re.sub(r" of .*", "", outcome.step), text, outcome.place


if __name__ == "__main__":
    main()
