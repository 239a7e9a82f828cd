"""Pieces of work in threads, side by side: after an error, or an interrupt, no further piece is begun."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


def side_by_side(pieces, n_threads):
    """Results of functions without arguments, in their order, as they come.

    Parameters
    ----------
    pieces : sequence of callable
    n_threads : int
        One is the thread of the caller.

    Yields
    ------
    object

    Raises
    ------
    BaseException
        What the first piece that fails raises, once those that were begun are through.
    """
    if min(n_threads, len(pieces)) <= 1:
        for piece in pieces:
            yield piece()
        return
    stop = threading.Event()

    def run(piece):
        if stop.is_set():
            return None
        try:
            return piece()
        except BaseException:
            stop.set()
            raise

    pool = ThreadPoolExecutor(min(n_threads, len(pieces)))
    try:
        # Pieces are begun in their order: those before one that fails are never left out.
        for future in [pool.submit(run, piece) for piece in pieces]:
            yield future.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
