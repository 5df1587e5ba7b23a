"""Restoring unique clicks, counted conversions and click numbers from the store, so that a restart loses nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from links import known, windows
from links.convert import deduplication_key
from links.models import Mode
from reports.engine import hits
from tracking import spool
from tracking.store import StoreError

log = logging.getLogger(__name__)


def rebuild(now: datetime | None = None) -> int:
    """Restore the state; return the number of recent clicks that were read, 0 if the store is unavailable."""
    now = now or datetime.now(UTC)
    try:
        spool.flush()  # first store what a killed process left in the spool
        return load_state(now)
    except StoreError as error:
        log.warning("unique clicks and conversions could not be restored from the store: %s", error)
        return 0


def load_state(now: datetime) -> int:
    """Load conversions, recent clicks and click counts from the store; return the number of recent clicks."""
    for row in hits.sold(now - timedelta(seconds=windows.counted_conversions.seconds)):
        at = to_timestamp(row["ts"])
        if row["name"]:
            windows.counted_conversions.remember(deduplication_key(row["kind"], row["conversion_id"], row["name"]), at)
        if row["is_unique"]:
            windows.counted_conversions.remember(
                deduplication_key("first", row["conversion_id"], str(row["click_id"])), at
            )
    recent_clicks = hits.recent(now - timedelta(seconds=windows.UNIQUE_SECONDS))
    for row in recent_clicks:
        windows.unique_clicks.remember(f"{row['link_id']}:{row['view_id']}", to_timestamp(row["ts"]))
    # Only these links need the exact number of a click
    strict = [link for link in known.list_links() if link.mode == Mode.SEQUENTIAL or link.expiration_clicks]
    for number, count in hits.counts({link.account_id for link in strict}, {link.link_id for link in strict}).items():
        windows.click_counters.seed(number, count)
    for window in (windows.unique_clicks, windows.counted_conversions):
        window.publish(now.timestamp())
    return len(recent_clicks)


def to_timestamp(ts: datetime) -> float:
    return (ts if ts.tzinfo else ts.replace(tzinfo=UTC)).timestamp()
