"""What was collected from many sites, for periodic work. Sites are read in chunks, so that any number of them works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Count

from goals.discovery import MAX_GOALS
from goals.models import Goal
from reports.query.analyses.ingestion_audit import format_utc
from reports.query.execution_limits import StoreRow, run_statement
from reports.query.sql.tables import rows_of_sites
from sites import site_cache

UNCOUNTED_KINDS = ("ping", "set")  # they add to an event that is counted already
IN_PERIOD = "ts >= {start:DateTime} AND ts < {end:DateTime}"
MAX_SITES_PER_QUERY = 5_000
MAX_NAMES_PER_SITE = 2 * MAX_GOALS  # as many as it may have, beside those that exist already


def count_events(site_ids: Iterable[int], start: datetime, end: datetime) -> dict[int, int]:
    """Return site -> events in [start, end). Bots, rejections and what still is in the spool are not counted."""
    rows = _fetch_by_chunk(
        "site_id, count()", "kind NOT IN {uncounted:Array(String)}", "GROUP BY site_id",
        site_ids, start, end, uncounted=list(UNCOUNTED_KINDS),
    )  # fmt: skip
    return {int(site_id): int(count) for site_id, count in rows}


def find_named_goals(
    site_ids: Iterable[int], start: datetime, end: datetime, per_site: int
) -> Iterator[tuple[int, str]]:
    """Yield (site, name) of the goals that events named in [start, end): each site's `per_site` most frequent names.

    Names of digits only are ids of goals, and are left out. The limit is each site's own, so that a site that names
    very many takes nothing from the others.
    """
    rows = _fetch_by_chunk(
        "site_id, name", "kind = 'goal' AND NOT match(name, '^[0-9]*$')",
        "GROUP BY site_id, name ORDER BY site_id, count() DESC, name LIMIT {per_site:UInt32} BY site_id",
        site_ids, start, end, per_site=per_site,
    )  # fmt: skip
    return ((int(site_id), str(name)) for site_id, name in rows)


def _fetch_by_chunk(
    columns: str, condition: str, rest: str, site_ids: Iterable[int], start: datetime, end: datetime, **params: object
) -> Iterator[StoreRow]:
    """Yield the rows of SELECT `columns` of events in [start, end) that satisfy the condition, chunk by chunk.

    `rest` is what follows WHERE.
    """
    numbers = sorted(set(site_ids))
    params |= {"start": format_utc(start), "end": format_utc(end)}
    for first in range(0, len(numbers), MAX_SITES_PER_QUERY):
        rows = rows_of_sites("events", numbers[first : first + MAX_SITES_PER_QUERY], IN_PERIOD, condition)
        yield from run_statement(f"SELECT {columns} {rows} {rest}", params).rows


def list_named_goals(since: datetime, until: datetime) -> Iterator[tuple[int, str]]:
    """Yield (site id, name) of the goals that events named between two instants, on any site.

    Sites that have reached the limit of goals are left out, since no goal could be created for them.
    """
    at_limit = Goal.objects.values("site").annotate(count=Count("pk")).filter(count__gte=MAX_GOALS)
    excluded = set(at_limit.values_list("site_id", flat=True))
    sites = [site.site_id for site in site_cache.list_sites() if site.site_id not in excluded]
    yield from find_named_goals(sites, since, until, MAX_NAMES_PER_SITE)
