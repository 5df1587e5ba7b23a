"""Which rollups exist and are current, and visitors estimated from them. Rollups are sums of closed days in tables:

rollup_days      one site, day (in its zone), dimension and value: additive aggregates
rollup_quarters  one site and UTC quarter-hour: additive aggregates, for every zone whose offset is a multiple of it
rollup_visitors  one site and day: a state of its distinct visitors, for estimates
rollup_devices, rollup_seen   devices of a day, for exact distinct counts (see `devices`)
rollup_builds    one row per build of a site's day: its zone, how many rows had arrived for the day when it was built,
                 and how many rows each dimension has

The rows of a build have its number; its row in `rollup_builds` publishes all of them at once, so that readers get
either the old sums or the new ones. A day for which more rows have arrived since is outdated; until it is built again,
it is answered from events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from reports.query.context import QueryContext, to_milliseconds, write_instant
from reports.query.data_version import MAX_INSERT_DURATION
from reports.query.dimensions import DIMENSIONS, Dimension
from reports.query.grouping import GroupBy
from reports.query.metrics import AGGREGATES, Aggregate
from reports.query.periods import DAY, Period, find_day_start, parse_zone
from reports.query.rollups.devices import SIZE_NAMES
from reports.query.sql.select import Rows, Select, unite
from reports.query.sql.statement import Subquery
from reports.query.sql.subqueries import SubqueryBuilder
from reports.query.sql.tables import rows_of_all_tenants, rows_of_sites
from reports.query.timezones import EPOCH, Clock
from tracking import store
from tracking.store.target import get_target

ROLLUP_AGGREGATES: tuple[Aggregate, ...] = tuple(each for each in AGGREGATES.values() if each.rollup_column)
VALUE_DIMENSIONS: tuple[Dimension, ...] = tuple(
    dimension for dimension in DIMENSIONS.values() if dimension.in_rollups and dimension.family != "time"
)
MAX_AGE = 60.0  # seconds that published days are cached; superseded builds are kept for an hour, so they stay valid
MAX_PERIODS_CACHED = 2_000
STATE_FUNCTION = "uniqCombined64State(14)"
MERGE_FUNCTION = "uniqCombined64Merge(14)"
ESTIMATION_ERROR = 0.0163  # twice the standard error of 2**14 cells: 19 of 20 estimates are nearer


@dataclass(frozen=True, kw_only=True)
class PublishedDay:
    """A published day of a site: its instants and the number of its current build."""

    day: date
    start: datetime
    end: datetime
    build: int
    sizes: Mapping[str, int] = field(default_factory=dict, compare=False)  # dimension -> rows

    @property
    def has_devices(self) -> bool:
        """Whether the build filled the tables of devices, which early versions did not have."""
        return all(name in self.sizes for name in SIZE_NAMES)


_days: dict[tuple[Hashable, ...], tuple[float, list[PublishedDay]]] = {}


def find_published_days(site_id: int, zone: str, period: Period, version: tuple[int, ...]) -> list[PublishedDay]:
    """Return the current days of the period, from memory if the data's version is the same."""
    key = (site_id, zone, period.start, period.end, version)
    cached = _days.get(key)
    if cached and time.monotonic() - cached[0] < MAX_AGE:
        return cached[1]
    if len(_days) > MAX_PERIODS_CACHED:
        _days.clear()
    days = read_published_days(site_id, zone, period)
    _days[key] = (time.monotonic(), days)
    return days


def forget_published_days() -> None:
    """Clear the cache, because days were published."""
    _days.clear()


def read_published_days(site_id: int, zone: str, period: Period) -> list[PublishedDay]:
    """Read the days of a zone that lie fully in the period and whose rollups are current, in order."""
    first, last = period.first_day - DAY, period.last_day + DAY
    entries = store.query(
        "SELECT day, argMax(build, build), argMax(zone, build), argMax(touched, build), argMax(sizes, build) "
        "FROM rollup_builds "
        f"WHERE site_id = {site_id} AND day >= '{first}' AND day <= '{last}' GROUP BY day"
    ).rows
    builds = {day: (build, arrived, sizes) for day, build, built_in, arrived, sizes in entries if built_in == zone}
    if not builds:
        return []
    arrived_now = count_arrived_rows(site_id, zone, min(builds), max(builds))
    info = parse_zone(zone)
    days = [
        PublishedDay(
            day=day, start=find_day_start(day, info), end=find_day_start(day + DAY, info), build=build, sizes=sizes
        )
        for day, (build, arrived, sizes) in sorted(builds.items())
        if arrived_now.get(day, 0) == arrived
    ]
    return [day for day in days if period.start <= day.start < day.end <= period.end]


