"""Who was set apart as a bot, read for its page."""

from __future__ import annotations

from typing import Any

from reports.engine.ledger import clock_text
from reports.engine.limits import query_settings
from reports.engine.period import Period
from reports.engine.tables import rows_of_sites

WITHIN = "ts >= {start:DateTime} AND ts < {end:DateTime}"
AGENTS = (
    "SELECT reason, user_agent, organization, count() AS hits, uniqExact(path) AS pages, max(ts) AS latest",
    "GROUP BY reason, user_agent, organization ORDER BY hits DESC, user_agent LIMIT {limit:UInt32}",
)
REASONS = ("SELECT reason, count() AS hits", "GROUP BY reason ORDER BY hits DESC, reason")


def bots(site_id: int, period: Period, limit: int = 200) -> list[dict[str, Any]]:
    """By what they call themselves and why: reason, user_agent, organization, hits, pages, latest (UTC)."""
    return rows(AGENTS, site_id, period, limit=limit)


def bot_reasons(site_id: int, period: Period) -> list[dict[str, Any]]:
    """How many hits each reason set apart: reason, hits."""
    return rows(REASONS, site_id, period)


def rows(around: tuple[str, str], site_id: int, period: Period, **more: Any) -> list[dict[str, Any]]:
    from tracking import store

    columns, order = around
    sql = f"{columns} {rows_of_sites('bots', [site_id], WITHIN)} {order}"
    given = {"start": clock_text(period.start), "end": clock_text(period.end), **more}
    return store.rows(sql, given, settings=query_settings())
