"""Recursive feature machines of tables on a dask cluster, which may be larger than any machine's memory.

Needs the extra ``rfmlearn[dask]``.
"""

from ._estimators import DaskRFMClassifier, DaskRFMRegressor

__all__ = ["DaskRFMClassifier", "DaskRFMRegressor"]