def count_arrived_rows(
    site_id: int, zone: str, first: date, last: date, *, settled_only: bool = False
) -> dict[date, int]:
    """Return how many rows have arrived for each day, corrections included.

    `settled_only`: leave out days that another process may be inserting into at this moment.
    """
    period = Period.days(first, last + DAY, zone)
    start, end = write_instant(to_milliseconds(period.start)), write_instant(to_milliseconds(period.end))
    day = Clock(period).day("toUnixTimestamp(slot)")
    having = ""
    if settled_only and not get_target().embedded:
        having = f" HAVING max(at) < now64(3) - {MAX_INSERT_DURATION.seconds}"
    result = store.query(
        f"SELECT toInt64({day}) AS day, sum(rows) "
        f"{rows_of_sites('touched', [site_id], f'slot >= {start}', f'slot < {end}')} GROUP BY day{having}"
    )
    return {EPOCH + timedelta(days=number): int(rows) for number, rows in result.rows}


def list_sites_with_events() -> list[tuple[int, datetime, int]]:
    """Return the id, the time of the first event and the number of events of every site that has any."""
    result = store.query(
        f"SELECT site_id, min(slot), sum(events) {rows_of_all_tenants('touched', 'site_id != 0')} "
        "GROUP BY site_id ORDER BY site_id"
    )
    return [(int(site), first.replace(tzinfo=first.tzinfo or UTC), int(events)) for site, first, events in result.rows]


def read_built_days(site_id: int) -> set[date]:
    """Return the days of a site that were ever published, in whatever zone."""
    return {row[0] for row in store.query(f"SELECT DISTINCT day FROM rollup_builds WHERE site_id = {site_id}").rows}


def has_rollup(aggregate: Aggregate, dimension: Dimension | None) -> bool:
    """Return whether rollups have the aggregate by a dimension; None = by time only.

    By entry and exit page they have only what visits know.
    """
    if not aggregate.rollup_column or (dimension is not None and not dimension.in_rollups):
        return False
    by_entry = dimension is not None and dimension.family == "entry"
    return not by_entry or aggregate.scope == "visits" or bool(aggregate.over_visits)


def write_days_condition(days: Sequence[PublishedDay]) -> str:
    """Write the condition that a row is of one of these days, in its current build."""
    return f"day >= '{days[0].day}' AND day <= '{days[-1].day}' AND {write_build_condition(days)}"


def write_build_condition(days: Sequence[PublishedDay]) -> str:
    """Write the condition on `build`. It is short because consecutive days are mostly of the same build."""
    cases: list[str] = []
    for day, following in zip(days, [*days[1:], None], strict=True):
        if following is None or following.build != day.build or following.day != day.day + DAY:
            cases.append(f"day <= '{day.day}', {day.build}")
        if following is not None and following.day != day.day + DAY:
            cases.append(f"day < '{following.day}', 0")
    return f"build = multiIf({', '.join(cases)}, 0)" if len(cases) > 1 else f"build = {days[0].build}"


def count_rows_of(days: Sequence[PublishedDay], dimension: str) -> int:
    """Return how many rows `rollup_days` has for a dimension on these days."""
    return sum(day.sizes.get(dimension, 0) for day in days)


def sum_columns(aggregates: Iterable[Aggregate]) -> list[str]:
    """Write the sums of the aggregates' columns in rollups."""
    return [f"sum({aggregate.rollup_column}) AS a_{aggregate.name}" for aggregate in aggregates]


def estimate_visitors(
    context: QueryContext,
    group_by: GroupBy,
    days: str,
    gaps: Sequence[Period],
    aggregate: Aggregate,
    write_time: Callable[[SubqueryBuilder, Dimension], str],
) -> Subquery:
    """Write the distinct count from the states of the days (a condition), and states of the gaps made on the way."""
    builder = SubqueryBuilder(context, group_by)
    keys = [f"{write_time(builder, dimension)} AS d{i}" for i, dimension in enumerate(group_by.dimensions)]
    selects = [Select([*keys, "visitors AS state"], Rows("rollup_visitors", (context.tenant_condition(), days)))]
    for gap in gaps:
        of_gap = context.for_period(gap)
        gap_builder = SubqueryBuilder(of_gap, group_by)
        values = [f"{gap_builder.value(dimension)} AS d{i}" for i, dimension in enumerate(group_by.dimensions)]
        selects.append(Select([*values, f"{STATE_FUNCTION}(device) AS state"], of_gap.from_events(), group_by.sql))
    columns = [*group_by.keys, f"toUInt64({MERGE_FUNCTION}(state)) AS a_{aggregate.name}"]
    return Subquery("rollups", Select(columns, unite(selects), group_by.sql), (aggregate.name,))
