"""How many visitors take some steps in order, and where they are lost.

A visitor reached step k when they did steps 1 to k in this order within the period, each by an event of its own.
Loose: anything may happen between two steps. Strict: no other page and no other step lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from reports.engine.conditions import Conditions
from reports.engine.lists import asked, scene_of
from reports.engine.lookup import Source
from reports.engine.people_sql import chosen, trees
from reports.engine.period import Period
from reports.engine.refusal import QueryRefused

LEAST_STEPS, MOST_STEPS = 2, 8

# Of a visitor's events in order, as bits of the steps each of them is. Loose: how many steps are done, in turn.
LOOSE = "arrayFold((done, bits) -> if(bitTest(bits, done), toUInt8(done + 1), done), {bits}, toUInt8(0))"
# Strict: the low half holds the steps that an unbroken run ends on, the high half all that ever were reached.
RUN = "bitAnd(bitOr(bitShiftLeft(bitAnd(state, 65535), 1), 1), toUInt32(bits))"
STRICT = (
    "bitCount(bitShiftRight(arrayFold((state, bits) -> "
    f"toUInt32(bitOr(bitOr(bitAnd(state, 4294901760), {RUN}), bitShiftLeft({RUN}, 16))), {{bits}}, toUInt32(0)), 16))"
)


def funnel(
    site_id: int,
    period: Period,
    steps: Sequence[Any],
    *,
    strict: bool = False,
    where: Any = None,
    now: datetime,
    source: Source | None = None,
) -> list[int]:
    """Visitors who reached each of the steps (filter JSON of events). `where` chooses the visits that count.

    Raises QueryRefused for too few or too many steps, or one that cannot be asked.
    """
    if not LEAST_STEPS <= len(steps) <= MOST_STEPS:
        raise QueryRefused(f"A funnel has {LEAST_STEPS} to {MOST_STEPS} steps.", "steps")
    scene = scene_of((site_id,), period, where, now, source)
    conditions = Conditions(scene)
    each = [conditions.events(tree) for tree in trees((site_id,), steps, source, "steps")]
    bits = " + ".join(f"if({sql}, {1 << index}, 0)" for index, sql in enumerate(each))
    seen = "(bits != 0 OR kind = 'view')" if strict else "bits != 0"
    events = f"SELECT {scene.visitor} AS who, ts, id, kind, toUInt16({bits}) AS bits {scene.events(chosen(scene))}"
    ordered = "arrayMap(one -> one.3, arraySort(groupArray((ts, id, bits))))"
    furthest = (STRICT if strict else LOOSE).format(bits=ordered)
    reached = ", ".join(f"countIf(furthest >= {index + 1}) AS s{index}" for index in range(len(steps)))
    sql = f"SELECT {reached} FROM (SELECT {furthest} AS furthest FROM ({events}) WHERE {seen} GROUP BY who)"
    (row,) = asked(scene, sql, 1, 0)
    return [int(row[f"s{index}"]) for index in range(len(steps))]
