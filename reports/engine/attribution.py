"""Which sources a goal's conversions owe themselves to, and how long and how many visits they took.

A conversion is an event that reaches the goal (once per visit for goals of duration or scroll depth). Its touches are
the visits of the same visitor that began in the LOOKBACK before it, its own included, each with its source. `first` and
`last` give the whole conversion to one touch, `linear` an equal share to each; every model sums to the conversions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from reports.engine.conditions import Conditions
from reports.engine.filters import Node
from reports.engine.lists import asked, scene_of
from reports.engine.lookup import Source
from reports.engine.people_sql import chosen, trees
from reports.engine.period import Period
from reports.engine.scene import Goal, Scene

LOOKBACK = timedelta(days=30)
MOST_SOURCES = 500


@dataclass(frozen=True)
class Credit:
    """Conversions one source gets under each model; an empty source is a direct visit."""

    source: str
    first: float
    last: float
    linear: float


@dataclass(frozen=True)
class Way:
    """Of all conversions: medians of seconds and visits from the first touch, and revenue by currency."""

    conversions: int = 0
    seconds: float = 0.0
    visits: float = 0.0
    one_visit: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict)
    credits: tuple[Credit, ...] = ()


def attribution(
    site_id: int, period: Period, goal: Any, where: Any = None, *, now: datetime, source: Source | None = None
) -> Way:
    """How the conversions of a goal (filter JSON of events) came about in the period. `where` chooses their visits."""
    scene = scene_of((site_id,), period, where, now, source)
    reached = conversions(scene, goal, source)
    _, events = reaching(scene, goal, source)
    rows = asked(scene, f"SELECT currency, sum(revenue) AS total {events} GROUP BY currency", 200, 0)
    revenue = {str(row["currency"]): Decimal(row["total"]) for row in rows if row["total"]}
    ways = touched(scene, reached)
    (sums,) = asked(
        scene,
        "SELECT count() AS conversions, ifNotFinite(quantileExactInclusive(0.5)(seconds), 0) AS seconds, "
        "ifNotFinite(quantileExactInclusive(0.5)(length(sources)), 0) AS visits, countIf(length(sources) = 1) AS once "
        f"FROM ({ways})", 1, 0,
    )  # fmt: skip
    return Way(
        int(sums["conversions"]), float(sums["seconds"]), float(sums["visits"]), int(sums["once"]), revenue,
        tuple(credit(scene, ways)),
    )  # fmt: skip


def reaching(scene: Scene, given: Any, source: Source | None) -> tuple[Node, str]:
    """The goal's filter tree, and SQL of the events that reach it, from FROM on."""
    (tree,) = trees(scene.sites, [given], source, "goal")
    return tree, scene.events(chosen(scene), Conditions(scene).events(tree))


def conversions(scene: Scene, given: Any, source: Source | None) -> str:
    """SQL: one row per conversion: number, who, ts."""
    tree, events = reaching(scene, given, source)
    if not Goal(0, tree).once_per_visit:
        return f"SELECT id AS number, {scene.visitor} AS who, ts {events}"
    return f"SELECT visit AS number, any({scene.visitor}) AS who, min(ts) AS ts {events} GROUP BY visit"


def touched(scene: Scene, reached: str) -> str:
    """SQL: one row per conversion: the sources of its touches in order, and seconds since the first."""
    visits = f"SELECT visitor AS who, visit_start, visit, source FROM {scene.visits(LOOKBACK)}"
    days = f"toIntervalDay({LOOKBACK.days})"
    ordered = "arraySort(groupArray((touch.visit_start, touch.visit, touch.source)))"
    return (
        f"SELECT arrayMap(one -> one.3, {ordered}) AS sources, "
        "dateDiff('second', min(touch.visit_start), any(done.ts)) AS seconds "
        f"FROM ({reached}) AS done INNER JOIN ({visits}) AS touch ON done.who = touch.who "
        f"WHERE touch.visit_start <= done.ts AND touch.visit_start > done.ts - {days} GROUP BY done.number, done.ts"
    )


def credit(scene: Scene, ways: str) -> list[Credit]:
    """Every source's share, the largest linear one first."""
    sql = (
        "SELECT sources[place] AS name, sum(place = 1) AS opened, sum(place = length(sources)) AS closed, "
        "sum(1 / length(sources)) AS linear "
        f"FROM (SELECT sources, arrayJoin(arrayEnumerate(sources)) AS place FROM ({ways})) "
        "GROUP BY name ORDER BY linear DESC, name"
    )
    return [
        Credit(str(row["name"]), float(row["opened"]), float(row["closed"]), float(row["linear"]))
        for row in asked(scene, sql, MOST_SOURCES, 0)
    ]
