"""How many threads the compiled loops use, and how rows are shared between them."""

from __future__ import annotations

import functools
import itertools
import threading

import joblib
from threadpoolctl import ThreadpoolController

# Below this many elementary operations a second thread costs more than it brings.
_WORTH_A_THREAD = 100_000


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


def share_rows(core, n_rows, *args, work=None):
    """Run ``core(start, stop, *args)`` over the rows, in as many threads as are allowed and worth it.

    `core` is compiled with ``nogil=True`` and writes disjoint results for disjoint ranges of rows, so that neither the
    number of threads nor their order can change a result.

    Parameters
    ----------
    core : callable
        Compiled function of ``(start, stop, *args)``.
    n_rows : int
        Number of rows to share.
    *args : ndarray or number
        Passed on.
    work : int, default=None
        Number of elementary operations in all; None means a lot.
    """
    n_threads = min(n_threads_in_force(), n_rows)
    if work is not None and work < 2 * _WORTH_A_THREAD:
        n_threads = 1
    if n_threads <= 1:
        core(0, n_rows, *args)
        return
    # Four pieces a thread, taken from a common pile: rows of a triangle are not equally long.
    n_pieces = min(n_rows, 4 * n_threads)
    edges = [n_rows * k // n_pieces for k in range(n_pieces + 1)]
    pile, errors = itertools.pairwise(edges), []
    lock = threading.Lock()

    def work_off():
        try:
            while True:
                with lock:
                    piece = next(pile, None)
                if piece is None:
                    return
                core(*piece, *args)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work_off, daemon=True) for _ in range(n_threads - 1)]
    for thread in threads:
        thread.start()
    work_off()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
