"""Pieces of work in threads, side by side: after an error, or an interrupt, no further piece is begun."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from sklearn import config_context, get_config


def side_by_side(pieces, n_threads, ahead=None):
    """Results of functions without arguments, in their order, as they come.

    Parameters
    ----------
    pieces : sequence of callable
    n_threads : int
        One is the thread of the caller.
    ahead : int, default=None
        At most so many pieces are begun, or done, of which the result is not taken: where results are large. None is
        as many as there are.

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
    stop, config = threading.Event(), get_config()  # of scikit-learn, which each thread has its own of

    def run(piece):
        if stop.is_set():
            return None
        try:
            with config_context(**config):
                return piece()
        except BaseException:
            stop.set()
            raise

    n_threads = min(n_threads, len(pieces))
    ahead = len(pieces) if ahead is None else ahead
    pool, begun, pieces = ThreadPoolExecutor(n_threads), deque[Future](), iter(pieces)
    try:
        # Pieces are begun in their order: those before one that fails are never left out. No result is kept here.
        while True:
            begun.extend(pool.submit(run, piece) for piece in itertools.islice(pieces, ahead - len(begun)))
            if not begun:
                return
            yield begun.popleft().result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
