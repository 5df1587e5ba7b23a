"""How long processes have waited for a processor, so that a promise about time can be tested on a machine that others
use: what a process waited because others ran is no fault of its own.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

NANOSECONDS = 1_000_000_000


class ProcessorWaits:
    """The time since this was made, and how much of it this process, its children and PostgreSQL waited for a
    processor, all of their threads added up (`run_delay` of Linux' schedstat).
    """

    def __init__(self) -> None:
        self.began, self.before = time.monotonic(), read_run_delays()

    def measure_rest(self) -> float:
        """Return the seconds that have passed without those waits. A machine that tells no waits counts as idle."""
        waits = sum(delay - self.before.get(thread, 0) for thread, delay in read_run_delays().items())
        return time.monotonic() - self.began - waits / NANOSECONDS


def read_run_delays() -> dict[str, int]:
    """Read the nanoseconds that each thread of this process, of its children and of PostgreSQL has waited."""
    delays = {}
    for process in find_processes():
        for path in Path(f"/proc/{process}/task").glob("*/schedstat"):
            with suppress(OSError):  # the thread has ended
                delays[str(path)] = int(path.read_text().split()[1])
    return delays


def find_processes() -> list[int]:
    """Find this process, its children, and every process of PostgreSQL."""
    children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    servers = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if path.read_text().strip() == "postgres":
                servers.append(int(path.parent.name))
    return [os.getpid(), *map(int, children.split()), *servers]
