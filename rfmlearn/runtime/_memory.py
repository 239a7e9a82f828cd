"""Memory: how much a fit takes, and a refusal before it is allocated if that is more than there is."""

from __future__ import annotations

import os
from pathlib import Path


def available_bytes():
    """Memory that this process may still take, as the operating system and its container tell; None if unknown."""
    limits = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits.append(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")))
    except (OSError, StopIteration, ValueError):
        try:
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (AttributeError, OSError, ValueError):
            pass
    try:
        group = Path("/sys/fs/cgroup")
        limits.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return max(0, min(limits)) if limits else None


def check_memory(n_samples, n_coordinates, n_outputs, itemsize):
    """Refuse a fit whose pair matrix and workspaces do not fit.

    Raises
    ------
    MemoryError
        With the estimate, what is available, and the way out.
    """
    pairs = n_samples**2 * itemsize
    rows = n_samples * (n_coordinates * (3 + n_outputs) + 4 * n_outputs) * itemsize
    needed, available = pairs + rows + 2**26, available_bytes()
    if available is None or needed <= available:
        return
    # The largest n with n^2 + n rows / n_samples no more than what is there.
    linear, room = rows / n_samples / itemsize, max(available - 2**26, 0) / itemsize
    affordable = int((linear**2 / 4 + room) ** 0.5 - linear / 2)
    raise MemoryError(
        f"fitting {n_samples} rows takes about {needed / 2**30:.3g} GiB ({pairs / 2**30:.3g} GiB of it for the Gram "
        f"matrix), but only {available / 2**30:.3g} GiB are available. Fit at most about {affordable} rows (a random "
        "subsample), or give X as float32, which halves the need."
    )
