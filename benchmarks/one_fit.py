"""Fit one case once in this process with one package, and print the result as JSON: called by `fit_speed.py`.

usage: one_fit.py {rfmlearn,xrfm} CASE [--dtype float32] [--solver auto]
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from common import BANDWIDTH, CASES, RIDGE, ROUNDS, multi_index_data, peak_memory, r2, seconds


def rfmlearn_model(case, solver):
    """Our model in the settings of a case."""
    from rfmlearn import RFMRegressor

    settings = dict(exponent=case["exponent"], norm_p=case["norm_p"] or 2.0, feature_matrix=case["form"])
    return RFMRegressor(case["kernel"], bandwidth=BANDWIDTH, alpha=RIDGE, max_iter=ROUNDS, agop_power=0.5,
                        shrinkage=0.0, scaling=None, solver=solver, random_state=0, **settings)  # fmt: skip


class PeerModel:
    """The reference package in the settings of a case; float32 tensors, as it demands."""

    def __init__(self, case):
        import torch
        from xrfm import RFM

        torch.set_num_threads(2)
        powers = {} if case["norm_p"] is None else {"norm_p": case["norm_p"]}
        self._tensor = lambda a: torch.tensor(np.asarray(a), dtype=torch.float32)
        self._model = RFM(kernel=case["peer"], iters=ROUNDS, diag=case["form"] == "diagonal", device="cpu",
                          verbose=False, bandwidth=BANDWIDTH, exponent=case["exponent"], **powers)  # fmt: skip

    def fit(self, X, y, X_test, y_test):
        """Fit; it demands a validation set, which decides nothing here: the last round is kept."""
        self._mean = y.mean()
        train = self._tensor(X), self._tensor(y - self._mean)[:, None]
        validation = self._tensor(X_test), self._tensor(y_test - self._mean)[:, None]
        self._model.fit(train, validation, reg=RIDGE, early_stop_rfm=False, return_best_params=False, verbose=False)
        return self

    def predict(self, X):
        """Predict."""
        return self._model.predict(self._tensor(X)).numpy().ravel() + self._mean


def main():
    """Fit, predict, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", choices=["rfmlearn", "xrfm"])
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--solver", default="auto")
    args = parser.parse_args()
    case = CASES[args.case]
    X, y, X_test, y_test = (a.astype(args.dtype) for a in multi_index_data(case["n"], case["d"]))
    warm, record = slice(0, 300), {}
    if args.package == "rfmlearn":
        rfmlearn_model(case, "cg").fit(X[warm], y[warm]).predict(X_test[:10])
        rfmlearn_model(case, "cholesky").fit(X[warm].astype(np.float32), y[warm])
        before = peak_memory()
        record["fit"], model = seconds(lambda: rfmlearn_model(case, args.solver).fit(X, y))
    else:
        PeerModel(case).fit(X[warm], y[warm], X_test[:10], y_test[:10])
        before = peak_memory()
        record["fit"], model = seconds(lambda: PeerModel(case).fit(X, y, X_test, y_test))
    record["peak_gb"] = peak_memory() - before
    record["predict"], prediction = seconds(lambda: model.predict(X_test), repeats=7)
    record["r2"] = r2(prediction, y_test)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
