"""Asking: the only place where a question of a surface meets the store."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from reports.engine import decode, filters, freshness, limits, top
from reports.engine.assemble import order_by, statement
from reports.engine.breakdown import Breakdown
from reports.engine.cache import ANSWERS
from reports.engine.compare import compared
from reports.engine.dimensions import TIMES
from reports.engine.lookup import FromDatabase, Lookup, Source
from reports.engine.period import Period
from reports.engine.plan import Plan, plan
from reports.engine.query import MOST_VALUES, Meta, Query, Result
from reports.engine.scene import Params, Scene
from tracking import store

Row = dict[str, Any]
OF_GOALS = {"conversions", "conversion_rate", "revenue"}


@dataclass
class Work:
    """What answering one question took, added up over its statements."""

    rows_read: int = 0
    bytes_read: int = 0
    sources: list[str] = field(default_factory=list)
    estimated: set[str] = field(default_factory=set)
    error: float = 0.0

    def run(self, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """One statement, within the limits of a question."""
        try:
            answer = store.query(sql, params, settings=limits.query_settings())
        except store.StoreError as error:
            refusal = limits.explained(error)
            if refusal is None:
                raise
            raise refusal from error
        self.rows_read += answer.rows_read
        self.bytes_read += answer.bytes_read
        return [tuple(row) for row in answer.rows]

    def carry_out(self, made: Plan, sql: str, params: Params) -> list[tuple[Any, ...]]:
        """A plan's statement."""
        self.used(made)
        return self.run(sql, params.values)

    def used(self, made: Plan) -> None:
        self.sources += [part.source for part in made.parts]
        self.estimated |= made.estimated
        self.error = max(self.error, made.error)


@dataclass(frozen=True)
class Asked:
    """A question with everything that is looked up before its statements run."""

    query: Query
    scene: Scene
    other: Period | None
    facts: freshness.Facts
    facts_then: freshness.Facts
    begun: float

    @property
    def key(self) -> tuple[Any, ...]:
        """What the answer is kept under: the question and the version of its data."""
        return (keyed(self.query, self.scene, self.other), self.facts.version, self.facts_then.version)

    @property
    def lasting(self) -> bool:
        """Whether the answer may be kept."""
        return self.facts.complete and self.facts_then.complete and "online" not in self.query.metrics


def ask(query: Query, *, now: datetime, source: Source | None = None, cache: bool = True) -> Result:
    """Answer one question.

    `source` gives goals and segments (default: the database). Raises QueryRefused for what cannot be asked and
    QueryStopped for what takes too much; StoreError when the store itself is in trouble.
    """
    asked = looked_up(query, now, source)
    return (kept(asked) if cache else None) or answered(asked, cache)


def looked_up(query: Query, now: datetime, source: Source | None) -> Asked:
    """Everything Django's database says about a question, and what is known of its data."""
    begun = time.perf_counter()
    scene = scene_of(query, now, source or FromDatabase())
    facts = freshness.facts(scene)
    scene = replace(scene, persons=facts.persons)
    other = compared(query.period, query.compare, now) if query.compare else None
    facts_then = freshness.facts(scene.during(other)) if other else facts
    return Asked(query, scene, other, facts, facts_then, begun)


def kept(asked: Asked) -> Result | None:
    """The answer, if it was given before to the same data."""
    known = ANSWERS.get(asked.key)
    if known is None:
        return None
    meta = replace(
        known.meta, seconds=time.perf_counter() - asked.begun, cached=True, rows_read=0, bytes_read=0
    )  # fmt: skip
    return replace(known, rows=copies(known.rows), meta=meta)


def answered(asked: Asked, cache: bool, told: tuple[Work, list[Row]] | None = None) -> Result:
    """The answer from the store, kept where it may be. `told`: its rows, where they are known, and what they took."""
    result = answer(asked, told)
    if cache and asked.lasting:
        ANSWERS.put(asked.key, replace(result, rows=copies(result.rows)), cells(result))
    return result


