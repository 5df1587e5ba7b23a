"""The planner chooses which tables answer a query: events and visits, rollups of closed days, or both added up.

Rollups answer sums of one site without a filter, for the days that are published and current. What is left of the
period (today, an outdated day) is read from events, as one more subquery. Distinct counts are read from events or from
the devices of closed days; above a size and where estimates are allowed, from the states of closed days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings

from reports.query.context import QueryContext
from reports.query.data_version import DataVersion
from reports.query.dimensions import Dimension
from reports.query.grouping import GroupBy
from reports.query.metrics import Aggregate
from reports.query.periods import Period
from reports.query.resolve import ResolvedQuery
from reports.query.rollups import devices, read
from reports.query.sql.select import Rows, Select
from reports.query.sql.statement import Subquery
from reports.query.sql.subqueries import SubqueryBuilder
from reports.query.timezones import EPOCH
from sites import site_cache

MAX_GAPS = 6
MIN_ROW_RATIO = 4  # rollups by a dimension are read only if the events have at least this many times their rows
TIMES_OF_DAYS = {"day", "week", "month", "weekday"}


def get_min_rows_for_rollups() -> int:
    """Return from how many rows in a period on rollups are used; fewer are read from events as fast."""
    return int(getattr(settings, "ROLLUPS_ABOVE_ROWS", 100_000))


def get_min_rows_for_estimates() -> int:
    """Return from how many rows in a period on distinct counts may be estimates."""
    return int(getattr(settings, "ESTIMATES_ABOVE_ROWS", 20_000_000))


@dataclass(frozen=True)
class Plan:
    """The subqueries of a statement, the metrics that they only estimate, and the relative error of these."""

    subqueries: list[Subquery]
    estimated: frozenset[str] = field(default_factory=frozenset)
    error: float = 0.0


@dataclass(frozen=True)
class RollupCoverage:
    """The published days that can answer a period, and the periods between them that only events can."""

    days: list[read.PublishedDay]
    gaps: list[Period]


@dataclass(frozen=True, kw_only=True)
class TableChoice:
    """Which aggregates are read from which tables.

    Summed and estimated ones are read from rollups, those `by_devices` from the devices of closed days, the others from
    events and visits.
    """

    from_events: tuple[Aggregate, ...]
    coverage: RollupCoverage | None = None
    summed: tuple[Aggregate, ...] = ()
    estimated: tuple[Aggregate, ...] = ()
    by_devices: tuple[Aggregate, ...] = ()


def choose_tables(resolved: ResolvedQuery) -> TableChoice:
    """Choose for each aggregate the table that answers at the least cost: exactly, or as exactly as the query asks."""
    context, group_by, version = resolved.context, resolved.group_by, resolved.version
    aggregates = group_by.aggregates
    coverage = None if context.tree is not None else find_coverage(context, group_by, version)
    if coverage is None:
        return TableChoice(from_events=aggregates)
    dimension = group_by.value_dimension
    estimated = tuple(each for each in aggregates if may_estimate(resolved, each))
    by_devices = tuple(
        each for each in aggregates if each not in estimated and may_count_devices(resolved, coverage, each)
    )
    if dimension is not None and dimension.in_rollups and all(each.additive for each in by_devices):
        by_devices = ()  # nothing is distinct, and sums are in far fewer rows
    summed = tuple(each for each in aggregates if each not in by_devices and read.has_rollup(each, dimension))
    if dimension is not None:
        others = [each for each in aggregates if each not in (*summed, *estimated, *by_devices)]
        summed = keep_cheaper_sums(summed, others, coverage, dimension, version)
    from_events = tuple(each for each in aggregates if each not in (*summed, *estimated, *by_devices))
    return TableChoice(
        from_events=from_events, coverage=coverage, summed=summed, estimated=estimated, by_devices=by_devices
    )


def write_plan(context: QueryContext, group_by: GroupBy, choice: TableChoice) -> Plan:
    """Write the subqueries of a choice."""
    subqueries = SubqueryBuilder(context, group_by).build(choice.from_events)
    coverage, estimated = choice.coverage, choice.estimated
    if coverage is None:
        return Plan(subqueries)
    if choice.summed:
        subqueries.append(select_rollups(context, group_by, coverage, choice.summed))
        for gap in coverage.gaps:
            subqueries += SubqueryBuilder(context.for_period(gap), group_by).build(choice.summed)
    days = read.write_days_condition(coverage.days)
    subqueries += [
        read.estimate_visitors(context, group_by, days, coverage.gaps, each, write_day_time) for each in estimated
    ]
    if choice.by_devices:
        subqueries += count_by_devices(context, group_by, coverage, choice.by_devices)
    placeholders = [f"{{{aggregate.name}}}" for aggregate in estimated]
    metrics = {metric.name for metric in group_by.metrics if any(each in metric.formula for each in placeholders)}
    return Plan(subqueries, frozenset(metrics), read.ESTIMATION_ERROR if estimated else 0.0)


def keep_cheaper_sums(
    summed: tuple[Aggregate, ...],
    others: Sequence[Aggregate],
    coverage: RollupCoverage,
    dimension: Dimension,
    version: DataVersion,
) -> tuple[Aggregate, ...]:
    """Return those of the sums that rollups by a dimension answer at less cost than events and visits.

    A dimension may have so many values that its rollups are hardly shorter than events. And where another aggregate
    reads the events anyway, sums over them cost nothing more.
    """
    if read.count_rows_of(coverage.days, dimension.name) * MIN_ROW_RATIO > version.rows:
        return ()
    if any(aggregate.scope == "events" for aggregate in others):
        return tuple(aggregate for aggregate in summed if aggregate.scope != "events")
    return summed


# -- whether ----------------------------------------------------------------------------------------------------------


def find_rollup_zone(site_id: int) -> str | None:
    """Return the time zone of a site, in whose days it is rolled up; None for an unknown site."""
    site = site_cache.get_site(site_id)
    return site.timezone if site else None


def find_coverage(context: QueryContext, group_by: GroupBy, version: DataVersion) -> RollupCoverage | None:
    """Return the days that can answer this query, which has no filter; None where events have to."""
    if len(context.sites) != 1:
        return None
    values = [dimension for dimension in group_by.dimensions if dimension.family != "time"]
    times = group_by.times
    if len(values) > 1 or version.rows < get_min_rows_for_rollups() or "minute" in times:
        return None
    zone = find_rollup_zone(context.sites[0])
    if zone is None or any(not each.in_rollups and each.name not in devices.EXPOSURES for each in values):
        return None
    if values and (zone != context.period.zone or not TIMES_OF_DAYS.issuperset(times)):
        return None
    if not context.clock.fits_quarters():
        return None
    days = read.find_published_days(context.sites[0], zone, context.period, version.number)
    gaps = find_gaps(context.period, days)
    return RollupCoverage(days, gaps) if days and len(gaps) <= MAX_GAPS else None


def find_gaps(period: Period, days: Sequence[read.PublishedDay]) -> list[Period]:
    """Return the parts of the period that are in none of the days."""
    gaps: list[Period] = []
    position = period.start
    for day in days:
        if position < day.start:
            gaps.append(replace(period, start=position, end=day.start))
        position = day.end
    if position < period.end:
        gaps.append(replace(period, start=position))
    return gaps


def may_estimate(resolved: ResolvedQuery, aggregate: Aggregate) -> bool:
    """Return whether the states of days contain this distinct count, and whether it is large enough to estimate."""
    context = resolved.context
    if resolved.exact or context.has_persons or aggregate.name != "visitors":
        return False
    if resolved.version.rows < get_min_rows_for_estimates():
        return False
    in_site_zone = find_rollup_zone(context.sites[0]) == context.period.zone
    return in_site_zone and all(name in TIMES_OF_DAYS for name in resolved.dimensions)


def may_count_devices(resolved: ResolvedQuery, coverage: RollupCoverage, aggregate: Aggregate) -> bool:
    """Return whether the devices of closed days answer this distinct count, at less cost than events."""
    context, group_by = resolved.context, resolved.group_by
    times = group_by.times
    if times and not (TIMES_OF_DAYS.issuperset(times) and find_rollup_zone(context.sites[0]) == context.period.zone):
        return False
    if not devices.can_count(aggregate, context, group_by) or not all(day.has_devices for day in coverage.days):
        return False
    return devices.is_cheaper([day.sizes for day in coverage.days], context, group_by, resolved.version.rows)


# -- subqueries -------------------------------------------------------------------------------------------------------


def select_rollups(
    context: QueryContext, group_by: GroupBy, coverage: RollupCoverage, aggregates: tuple[Aggregate, ...]
) -> Subquery:
    """Write the sums of the covered days from rollups."""
    dimension = group_by.value_dimension
    builder = SubqueryBuilder(context, group_by)
    conditions = [context.tenant_condition()]
    table, unix = "rollup_quarters", "toUnixTimestamp(slot)"
    if dimension is not None:
        table, unix = "rollup_days", ""
        conditions += [f"dimension = '{dimension.name}'", builder.value_condition("value", dimension)]
    conditions.append(read.write_days_condition(coverage.days))
    keys = []
    for index, each in enumerate(group_by.dimensions):
        if each is dimension:
            keys.append(f"value AS d{index}")
        elif unix:
            keys.append(f"{builder.conditions.time_value(each.name, unix)} AS d{index}")
        else:
            keys.append(f"{write_day_time(builder, each)} AS d{index}")
    select = Select([*keys, *read.sum_columns(aggregates)], Rows(table, tuple(conditions)), group_by.sql)
    return Subquery("rollups", select, tuple(aggregate.name for aggregate in aggregates))


def write_day_time(builder: SubqueryBuilder, dimension: Dimension) -> str:
    """Write a dimension of time for a row of rollups by day."""
    return builder.conditions.day_value(dimension.name, "toInt64(day)")


def count_by_devices(
    context: QueryContext, group_by: GroupBy, coverage: RollupCoverage, aggregates: tuple[Aggregate, ...]
) -> list[Subquery]:
    """Write distinct counts over the devices of the covered days and the events of the gaps."""
    if [dimension.name for dimension in group_by.dimensions] != ["day"]:
        days = read.write_days_condition(coverage.days)
        return [devices.count_devices(context, group_by, days, coverage.gaps, aggregates)]
    counts = {(day.day - EPOCH).days: day.sizes[devices.DAILY_VISITORS] for day in coverage.days}
    subqueries = [devices.select_daily_visitors(counts)]
    for gap in coverage.gaps:
        subqueries += SubqueryBuilder(context.for_period(gap), group_by).build(aggregates)
    return subqueries
