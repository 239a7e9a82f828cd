"""After `warmup` no estimator compiles or loads another loop."""

import os
import subprocess
import sys

import pytest

import rfmlearn

SCRIPT = """
import sys, warnings
import numpy as np
import rfmlearn
from numba.core import event
from rfmlearn import *
from rfmlearn.kernels._names import KERNELS

def signatures():
    modules = [module for name, module in sys.modules.items() if name.startswith("rfmlearn.")]
    loops = {id(loop): loop for module in modules for loop in vars(module).values() if hasattr(loop, "overloads")}
    return {(loop.py_func.__name__, str(types)) for loop in loops.values() for types in loop.overloads}

assert rfmlearn.warmup() > 0
before = signatures()
assert before
compiled = []
class Listener(event.Listener):
    def on_start(self, found):
        compiled.append(found.data["dispatcher"].py_func.__name__)
    def on_end(self, found):
        pass
event.register("numba:compile", Listener())

rng, names = np.random.default_rng(0), np.array(["a", "b", "c"], dtype=object)
for dtype in (np.float32, np.float64):
    for n, kernels in ((2, ["lpq_laplace"]), (30, list(KERNELS)), (530, ["laplace"])):
        X = rng.normal(size=(n, 3)).astype(dtype)
        table = np.column_stack([X.astype(object), names[np.arange(n) % 3]])
        number, label = X[:, 0], np.arange(n) % 2
        for kernel in kernels:
            RFMRegressor(kernel, max_iter=1, solver="cg").fit(X, number).predict(X[:1])
            model = RFMClassifier(kernel, max_iter=1, feature_matrix="full", categorical_features=[3])
            model.fit(table, label).predict(table)
    X, table, number, label = X[:30], table[:30], number[:30], label[:30]
    RFMRegressorCV([{"max_iter": 1}], cv=2).fit(X, number).predict(X)
    RFMClassifierCV([{"max_iter": 1}], cv=2, categorical_features=[3]).fit(table, label).predict(table)
    DeepRFMRegressor(n_random_features=10, n_layers=2).fit(X, number).predict(X)
    DeepRFMClassifier(n_random_features=10, n_layers=2).fit(X, label).predict(X)
    average_gradient_outer_product(AGOPFeatureMap().fit(X, number).estimator_, X)
    images = rng.random((70, 5, 6, 2)).astype(dtype)
    for kernel in ("cntk", "patch_laplace"):
        for padding in ("valid", "same"):
            model = ConvRFMClassifier(kernel, padding=padding, depth=2, pool=2, max_iter=1, n_agop_samples=10)
            for n in (6, 70):
                model.fit(images[:n], np.arange(n) % 2)
                model.predict(images[:1]), model.predict(images)
assert not compiled, compiled
assert signatures() == before, signatures() - before
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_nothing_is_compiled_after_it():
    """In a process of its own, since here loops have been used before."""
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_verbose_tells_what_takes_how_long(capsys):
    assert isinstance(rfmlearn.warmup(verbose=True), float)
    told = capsys.readouterr().err
    assert all(part in told for part in ("gaussian, float32", "ConvNTK, float64", "a first fit"))
    rfmlearn.warmup()
    assert not capsys.readouterr().err
