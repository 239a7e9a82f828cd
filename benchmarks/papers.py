"""Tables of the papers that can be run again.

usage: papers.py uci --data FOLDER [--results RESULTS.jsonl] [--models rfm,plain,...] [--max-rows N] [--report-only]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import papers_uci
from threadpoolctl import threadpool_limits


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["uci"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path("papers_uci.jsonl"))
    parser.add_argument("--models", type=lambda names: names.split(","), default=list(papers_uci.MODELS))
    parser.add_argument("--max-rows", type=int)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    with threadpool_limits(args.threads):
        papers_uci.run(args.data, args.results, args.models, args.max_rows)


if __name__ == "__main__":
    main()
