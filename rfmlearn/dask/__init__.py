"""Tables on a dask cluster, which may be larger than the memory of any machine.

Needs dask and distributed: ``pip install "rfmlearn[dask]"``.
"""

import importlib.util

if not all(map(importlib.util.find_spec, ("dask", "distributed"))):
    raise ImportError('rfmlearn.dask needs dask and distributed: pip install "rfmlearn[dask]".')

from ._estimators import DaskRFMClassifier, DaskRFMRegressor

__all__ = ["DaskRFMClassifier", "DaskRFMRegressor"]
