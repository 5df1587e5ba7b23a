"""Restoring unique clicks, counted conversions and click numbers from the store, so that a restart loses nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from links.models import Mode
from links.redirect import click_deduplication
from links.routing import link_cache
from reports.query.analyses import link_hits
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
    for row in link_hits.list_sales_of_all(now - timedelta(seconds=click_deduplication.counted_conversions.seconds)):
        at = to_timestamp(row["ts"])
        if row["name"]:
            click_deduplication.counted_conversions.remember(
                click_deduplication.build_conversion_key(row["kind"], row["conversion_id"], row["name"]), at
            )
        if row["is_unique"]:
            click_deduplication.counted_conversions.remember(
                click_deduplication.build_conversion_key("first", row["conversion_id"], str(row["click_id"])), at
            )
    recent_clicks = link_hits.list_unique_hits_of_all(now - timedelta(seconds=click_deduplication.UNIQUE_SECONDS))
    for row in recent_clicks:
        click_deduplication.unique_clicks.remember(f"{row['link_id']}:{row['view_id']}", to_timestamp(row["ts"]))
    # Only these links need the exact number of a click
    strict = [link for link in link_cache.list_links() if link.mode == Mode.SEQUENTIAL or link.expiration_clicks]
    for number, count in link_hits.count_clicks(
        {link.account_id for link in strict}, {link.link_id for link in strict}
    ).items():
        click_deduplication.click_counters.seed(number, count)
    for window in (click_deduplication.unique_clicks, click_deduplication.counted_conversions):
        window.publish(now.timestamp())
    return len(recent_clicks)


def to_timestamp(ts: datetime) -> float:
    return (ts if ts.tzinfo else ts.replace(tzinfo=UTC)).timestamp()
