"""The worker that is killed: `python -m tests.heavy.killed_worker.worker`, in an environment of its own.

An order is {"seed": base, "at": time} or {"steps": […]}, a list of {"task", "at", "out", "kill"}. Each task runs at its
clock time; with a number in "kill" the process kills itself (SIGKILL, no cleaning up) before that many-th statement to
the database or the event store. "out" is where to write the number of statements, and the snapshot of the data
after the task.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django
import time_machine


class Counter:
    """Counts statements; at `kill` the process ends."""

    def __init__(self) -> None:
        self.reset(0)

    def reset(self, kill: int) -> None:
        self.count, self.kill = itertools.count(1), kill
        self.last = 0

    def step(self) -> None:
        self.last = next(self.count)
        if self.last == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        self.step()
        return execute(*args)


def listen(counter: Counter) -> None:
    """Count what goes to the database and to the event store."""
    from django.db import connection

    from tracking.store import client

    take = client._take

    def counted(*args: Any) -> Any:
        counter.step()
        return take(*args)

    patch.object(client, "_take", counted).start()
    connection.execute_wrappers.append(counter)


def erase_a_person(now: datetime) -> None:
    """What somebody's request does; it is asked again when it was interrupted."""
    from sites.models import Site
    from tracking import data_requests, spool

    data_requests.erase_person(Site.objects.get(domain="example.com").pk, "ip", "192.0.2.1")
    spool.stop()


def run(task: str, now: datetime) -> None:
    from config import celery, periodic_tasks

    if task == "erasure":
        erase_a_person(now)
    else:
        celery.run_task(next(row for row in periodic_tasks.PERIODIC_TASKS if row.name == task))


def main(steps: list[dict[str, Any]]) -> None:
    from django.conf import settings

    from tests.heavy.killed_worker import world
    from tracking import store

    settings.ROLLUPS_ABOVE_ROWS = 1
    counter = Counter()
    listen(counter)
    for step in steps:
        now = datetime.fromisoformat(step["at"])
        with time_machine.travel(now, tick=True):
            counter.reset(int(step.get("kill") or 0))
            run(step["task"], now)
            count = counter.last
            counter.reset(0)
            if step.get("out"):
                told = {"count": count, "state": world.picture(now)}
                Path(step["out"]).write_text(json.dumps(told, default=str))
    store.close()


def serve() -> None:
    """Read orders (a line of JSON each), fork a process for each, tell its number and how it ended.

    Forked and not started anew because starting costs seconds; this process never opens a store or a database."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            obey(order)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def obey(order: dict[str, Any]) -> None:
    """Do what was ordered and end the process."""
    code = 1
    try:
        if "seed" in order:
            from tests.heavy.killed_worker import world

            world.seed(order["seed"], datetime.fromisoformat(order["at"]))
        else:
            main(order["steps"])
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    django.setup()
    serve()
