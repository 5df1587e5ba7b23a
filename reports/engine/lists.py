"""Visits and actions one by one, newest first: the lists behind the numbers.

Same tenant, period and filters as any question. A row of a visit has the columns of VISIT (visit_start, first and last
in UTC; duration in seconds; tags as a dict); a row of an action those of ACTION. Filters that refer to what only
events have mean that the visit contains such an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reports.engine import filters, freshness
from reports.engine.conditions import Conditions
from reports.engine.limits import explained, query_settings
from reports.engine.lookup import FromDatabase, Lookup, Source
from reports.engine.period import LAST, Period
from reports.engine.query import MOST_OFFSET, MOST_ROWS, checked_sites, whole
from reports.engine.scene import LONGEST_VISIT, Scene, instant, millis
from tracking.hit import ACTIONS

Row = dict[str, Any]
WINDOWS = (timedelta(days=2), timedelta(days=9))  # how far back the newest rows are looked for first
MEASURED = {"duration": "seconds"}
VISIT = (
    "site_id", "visit", "device", "visitor", "person", "visit_start", "first", "last", "duration", "views", "actions",
    "events", "clicks", "scroll", "revenue", "is_new", "bounce", "entry_page", "exit_page", "host", "referrer",
    "referrer_domain", "source", "channel", "search_term", "utm_source", "utm_medium", "utm_campaign", "utm_content",
    "utm_term", "country", "region", "city", "language", "ip", "organization", "device_type", "device_model", "browser",
    "browser_version", "os", "os_version", "screen", "tags", "link_id",
)  # fmt: skip
ACTION = (
    "site_id", "id", "ts", "kind", "visit", "device", "person", "view_id", "host", "path", "title", "name", "target",
    "text", "referrer", "referrer_domain", "source", "channel", "search_term", "utm_campaign", "country", "region",
    "city", "latitude", "longitude", "ip", "device_type", "browser", "os", "scroll", "engaged", "revenue", "currency",
    "props", "split_test", "split_arm",
)  # fmt: skip


def visits(
    sites: Sequence[int],
    period: Period,
    where: Any = None,
    limit: int = 50,
    offset: int = 0,
    *,
    now: datetime | None = None,
    source: Source | None = None,
) -> list[Row]:
    """Visits that began in the period, newest first. Raises QueryRefused for a filter that makes no sense."""

    def page(scene: Scene) -> list[Row]:
        return asked(scene, visits_sql(scene, Conditions(scene).visits(scene.tree), "visit_start"), limit, offset)

    return newest(scene_of(sites, period, where, now, source), page, limit)


def actions(
    sites: Sequence[int],
    period: Period,
    where: Any = None,
    limit: int = 50,
    offset: int = 0,
    *,
    now: datetime | None = None,
    kinds: Sequence[str] = ACTIONS,
    source: Source | None = None,
) -> list[Row]:
    """Events of some kinds (default: all actions) in the period, newest first."""

    def page(scene: Scene) -> list[Row]:
        wanted = f"kind IN {scene.params.texts(tuple(kinds))}"
        conditions = Conditions(scene).events(scene.tree)
        sql = f"SELECT {', '.join(ACTION)} {scene.events(wanted, conditions)} ORDER BY ts DESC, id DESC"
        return asked(scene, sql, limit, offset)

    whole_scene = scene_of(sites, period, where, now, source)
    if speaks_of_visits(whole_scene.tree):
        return page(whole_scene)
    return newest(whole_scene, page, limit)


def newest(scene: Scene, page: Callable[[Scene], list[Row]], limit: int) -> list[Row]:
    """The first full page that the last days of the period give: the newest rows need not read all of it."""
    end = min(scene.period.end, scene.now + timedelta(days=1))
    for width in WINDOWS:
        if end - width > scene.period.start:
            rows = page(scene.during(replace(scene.period, start=end - width)))
            if len(rows) == limit:
                return rows
    return page(scene)


def speaks_of_visits(tree: filters.Node | None) -> bool:
    """Whether a filter of events asks what else their visits contain, which may lie further back."""
    if tree is None:
        return False
    return isinstance(tree, filters.Visited) or any(map(speaks_of_visits, filters.children(tree)))


def visit(site_id: int, number: int, *, now: datetime | None = None) -> Row | None:
    """One visit with all its events under "actions_list", oldest first; None if the site has no such visit."""
    ever = Period(datetime(1970, 1, 3, tzinfo=UTC), LAST)
    scene = scene_of((site_id,), ever, None, now, None)
    found = asked(scene, visits_sql(scene, f"visit = {int(number)}", "visit_start"), 1, 0)
    if not found:
        return None
    start, last = found[0]["visit_start"], found[0]["last"]
    began = Period(
        min(start, last) - LONGEST_VISIT, last + timedelta(seconds=1)
    )  # a clock put back is no reason to fail
    same = [{"dimension": "visit", "operator": "is", "value": [str(number)]}]
    every = actions((site_id,), began, same, MOST_ROWS, now=now)
    return {**found[0], "actions_list": every[::-1]}


def online(site_id: int, now: datetime, minutes: int = 5, limit: int = 100) -> list[Row]:
    """Visits with anything happening in the last minutes, the latest first."""
    end = now + timedelta(seconds=1)
    since = end - timedelta(minutes=minutes)
    scene = scene_of((site_id,), Period(since, end), None, now, None)
    sql = visits_sql(scene, f"last >= {instant(millis(since))}", "last", before=LONGEST_VISIT)
    return asked(scene, sql, limit, 0)


def visits_sql(scene: Scene, condition: str, order: str, before: timedelta = timedelta()) -> str:
    columns = ", ".join(f"{MEASURED[name]} AS {name}" if name in MEASURED else name for name in VISIT)
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT {columns} FROM {scene.visits(before)}{where} ORDER BY {order} DESC, visit DESC"


def scene_of(sites: Sequence[int], period: Period, where: Any, now: datetime | None, source: Source | None) -> Scene:
    """The tenant and period, with the filter's goals and segments looked up."""
    owners = checked_sites(list(sites))
    tree = filters.parse(where)
    resolved = Lookup(owners, source or FromDatabase()).resolved(tree, "where") if tree else None
    scene = Scene(owners, period, now or datetime.now(UTC), resolved)
    return replace(scene, persons=freshness.facts(scene).persons)


