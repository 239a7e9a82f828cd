"""What an import costs: numba waits until a kernel is computed, others until they are needed."""

import subprocess
import sys

PRELUDE = """
import sys
import sklearn
before = set(sys.modules)
"""
OBJECTS = """
import rfmlearn.inspection, rfmlearn.kernels, rfmlearn.neural, rfmlearn.solvers
repr(rfmlearn.RFMRegressor())
rfmlearn.RFMClassifier().get_params()
rfmlearn.kernels.LaplaceKernel(2.0).with_bandwidth(1.0)
"""
CHECK = """
heavy = {"numba", "llvmlite", "pandas", "polars", "matplotlib", "torch"}
loaded = {name.partition(".")[0] for name in sys.modules} & heavy
loaded -= {name.partition(".")[0] for name in before}
assert not loaded, loaded
assert "rfmlearn.kernels._loops" not in sys.modules
assert "rfmlearn.kernels._elementary" not in sys.modules
"""
NEED = """
rfmlearn.kernels.LaplaceKernel()([[0.0]])
assert {"numba", "rfmlearn.kernels._loops", "rfmlearn.kernels._elementary"} <= set(sys.modules)
"""


def test_nothing_is_compiled_or_imported_without_need():
    """And numba is when it is needed, or the check could not fail."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + OBJECTS + CHECK + NEED], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
