"""Maintenance jobs of the event store, by name, for commands and periodic tasks. Each returns a sentence."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from sites import site_cache
from tracking import spool, store
from tracking.store import rebalance
from tracking.store.shards import SLOTS
from tracking.store.target import get_target

log = logging.getLogger(__name__)


def migrate_store() -> str:
    """Bring the store's tables up to date."""
    names = store.migrate()
    return f"Migrated: {', '.join(names)}." if names else "The event store is up to date."


def delete_expired_events(now: datetime | None = None) -> str:
    """Delete events that are older than the site's setting in months."""
    months = {site.site_id: site.retention_months for site in site_cache.list_sites() if site.retention_months}
    cleaned = store.keep_months(months, now or datetime.now(UTC))
    return f"{len(months)} sites keep their events for a limited time; {cleaned} months were cleaned."


def finish_corrections() -> str:
    """Finish corrections that were interrupted."""
    return f"{store.finish_corrections()} interrupted corrections were finished."


def finish_at_start() -> None:
    """Finish interrupted corrections in a thread while this process starts, if no other process can be working on them.

    With a shared store the periodic task does it.
    """

    def job() -> None:
        try:
            store.finish_corrections()
        except store.StoreError as error:
            log.warning("interrupted corrections wait for the periodic task: %s", error)

    if get_target().embedded:
        threading.Thread(target=job, name="corrections", daemon=True).start()


def flush_spool() -> str:
    """Insert everything that waits in the spool of this process."""
    spool.flush()
    return "The spool is empty."


def report_status() -> str:
    """Report how much is stored and how much waits in the spool."""
    sizes = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sorted(store.size().items()))
    health = spool.health()
    return f"Stored: {sizes or 'nothing'}. Waiting: {health['depth']} rows. {health['warning']}".strip()


def rebalance_shards() -> str:
    """Give shards that were added their part of the rows. Only while no server runs."""
    if not rebalance.is_unfinished():  # by then the spool was empty
        spool.start()
        try:
            spool.flush()  # a segment of which one shard has its rows already must not be placed anew
        finally:
            spool.stop()
    slots = rebalance.rebalance()
    return f"{slots} of {SLOTS} slots changed their shard." if slots else "The shards hold equal parts already."


OFFLINE_JOBS = {"rebalance": rebalance_shards}  # they need all servers to be stopped
JOBS: dict[str, Callable[[], str]] = {
    "migrate": migrate_store,
    "retention": delete_expired_events,
    "finish": finish_corrections,
    "flush": flush_spool,
    "status": report_status,
}
