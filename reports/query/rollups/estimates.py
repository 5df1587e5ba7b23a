"""Estimated visitors, from one state of distinct devices per closed day."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.query.context import QueryContext
from reports.query.dimensions import Dimension
from reports.query.metrics import Aggregate
from reports.query.periods import Period
from reports.query.sql.grouping import GroupBy, Subquery
from reports.query.sql.subqueries import SubqueryBuilder

STATE_FUNCTION = "uniqCombined64State(14)"
MERGE_FUNCTION = "uniqCombined64Merge(14)"
ERROR = 0.0163  # twice the standard error of 2**14 cells: 19 of 20 estimates are nearer


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
    selects = [
        f"SELECT {', '.join([*keys, 'visitors AS state'])} FROM rollup_visitors "
        f"WHERE {context.tenant_condition()} AND {days}"
    ]
    for gap in gaps:
        of_gap = context.for_period(gap)
        gap_builder = SubqueryBuilder(of_gap, group_by)
        values = [f"{gap_builder.value(dimension)} AS d{i}" for i, dimension in enumerate(group_by.dimensions)]
        columns = ", ".join([*values, f"{STATE_FUNCTION}(device) AS state"])
        selects.append(f"SELECT {columns} {of_gap.from_events()}{group_by.sql}")
    columns = ", ".join([*group_by.keys, f"toUInt64({MERGE_FUNCTION}(state)) AS a_{aggregate.name}"])
    sql = f"SELECT {columns} FROM ({' UNION ALL '.join(selects)}){group_by.sql}"
    return Subquery("rollups", sql, (aggregate.name,))
