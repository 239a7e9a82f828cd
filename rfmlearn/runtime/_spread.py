"""Tasks spread over whatever the user has set up with joblib, or over threads of this process."""

from __future__ import annotations

from contextlib import closing
from functools import partial

from joblib import Parallel, delayed, effective_n_jobs

from ._side_by_side import side_by_side
from ._threads import n_threads_in_force, thread_limit


def spread(make_task, n_tasks):
    """Results of tasks, in their order, as they come, in a ``with`` statement that ends what was begun.

    Within ``joblib.parallel_config``, they are spread by its backend: processes, dask, ray. Else they are shared by as
    many threads as may be used now, one to a task. Results are the same either way.

    Parameters
    ----------
    make_task : callable
        From the number of a task to a function without arguments, which can be pickled, and holds what it needs.
    n_tasks : int

    Returns
    -------
    context manager of an iterator
        However its ``with`` statement ends, no task runs after it, and threads are what they were.
    """
    return closing(_spread(make_task, n_tasks))


def _spread(make_task, n_tasks):
    if effective_n_jobs(None) > 1:
        # Tasks are made when a worker is free, so that few of them are in memory.
        parallel = Parallel(return_as="generator", pre_dispatch="2 * n_jobs")
        yield from parallel(delayed(_run_alone)(make_task(number)) for number in range(n_tasks))
        return
    n_threads = n_threads_in_force()
    if min(n_threads, n_tasks) <= 1:
        for number in range(n_tasks):
            yield make_task(number)()
        return
    with thread_limit(1):
        pieces = [partial(_make_and_run, make_task, number) for number in range(n_tasks)]
        yield from side_by_side(pieces, n_threads, ahead=n_threads + 1)


def _make_and_run(make_task, number):
    return make_task(number)()


def _run_alone(task):
    """One thread to a task: as many tasks run at a time as there are workers."""
    with thread_limit(1):
        return task()
