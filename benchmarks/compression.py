"""How small a model becomes by `compress`, and what that costs: every figure on smaller models in docs/saving.md.

usage: compression.py FOLDER SET [SET ...] [--train 10000] [--test 10000] [--max-loss 0.01,0.05]

For each set of FOLDER (format: `tables.py`) a model with its defaults is fitted, and compressed with each --max-loss:
by its own estimate, and by rows given, half of the test rows. The loss, log-loss or RMSE, is that of the other half.
"""

from __future__ import annotations

import argparse
import pickle
import time
import warnings

import numpy as np
from common import print_environment
from sklearn.metrics import log_loss
from tables import load_set

from rfmlearn import RFMClassifier, RFMRegressor


def measure(model, X, y, is_classes):
    """Loss, seconds of the prediction of 10,000 rows, and megabytes of the pickle."""
    loss, predict = log_loss if is_classes else rmse, model.predict_proba if is_classes else model.predict
    predict(X[:100])
    start = time.perf_counter()
    predicted = predict(X)
    seconds = (time.perf_counter() - start) * 10_000 / len(X)
    return loss(y, predicted), seconds, len(pickle.dumps(model)) / 1e6


def rmse(y, predicted):
    """Root mean squared error."""
    return float(np.sqrt(np.mean((y - predicted) ** 2)))


def main():
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--max-loss", default="0.01,0.05")
    options = parser.parse_args()
    print_environment("numpy", "rfmlearn")
    print(f"{'set':18s} {'rows':>6s} {'max_loss, by':>14s} {'centres':>8s} {'MB':>6s} {'loss':>7s} {'ratio':>6s} "
          f"{'estimate':>8s} {'10,000 rows, s':>14s} {'took, s':>8s}")  # fmt: skip
    for name in options.sets:
        is_classes, X, y, X_test, y_test = load_set(options.folder, name, options.train, options.test)
        half = len(X_test) // 2
        start = time.perf_counter()
        full = (RFMClassifier if is_classes else RFMRegressor)(random_state=0).fit(X, y)
        before, seconds, size = measure(full, X_test[half:], y_test[half:], is_classes)
        print(f"{name:18s} {len(X):6d} {'(fitted)':>14s} {len(full.machine_.centers):8d} {size:6.2f} {before:7.4f} "
              f"{1.0:6.3f} {'':8s} {seconds:14.2f} {time.perf_counter() - start:8.1f}", flush=True)  # fmt: skip
        for max_loss in map(float, options.max_loss.split(",")):
            for given in ((), (X_test[:half], y_test[:half])):
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    model = full.compress(max_loss, *given)
                took, told = time.perf_counter() - start, model.compression_
                loss, seconds, size = measure(model, X_test[half:], y_test[half:], is_classes)
                by = f"{max_loss:g}, {'rows' if given else 'itself'}"
                print(f"{name:18s} {len(X):6d} {by:>14s} {told['after']['n_centers']:8d} {size:6.2f} {loss:7.4f} "
                      f"{loss / before:6.3f} {told['after']['loss'] / told['before']['loss']:8.3f} {seconds:14.2f} "
                      f"{took:8.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
