"""Which bots visited a site and why they were recognised: the rows of the page about bots."""

from __future__ import annotations

from typing import Any

from reports.query.analyses.ingestion_audit import format_utc
from reports.query.execution_limits import query_settings
from reports.query.periods import Period
from reports.query.sql.tables import rows_of_sites

IN_PERIOD = "ts >= {start:DateTime} AND ts < {end:DateTime}"


def list_bots(site_id: int, period: Period, limit: int = 200) -> list[dict[str, Any]]:
    """Return bots by user agent, network and reason: reason, user_agent, organization, hits, pages, latest (UTC)."""
    columns = "reason, user_agent, organization, count() AS hits, uniqExact(path) AS pages, max(ts) AS latest"
    rest = "GROUP BY reason, user_agent, organization ORDER BY hits DESC, user_agent LIMIT {limit:UInt32}"
    return fetch_rows(columns, rest, site_id, period, limit=limit)


def count_bot_reasons(site_id: int, period: Period) -> list[dict[str, Any]]:
    """Return how many hits were quarantined for each reason: reason, hits."""
    return fetch_rows("reason, count() AS hits", "GROUP BY reason ORDER BY hits DESC, reason", site_id, period)


def fetch_rows(columns: str, rest: str, site_id: int, period: Period, **params: Any) -> list[dict[str, Any]]:
    """Return the rows of SELECT `columns` of a site's bots in the period. `rest` is what follows WHERE."""
    from tracking import store

    sql = f"SELECT {columns} {rows_of_sites('bots', [site_id], IN_PERIOD)} {rest}"
    params |= {"start": format_utc(period.start), "end": format_utc(period.end)}
    return store.rows(sql, params, settings=query_settings())
