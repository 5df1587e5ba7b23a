"""Queries about links. The events of an account's links carry the account's id as their site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from accounts.models import Account
from goals.predicates import Filter, combine_any, is_one_of
from links.permissions import LinkScope
from reports.query import Period, Query, Result, ask, ask_all, filters
from reports.query.filters import MAX_VALUES
from reports.query.model import MAX_OFFSET, MAX_ROWS, MAX_SITES, split_sites
from sites.models import Site

COUNT_METRICS = (
    "clicks", "unique_clicks", "pixel_views", "unique_pixel_views", "spider_hits", "link_conversions",
    "unique_link_conversions", "converted_clicks", "conversion_value", "commission_cost", "click_cost", "last_hit",
)  # fmt: skip
SALE_METRICS = ("link_conversions", "unique_link_conversions", "conversion_value", "commission_cost")
WEB_METRICS = ("visits", "visitors", "views", "bounce_rate", "avg_duration", "conversions", "revenue")
MAX_BUCKETS = 4_000
MAX_DOMAINS = 50  # of sites to which clicks are counted
MAX_FILTER_VALUES = 50_000  # of one filter, so that the request to the event store stays below a megabyte
Row = dict[str, Any]
Where = list[Any]


def is_any_of(dimension: str, *values: object) -> Filter:
    """Build a filter: the dimension is one of the values; split into conditions of as many values as the engine
    accepts."""
    texts = [str(value) for value in values]
    return combine_any(
        [is_one_of(dimension, *texts[first : first + MAX_VALUES]) for first in range(0, len(texts), MAX_VALUES)]
    )


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


@dataclass(frozen=True)
class WebReport:
    """What the visits that a link started did on the account's sites.

    `totals`: WEB_METRICS, and the currency. `joined`: clicks that started a visit. `sent`: clicks that led to a site.
    """

    totals: Row
    joined: int
    sent: int


@dataclass(frozen=True, kw_only=True)
class LinkReport:
    """The report of one link: its totals, its counts by time, its first rows by each dimension, and by conversion.

    `web`: None if the account has no site, or it is not wanted.
    """

    totals: Row
    times: list[Row]
    tables: list[list[Row]]
    conversions: list[Row]
    web: WebReport | None


def query_report(
    account: Account,
    period: Period,
    link_id: int,
    now: datetime,
    *,
    by: str = "day",
    dimensions: tuple[str, ...] = (),
    metrics: tuple[str, ...] = ("clicks", "unique_clicks"),
    limit: int = 10,
    with_conversions: bool = True,
    with_web: bool = True,
) -> LinkReport:
    """Query all numbers of a link's report at once, which costs less than one after the other."""
    tree, sites = build_link_filter(link_id), (account.pk,)
    conversions = Query(
        sites=sites, period=period, metrics=SALE_METRICS, dimensions=("link_conversion",), where=tree,
        order=(("link_conversion", "asc"),), limit=MAX_ROWS,
    )  # fmt: skip
    tables = [
        Query(sites=sites, period=period, metrics=metrics, dimensions=(dimension,), where=tree, limit=limit)
        for dimension in dimensions
    ]
    queries = [
        Query(sites=sites, period=period, metrics=COUNT_METRICS, where=tree),
        Query(sites=sites, period=period, metrics=metrics, dimensions=(by,), where=tree, limit=MAX_BUCKETS),
        *tables,
        *([conversions] if with_conversions else []),
        *(build_web_queries(account, period, link_id, now) if with_web else []),
    ]
    totals, times, *others = ask_all(queries, now)
    rows = [result.rows for result in others]
    web = others[len(tables) + with_conversions :]
    return LinkReport(
        totals=totals.rows[0],
        times=times.rows,
        tables=rows[: len(tables)],
        conversions=rows[len(tables)] if with_conversions else [],
        web=build_web_report(*web) if web else None,
    )


def build_web_queries(account: Account, period: Period, link_id: int, now: datetime) -> list[Query]:
    """Build the queries of a `WebReport`: totals, clicks that led to a site, joined clicks; none without a site."""
    domains = dict(Site.objects.filter(account=account, deleted=None).order_by("pk").values_list("pk", "domain"))
    if not domains:
        return []
    tree, chunks = build_link_filter(link_id), split_sites(list(domains))
    hosts = {"or": [
        {"dimension": "destination", "operator": "matches", "value": [rf"^https?://([^/?#]*\.)?{escape_domain(domain)}([:/?#]|$)"]}
        for domain in list(domains.values())[:MAX_DOMAINS]
    ]}  # fmt: skip
    return [
        Query(sites=find_sites_reached(chunks, period, link_id, now), period=period, metrics=WEB_METRICS, where=tree),
        Query(
            sites=(account.pk,), period=period, metrics=("clicks",), where=filters.combine(tree, filters.parse(hosts))
        ),
        *[Query(sites=sites, period=period, metrics=("joined_clicks",), where=tree) for sites in chunks],
    ]


def build_web_report(totals: Result, sent: Result, *joined: Result) -> WebReport:
    """Build the report from the results of `build_web_queries`."""
    return WebReport(
        {**totals.rows[0], "currency": totals.meta.currency},
        sum([int(result.rows[0]["joined_clicks"]) for result in joined]),
        int(sent.rows[0]["clicks"]),
    )


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


def find_sites_reached(
    chunks: Sequence[tuple[int, ...]], period: Period, link_id: int, now: datetime
) -> tuple[int, ...]:
    """Find the sites for a query about a link: all, or if they are too many, those with most visits from it."""
    if len(chunks) == 1:
        return chunks[0]
    visits_by_site: list[tuple[int, int]] = []
    for sites in chunks:
        query = Query(
            sites=sites,
            period=period,
            metrics=("visits",),
            dimensions=("site",),
            where=build_link_filter(link_id),
            limit=MAX_SITES,
        )
        visits_by_site += [(int(row["visits"]), int(row["site"])) for row in ask(query, now=now).rows]
    return tuple(number for _, number in sorted(visits_by_site, reverse=True)[:MAX_SITES]) or chunks[0]


def escape_domain(domain: str) -> str:
    """Escape a domain for a regular expression, without `www.`."""
    return domain.removeprefix("www.").replace(".", r"\.")
