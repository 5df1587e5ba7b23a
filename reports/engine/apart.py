"""Who was set apart as a bot, read for its page."""

from __future__ import annotations

from typing import Any

from reports.engine.ledger import clock_text
from reports.engine.limits import query_settings
from reports.engine.period import Period

WHERE = "site_id = {site:UInt64} AND ts >= {start:DateTime} AND ts < {end:DateTime}"
BOTS = (
    "SELECT reason, user_agent, organization, count() AS hits, uniqExact(path) AS pages, max(ts) AS latest FROM bots "
    f"WHERE {WHERE} GROUP BY reason, user_agent, organization "
    "ORDER BY hits DESC, user_agent LIMIT {limit:UInt32}"
)
REASONS = f"SELECT reason, count() AS hits FROM bots WHERE {WHERE} GROUP BY reason ORDER BY hits DESC, reason"


def bots(site_id: int, period: Period, limit: int = 200) -> list[dict[str, Any]]:
    """By what they call themselves and why: reason, user_agent, organization, hits, pages, latest (UTC)."""
    return rows(BOTS, site_id, period, limit=limit)


def bot_reasons(site_id: int, period: Period) -> list[dict[str, Any]]:
    """How many hits each reason set apart: reason, hits."""
    return rows(REASONS, site_id, period)


def rows(sql: str, site_id: int, period: Period, **more: Any) -> list[dict[str, Any]]:
    from tracking import store

    given = {"site": site_id, "start": clock_text(period.start), "end": clock_text(period.end), **more}
    return store.rows(sql, given, settings=query_settings())