def copies(rows: list[Row]) -> list[Row]:
    """Surfaces may write into their rows; what is kept must not change with them."""
    return [dict(row) for row in rows]


def cells(result: Result) -> int:
    return (len(result.rows) + 1) * (len(result.rows[0]) if result.rows else 1)


def scene_of(query: Query, now: datetime, source: Source) -> Scene:
    """Look up what the question refers to by number."""
    lookup = Lookup(query.sites, source)
    asked = query.tree()
    tree = lookup.resolved(asked, "where") if asked else None
    rest, chosen = filters.without_goals(tree)
    wants_goals = OF_GOALS & set(query.metrics) or "goal" in query.dimensions
    goals = lookup.all_goals() if wants_goals or chosen else {}
    if "goal" not in query.dimensions and not chosen and wants_goals:
        headline = source.headline(query.sites)
        goals = {number: goal for number, goal in goals.items() if number in headline}
    events, visits = (filters.goal_events(tree), filters.goal_visits(tree)) if chosen else (tree, None)
    return Scene(query.sites, query.period, now, events, goals, chosen, rest, visits)


def keyed(query: Query, scene: Scene, other: Period | None) -> tuple[Any, ...]:
    """Everything an answer depends on, the data aside."""
    plain = replace(query, where=None, compare=None)
    until = min(scene.now, scene.period.end).replace(minute=0, second=0, microsecond=0) if query.filled() else None
    trees = repr((scene.tree, scene.tree_of_visits))
    return (plain, trees, repr(scene.goals), scene.chosen_goals, other, scene.persons, until)


def answer(asked: Asked, told: tuple[Work, list[Row]] | None = None) -> Result:
    """Ask everything the question consists of: currency, rows, totals, comparison."""
    query, other, facts = asked.query, asked.other, asked.facts
    work, rows = told or (Work(), None)
    currency, others = money(query, asked.scene, work)
    scene = replace(asked.scene, currency=currency)
    if rows is None:
        wanted = [{query.dimensions[0]: value} for value in query.values]
        rows = table(query, replace(scene, only=of_interest(query, wanted)), facts, work, wanted)
    plain = replace(query, dimensions=(), order=(), search="", values=())
    totals = totals_of(query, table(plain, scene, facts, work)[0]) if query.totals else None
    comparison = comparison_of(query, scene, other, asked.facts_then, work, rows) if other else None
    meta = Meta(
        range=(scene.period.start.isoformat(), scene.period.end.isoformat()),
        zone=scene.period.zone,
        freshness=facts.changed,
        exact=not work.estimated,
        error=work.error,
        source="+".join(dict.fromkeys(work.sources)),
        rows_read=work.rows_read,
        seconds=time.perf_counter() - asked.begun,
        bytes_read=work.bytes_read,
        estimated=tuple(sorted(work.estimated)),
        currency=currency or "",
        other_currencies=others,
        comparison_range=(other.start.isoformat(), other.end.isoformat()) if other else None,
    )
    return Result(rows, totals, comparison, meta)


def totals_of(query: Query, row: Row) -> Row:
    """The row without the breakdown; amounts are None beside rows of several currencies, which are never added."""
    if "currency" not in query.dimensions:
        return row
    return {**row, **{metric.name: None for metric in query.metric_rows() if metric.money}}


def breakdown_of(query: Query) -> Breakdown:
    return Breakdown(query.metric_rows(), query.dimension_rows())


def table(query: Query, scene: Scene, facts: freshness.Facts, work: Work, keys: Iterable[Row] = ()) -> list[Row]:
    """The rows of one period; with `keys`, only those with the same dimension values."""
    if not keys and top.applies(query, scene, facts):
        rows = top.top_rows(query, scene, facts, lambda q, s: plain_table(q, s, facts, work), work.carry_out)
        if rows is not None:
            return rows
    return plain_table(query, scene, facts, work, keys)


