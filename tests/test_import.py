"""What an import costs: numba waits until a kernel is computed."""

import subprocess
import sys

import pytest

PRELUDE = """
import sys
import sklearn
before = set(sys.modules)
"""
CHECK = """
heavy = {"numba", "llvmlite", "pandas", "polars", "matplotlib", "torch"}
loaded = {name.partition(".")[0] for name in sys.modules} & heavy
loaded -= {name.partition(".")[0] for name in before}
assert not loaded, loaded
assert "rfmlearn.kernels._loops" not in sys.modules
assert "rfmlearn.kernels._elementary" not in sys.modules
"""


def run(script):
    result = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "statements",
    [
        "import rfmlearn",
        """
import rfmlearn.kernels, rfmlearn.solvers
repr(rfmlearn.RFMRegressor())
rfmlearn.RFMClassifier().get_params()
rfmlearn.kernels.LaplaceKernel(2.0).with_bandwidth(1.0)
""",
    ],
    ids=["import", "objects"],
)
def test_nothing_is_compiled_or_imported_without_need(statements):
    run(PRELUDE + statements + CHECK)


def test_numba_comes_when_it_is_needed():
    """Or the tests above could not fail."""
    run(PRELUDE + "from rfmlearn.kernels import LaplaceKernel; LaplaceKernel()([[0.0]])\nassert 'numba' in sys.modules")


def test_public_names():
    import rfmlearn

    assert set(rfmlearn.__all__) >= {"RFMClassifier", "RFMRegressor", "__version__"}
    assert all(hasattr(rfmlearn, name) for name in rfmlearn.__all__)
