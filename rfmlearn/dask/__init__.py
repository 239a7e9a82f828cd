"""Tables on a dask cluster, which may be larger than the memory of any machine.

Needs the extra ``rfmlearn[dask]``.
"""

from ._estimators import DaskRFMClassifier, DaskRFMRegressor

__all__ = ["DaskRFMClassifier", "DaskRFMRegressor"]
