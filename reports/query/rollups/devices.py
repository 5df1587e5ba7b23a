"""The devices of closed days: each once per day with the columns of its visits, and once per page or event that it saw.

rollup_devices  one site, day and device: source, country, browser …
rollup_seen     one site, day, device and value of a page or event, and how many times

Distinct visitors do not add up over days, but they can be counted over these rows instead of events: fewer rows, the
same number. Parts of a period that are in no closed day are read from events, in the same count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reports.query.context import QueryContext
from reports.query.dimensions import DIMENSIONS, Dimension
from reports.query.grouping import GroupBy, GroupingSets, name_column
from reports.query.metrics import METRICS, Aggregate
from reports.query.periods import Period
from reports.query.sql.select import Rows, Select, unite
from reports.query.sql.statement import Subquery
from reports.query.sql.subqueries import SubqueryBuilder, write_exposure_condition
from tracking.schema import EVENT_COLUMNS

DEVICE_COLUMNS: dict[str, str] = {  # dimension -> column of rollup_devices
    column.dimension.name or name: name
    for name, column in EVENT_COLUMNS.items()
    if column.dimension and column.dimension.by_device
}
EXPOSURES = {"page": "views", "event": "events"}  # dimension of rollup_seen -> the aggregate that `times` adds up to
DAILY_VISITORS = "visitors"  # the size that counts a day's distinct devices; the other sizes count rows
SIZE_NAMES = ("devices", *(f"{name} seen" for name in EXPOSURES), DAILY_VISITORS)
MIN_ROW_RATIO = 1.25  # devices are read only if the events have at least this many times their rows


def can_count(aggregate: Aggregate, context: QueryContext, group_by: GroupBy) -> bool:
    """Return whether the rows of devices contain what the aggregate counts."""
    values = [dimension.name for dimension in group_by.dimensions if dimension.family != "time"]
    if context.has_persons or len(values) > 1:
        return False
    if any(name not in DEVICE_COLUMNS and name not in EXPOSURES for name in values):
        return False
    return aggregate.name == "visitors" or any(EXPOSURES.get(name) == aggregate.name for name in values)


def is_cheaper(sizes: Sequence[Mapping[str, int]], context: QueryContext, group_by: GroupBy, rows: int) -> bool:
    """Return whether reading days of these sizes costs less than reading that number of events."""
    dimension = group_by.value_dimension
    if dimension is None or dimension.name not in EXPOSURES:
        return sum(size.get("devices", 0) for size in sizes) * MIN_ROW_RATIO <= rows
    if dimension.name in context.only_values:
        return True  # the table is sorted by value, so the rows of a few are found without reading the others
    # Twice, because a day of a value lies among the other days of its month, which are read as well
    return sum(size.get(f"{dimension.name} seen", 0) for size in sizes) * MIN_ROW_RATIO * 2 <= rows


# -- reading ----------------------------------------------------------------------------------------------------------


def count_devices(
    context: QueryContext, group_by: GroupBy, days: str, gaps: Sequence[Period], aggregates: Sequence[Aggregate]
) -> Subquery:
    """Write the aggregates of the days (a condition) and of the events in the gaps, each device counted once."""
    with_times = any(aggregate.additive for aggregate in aggregates)
    selects = [select_days(context, group_by, days, with_times)]
    selects += [select_events(context.for_period(gap), group_by, with_times) for gap in gaps]
    counts = [
        f"{'sum(times)' if aggregate.additive else 'uniqExact(device)'} AS a_{aggregate.name}"
        for aggregate in aggregates
    ]
    columns = group_by.write_columns(group_by.value_names, counts)
    select = Select(columns, unite(selects), group_by.sql)
    return Subquery("rollups+events" if gaps else "rollups", select, tuple(aggregate.name for aggregate in aggregates))


def write_ungrouped_columns(group_by: GroupBy, values: Iterable[str], columns: list[str]) -> list[str]:
    return [*map(name_column, values, group_by.value_names), *columns]


def select_daily_visitors(days: Mapping[int, int]) -> Subquery:
    """Write the distinct visitors of each closed day (its number since 1970), which its build has counted."""
    pairs = ", ".join(f"({day}, {count})" for day, count in days.items())
    select = Select(
        ["toInt64(pair.1) AS d0", "toUInt64(pair.2) AS a_visitors"], Rows(f"(SELECT arrayJoin([{pairs}]) AS pair)")
    )
    return Subquery("rollups", select, ("visitors",))


def select_days(context: QueryContext, group_by: GroupBy, days: str, with_times: bool) -> Select:
    """Select the keys and devices of closed days."""
    builder = SubqueryBuilder(context, group_by)
    values = [
        builder.conditions.day_value(dimension.name, "toInt64(day)")
        if dimension.family == "time"
        else find_column(dimension)
        for dimension in group_by.dimensions
    ]
    table, conditions = "rollup_devices", [context.tenant_condition(), days]
    dimension = None if isinstance(group_by, GroupingSets) else group_by.value_dimension
    if dimension is not None:
        column = find_column(dimension)
        if dimension.name in EXPOSURES:
            table = "rollup_seen"
            conditions.append(f"dimension = '{dimension.name}'")
        elif dimension.skip_empty:
            conditions.append(f"{column} != ''")
        conditions.append(builder.value_condition(column, dimension))
    columns = ["device", "toUInt64(times) AS times"] if with_times else ["device"]
    return Select(write_ungrouped_columns(group_by, values, columns), Rows(table, tuple(conditions)))


def find_column(dimension: Dimension) -> str:
    """Return the column that holds a dimension's value in the tables of devices."""
    return DEVICE_COLUMNS.get(dimension.name, "value")


