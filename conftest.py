"""What holds for all tests: doctests wait for optional packages, workers compile into folders of their own."""

import os
from importlib.util import find_spec
from pathlib import Path

_NEEDS = {"torch": "rfmlearn/neural/*", "distributed": "rfmlearn/dask/*"}
collect_ignore_glob = [files for package, files in _NEEDS.items() if not find_spec(package)]

# numba's cache is not made for processes that compile one function for different types at once: the index of one can
# overwrite that of the other, under the same file names. Has to be set before numba is imported.
_cache = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / ".numba_cache")
_worker = os.environ.get("PYTEST_XDIST_WORKER")
os.environ["NUMBA_CACHE_DIR"] = str(_cache if _worker in (None, "gw0") else _cache / _worker)

# Workers share the cores: threads of BLAS and OpenMP that wait for each other starve where there are more than cores.
if _worker:
    _share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(_share, 1)))


def pytest_report_header(config):
    """BLAS decides about last digits, and about some failures; OPENBLAS_CORETYPE chooses its kernels."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    names = {f"{p['internal_api']} {p['version']} {p.get('architecture')}, {p['num_threads']} threads" for p in found}
    return f"BLAS: {'; '.join(sorted(names))}; compiled loops: {os.environ['NUMBA_CACHE_DIR']}"
