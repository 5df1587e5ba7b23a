"""Visits and actions one by one, newest first: the rows behind the numbers.

The same sites, periods and filters as for any query. A row of a visit has the columns of VISIT (visit_start, first and
last in UTC; duration in seconds; tags as a dict), a row of an action those of ACTION. Where visits are listed, a filter
about events means that the visit contains such an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict, TypeVar, cast

from goals.predicates import is_one_of
from reports.query import filters
from reports.query.analyses.base import build_context, fetch_page
from reports.query.context import MAX_VISIT_LENGTH, QueryContext, to_milliseconds, write_instant
from reports.query.filters import FilterInput
from reports.query.model import MAX_ROWS
from reports.query.periods import MAX_INSTANT, Period
from reports.query.references import GoalSource
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.select import Select
from tracking.event import ACTIONS, Event
from tracking.schema import Lists, find_listed_columns

RECENT = (timedelta(days=2), timedelta(days=9))  # how far back the newest rows are looked for first
COLUMN_EXPRESSIONS = {"duration": "seconds"}  # columns of VISIT that have another name in the store


class Visit(Event, total=False):
    """A row of a visit: columns of its events, as `Lists.VISITS` has them, and its own."""

    visitor: int
    first: datetime
    last: datetime
    duration: float
    views: int
    actions: int
    events: int
    clicks: int
    bounce: bool
    entry_page: str
    exit_page: str


OWN_COLUMNS = tuple(name for name in Visit.__annotations__ if name not in Event.__annotations__)
VISIT = (*find_listed_columns(Lists.VISITS), *OWN_COLUMNS)
ACTION = find_listed_columns(Lists.ACTIONS)
ListedRow = TypeVar("ListedRow", Visit, Event)


class TagCount(TypedDict):
    """A custom value and how many visits have it."""

    key: str
    value: str
    visits: int


def list_visits(
    sites: Sequence[int],
    period: Period,
    where: FilterInput = None,
    limit: int = 50,
    offset: int = 0,
    *,
    now: datetime | None = None,
    source: GoalSource | None = None,
) -> list[Visit]:
    """Return visits that began in the period, newest first. Raises QueryRefused for a wrong filter."""

    def fetch(context: QueryContext) -> list[Visit]:
        condition = ConditionBuilder(context).for_visits(context.tree)
        rows = fetch_page(context, select_visits(context, condition, "visit_start"), limit, offset)
        return cast("list[Visit]", rows)

    return fetch_newest(build_context(sites, period, where, now, source), fetch, limit)


def list_actions(
    sites: Sequence[int],
    period: Period,
    where: FilterInput = None,
    limit: int = 50,
    offset: int = 0,
    *,
    now: datetime | None = None,
    kinds: Sequence[str] = ACTIONS,
    source: GoalSource | None = None,
) -> list[Event]:
    """Return events of some kinds (default: all actions) in the period, newest first."""

    def fetch(context: QueryContext) -> list[Event]:
        of_kinds = f"kind IN {context.params.bind_texts(tuple(kinds))}"
        condition = ConditionBuilder(context).for_events(context.tree)
        actions = Select(ACTION, context.from_events(of_kinds, condition), order_by=["ts DESC", "id DESC"])
        return cast("list[Event]", fetch_page(context, actions, limit, offset))

    context = build_context(sites, period, where, now, source)
    if needs_full_visits(context.tree):
        return fetch(context)
    return fetch_newest(context, fetch, limit)


def fetch_newest(
    context: QueryContext, fetch: Callable[[QueryContext], list[ListedRow]], limit: int
) -> list[ListedRow]:
    """Return a page from the last days of the period if they fill it, so that not all of the period is read."""
    end = min(context.period.end, context.now + timedelta(days=1))
    for length in RECENT:
        if end - length > context.period.start:
            rows = fetch(context.for_period(replace(context.period, start=end - length)))
            if len(rows) == limit:
                return rows
    return fetch(context)


def needs_full_visits(tree: filters.Node | None) -> bool:
    """Return whether a filter of events is about what else their visits contain, which may lie further back."""
    if tree is None:
        return False
    return isinstance(tree, filters.Visited) or any(map(needs_full_visits, filters.list_children(tree)))


def fetch_visit(site_id: int, number: int, *, now: datetime | None = None) -> Visit | None:
    """Return a visit; None if the site has no such visit."""
    all_time = Period(datetime(1970, 1, 3, tzinfo=UTC), MAX_INSTANT)
    context = build_context((site_id,), all_time, None, now, None)
    rows = fetch_page(context, select_visits(context, f"visit = {int(number)}", "visit_start"), 1)
    return cast(Visit, rows[0]) if rows else None


def list_online_visits(site_id: int, now: datetime, minutes: int = 5, limit: int = 100) -> list[Visit]:
    """Return visits with an event in the last minutes, the latest first."""
    end = now + timedelta(seconds=1)
    since = end - timedelta(minutes=minutes)
    context = build_context((site_id,), Period(since, end), None, now, None)
    active = f"last >= {write_instant(to_milliseconds(since))}"
    rows = fetch_page(context, select_visits(context, active, "last", before=MAX_VISIT_LENGTH), limit)
    return cast("list[Visit]", rows)


def select_visits(context: QueryContext, condition: str, order: str, before: timedelta = timedelta()) -> Select:
    """Select the columns of VISIT, with the greatest `order` first."""
    columns = [f"{COLUMN_EXPRESSIONS[name]} AS {name}" if name in COLUMN_EXPRESSIONS else name for name in VISIT]
    return replace(context.select_visits(columns, condition, before=before), order_by=[f"{order} DESC", "visit DESC"])


def fetch_visit_persons(
    site_id: int, period: Period, where: FilterInput = None, limit: int = MAX_ROWS, *, now: datetime | None = None
) -> dict[int, str]:
    """Return visit -> username, of the visits that were active in the period and whose visitor has a name."""
    context = build_context((site_id,), period, where, now, None)
    condition = ConditionBuilder(context).for_visits(context.tree)
    active = f"last >= {write_instant(to_milliseconds(period.start))}"
    columns, conditions = ["visit", "person"], ("person != ''", active, condition)
    visits = context.select_visits(columns, *conditions, before=MAX_VISIT_LENGTH)
    sql = replace(visits, order_by=["last DESC", "visit DESC"])
    return {int(row["visit"]): str(row["person"]) for row in fetch_page(context, sql, limit)}


def fetch_visit_coordinates(
    site_id: int, period: Period, visits: Sequence[int], *, now: datetime | None = None
) -> dict[int, tuple[float, float]]:
    """Return visit -> latitude and longitude of its first event in the period that has any, of these visits."""
    where = is_one_of("visit", *map(str, visits))
    context = build_context((site_id,), period, where, now, None)
    condition = ConditionBuilder(context).for_events(context.tree)
    located = context.from_events("(latitude != 0 OR longitude != 0)", condition)
    columns = ["visit", "argMin(latitude, ts) AS north", "argMin(longitude, ts) AS east"]
    rows = fetch_page(context, Select(columns, located, "visit", order_by=["visit"]), max(1, len(visits)))
    return {int(row["visit"]): (float(row["north"]), float(row["east"])) for row in rows}


def list_tags(
    site_id: int, period: Period, where: FilterInput = None, limit: int = 100, offset: int = 0
) -> list[TagCount]:
    """Return key, value and the number of visits in the period that have it, most frequent first.

    A person's name is the tag "username", which a site may also have sent among the tags: it counts once.
    """
    context = build_context((site_id,), period, where, None, None)
    condition = ConditionBuilder(context).for_visits(context.tree)
    with_username = "if(person = '', tags, mapUpdate(CAST(tags, 'Map(String, String)'), map('username', person)))"
    pairs = f"CAST({with_username}, 'Array(Tuple(String, String))')"
    tags = context.from_visits("tag.2 != ''", condition).join(f" ARRAY JOIN {pairs} AS tag")
    columns = ["tag.1 AS key", "tag.2 AS value", "count() AS visits"]
    sql = Select(columns, tags, "key, value", order_by=["visits DESC", "key", "value"])
    return cast("list[TagCount]", fetch_page(context, sql, limit, offset))
