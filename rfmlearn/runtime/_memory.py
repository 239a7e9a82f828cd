"""Memory: how much a fit takes, and a refusal before it is allocated if that is more than there is."""

from __future__ import annotations

import os
import re
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


def as_bytes(value):
    """Bytes of a limit that is given as a number of them or as "4GB"; None stays None.

    Raises
    ------
    ValueError
        If a text is neither.
    """
    if value is None or not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+\.?\d*)\s*([kmgt]?)(i?)b\s*", value, re.IGNORECASE)
    number = float(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index(match[2].lower() or " ") if match else 0.0
    if not number > 0:
        raise ValueError(f'max_memory must be a number of bytes or a text as "500MB" or "4GB", got {value!r}.')
    return number


def refuse_square(n_coordinates, name):
    """Raise MemoryError if two square arrays over so many coordinates do not fit, for what is asked for by its name."""
    n_bytes = 16 * n_coordinates**2
    refuse_beyond(
        n_bytes,
        lambda available: (
            f"{name} over all {n_coordinates} coordinates takes {n_bytes / 2**30:.3g} GiB, but only "
            f"{available / 2**30:.3g} GiB are available: machine_.feature_matrix.blocks and feature_importances_ hold "
            "what was learned."
        ),
    )


def refuse_beyond(n_bytes, complaint):
    """Raise MemoryError if so many bytes are not available; `complaint` makes its text of the bytes that are."""
    available = available_bytes()
    if available is not None and n_bytes > available:
        raise MemoryError(complaint(available))