def select_events(context: QueryContext, group_by: GroupBy, with_times: bool) -> Select:
    """Select the keys and devices of events."""
    builder = SubqueryBuilder(context, group_by)
    columns = ["device", "toUInt64(1) AS times"] if with_times else ["device"]
    present = builder.presence_conditions(group_by.dimensions)
    return Select(
        write_ungrouped_columns(group_by, map(builder.value, group_by.dimensions), columns),
        context.from_events(*present, write_exposure_condition(builder.group_by.dimensions, builder.context.tree)),
    )


# -- building ---------------------------------------------------------------------------------------------------------


def insert_devices(context: QueryContext, build: int) -> list[str]:
    """Write the INSERT statements of the devices of the context's days."""
    day = f"toDate({context.clock.day('toUnixTimestamp(ts)')})"
    columns = ", ".join(DEVICE_COLUMNS.values())
    inserts = [
        f"INSERT INTO rollup_devices (site_id, day, build, device, {columns}) "
        f"SELECT DISTINCT {context.sites[0]}, {day} AS day, {build}, device, {columns} {context.from_events()}"
    ]
    for name in EXPOSURES:
        dimension = DIMENSIONS[name]
        builder = SubqueryBuilder(context, GroupBy((METRICS["visitors"],), (dimension,)))
        where = [
            *builder.presence_conditions((dimension,)),
            write_exposure_condition(builder.group_by.dimensions, builder.context.tree),
        ]
        inserts.append(
            "INSERT INTO rollup_seen (site_id, dimension, value, day, build, device, times) "
            f"SELECT {context.sites[0]}, '{name}', {builder.value(dimension)} AS value, {day} AS day, {build}, device, "
            f"count() {context.from_events(*where)} GROUP BY value, day, device"
        )
    return inserts


def select_sizes(where: str) -> str:
    """Write SELECT of day, size name and number, for the sizes in `rollup_builds`."""
    return (
        f"SELECT day, size.1, size.2 FROM (SELECT day, arrayJoin([('{SIZE_NAMES[0]}', count()), ('{DAILY_VISITORS}', "
        f"uniqExact(device))]) AS size FROM rollup_devices WHERE {where} GROUP BY day) UNION ALL "
        f"SELECT day, dimension || ' seen' AS dimension, count() FROM rollup_seen WHERE {where} GROUP BY day, dimension"
    )
