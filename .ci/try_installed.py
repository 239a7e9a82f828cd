"""Tries the installed package, away from the checkout: every public module, and a classifier."""

import importlib
import importlib.metadata
import pkgutil
import sys
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

import rfmlearn

assert Path(rfmlearn.__file__).is_relative_to(sys.prefix), rfmlearn.__file__
assert rfmlearn.__version__ == importlib.metadata.version("rfmlearn")

modules = [m.name for m in pkgutil.walk_packages(rfmlearn.__path__, "rfmlearn.") if "._" not in m.name]
for name in modules:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        assert "pip install" in str(error), (name, error)  # an extra that is not there says so
        continue
    missing = [public for public in getattr(module, "__all__", []) if not hasattr(module, public)]
    assert not missing, (name, missing)

X_train, X_test, y_train, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
score = rfmlearn.RFMClassifier().fit(X_train, y_train).score(X_test, y_test)
assert score > 0.9, score
print(f"rfmlearn {rfmlearn.__version__}: {len(modules)} public modules, accuracy on iris {score:.3f}")  # noqa: T201