def plain_table(query: Query, scene: Scene, facts: freshness.Facts, work: Work, keys: Iterable[Row] = ()) -> list[Row]:
    breakdown = breakdown_of(query)
    scene = replace(scene, params=Params())
    made = plan(query, scene, breakdown, facts)
    fill = query.filled()
    limit, offset = (1_000_000, 0) if fill else (query.limit, query.offset)
    order = order_by(breakdown, query.effective_order())
    condition = key_condition(breakdown, scene, list(keys))
    sql = statement(breakdown, made.parts, order, limit, offset, keys=condition)
    rows = decode.decoded(breakdown, scene, work.carry_out(made, sql, scene.params))
    if not query.dimensions:
        return rows or [decode.nothing(breakdown)]
    if not fill:
        return rows
    full = decode.filled(breakdown, scene, rows, scene.now)
    if query.effective_order()[0][1] == "desc":
        full.reverse()
    return full[query.offset : query.offset + query.limit]


def key_condition(breakdown: Breakdown, scene: Scene, rows: list[Row]) -> str:
    """SQL: the dimension values are those of one of the rows."""
    if not rows:
        return ""
    conditions = []
    for index, row in enumerate(breakdown.dimensions):
        values = tuple(dict.fromkeys(each[row.name] for each in rows))
        if row.family == "goal" or row.name in TIMES:
            if row.family == "goal" or row.name in ("hour_of_day", "weekday"):
                conditions.append(f"d{index} IN ({', '.join(map(str, values))})")
            continue
        conditions.append(f"d{index} IN {scene.params.texts(values)}")
    return " AND ".join(conditions)


def of_interest(query: Query, rows: list[Row]) -> dict[str, tuple[str, ...]]:
    """The values that rows are wanted of, so that the others are not even counted; nothing where all are."""
    kinds = {row.family for row in query.dimension_rows()}
    if len(query.dimensions) != 1 or kinds & {"goal", "time"} or not 0 < len(rows) <= MOST_VALUES:
        return {}
    return {query.dimensions[0]: tuple(row[query.dimensions[0]] for row in rows)}


def comparison_of(
    query: Query, scene: Scene, other: Period, facts: freshness.Facts, work: Work, rows: list[Row]
) -> list[Row] | Row:
    """The same question of the other period, shaped beside `rows`."""
    earlier = replace(scene, period=other)
    plain = replace(query, compare=None, period=other, values=())
    if not query.dimensions:
        return table(plain, earlier, facts, work)[0]
    if query.filled():
        return table(plain, earlier, facts, work)
    earlier = replace(earlier, only=of_interest(query, rows))
    found = table(replace(plain, offset=0, limit=100_000), earlier, facts, work, keys=rows) if rows else []
    by_key = {tuple(row[name] for name in query.dimensions): row for row in found}
    empty = decode.nothing(breakdown_of(query))
    keys = [tuple(row[name] for name in query.dimensions) for row in rows]
    return [by_key.get(key) or {**dict(zip(query.dimensions, key, strict=True)), **empty} for key in keys]


def money(query: Query, scene: Scene, work: Work) -> tuple[str | None, dict[str, Decimal]]:
    """The currency of the answer's amounts and the totals of the others: the one with most orders is shown."""
    if not any(row.money for row in query.metric_rows()) or "currency" in query.dimensions:
        return None, {}
    from reports.engine.conditions import Conditions

    conditions = Conditions(scene)
    sql = (
        "SELECT currency, countIf(revenue > 0) AS orders, sum(revenue) "
        f"{scene.events('revenue != 0', conditions.events(scene.tree))} "
        "GROUP BY currency ORDER BY orders DESC, currency"
    )
    found = work.run(sql, scene.params.values)
    if not found:
        return next((goal.currency for goal in scene.counted_goals() if goal.worth and goal.currency), ""), {}
    return found[0][0], {currency: total for currency, _, total in found[1:]}
