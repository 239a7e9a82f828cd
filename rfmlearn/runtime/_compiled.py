"""Compiled loops, and numba's cache of them, which may be missing, full or broken without harm."""

from __future__ import annotations

import contextlib
import warnings

from numba import njit


def compiled(**options):
    """Like ``numba.njit(cache=True, **options)``; but where the cache fails, a warning, and loops are compiled anew."""

    def decorate(function):
        loop = njit(**options)(function)
        if not hasattr(loop, "enable_caching"):  # NUMBA_DISABLE_JIT leaves the function as it is
            return loop
        try:
            loop.enable_caching()
        except (RuntimeError, OSError) as error:  # there is no folder that can be written to
            _warn_of_cache(f"compiled loops are not kept from one process to the next: {error}")
        else:
            # Dispatchers have kept their cache there ever since; one that does not has numba's own behaviour.
            if hasattr(loop, "_cache"):
                loop._cache = _ForgivingCache(loop._cache)
        return loop

    return decorate


class _ForgivingCache:
    """A cache of one loop whose files may be cut short, unreadable, or not to be written.

    Attributes
    ----------
    cache : numba.core.caching.FunctionCache
    """

    def __init__(self, cache):
        self.cache = cache

    def __getattr__(self, name):
        return getattr(self.cache, name)

    def load_overload(self, signature, target):
        """What was compiled for a signature; None, after which it is compiled, if there is nothing that can be read."""
        try:
            return self.cache.load_overload(signature, target)
        except Exception as error:  # pickles cut short or overwritten raise errors of any type
            self._start_anew()
            _warn_of_cache(f"compiled loops in {self.cache_path} cannot be read ({type(error).__name__}: {error})")
            return None

    def save_overload(self, signature, result):
        """Keep what was compiled, if that is possible."""
        try:
            self.cache.save_overload(signature, result)
        except Exception as error:
            self._start_anew()
            _warn_of_cache(f"compiled loops cannot be kept in {self.cache_path} ({type(error).__name__}: {error})")

    def _start_anew(self):
        """Forget the index, lest it points to what was not written."""
        with contextlib.suppress(Exception):
            self.cache.flush()


# What was told in this process: one warning is enough, however many loops there are.
_told: list[str] = []


def _warn_of_cache(trouble):
    if not _told:
        _told.append(trouble)
        warnings.warn(
            f"{trouble}. All works, but compiling takes some seconds; the environment variable NUMBA_CACHE_DIR names a "
            "folder, which must be writable, in which compiled loops are kept.",
            UserWarning,
            stacklevel=2,
        )
