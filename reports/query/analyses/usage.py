"""What was collected from many sites, for periodic work. Sites are read in chunks, so that any number of them works."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import partial

from django.db.models import Count

from goals.discovery import MAX_GOALS
from goals.models import Goal
from reports.query.analyses.ingestion_audit import format_utc
from reports.query.execution_limits import StoreRow, run_statement
from reports.query.sql.select import Rows, Select
from reports.query.sql.tables import rows_of_sites
from sites import site_cache

UNCOUNTED_KINDS = ("ping", "set")  # they add to an event that is counted already
IN_PERIOD = "ts >= {start:DateTime} AND ts < {end:DateTime}"
MAX_SITES_PER_QUERY = 5_000
MAX_NAMES_PER_SITE = 2 * MAX_GOALS  # as many as it may have, beside those that exist already


def count_events_by_day(site_ids: Iterable[int], start: datetime, end: datetime) -> dict[tuple[int, date], int]:
    """Return (site, day of UTC) -> events in [start, end). Bots, rejections and what still is in the spool are not
    counted."""
    rows = _fetch_by_chunk(select_events_by_day, site_ids, start, end)
    return {(int(site_id), date.fromisoformat(str(day))): int(count) for site_id, day, count in rows}


def select_events_by_day(events: Rows) -> Select:
    """Select site, day of UTC and number of events."""
    uncounted = ", ".join(f"'{kind}'" for kind in UNCOUNTED_KINDS)
    columns = ["site_id", "toString(toDate(ts, 'UTC')) AS day", "count()"]
    return Select(columns, events.where(f"kind NOT IN ({uncounted})"), "site_id, day")


def find_named_goals(
    site_ids: Iterable[int], start: datetime, end: datetime, per_site: int
) -> Iterator[tuple[int, str]]:
    """Yield (site, name) of the goals that events named in [start, end): each site's `per_site` most frequent names.

    Names of digits only are ids of goals, and are left out. The limit is each site's own, so that a site that names
    very many takes nothing from the others.
    """
    rows = _fetch_by_chunk(partial(select_named_goals, per_site), site_ids, start, end)
    return ((int(site_id), str(name)) for site_id, name in rows)


def select_named_goals(per_site: int, events: Rows) -> Select:
    """Select site and name of the goals that events named, the most frequent first."""
    named = events.where("kind = 'goal'", "NOT match(name, '^[0-9]*$')")
    return Select(
        ["site_id", "name"], named, "site_id, name", order_by=["site_id", "count() DESC", "name"],
        limit_each=(per_site, "site_id"),
    )  # fmt: skip


def _fetch_by_chunk(
    select: Callable[[Rows], Select], site_ids: Iterable[int], start: datetime, end: datetime
) -> Iterator[StoreRow]:
    """Yield the rows of what `select` makes of the events in [start, end), chunk by chunk."""
    numbers = sorted(set(site_ids))
    params = {"start": format_utc(start), "end": format_utc(end)}
    for first in range(0, len(numbers), MAX_SITES_PER_QUERY):
        events = rows_of_sites("events", numbers[first : first + MAX_SITES_PER_QUERY], IN_PERIOD)
        yield from run_statement(select(events), params, ()).rows


def list_named_goals(since: datetime, until: datetime) -> Iterator[tuple[int, str]]:
    """Yield (site id, name) of the goals that events named between two instants, on any site.

    Sites that have reached the limit of goals are left out, since no goal could be created for them.
    """
    at_limit = Goal.objects.values("site").annotate(count=Count("pk")).filter(count__gte=MAX_GOALS)
    excluded = set(at_limit.values_list("site_id", flat=True))
    sites = [site.site_id for site in site_cache.list_sites() if site.site_id not in excluded]
    yield from find_named_goals(sites, since, until, MAX_NAMES_PER_SITE)
