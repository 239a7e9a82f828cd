"""Fits and predictions side by side with the reference implementation, `xrfm`, in equal settings.

usage: fit_speed.py --peer-python PATH [--cases laplace-4k,...] [--repeats 3]

PATH is the interpreter of an environment that has xrfm (0.4.5) and torch. Every fit runs in a process of its own, after
a warm-up on 300 rows; the two packages take turns, and medians are printed. Peak memory is what the fit adds to the
process. Our rows: float64 and float32 input with the default solver, and float64 with exact rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from common import CASES, print_environment

VARIANTS = {
    "xrfm (float32)": ["xrfm", "--dtype", "float32"],
    "rfmlearn": ["rfmlearn"],
    "rfmlearn, float32": ["rfmlearn", "--dtype", "float32"],
    "rfmlearn, exact rounds": ["rfmlearn", "--solver", "cholesky"],
}


def run(python, variant, case):
    """One fit in a process of its own."""
    package, *options = VARIANTS[variant]
    command = [python, str(Path(__file__).with_name("one_fit.py")), package, case, *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    """Run the cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    command = [
        args.peer_python,
        "-c",
        "import torch, importlib.metadata as m; print(m.version('xrfm'), torch.__version__)",
    ]
    print("peer: xrfm, torch", subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    header = f"{'case':15s} {'model':24s} {'fit s':>8s} {'faster':>7s} {'R2':>8s} {'peak GB':>8s} "
    header += f"{'predict s':>10s} {'faster':>7s}"
    print(header)
    for case in args.cases.split(","):
        records = {variant: [] for variant in VARIANTS}
        for _ in range(args.repeats):
            for variant in VARIANTS:
                python = args.peer_python if variant.startswith("xrfm") else sys.executable
                records[variant].append(run(python, variant, case))
        medians = {v: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for v, rs in records.items()}
        peer = medians["xrfm (float32)"]
        for variant, m in medians.items():
            ratios = peer["fit"] / m["fit"], peer["predict"] / m["predict"]
            print(f"{case:15s} {variant:24s} {m['fit']:8.2f} {ratios[0]:6.1f}x {m['r2']:8.4f} {m['peak_gb']:8.2f} "
                  f"{m['predict']:10.4f} {ratios[1]:6.1f}x", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
