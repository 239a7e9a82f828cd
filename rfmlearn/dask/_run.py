"""One fit or prediction on a cluster: tasks that any worker can run, and run again."""

from __future__ import annotations

import functools
import itertools
import uuid
from operator import getitem

from distributed import Client, get_client

from ..runtime._threads import thread_limit


def find_client(client=None):
    """The client that is given, or else the one of here and now.

    Raises
    ------
    TypeError
        If it is no client, or one that has to be awaited.
    ValueError
        If there is none.
    RuntimeError
        If it is closed.
    """
    if client is None:
        try:
            client = get_client()
        except ValueError as error:
            raise ValueError(
                "there is no dask client: make one, as by distributed.Client(), or give one as client=..."
            ) from error
    if not isinstance(client, Client) or client.asynchronous:
        raise TypeError(f"client must be a distributed.Client that is not asynchronous, got {client!r}.")
    if client.status != "running":
        raise RuntimeError(f"the dask client is {client.status}: give a running one as client=..., or make one.")
    return client


def one_thread(function):
    """A task held to one thread: a worker runs as many at a time as it has threads."""

    @functools.wraps(function)
    def task(*args, **keywords):
        with thread_limit(1):
            return function(*args, **keywords)

    return task


class Run:
    """Tasks of one fit. All are pure, none is bound to a worker: where one dies, others compute again what is lost.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client):
        self.client = client
        self._id, self._numbers = uuid.uuid4().hex[:12], itertools.count()

    def submit(self, function, *args):
        """The future of a task."""
        key = f"rfm-{function.__name__}-{self._id}-{next(self._numbers)}"
        return self.client.submit(function, *args, key=key, pure=True)

    def each(self, function, *columns):
        """Futures of a task for each of the entries of lists of the same length."""
        return [self.submit(function, *args) for args in zip(*columns, strict=True)]

    def constant(self, value):
        """A value that many tasks need: sent once, and known to the scheduler where a worker has lost it."""
        return self.submit(_itself, value)

    def pieces(self, future, n_pieces):
        """Futures of the entries of a list."""
        return [self.submit(getitem, future, number) for number in range(n_pieces)]

    def results(self, futures):
        """Results in their order, as they come; a list of futures is used up, so that workers can forget them."""
        futures.reverse()
        while futures:
            yield futures.pop().result()

    def gather(self, futures):
        """All results at once."""
        return self.client.gather(futures)

    def fold(self, function, futures, at_once=4):
        """The future of all results added to each other in their order; the function takes some of them."""
        total = futures[0]
        for start in range(1, len(futures), at_once):
            total = self.submit(function, [total, *futures[start : start + at_once]])
        return total


def _itself(value):
    return value
