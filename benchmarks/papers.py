"""Tables of the papers, run again.

    papers.py uci --data FOLDER          the 121 sets of the study of 2014: ours, the authors' algorithm and its leak
    papers.py grinsztajn --data FOLDER   sets of the benchmark of 2207.08815 that the folder has
    papers.py conv --data FOLDER         ConvRFM and Deep ConvRFM beside the runs that their authors stored
    papers.py grokking                   four operations mod p, two kernels: accuracy and circulant deviation by round
    papers.py collapse --data FOLDER     neural collapse by layer of Deep RFM on images
    papers.py sets --data FOLDER         sets of classes: what `class_sets.py` compares

FOLDER and all below it is searched for files in the format of `tables.py`. Scores of `uci` and `grinsztajn` go to
--results, a line of JSON for each; what is there already is not run again, so a stopped run goes on where it was, and
another FOLDER adds its sets. With --report-only nothing is run.
"""

from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path

from common import print_environment
from threadpoolctl import threadpool_limits


def uci(args):
    """Accuracy on the sets of the study, by the study's own splits."""
    import papers_uci
    import papers_uci_report

    results = args.results or Path("papers_uci.jsonl")
    if not args.report_only:
        papers_uci.run(args.data, results, args.models or list(papers_uci.MODELS), args.max_rows)
    found = papers_uci.find_study_sets(args.data) if args.data else []
    papers_uci_report.print_report(papers_uci.read_results(results), [path.stem for path, _ in found])


def grinsztajn(args):
    """Accuracy and R2 on sets of the benchmark."""
    import papers_grinsztajn

    results = args.results or Path("papers_grinsztajn.jsonl")
    if not args.report_only:
        papers_grinsztajn.run(args.data, results, args.models or papers_grinsztajn.MODELS)
    papers_grinsztajn.print_report(papers_grinsztajn.read(results))


def other(args):
    """A table of a module of its own, which takes the arguments."""
    importlib.import_module(f"papers_{args.table}").main(args)


def sets(args):
    """Sets of classes by every method."""
    import class_sets

    class_sets.main(["--data", str(args.data), "--threads", str(args.threads)])


TABLES = {"uci": uci, "grinsztajn": grinsztajn, "conv": other, "grokking": other, "collapse": other, "sets": sets}


def main(argv=None):
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--data", type=Path, metavar="FOLDER")
    parser.add_argument("--results", type=Path, metavar="RESULTS.jsonl")
    parser.add_argument("--models", type=lambda names: names.split(","), help="of uci and grinsztajn: a,b,c")
    parser.add_argument("--max-rows", type=int, help="of uci: largest set")
    parser.add_argument("--tasks", type=lambda names: names.split(","), help="of conv: star,digits")
    parser.add_argument("--images", type=int, default=4000, help="of conv: digits to train and to test (4000)")
    parser.add_argument("--seeds", type=int, default=3, help="of conv, grokking and collapse: repetitions (3)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report-only", action="store_true")
    args = parser.parse_args(argv)
    if args.data is None and args.table != "grokking" and not args.report_only:
        parser.error(f"{args.table} needs --data FOLDER")
    with threadpool_limits(args.threads):
        if args.table != "sets":
            print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba", "pandas")
            print(f"{args.threads} threads, load {os.getloadavg()[0]:.1f}")
        TABLES[args.table](args)


if __name__ == "__main__":
    main()
