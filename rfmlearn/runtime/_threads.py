"""Threads of the compiled loops: how many, and how rows are shared between them."""

from __future__ import annotations

import contextlib
import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
from threadpoolctl import ThreadpoolController

# Below this many elementary operations a second thread costs more than it brings.
_WORTH_A_THREAD = 500_000


@functools.lru_cache(maxsize=1)
def _controller():
    return ThreadpoolController()


def n_threads_in_force() -> int:
    """Threads that BLAS may use now; 1 outside of the main thread.

    The compiled loops obey the same limit as BLAS, so that `threadpoolctl.threadpool_limits`, joblib's loky workers
    and ``OPENBLAS_NUM_THREADS`` govern both. Worker threads of somebody else's pool run the loops on their own.
    """
    if threading.current_thread() is not threading.main_thread():
        return 1
    counts = [lib.num_threads for lib in _controller().lib_controllers if lib.user_api == "blas"]
    return max(counts, default=joblib.cpu_count())


@contextlib.contextmanager
def blas_limit(limit):
    """BLAS, and with it the compiled loops, held to so many threads; None leaves them alone.

    So does any thread but the main one: the limit is that of the whole process, and threads that set and restore it
    side by side would leave it as one of them had set it.
    """
    alone = limit is None or threading.current_thread() is not threading.main_thread()
    with contextlib.nullcontext() if alone else _controller().limit(limits=limit, user_api="blas"):
        yield


class Team:
    """Threads for one stage of work, to be used in a ``with`` statement.

    Inside, BLAS is held to one thread, and calls of BLAS are spread over the team instead: the idle threads of
    OpenBLAS spin for some hundredths of a second after each call, and would fight the loops for the cores.

    Parameters
    ----------
    work : int, default=None
        Number of elementary operations in all; with few of them the team is a single thread. None means a lot.
    """

    def __init__(self, work=None):
        self.size = 1 if work is not None and work < 2 * _WORTH_A_THREAD else n_threads_in_force()
        self._exit = contextlib.ExitStack()

    def __enter__(self):
        if self.size > 1:
            self._exit.enter_context(_controller().limit(limits=1, user_api="blas"))
            self._pool = self._exit.enter_context(ThreadPoolExecutor(self.size - 1))
        return self

    def __exit__(self, *error):
        self._exit.close()

    def share(self, core, n_rows, *args, piece=128):
        """Run ``core(start, stop, *args)`` over all rows.

        `core` releases the interpreter's lock and writes disjoint results for disjoint ranges of rows. Ranges have
        `piece` rows whatever the number of threads, so that it cannot change a result, not even by rounding.
        """
        pile = iter([(start, min(start + piece, n_rows)) for start in range(0, n_rows, piece)])
        if self.size == 1 or n_rows <= piece:
            for start, stop in pile:
                core(start, stop, *args)
            return
        lock = threading.Lock()

        def work_off():
            while True:
                with lock:
                    part = next(pile, None)
                if part is None:
                    return
                core(*part, *args)

        others = [self._pool.submit(work_off) for _ in range(self.size - 1)]
        try:
            work_off()
        finally:
            for other in others:
                other.result()
