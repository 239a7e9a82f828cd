"""How the time of a fit grows with the number of rows: a log-log plot with the exponent.

usage: growth.py [--max-n 16000] [--repeats 3] [--out growth.png]

Exact rounds are timed up to 8,000 rows.
"""

from __future__ import annotations

import argparse

import numpy as np
from common import CASES, multi_index_data, print_environment, seconds
from one_fit import rfmlearn_model


def main():
    """Time fits of growing size, print and plot them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-n", type=int, default=16_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", default="growth.png")
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "scipy", "numba")
    sizes = [n for n in (1000, 2000, 4000, 8000, 16_000) if n <= args.max_n]
    X, y, _, _ = multi_index_data(max(sizes), 50)
    times = {}
    for solver, label in (("cholesky", "exact rounds"), ("auto", "default solver")):
        fit = lambda n, s=solver: rfmlearn_model(CASES["laplace-10k"], s).fit(X[:n], y[:n])  # noqa: E731
        fit(600)
        timed = [n for n in sizes if n <= 8000 or label == "default solver"]
        times[label] = [seconds(lambda n=n, f=fit: f(n), args.repeats if n < 8000 else 1)[0] for n in timed]
        slope = np.polyfit(np.log(timed[-3:]), np.log(times[label][-3:]), 1)[0]
        print(f"{label:15s}", *(f"{n}: {t:.2f} s" for n, t in zip(timed, times[label], strict=True)),
              f"exponent over the last three: {slope:.2f}", sep="  ", flush=True)  # fmt: skip
    plot(sizes, times, args.out)


def plot(sizes, times, path):
    """Both curves, and lines of slope 2 and 3."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4.5), layout="constrained")
    for (label, values), marker in zip(times.items(), "os", strict=False):
        timed = sizes[: len(values)]
        slope = np.polyfit(np.log(timed[-3:]), np.log(values[-3:]), 1)[0]
        axes.loglog(timed, values, marker=marker, label=f"{label} (exponent {slope:.2f})")
    reference = np.array(sizes, dtype=float)
    lowest = min(min(values) for values in times.values())
    for power, style in ((2, ":"), (3, "--")):
        axes.loglog(reference, 0.6 * lowest * (reference / sizes[0]) ** power, style, color="grey", label=f"n^{power}")
    axes.set(xlabel="rows", ylabel="fit, seconds", title="Five rounds, Laplace kernel, full M, d = 50")
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes], minor=False)
    axes.minorticks_off()
    axes.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
