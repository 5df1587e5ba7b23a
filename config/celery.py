"""Celery: the worker's tasks and beat's schedule, both made from the table of periods.

The default install runs worker and beat as threads of the serving process with a broker in memory; with REDIS_URL
they run as processes of their own (`celery -A config worker`, `celery -A config beat`).
"""

from __future__ import annotations

import inspect
import logging
import os
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from celery import Celery, signals
from celery.beat import Scheduler, Service
from celery.worker import WorkController
from django.conf import settings
from django.utils.module_loading import import_string

from config.patience import Patience
from config.periods import PERIODS, Period

log = logging.getLogger(__name__)
app = Celery("footfall")
CONCURRENCY = 8  # tasks at the same time, so that rounds that wait for slow servers do not delay other tasks
patience = Patience()
app.conf.update(
    broker_url=settings.REDIS_URL or "memory://",
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_acks_late=True,
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
    timezone="UTC",
    beat_schedule_filename=str(settings.DATA_DIR / "celerybeat-schedule"),
    beat_schedule={
        row.name: {"task": row.name, "schedule": row.step, "options": {"expires": row.step * 2}} for row in PERIODS
    },
)


def run(row: Period) -> None:
    """Call the function of a period, with the clock if it takes one; guarded ones once at a time, written down."""
    from accounts.operations.run import run_guarded  # models: not before Django is set up
    from sites import known

    function, now = import_string(row.path), datetime.now(UTC)
    job = partial(function, now=now) if "now" in inspect.signature(function).parameters else function
    if row.guarded:
        if settings.REDIS_URL:
            known.catch_up()  # a worker of its own has no thread that keeps the sites fresh
        longest, pause = timedelta(seconds=row.longest), timedelta(seconds=row.pause)
        run_guarded(row.name, job, now=now, longest=longest, pause=pause)
    else:
        job()


def register(row: Period) -> None:
    """Make a task of a period."""

    @app.task(name=row.name)
    def task() -> None:
        patience.run(row.name, partial(run, row))


for _row in PERIODS:
    register(_row)


@signals.worker_init.connect
@signals.beat_init.connect
def refuse_another_key(**_: Any) -> None:
    """End a worker or beat that has another SECRET_KEY than the installation."""
    from accounts.security.secret_key import WrongSecretKey  # models: not before Django is set up
    from config import process

    try:
        process.refuse_another_key()
    except WrongSecretKey as error:
        raise SystemExit(str(error)) from error


class Threads:
    """Worker and beat as threads of this process."""

    def __init__(self, concurrency: int = CONCURRENCY) -> None:
        self.worker = WorkController(
            app=app, pool="threads", concurrency=concurrency, without_gossip=True, without_mingle=True,
            without_heartbeat=True, quiet=True,
        )  # fmt: skip
        self.beat = Service(app, max_interval=5, scheduler_cls=Scheduler)
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start both."""
        jobs: tuple[tuple[str, Any], ...] = (("celery-worker", self.worker.start), ("celery-beat", self.beat.start))
        for name, job in jobs:
            thread = threading.Thread(target=job, name=name, daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self, seconds: float = 3.0) -> None:
        """Stop both; what does not end in time dies with the process, and may run again."""
        self.beat.stop(wait=False)
        self.worker.stop()
        for thread in self.threads:
            thread.join(timeout=seconds / 2)
