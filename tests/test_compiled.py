"""Compiled loops work where their cache is missing, broken or full, and say so once."""

import errno
import importlib.util
import os
import subprocess
import sys
import warnings

import numba
import pytest
from numba.core import caching

from rfmlearn.runtime import _compiled
from rfmlearn.runtime._compiled import compiled

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loops of a module of its own, compiled anew as in another process, with a cache of its own."""
    file = tmp_path / "some_loops.py"
    file.write_text("def double(x):\n    return 2 * x\n\ndef triple(x):\n    return 3 * x\n")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))

    def load():
        monkeypatch.setattr(_compiled, "_told", [])
        spec = importlib.util.spec_from_file_location("some_loops", file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "some_loops", module)
        spec.loader.exec_module(module)
        loops = compiled(nogil=True)(module.double), compiled(nogil=True)(module.triple)
        assert [loop(7) for loop in loops] == [14, 21]
        return loops

    return load


def hits(loops):
    return [sum(loop.stats.cache_hits.values()) for loop in loops]


def test_loops_are_kept(load):
    assert hits(load()) == [0, 0]
    assert hits(load()) == [1, 1]


def test_no_folder(load, monkeypatch):
    def refuse(self):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", refuse)
    with pytest.warns(UserWarning, match="no locator available.*NUMBA_CACHE_DIR") as caught:
        load()
    assert len(caught) == 1


@pytest.mark.parametrize("size", [0, -3])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_files_cut_short(load, tmp_path, ending, size):
    """They are written anew, so that the next process finds them in order."""
    load()
    for file in (tmp_path / "cache").rglob(f"*.{ending}"):
        file.write_bytes(file.read_bytes()[:size])
    with pytest.warns(UserWarning, match=r"cannot be read \(.*NUMBA_CACHE_DIR") as caught:
        assert hits(load()) == [0, 0]
    assert len(caught) == 1
    assert hits(load()) == [1, 1]


def test_files_of_other_bytes(load, tmp_path):
    load()
    for file in (tmp_path / "cache").rglob("*.nb?"):
        file.write_bytes(b"\x80no pickle")
    with pytest.warns(UserWarning, match="cannot be read"):
        load()
    assert hits(load()) == [1, 1]


@pytest.mark.parametrize(("method", "number"), [("_save_index", errno.ENOSPC), ("_save_data", errno.EFBIG)])
def test_full_disk(load, monkeypatch, method, number):
    def refuse(self, *args):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(caching.IndexDataCacheFile, method, refuse)
        with pytest.warns(UserWarning, match="cannot be kept in .*OSError.*NUMBA_CACHE_DIR") as caught:
            load()
        assert len(caught) == 1
    assert hits(load()) == [0, 0]
    assert hits(load()) == [1, 1]


def test_a_process_without_a_folder():
    """The first fit of an installation that cannot be written to, by somebody without a home."""
    script = """
import warnings
import numpy as np
from numba.core import caching
def refuse(self):
    raise PermissionError(13, "Permission denied")
caching._CacheLocator.ensure_cache_path = refuse
from rfmlearn.kernels import LaplaceKernel
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert LaplaceKernel(2.0)([[0.0], [1.0]]).shape == (2, 2)
assert [w.category for w in caught] == [UserWarning], caught
"""
    result = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_an_error_of_the_compiler_is_no_trouble_of_the_cache(load):
    double, _ = load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(numba.TypingError):
            double({})