def asked(scene: Scene, sql: str, limit: int, offset: int) -> list[Row]:
    """The rows of one page, with instants in UTC."""
    from tracking import store

    whole(limit, "limit", 1, MOST_ROWS)
    whole(offset, "offset", 0, MOST_OFFSET)
    try:
        rows = store.rows(f"{sql} LIMIT {limit} OFFSET {offset}", scene.params.values, settings=query_settings())
    except store.StoreError as error:
        refusal = explained(error)
        if refusal is None:
            raise
        raise refusal from error
    return [{name: in_utc(value) for name, value in row.items()} for row in rows]


def in_utc(value: Any) -> Any:
    """An instant with its zone; anything else as it is."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def visit_persons(
    site_id: int, period: Period, where: Any = None, limit: int = MOST_ROWS, *, now: datetime | None = None
) -> dict[int, str]:
    """visit -> username, of the visits that went on in the period and whose visitor is known by name."""
    scene = scene_of((site_id,), period, where, now, None)
    condition = Conditions(scene).visits(scene.tree)
    sql = (
        f"SELECT visit, person FROM {scene.visits(LONGEST_VISIT)} WHERE person != '' "
        f"AND last >= {instant(millis(period.start))} {'AND ' + condition if condition else ''} "
        "ORDER BY last DESC, visit DESC"
    )
    return {int(row["visit"]): str(row["person"]) for row in asked(scene, sql, limit, 0)}


def visit_coordinates(
    site_id: int, period: Period, visits: Sequence[int], *, now: datetime | None = None
) -> dict[int, tuple[float, float]]:
    """visit -> latitude and longitude of its first event in the period, of the given visits whose place is known."""
    where = {"dimension": "visit", "operator": "is", "value": [str(number) for number in visits]}
    scene = scene_of((site_id,), period, where, now, None)
    condition = Conditions(scene).events(scene.tree)
    sql = (
        "SELECT visit, argMin(latitude, ts) AS north, argMin(longitude, ts) AS east "
        f"{scene.events('(latitude != 0 OR longitude != 0)', condition)} GROUP BY visit ORDER BY visit"
    )
    rows = asked(scene, sql, max(1, len(visits)), 0)
    return {int(row["visit"]): (float(row["north"]), float(row["east"])) for row in rows}
