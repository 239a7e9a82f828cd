"""Time of the models that choose their settings, beside a single machine and CatBoost: fits, and 1,000 predictions.

usage: search_speed.py [--peer-python PATH] [--cases 150,2000,...] [--efforts low,medium,high] [--repeats 3]

Numbers are y = x0 x1 + sin(2 x2) + x3^2 / 2 + noise, and classes the thirds of y; in one case there are 32 classes,
each around a point of its own. PATH is the interpreter of an environment that has catboost; its default fit has as many
threads as ours and takes turns with it. Medians of repeated fits; compiled loops are loaded before.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from common import multi_index_data, print_environment, seconds

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV

CASES = {
    "150": (150, 15, 3),
    "1000": (1000, 20, 3),
    "2000": (2000, 20, 3),
    "10000": (10_000, 50, 3),
    "100000": (100_000, 20, 3),
    "32-classes": (1400, 50, 32),
}
_PEER = """
import sys, time
import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor
file, n_threads, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data = np.load(file)
model = CatBoostClassifier if data["y"].dtype.kind == "i" else CatBoostRegressor
options = dict(verbose=False, thread_count=n_threads, allow_writing_files=False)
model(iterations=3, **options).fit(data["X"], data["y"])
for _ in range(repeats):
    start = time.perf_counter()
    model(**options).fit(data["X"], data["y"])
    print(time.perf_counter() - start)
"""


def make_data(n, d, n_classes):
    """Training rows, their numbers (None for many classes) and labels, and 1,000 test rows."""
    if n_classes > 3:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, n_classes, n + 1000)
        X = 0.6 * rng.normal(size=(n_classes, d))[labels] + rng.normal(size=(n + 1000, d))
        return X[:n], None, labels[:n], X[n:]
    X, y, X_test, _ = multi_index_data(n, d, n_test=1000)
    return X, y, np.digitize(y, np.quantile(y, [1 / 3, 2 / 3])), X_test


def peer_seconds(python, X, y, repeats):
    """Seconds of each default fit of CatBoost."""
    from threadpoolctl import threadpool_info

    n_threads = max(library["num_threads"] for library in threadpool_info())
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "data.npz", X=X, y=y)
        command = [python, "-c", _PEER, str(Path(folder) / "data.npz"), str(n_threads), str(repeats)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(line) for line in output.split()]


def measure(single, chooser, X, y, X_test, args):
    """Print a line for each effort, beside CatBoost and the single machine."""
    ours = {effort: [] for effort in args.efforts}
    alone, peer = [], []
    for _ in range(args.repeats):
        alone.append(seconds(lambda: single(random_state=0).fit(X, y))[0])
        for effort, times in ours.items():
            taken, model = seconds(lambda effort=effort: chooser(effort=effort, random_state=0).fit(X, y))
            times.append(taken)
        peer += peer_seconds(args.peer_python, X, y, 1) if args.peer_python else []
    predict, _ = seconds(lambda: model.predict(X_test), 3)
    reference = statistics.median(alone)
    print(f"{chooser.__name__:16s} n={len(X):7,d} d={X.shape[1]:3d}  single {reference:6.2f} s", end="")
    print(f"  CatBoost {statistics.median(peer):6.2f} s" if peer else "")
    for effort, times in ours.items():
        fit = statistics.median(times)
        line = f"    {effort:7s} fit {fit:7.2f} s, {fit / reference:5.1f} times the single machine"
        print(line + (f", {fit / statistics.median(peer):5.2f} times CatBoost" if peer else ""), flush=True)
    print(f"    {len(model.weights_)} members predict 1,000 rows in {predict:.3f} s", flush=True)


def main():
    """Print a few lines for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python")
    parser.add_argument("--cases", default="150,2000,10000,32-classes")
    parser.add_argument("--efforts", default="medium")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    args.efforts = args.efforts.split(",")
    print_environment("rfmlearn", "numpy", "scipy", "sklearn", "numba")
    warm = multi_index_data(300, 4, n_test=10)
    for model in (RFMRegressorCV(effort="high", cv=2, random_state=0), RFMRegressor()):
        model.fit(warm[0], warm[1])
    for case in args.cases.split(","):
        X, y, labels, X_test = make_data(*CASES[case])
        if y is not None:
            measure(RFMRegressor, RFMRegressorCV, X, y, X_test, args)
        measure(RFMClassifier, RFMClassifierCV, X, labels, X_test, args)


if __name__ == "__main__":
    main()
