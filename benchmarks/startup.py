"""What a new process pays: import, first fit with a cold compile cache, first fit with a warm one.

usage: startup.py [--repeats 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

from common import print_environment

IMPORT = """
import sklearn, time
import sklearn.base, sklearn.utils.validation
start = time.perf_counter()
import rfmlearn
print(time.perf_counter() - start)
"""
FIRST_FIT = """
import numpy as np, time, rfmlearn
X = np.random.default_rng(0).standard_normal((200, 10))
y = X[:, 0] * X[:, 1] > 0
start = time.perf_counter()
rfmlearn.RFMClassifier().fit(X, y).predict_proba(X)
print(time.perf_counter() - start)
"""


def run(code, cache):
    """Seconds that the code prints, in a process with its own compile cache."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return float(result.stdout)


def main():
    """Print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "sklearn", "numba")
    imports, cold, warm = [], [], []
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as cache:
            imports.append(run(IMPORT, cache))
            cold.append(run(FIRST_FIT, cache))
            warm.append(run(FIRST_FIT, cache))
    print(f"import rfmlearn after sklearn               {statistics.median(imports):6.2f} s")
    print(f"first fit and predict, nothing compiled yet {statistics.median(cold):6.2f} s")
    print(f"the same in the next process (200 rows)     {statistics.median(warm):6.2f} s")


if __name__ == "__main__":
    main()
