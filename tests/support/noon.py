"""The clock of the default suite: it ticks, and begins at noon (UTC) of today, whatever the hour.

Tests record what happened "a minute ago" or "two hours ago" and ask for "today": just after midnight this would be
yesterday, and a suite that runs across midnight would ask for another day than it recorded. The clock is set before
test modules are collected, since many compute their times when they are imported, and in every run, so that the hour
never makes a difference. Tests may still travel: they come back to this clock.

The times of files, the database's and the event store's own `now()`, and the processes that a test starts follow the
machine's clock, at most a day away. A test that compares one of them with Python's clock takes `machine_clock`.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import time_machine

# All workers have the same day: they inherit it from the process that starts them
NOON = datetime.fromtimestamp(
    float(os.environ.setdefault("TESTS_NOON", str(time.time() // 86400 * 86400 + 43200))), UTC
)


def set_clock_to_noon() -> None:
    """Let this process's clock begin at noon."""
    time_machine.travel(NOON, tick=True).start()


def use_machine_clock() -> time_machine.travel:
    """The machine's clock, within a `with`. Suites with servers have it anyway."""
    hatch = time_machine.escape_hatch
    real = hatch.time.time() if hatch.is_travelling() else time.time()
    return time_machine.travel(real, tick=True)
