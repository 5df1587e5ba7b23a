"""Funnels: how many visitors take some steps in order, and where they are lost.

A visitor reached step k by doing steps 1 to k in this order within the period, each by an event of its own. Loose:
anything may happen between two steps. Strict: no other page view and no other step lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reports.query.analyses.base import build_context, fetch_page, parse_event_filters, write_visit_condition
from reports.query.errors import QueryRefused
from reports.query.filters import FilterInput
from reports.query.periods import Period
from reports.query.references import GoalSource
from reports.query.sql.conditions import ConditionBuilder

MIN_STEPS, MAX_STEPS = 2, 8

# Both expressions read a visitor's events in order, each as a number with one bit per step that the event is.
# Loose: the state is the number of steps done.
LOOSE = "arrayFold((done, bits) -> if(bitTest(bits, done), toUInt8(done + 1), done), {bits}, toUInt8(0))"
# Strict: the low half of the state has a bit for each step on which an unbroken run ends, the high half a bit for each
# step that was ever reached.
RUN = "bitAnd(bitOr(bitShiftLeft(bitAnd(state, 65535), 1), 1), toUInt32(bits))"
STRICT = (
    "bitCount(bitShiftRight(arrayFold((state, bits) -> "
    f"toUInt32(bitOr(bitOr(bitAnd(state, 4294901760), {RUN}), bitShiftLeft({RUN}, 16))), {{bits}}, toUInt32(0)), 16))"
)


def count_funnel(
    site_id: int,
    period: Period,
    steps: Sequence[FilterInput],
    *,
    strict: bool = False,
    where: FilterInput = None,
    now: datetime,
    source: GoalSource | None = None,
) -> list[int]:
    """Return how many visitors reached each step (filter JSON of events). `where` filters the visits that count.

    Raises QueryRefused for too few or too many steps, or a wrong filter.
    """
    if not MIN_STEPS <= len(steps) <= MAX_STEPS:
        raise QueryRefused(f"A funnel has {MIN_STEPS} to {MAX_STEPS} steps.", "steps")
    context = build_context((site_id,), period, where, now, source)
    conditions = ConditionBuilder(context)
    step_conditions = [conditions.for_events(tree) for tree in parse_event_filters((site_id,), steps, source, "steps")]
    bits = " + ".join(f"if({condition}, {1 << index}, 0)" for index, condition in enumerate(step_conditions))
    columns = f"{context.visitor_sql} AS who, ts, id, kind, toUInt16({bits}) AS bits"
    events = f"SELECT {columns} {context.from_events(write_visit_condition(context))}"
    relevant = "(bits != 0 OR kind = 'view')" if strict else "bits != 0"
    ordered_bits = "arrayMap(item -> item.3, arraySort(groupArray((ts, id, bits))))"
    furthest = (STRICT if strict else LOOSE).format(bits=ordered_bits)
    counts = ", ".join(f"countIf(furthest >= {index + 1}) AS s{index}" for index in range(len(steps)))
    sql = f"SELECT {counts} FROM (SELECT {furthest} AS furthest FROM ({events}) WHERE {relevant} GROUP BY who)"
    (row,) = fetch_page(context, sql, 1)
    return [int(row[f"s{index}"]) for index in range(len(steps))]
