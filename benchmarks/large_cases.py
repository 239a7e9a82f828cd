"""One measurement at many rows in a process of its own: called by `large.py`.

usage: large_cases.py SPECIFICATION [--data FOLDER] [--timeout SECONDS] [--most-memory GB]

The specification is JSON, with the ``case`` and what that is to be measured with; what was measured is printed as JSON
in the last line. Seconds of processor (``cpu_fit``) tell more than those of the clock where others use the machine,
too; they do not count other processes. Peak memory is the largest resident size while something ran, less the resident
size before it, with the table in memory; both are told.
"""

from __future__ import annotations

import argparse
import inspect
import json
import pickle
import resource
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from common import BANDWIDTH, CASES, RIDGE, multi_index_data, peak_memory, seconds
from one_fit import PeerModel, rfmlearn_model
from peers import make_model
from scores import score_numbers, score_probabilities
from tables import is_classes, parts, read_set, split, split_again
from threadpoolctl import threadpool_limits

from rfmlearn import RFMRegressor, estimate_memory, warmup

THREAD_LIMITS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"
# Like the case of `one_fit.py` that xrfm runs, but of any size.
_SAME_SETTINGS = CASES["laplace-10k"]


def tables(set, model, dev, max_train, max_test, threads, params, data):
    """A model on a set: its scores on the test part or, with `dev`, on a part of the training rows."""
    X, y, X_test, y_test, classes = read_parts(data, set, dev, max_train, max_test)
    record = {"task": "clf" if classes else "reg", "n": len(X), "d": X.shape[1], "n_test": len(X_test)}
    model, measured = fit(make(model, classes, X, threads, params), X, y)
    return record | measured | score(model, classes, X_test, y_test)


def flights(set, model, rows, test_rows, predicted, threads, params, data):
    """A model on most rows of a large set; then prediction of many rows, repeated test rows, and the size pickled."""
    X, y, X_test, y_test, classes = read_parts(data, set, False, rows, test_rows)
    model, measured = fit(make(model, classes, X, threads, params), X, y)
    record = {"n": len(X), "n_test": len(X_test)} | measured | score(model, classes, X_test, y_test)
    record["pickled_mb"] = len(pickle.dumps(model)) / 1e6
    many = X_test.iloc[np.arange(predicted) % len(X_test)].reset_index(drop=True)
    _, used = with_memory(lambda: (model.predict_proba if classes else model.predict)(many))
    return record | {
        "n_predicted": len(many),
        "t_predict": used["seconds"],
        "cpu_predict": used["cpu"],
        "rows_per_second": len(many) / used["seconds"],
        "predict_above_gb": used["above_gb"],
    }


def growth(model, rows, features, threads, params):
    """Time and memory of a fit to synthetic rows, beside the memory that was estimated."""
    X, y, X_test, y_test = multi_index_data(rows, features)
    if not model.startswith("rfm"):
        X, X_test = pd.DataFrame(X), pd.DataFrame(X_test)  # which the preparation of the peers asks for
    model, measured = fit(make(model, False, X, threads, params), X, y)
    estimate = {"estimate_gb": estimate_memory(rows, features) / 1e9} if isinstance(model, RFMRegressor) else {}
    return measured | estimate | score(model, False, X_test, y_test)


def borders(set, rows, features, solver, threads, params, data):
    """One solver on so many rows of a set, scored on rows for development, or on synthetic rows."""
    if set == "synthetic":
        X, y, X_test, y_test = multi_index_data(rows, features)
        classes = False
    else:
        X, y, X_test, y_test, classes = read_parts(data, set, True, 100_000, 20_000)
        if len(X) < rows:
            raise ValueError(f"{set} has {len(X)} rows for this; {rows} are wanted")
        X, y = X[:rows], y[:rows]
    model, measured = fit(make("rfm", classes, X, threads, params | {"solver": solver}), X, y)
    return measured | score(model, classes, X_test, y_test)


def exact(model, rows, features, solver, threads, params):
    """One exact machine: "rfm" with its defaults, "rfm-laplace" in the settings that "xrfm" has, too."""
    X, y, X_test, y_test = multi_index_data(rows, features)
    if model == "xrfm":
        estimator, sizes = PeerModel(_SAME_SETTINGS), (X_test, y_test)
    elif model == "rfm-laplace":
        warmup()
        estimator, sizes = rfmlearn_model(_SAME_SETTINGS, solver).set_params(**params), ()
    else:
        estimator, sizes = make(model, False, X, threads, params | {"solver": solver}), ()
    with threadpool_limits(threads):
        _, used = with_memory(lambda: estimator.fit(X, y, *sizes))
    told = {"bandwidth": BANDWIDTH, "alpha": RIDGE} if model != "rfm" else {}
    return told | fit_record(estimator, used) | score(estimator, False, X_test, y_test)


