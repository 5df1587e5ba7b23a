"""At the start: unique clicks, counted conversions and numbers of clicks, read back so that a restart cuts nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from links import known, windows
from links.convert import counted_key
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
        return fill(now)
    except StoreError as error:
        log.warning("windows of links could not be read back: %s", error)
        return 0


def fill(now: datetime) -> int:
    for row in hits.sold(now - timedelta(seconds=windows.counted.seconds)):
        at = moment(row["ts"])
        if row["name"]:
            windows.counted.remember(counted_key(row["kind"], row["conversion_id"], row["name"]), at)
        if row["is_unique"]:
            windows.counted.remember(counted_key("first", row["conversion_id"], str(row["click_id"])), at)
    found = hits.recent(now - timedelta(seconds=windows.UNIQUE_SECONDS))
    for row in found:
        windows.unique.remember(f"{row['link_id']}:{row['view_id']}", moment(row["ts"]))
    strict = [link for link in known.all_links() if link.mode == Mode.SEQUENTIAL or link.expiration_clicks]
    for number, count in hits.counts({link.account_id for link in strict}, {link.link_id for link in strict}).items():
        windows.counters.seed(number, count)
    for window in (windows.unique, windows.counted):
        window.share(now.timestamp())
    return len(found)


def moment(ts: datetime) -> float:
    return (ts if ts.tzinfo else ts.replace(tzinfo=UTC)).timestamp()
