"""Progress of a search, shown when asked for: a bar where rich is installed, else lines of the log."""

from __future__ import annotations

import contextlib
import logging


@contextlib.contextmanager
def progress(verbose):
    """A function ``(done, total, what)`` that shows how far the work has come."""
    if not verbose:
        yield lambda done, total, what: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        yield lambda done, total, what: logger.info("%s: %d of %d", what, done, total)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    bar = Progress(*columns, console=Console(stderr=True))
    tasks: dict = {}

    def show(done, total, what):
        if not tasks:
            bar.start()  # not before there is anything to show, as even an empty bar is a line
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done, total=total)

    try:
        yield show
    finally:
        if tasks:
            bar.stop()


@contextlib.contextmanager
def log_to_stderr(verbose):
    """Show the package's log of rounds while fitting, if asked to."""
    if not verbose:
        yield
        return
    handler, level = logging.StreamHandler(), logger.level
    handler.setFormatter(logging.Formatter("[%(name)s] %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


logger = logging.getLogger("rfmlearn")


def log_record(record):
    """One line of the log for a round or a layer."""
    logger.info("%s", ", ".join(f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in record.items()))
