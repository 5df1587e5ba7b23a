"""Building rollups: written by the same SQL builder that answers from events, so that they mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property

from reports.query.context import QueryContext, to_milliseconds
from reports.query.dimensions import DIMENSIONS, Dimension
from reports.query.grouping import GroupBy
from reports.query.metrics import Aggregate
from reports.query.periods import DAY, Period
from reports.query.rollups import devices
from reports.query.rollups.read import (
    ROLLUP_AGGREGATES,
    STATE_FUNCTION,
    VALUE_DIMENSIONS,
    count_arrived_rows,
    forget_published_days,
)
from reports.query.sql.select import Rows, Select, unite
from reports.query.sql.statement import select_all
from reports.query.sql.subqueries import SubqueryBuilder
from reports.query.timezones import QUARTER, Clock
from tracking import store
from tracking.store.locks import write_lock
from tracking.store.migrate import list_nodes
from tracking.store.target import get_target

QUARTER_DIMENSION = Dimension(
    "quarter", "Quarter of an hour", "time", in_rollups=True, doc=f"{QUARTER} seconds of UTC."
)
COLUMNS = ", ".join(aggregate.rollup_column for aggregate in ROLLUP_AGGREGATES)
VALUES = ", ".join(f"a_{aggregate.name}" for aggregate in ROLLUP_AGGREGATES)


@dataclass(frozen=True)
class GroupAggregates(GroupBy):
    """A grouping whose aggregates are fixed instead of derived from metrics."""

    fixed: tuple[Aggregate, ...] = ()

    @cached_property
    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.fixed


def build_days(site_id: int, zone: str, first: date, last: date, build: int, now: datetime) -> None:
    """Build and publish the rollups of the days from `first` to `last` of one site. Doing it twice does no harm."""
    period = Period.days(first, last + DAY, zone)
    clock = Clock(period)
    if not clock.fits_quarters():
        return
    with (
        write_lock.without_changes()
    ):  # rows of a half-done insert, which not all tables have yet, must not count as built
        arrived = count_arrived_rows(site_id, zone, first, last, settled_only=True)
    context = QueryContext(sites=(site_id,), period=period, now=now)
    inserts = [
        insert_quarters(context, build), insert_values(context, build), insert_states(context, build),
        *devices.insert_devices(context, build),
    ]  # fmt: skip
    for statement in inserts:
        store.execute(statement, context.params.values, settings={"prefer_column_name_to_alias": 1})
    publish(site_id, zone, clock.days(), arrived, build, read_sizes(site_id, build, first, last), now)


def read_sizes(site_id: int, build: int, first: date, last: date) -> dict[date, dict[str, int]]:
    """Return for each day of a build how many rows each dimension has, and how many devices."""
    sizes: dict[date, dict[str, int]] = {}
    where = f"site_id = {site_id} AND day >= '{first}' AND day <= '{last}' AND build = {build}"
    for day, dimension, rows in store.query(
        f"SELECT day, dimension, count() FROM rollup_days WHERE {where} GROUP BY day, dimension UNION ALL "
        + devices.select_sizes(where)
    ).rows:
        sizes.setdefault(day, {})[dimension] = int(rows)
    return sizes


def publish(
    site_id: int, zone: str, days: list[date], arrived: Mapping[date, int], build: int,
    sizes: Mapping[date, Mapping[str, int]], now: datetime,
) -> None:  # fmt: skip
    """Make a build the current one of these days, all at once."""
    built_at = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    rows = [
        {"site_id": site_id, "day": str(day), "zone": zone, "build": build, "touched": arrived.get(day, 0),
         "built_at": built_at, "sizes": {**dict.fromkeys(devices.SIZE_NAMES, 0), **sizes.get(day, {})}}
        for day in days
    ]  # fmt: skip
    store.insert_rows("rollup_builds", rows)
    forget_published_days()


def to_date(day_number: str) -> str:
    return f"toDate({day_number})"


def insert_quarters(context: QueryContext, build: int) -> str:
    """Write the INSERT of the sums per quarter-hour, identified by the instant at which it begins."""
    group_by = GroupAggregates((), (DIMENSIONS["day"], QUARTER_DIMENSION), ROLLUP_AGGREGATES)
    names = [aggregate.name for aggregate in ROLLUP_AGGREGATES]
    subqueries = SubqueryBuilder(context, group_by).build(ROLLUP_AGGREGATES)
    rows = unite([select_all(subquery, group_by.keys, names) for subquery in subqueries])
    columns = [str(context.sites[0]), to_date("d0"), "toDateTime(d1, 'UTC')", str(build), VALUES]
    return f"INSERT INTO rollup_quarters (site_id, day, slot, build, {COLUMNS}) {Select(columns, rows)}"


def insert_values(context: QueryContext, build: int) -> str:
    """Write the INSERT of the sums per day, dimension and value.

    All dimensions take one pass over events and one over visits.
    """
    builder = SubqueryBuilder(context, GroupBy((), ()))
    of_events = [dimension for dimension in VALUE_DIMENSIONS if dimension.side != "entry"]
    visits = context.from_visits(name="visited")
    selects = [
        select_all_dimensions(builder, of_events, context.from_events(), "ts", "events"),
        select_all_dimensions(builder, list(VALUE_DIMENSIONS), visits, "visit_start", "visits"),
    ]
    columns = [str(context.sites[0]), "item.1", to_date("d0"), "item.2", str(build), VALUES]
    insert = f"INSERT INTO rollup_days (site_id, dimension, day, value, build, {COLUMNS})"
    return f"{insert} {Select(columns, unite(selects))}"


def select_all_dimensions(
    builder: SubqueryBuilder, dimensions: list[Dimension], rows: Rows, time_column: str, scope: str
) -> Select:
    """Select the aggregates of one table by day and `item`, a pair of dimension and value.

    Every row of the table gives one item for each of its dimensions.
    """
    write_value = builder.conditions.event_value if scope == "events" else builder.conditions.visit_value
    pairs = ", ".join(f"('{dimension.name}', toString({write_value(dimension)}))" for dimension in dimensions)
    with_empty = ", ".join(f"'{dimension.name}'" for dimension in dimensions if not dimension.skip_empty)
    item = f"arrayJoin(arrayFilter(pair -> pair.2 != '' OR pair.1 IN ({with_empty}), [{pairs}])) AS item"
    day = builder.context.clock.day(f"toUnixTimestamp({time_column})")
    aggregates = [write_aggregate(builder, aggregate, scope) for aggregate in ROLLUP_AGGREGATES]
    return Select([f"toInt64({day}) AS d0", item, *aggregates], rows, "d0, item")


def write_aggregate(builder: SubqueryBuilder, aggregate: Aggregate, scope: str) -> str:
    """Write an aggregate over its own table. Over the other one it is zero, or counted by entry and exit page only."""
    if aggregate.scope == scope:
        return builder.write_aggregate(aggregate)
    if scope == "visits" and aggregate.over_visits:
        entries = ", ".join(f"'{dimension.name}'" for dimension in VALUE_DIMENSIONS if dimension.side == "entry")
        return f"toUInt64(sumIf({aggregate.over_visits}, item.1 IN ({entries}))) AS a_{aggregate.name}"
    return f"{aggregate.zero} AS a_{aggregate.name}"


def insert_states(context: QueryContext, build: int) -> str:
    """Write the INSERT of a state of the distinct devices per day."""
    day = to_date(context.clock.day("toUnixTimestamp(ts)"))
    return (
        "INSERT INTO rollup_visitors (site_id, day, build, visitors) "
        f"SELECT {context.sites[0]}, {day} AS day, {build}, {STATE_FUNCTION}(device) {context.from_events()} "
        "GROUP BY day"
    )


def delete_superseded(before: datetime) -> None:
    """Delete the rows of builds that are no longer current and were superseded before an instant."""
    newest = to_milliseconds(before) * 1000
    current = "SELECT site_id, day, max(build) FROM rollup_builds GROUP BY site_id, day"
    local = "_local" if get_target().cluster else ""
    for table in ("rollup_days", "rollup_quarters", "rollup_visitors", "rollup_devices", "rollup_seen"):
        condition = f"build < {newest} AND (site_id, day, build) NOT IN ({current})"
        for host in list_nodes():
            store.execute(f"ALTER TABLE {table}{local} DELETE WHERE {condition}", host=host)
