"""Celery: the worker's tasks and beat's schedule, both built from PERIODIC_TASKS.

The default install runs worker and beat as threads of the serving process with a broker in memory; with REDIS_URL
they run as processes of their own (`celery -A config worker`, `celery -A config beat`). Another thread of the serving
process simulates visits to the demo site, if asked to.
"""

from __future__ import annotations

import inspect
import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from celery import Celery, signals
from celery.beat import Scheduler, Service
from celery.worker import WorkController
from django.conf import settings
from django.utils.module_loading import import_string

from config.outages import DatabaseOutageBackoff
from config.periodic_tasks import PERIODIC_TASKS, PeriodicTask

log = logging.getLogger(__name__)
app = Celery("footfall")
WORKER_CONCURRENCY = 8  # tasks at the same time, so that rounds that wait for slow servers do not delay other tasks
outage_backoff = DatabaseOutageBackoff()
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
        row.name: {"task": row.name, "schedule": row.beat_seconds, "options": {"expires": row.beat_seconds * 2}}
        for row in PERIODIC_TASKS
    },
)


def run_task(row: PeriodicTask) -> None:
    """Call the function of a periodic task, with `now` if it takes that; if it is guarded, by `run_guarded`."""
    from accounts.audit.context import build_program_context, use_context  # models: not before Django is set up
    from accounts.audit.models import Via
    from accounts.operations.task_runs import run_guarded
    from sites import site_cache

    function, now = import_string(row.path), datetime.now(UTC)
    job = partial(function, now=now) if "now" in inspect.signature(function).parameters else function
    with use_context(build_program_context(Via.TASK, row.name)):
        if row.is_guarded:
            if settings.REDIS_URL:
                site_cache.load_changes()  # a separate worker has no thread that reloads changed sites
            max_duration, min_interval = timedelta(seconds=row.max_seconds), timedelta(seconds=row.min_interval)
            run_guarded(row.name, job, now=now, max_duration=max_duration, min_interval=min_interval)
        else:
            job()


def register_task(row: PeriodicTask) -> None:
    """Register a periodic task with Celery."""

    def task() -> None:
        outage_backoff.run(row.name, partial(run_task, row))

    app.task(name=row.name)(task)


for _row in PERIODIC_TASKS:
    register_task(_row)


def require_installation_key(**_: object) -> None:
    """End a worker or beat whose SECRET_KEY is not the installation's."""
    from accounts.security.secret_key import WrongSecretKey  # models: not before Django is set up
    from config.serving import lifespan

    try:
        lifespan.require_installation_key()
    except WrongSecretKey as error:
        raise SystemExit(str(error)) from error


signals.worker_init.connect(require_installation_key)
signals.beat_init.connect(require_installation_key)


class CeleryThreads:
    """Worker and beat as threads of this process."""

    def __init__(self, concurrency: int = WORKER_CONCURRENCY) -> None:
        self.worker = WorkController(
            app=app, pool="threads", concurrency=concurrency, without_gossip=True, without_mingle=True,
            without_heartbeat=True, quiet=True,
        )  # fmt: skip
        self.beat = Service(app, max_interval=5, scheduler_cls=Scheduler)
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start worker and beat."""
        jobs: tuple[tuple[str, Callable[[], object]], ...] = (
            ("celery-worker", self.worker.start),
            ("celery-beat", self.beat.start),
        )
        for name, job in jobs:
            thread = threading.Thread(target=job, name=name, daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self, seconds: float = 3.0) -> None:
        """Stop worker and beat. A task that does not end in time dies with the process, and may run again."""
        self.beat.stop(wait=False)
        self.worker.stop()
        for thread in self.threads:
            thread.join(timeout=seconds / 2)


class BackgroundThreads:
    """Threads beside the event loop: Celery's worker and beat, unless REDIS_URL is set and they run elsewhere; on
    request a trickle of demo visits.
    """

    def __init__(self, trickle: float = 0.0) -> None:
        self.celery = None if settings.REDIS_URL else CeleryThreads()
        self.trickle = trickle
        self.ending = threading.Event()

    def start(self) -> None:
        """Start all threads."""
        if self.celery is not None:
            self.celery.start()
        if self.trickle > 0:
            threading.Thread(target=self.run_trickle, name="trickle", daemon=True).start()

    def stop(self) -> None:
        """Stop all threads, within seconds."""
        self.ending.set()
        if self.celery is not None:
            self.celery.stop()

    def run_trickle(self) -> None:
        """Simulate visits to the demo site, `trickle` a minute, until `stop`."""
        from config.demo.traffic import run_visit_now

        while not self.ending.wait(60 / self.trickle):
            try:
                run_visit_now(datetime.now(UTC))
            except Exception:
                log.exception("A demo visit failed; the trickle of demo visits has ended")
                return