def processes(n_jobs, rows, features, params):
    """A fit by so many processes, each of one thread."""
    import joblib

    X, y, X_test, y_test = multi_index_data(rows, features)
    own = {"n_jobs": n_jobs} if "n_jobs" in inspect.signature(RFMRegressor).parameters else {}
    estimator = make("rfm", False, X, 1, own | params)
    with joblib.parallel_config("loky", n_jobs=n_jobs, inner_max_num_threads=1):
        joblib.Parallel()(joblib.delayed(abs)(i) for i in range(n_jobs))  # workers start before the time is taken
        estimator, measured = fit(estimator, X, y)
    return measured | score(estimator, False, X_test, y_test)


def dask(where, rows, features, partitions, params):
    """A fit on a cluster of two workers of one thread each, or on this machine with two threads."""
    X, y, X_test, y_test = multi_index_data(rows, features)
    if where == "here":
        model, measured = fit(make("rfm", False, X, 2, params), X, y)
        return measured | score(model, False, X_test, y_test)
    import dask.array as da
    from distributed import Client, LocalCluster, wait

    from rfmlearn.dask import DaskRFMRegressor

    chunk = -(-rows // partitions)
    workers = {"n_workers": 2, "threads_per_worker": 1, "env": dict.fromkeys(THREAD_LIMITS, "1")}
    with LocalCluster(**workers, dashboard_address=None) as cluster, Client(cluster) as client:
        client.run(warmup)
        X, y = (client.persist(da.from_array(a, chunks=(chunk, *a.shape[1:]))) for a in (X, y))
        wait([X, y])
        model, measured = fit(DaskRFMRegressor(random_state=0, client=client, **params), X, y)
        t_predict, prediction = seconds(lambda: model.predict(da.from_array(X_test, chunks=(chunk, -1))).compute())
    return measured | {"t_predict": t_predict} | score_numbers(prediction, y_test)


CASES_BY_NAME = {case.__name__: case for case in (tables, flights, growth, borders, exact, processes, dask)}


def read_parts(data, name, dev, max_train, max_test):
    """X, y, X and y to score on, and whether y is of classes."""
    frame, y = read_set(data, name)
    train, test = split(y, max_train, max_test)
    if dev:
        train, test = split_again(y, train, max_test)
    return *parts(frame, y, train, test), is_classes(y)


def make(name, classes, X, threads, params):
    """A model that is not fitted; parameters are those of rfm and rfmcv, whose compiled loops are loaded."""
    if name.startswith("rfm"):
        warmup()
    return make_model(name, classes, X, seed=0, n_threads=threads).set_params(**params)


def fit(model, X, y):
    """Fitted model, with time, memory, warnings, and the solver that it tells."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, used = with_memory(lambda: model.fit(X, y))
    texts = list(dict.fromkeys(f"{w.category.__name__}: {w.message}"[:200] for w in caught))
    return model, fit_record(model, used) | ({"warnings": texts[:5]} if texts else {})


def fit_record(model, used):
    """Time and memory of a fit, and the solver that the model tells."""
    solver = getattr(model, "solver_", None)
    record = {"t_fit": used["seconds"], "cpu_fit": used["cpu"]}
    record |= {key: used[key] for key in ("before_gb", "peak_gb", "above_gb")}
    return record | ({} if solver is None else {"solver_": str(solver)})


def score(model, classes, X, y):
    """Seconds of one prediction, and scores."""
    start = time.perf_counter()
    prediction = model.predict_proba(X) if classes else model.predict(X)
    t_predict = time.perf_counter() - start
    return {"t_predict": t_predict} | (score_probabilities if classes else score_numbers)(prediction, y)


def with_memory(function):
    """What a function returns; its seconds by the clock and of processor; resident GB before it and at its peak."""
    before, cpu = _reset_peak(), time.process_time()
    time_taken, result = seconds(function)
    cpu, peak = time.process_time() - cpu, max(_status("VmHWM") or peak_memory(), before)
    return result, {"seconds": time_taken, "cpu": cpu, "before_gb": before, "peak_gb": peak, "above_gb": peak - before}


def _reset_peak():
    """Let the peak count from now on, where the system can; the resident size of now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak_memory()  # which only grows: memory that was freed before the fit counts as used before
    return _status("VmRSS")


def _status(name):
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e9


def measure(specification, data=None):
    """What a specification asks for, or the error."""
    settings = dict(specification)
    case = CASES_BY_NAME[settings.pop("case")]
    if "data" in inspect.signature(case).parameters:
        settings["data"] = data
    try:
        record = case(**settings)
    except Exception as error:  # whatever a package raises: kept, and told
        record = {"error": f"{type(error).__name__}: {error}"[:500]}
    return record


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specification", type=json.loads)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--timeout", type=int, metavar="SECONDS", help="of processor; then the system ends the process")
    parser.add_argument("--most-memory", type=float, metavar="GB", help="what asks for more fails")
    args = parser.parse_args()
    if args.timeout:
        resource.setrlimit(resource.RLIMIT_CPU, (args.timeout, resource.RLIM_INFINITY))
    if args.most_memory:
        resource.setrlimit(resource.RLIMIT_DATA, (int(args.most_memory * 1e9), resource.RLIM_INFINITY))
    print(json.dumps(measure(args.specification, args.data)), flush=True)


if __name__ == "__main__":
    main()
