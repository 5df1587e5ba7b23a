"""Queries about links. The events of an account's links carry the account's id as their site."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from accounts.models import Account
from goals.predicates import Filter, is_one_of
from links.permissions import LinkScope
from reports.change_drivers import ask_all
from reports.query import Period, Query, ask, filters
from reports.query.filters import MAX_VALUES
from reports.query.model import MAX_OFFSET, MAX_ROWS, MAX_SITES
from sites.models import Site

COUNT_METRICS = (
    "clicks", "unique_clicks", "pixel_views", "unique_pixel_views", "spider_hits", "link_conversions",
    "unique_link_conversions", "converted_clicks", "conversion_value", "commission_cost", "click_cost", "last_hit",
)  # fmt: skip
MAX_BUCKETS = 4_000
MAX_FILTER_VALUES = 50_000  # of one filter, so that the request to the event store stays below a megabyte
Row = dict[str, Any]
Where = list[Any]


def is_any_of(dimension: str, *values: object) -> Filter:
    """Build a filter: the dimension is one of the values; split into conditions of as many values as the engine
    accepts."""
    texts = [str(value) for value in values]
    parts = [is_one_of(dimension, *texts[first : first + MAX_VALUES]) for first in range(0, len(texts), MAX_VALUES)]
    return parts[0] if len(parts) == 1 else {"or": parts}


@lru_cache(maxsize=256)
def build_link_filter(link_id: int) -> filters.Node:
    """Build the filter for one link, parsed."""
    tree = filters.parse(is_any_of("link", link_id))
    assert tree is not None
    return tree


def build_scope_filter(scope: LinkScope) -> Where:
    """Build a filter for what the membership may see. Without grants it matches nothing."""
    if scope.sees_all:
        return []
    parts = []
    if scope.group_rights:
        parts.append(is_any_of("link_group", *scope.group_rights))
    if scope.link_rights:
        parts.append(is_any_of("link", *scope.link_rights))
    return [{"or": parts}] if parts else [is_any_of("link", "none")]


def limit_period(scope: LinkScope, period: Period) -> Period:
    """Limit a period to what the membership may see; at least one day remains."""
    if scope.visible_since is None or period.start >= scope.visible_since:
        return period
    return replace(period, start=scope.visible_since, end=max(period.end, scope.visible_since + timedelta(days=1)))


def query_totals(
    account: Account, period: Period, where: Where, now: datetime, metrics: tuple[str, ...] = COUNT_METRICS
) -> Row:
    """Query the totals of a period."""
    return ask(Query(sites=(account.pk,), period=period, metrics=metrics, where=where or None), now=now).rows[0]


def query_by_dimension(
    account: Account,
    dimension: str,
    period: Period,
    where: Where,
    now: datetime,
    metrics: tuple[str, ...] = COUNT_METRICS,
    limit: int = 100,
    order: tuple[tuple[str, str], ...] = (),
    fill: bool = True,
    offset: int = 0,
) -> list[Row]:
    """Query the counts by one dimension, as a list of rows."""
    query = Query(
        sites=(account.pk,), period=period, metrics=metrics, dimensions=(dimension,), where=where or None,
        limit=limit, order=order, fill=fill, offset=offset,
    )  # fmt: skip
    return ask(query, now=now).rows


def query_report(
    account: Account,
    period: Period,
    link_id: int,
    now: datetime,
    by: str,
    dimensions: tuple[str, ...],
    metrics: tuple[str, ...],
    limit: int,
) -> tuple[Row, list[Row], list[list[Row]]]:
    """Query a link's totals, its counts by a time, and its first rows by each dimension, all at once."""
    tree, sites = build_link_filter(link_id), (account.pk,)
    queries = [
        Query(sites, period, COUNT_METRICS, where=tree),
        Query(sites, period, metrics, (by,), where=tree, limit=MAX_BUCKETS),
        *(Query(sites, period, metrics, (dimension,), where=tree, limit=limit) for dimension in dimensions),
    ]
    totals, times, *tables = (result.rows for result in ask_all(queries, now))
    return totals[0], times, tables


def query_by_id(
    account: Account,
    dimension: str,
    period: Period,
    where: Where,
    now: datetime,
    metrics: tuple[str, ...] = COUNT_METRICS,
) -> dict[int, Row]:
    """Query the counts by link, group or conversion, of all that have any: id -> row."""
    counts: dict[int, Row] = {}
    for offset in range(0, MAX_OFFSET, MAX_ROWS):
        order = ((dimension, "asc"),)
        rows = query_by_dimension(
            account, dimension, period, where, now, metrics, limit=MAX_ROWS, order=order, offset=offset
        )
        counts |= {int(row[dimension]): row for row in rows}
        if len(rows) < MAX_ROWS:
            break
    return counts


def query_web_totals(account: Account, period: Period, link_id: int, now: datetime) -> Row | None:
    """Query what visits that a link started did on the account's sites, with the currency; None without a site."""
    sites = find_sites_reached(account, period, link_id, now)
    if not sites:
        return None
    metrics = ("visits", "visitors", "views", "bounce_rate", "avg_duration", "conversions", "revenue")
    query = Query(sites=sites, period=period, metrics=metrics, where=build_link_filter(link_id))
    result = ask(query, now=now)
    return {**result.rows[0], "currency": result.meta.currency}


def split_sites(account: Account) -> list[tuple[int, ...]]:
    """Return the ids of the account's sites, in parts of as many as one query may name."""
    numbers = list(Site.objects.filter(account=account, deleted=None).order_by("pk").values_list("pk", flat=True))
    return [tuple(numbers[first : first + MAX_SITES]) for first in range(0, len(numbers), MAX_SITES)]


def find_sites_reached(account: Account, period: Period, link_id: int, now: datetime) -> tuple[int, ...]:
    """Find the account's sites for a query about a link: all, or if there are too many, those with most visits from
    it."""
    chunks = split_sites(account)
    if len(chunks) <= 1:
        return chunks[0] if chunks else ()
    visits_by_site: list[tuple[int, int]] = []
    for sites in chunks:
        query = Query(sites, period, ("visits",), ("site",), where=build_link_filter(link_id), limit=MAX_SITES)
        visits_by_site += [(int(row["visits"]), int(row["site"])) for row in ask(query, now=now).rows]
    return tuple(number for _, number in sorted(visits_by_site, reverse=True)[:MAX_SITES]) or chunks[0]


def count_joined_clicks(account: Account, period: Period, now: datetime, link_id: int | None = None) -> tuple[int, int]:
    """Count (clicks joined to a visit, clicks that led to one of the account's tracked sites)."""
    sites = list(Site.objects.filter(account=account, deleted=None).values_list("pk", "domain")[:50])
    if not sites:
        return 0, 0
    mine = build_link_filter(link_id) if link_id else None
    queries = [Query(part, period, ("joined_clicks",), where=mine) for part in split_sites(account)]
    hosts = {"or": [
        {"dimension": "destination", "operator": "matches", "value": [rf"^https?://([^/?#]*\.)?{escape_domain(domain)}([:/?#]|$)"]}
        for _, domain in sites
    ]}  # fmt: skip
    to_sites = filters.combine(mine, filters.parse(hosts))
    clicks, *joined = ask_all([Query((account.pk,), period, ("clicks",), where=to_sites), *queries], now)
    return sum(int(result.rows[0]["joined_clicks"]) for result in joined), int(clicks.rows[0]["clicks"])


def escape_domain(domain: str) -> str:
    """Escape a domain for a regular expression, without `www.`."""
    return domain.removeprefix("www.").replace(".", r"\.")
