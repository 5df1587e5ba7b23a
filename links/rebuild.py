"""At the start: unique clicks, counted conversions and numbers of clicks, read back so that a restart cuts nothing."""

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
    """Fill the windows; how many unique clicks are remembered."""
    now = now or datetime.now(UTC)
    try:
        spool.flush()  # what a killed process left behind comes first
        return load_state(now)
    except StoreError as error:
        log.warning("windows of links could not be read back: %s", error)
        return 0


def load_state(now: datetime) -> int:
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
    strict = [link for link in known.list_links() if link.mode == Mode.SEQUENTIAL or link.expiration_clicks]
    for number, count in hits.counts({link.account_id for link in strict}, {link.link_id for link in strict}).items():
        windows.click_counters.seed(number, count)
    for window in (windows.unique_clicks, windows.counted_conversions):
        window.publish(now.timestamp())
    return len(recent_clicks)


def to_timestamp(ts: datetime) -> float:
    return (ts if ts.tzinfo else ts.replace(tzinfo=UTC)).timestamp()
