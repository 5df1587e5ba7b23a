"""Run a periodic task once at a time over all workers, and write down how it went.

A task that dies with its worker frees its claim when `longest` has passed; every task may run twice, so the guard
saves work, it does not have to be right.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q

from accounts.operations.models import TaskRun

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")
LONGEST = timedelta(minutes=10)


def summary() -> dict[str, dict[str, object]]:
    """Every task that ran: when it last began, seconds it took, runs, failures and the last one. No error's words."""
    told = ("started", "seconds", "runs", "failures", "last_failure")
    return {
        run.name: {"running": run.running_until is not None, **{name: getattr(run, name) for name in told}}
        for run in TaskRun.objects.order_by("name")
    }


def run_guarded(name: str, job: Callable[[], object], *, now: datetime, longest: timedelta = LONGEST) -> bool:
    """Run `job` unless it runs already; whether it ran. A failure is logged and kept, not raised."""
    TaskRun.objects.get_or_create(name=name)
    free = Q(running_until=None) | Q(running_until__lte=now)
    claim = now + longest
    if not TaskRun.objects.filter(free, name=name).update(running_until=claim, started=now):
        return False
    begun, error = time.monotonic(), ""
    try:
        job()
    except Exception as failure:
        log.exception("The task “%s” failed", name)
        error = f"{type(failure).__name__}: {failure}"[:300]
    TaskRun.objects.filter(name=name).update(seconds=time.monotonic() - begun, runs=F("runs") + 1)
    TaskRun.objects.filter(name=name, running_until=claim).update(running_until=None)  # unless the next one has begun
    if error:
        TaskRun.objects.filter(name=name).update(failures=F("failures") + 1, last_failure=now, error=error)
    return True


def run_each(
    items: Iterable[T], job: Callable[[T], R], *, what: str, stop_for: tuple[type[Exception], ...] = ()
) -> list[R]:
    """Run `job` on every item, such as a tenant's row; returns the results of those that succeeded.

    An item that fails is logged (as `what` with its id) and does not stop the others. Errors that would repeat for all
    of them are raised: those of the database connection, and those in `stop_for`.
    """
    results: list[R] = []
    for item in items:
        try:
            results.append(job(item))
        except Exception as error:
            if isinstance(error, (OperationalError, InterfaceError, *stop_for)):
                raise
            log.exception("%s %s failed; the others continue", what, id_of(item))
    return results


def id_of(item: Any) -> Any:
    """The id of a row, or an item that is an id itself: what tenants wrote must not get into the log."""
    return getattr(item, "pk", item if isinstance(item, int) else "")
