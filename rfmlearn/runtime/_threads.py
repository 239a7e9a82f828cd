"""Threads of the compiled loops: how many, and how rows are shared between them."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import joblib
from threadpoolctl import ThreadpoolController

from ._budget import PIECE, WORTH_A_THREAD


class _Limits:
    """Limits on BLAS that are in force now, set from any thread.

    A limit of BLAS is one of the whole process. Threads that set and restored it side by side would leave it as one of
    them had set it; so they share a list of limits, of which the smallest holds, and the last to leave restores what
    was there before the first came.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._asked: list[int] = []
        self._teams = 0
        self._before: list[int] = []

    @functools.cached_property
    def _libraries(self):
        return [lib for lib in ThreadpoolController().lib_controllers if lib.user_api == "blas"]

    def in_force(self):
        """Threads that may be used now, which the compiled loops and BLAS share."""
        with self._lock:
            counts = self._before or [lib.num_threads for lib in self._libraries]
            return min([max(counts, default=joblib.cpu_count()), *self._asked])

    @contextlib.contextmanager
    def hold(self, limit=None):
        """BLAS held to a limit that is asked for; None stands for one thread while a team spreads its calls."""
        self._change(limit, +1)
        try:
            yield
        finally:
            self._change(limit, -1)

    def _change(self, limit, step):
        with self._lock:
            if not self._before:
                if limit is not None:
                    self.__dict__.pop("_libraries", None)  # look again: more may have been loaded since
                self._before = [lib.num_threads for lib in self._libraries]
            if limit is None:
                self._teams += step
            else:
                (self._asked.append if step > 0 else self._asked.remove)(limit)
            limits = [*self._asked, *([1] if self._teams else [])]
            for lib, before in zip(self._libraries, self._before, strict=True):
                _set_num_threads(lib, min([before, *limits]))
            if not limits:
                self._before = []


def _set_num_threads(lib, number):
    """Threads of one library.

    In recent threadpoolctl, OpenBLAS listens to the first thread that sets its limit, and to no other, lest threads
    undo each other's. `_Limits` sees to that itself, so whoever was first is forgotten before and after.
    """
    forget = getattr(lib, "clear_controlling_thread", lambda force: None)
    forget(force=True)
    lib.set_num_threads(number)
    forget(force=True)


_LIMITS = _Limits()


def n_threads_in_force() -> int:
    """Threads that BLAS and the compiled loops may use now, in whatever thread this is asked.

    The loops obey the same limit as BLAS, so that `threadpoolctl.threadpool_limits`, joblib's loky workers and
    ``OPENBLAS_NUM_THREADS`` govern both, also inside the threads of dask, joblib or a web server.
    """
    return _LIMITS.in_force()


def thread_limit(limit):
    """BLAS and the compiled loops held to so many threads in a ``with`` statement; None leaves them alone."""
    return contextlib.nullcontext() if limit is None else _LIMITS.hold(limit)


class Team:
    """Threads for one stage of work, to be used in a ``with`` statement.

    Inside, BLAS is held to one thread, and calls of BLAS are spread over the team instead: the idle threads of
    OpenBLAS spin for some hundredths of a second after each call, and would fight the loops for the cores.

    Parameters
    ----------
    work : int, default=None
        Number of elementary operations in all; with few of them the team is a single thread. None means a lot.
    worth_a_thread : int, default=500_000
        Number of operations from which a thread is worth its cost.
    n_threads : int, default=None
        Threads that there are. None means as many as may be used now.

    Attributes
    ----------
    stopped : bool
        Whether there was an error, or an interrupt, in one of the threads. Work on a long range looks at it now and
        then, and ends.
    """

    def __init__(self, work=None, *, worth_a_thread=WORTH_A_THREAD, n_threads=None):
        self.size, self.stopped = 1, False
        if work is None or work >= 2 * worth_a_thread:
            self.size = n_threads_in_force() if n_threads is None else n_threads
        self._exit = contextlib.ExitStack()

    def __enter__(self):
        if self.size > 1:
            self._exit.enter_context(_LIMITS.hold())
            self._pool = self._exit.enter_context(ThreadPoolExecutor(self.size - 1))
        return self

    def __exit__(self, *error):
        self._exit.close()

    def share(self, core, n_rows, *args, piece=PIECE):
        """Run ``core(start, stop, *args)`` over all rows.

        `core` releases the interpreter's lock and writes disjoint results for disjoint ranges of rows. Ranges have
        `piece` rows whatever the number of threads, so that it cannot change a result, not even by rounding. After an
        error, or an interrupt, in any thread no further range is begun.
        """
        pile = deque((start, min(start + piece, n_rows)) for start in range(0, n_rows, piece))
        if self.size == 1 or n_rows <= piece:
            for start, stop in pile:
                core(start, stop, *args)
            return

        def work_off():
            with self._stop_on_error(pile):
                while (part := _pop(pile)) is not None:
                    core(*part, *args)

        others = [self._pool.submit(work_off) for _ in range(self.size - 1)]
        with self._stop_on_error(pile):
            work_off()
            for other in others:
                other.result()

    @contextlib.contextmanager
    def _stop_on_error(self, pile):
        """Nothing of the pile is begun after an error; what was begun ends before the team does."""
        try:
            yield
        except BaseException:
            self.stopped = True
            pile.clear()
            raise


def _pop(pile):
    """The first of what is left of a pile, None if nothing is; threads may pop side by side."""
    try:
        return pile.popleft()
    except IndexError:
        return None
