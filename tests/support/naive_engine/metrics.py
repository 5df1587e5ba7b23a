"""The metrics, computed from the counts of `tests.support.naive_engine.counts`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.support.naive_engine.counts import (
    NaiveQuery,
    filter_goal_events,
    find_depth,
    list_required_goals,
    ratio,
    sum_dwell_time,
    sum_points,
)
from tests.support.naive_engine.events import ACTIONS, World, family

METRICS = (
    "visitors", "new_visitors", "visits", "views", "actions", "views_per_visit", "bounce_rate", "single_page_rate",
    "avg_duration", "total_duration", "avg_scroll", "engagement", "clickers", "events", "conversions",
    "conversion_rate", "revenue", "avg_order", "refunds", "online",
)  # fmt: skip
GOAL_METRICS = {"conversions", "conversion_rate", "revenue", "avg_order", "refunds"}  # of the events that reach one


def counts(query: NaiveQuery, metric: str) -> tuple[list[dict[Any, Any]], Callable[..., Any]]:
    """The counts a metric is made of, and how."""
    query = query.of_goal_events() if metric in GOAL_METRICS else query.of_goal_visits()
    by_page = "page" in query.dimensions
    by_event = any(family(n) in ("event", "goal") and n != "site" for n in query.dimensions)
    visits = query.visits_counted
    entries = lambda: visits(len)  # noqa: E731
    visits_of_rows = query.exposed_visits if by_event else entries
    zero = Decimal(0)
    views = lambda: query.kinds({"view"}, lambda visit: len(visit.views))  # noqa: E731
    table: dict[str, tuple[list[Callable[[], dict[Any, Any]]], Callable[..., Any]]] = {
        "visitors": ([query.visitors], lambda n: n),
        "new_visitors": ([query.new_visitors], lambda n: n),
        "visits": ([visits_of_rows], lambda n: n),
        "views": ([views], lambda n: n),
        "actions": ([lambda: query.kinds(ACTIONS, lambda visit: visit.actions)], lambda n: n),
        "events": ([lambda: query.events_counted(lambda es: sum(e["kind"] == "event" for e in es))], lambda n: n),
        "views_per_visit": ([views, visits_of_rows], ratio),
        "bounce_rate": (
            [lambda: visits(lambda vs: sum(v.bounced for v in vs)), entries], lambda a, b: ratio(a, b, 100)
        ),
        "single_page_rate": (
            [lambda: visits(lambda vs: sum(len(v.views) == 1 for v in vs)), entries], lambda a, b: ratio(a, b, 100)
        ),
        "avg_duration": (
            [lambda: query.dwells(sum_dwell_time), lambda: query.dwells(lambda _: 1)]
            if by_page else [lambda: visits(lambda vs: sum(v.ms for v in vs)), entries],
            lambda a, b: ratio(a / 1000, b),
        ),
        "total_duration": (
            [lambda: query.dwells(sum_dwell_time) if by_page else visits(lambda vs: sum(v.ms for v in vs))],
            lambda n: n / 1000,
        ),
        "avg_scroll": (
            [lambda: query.dwells(find_depth), lambda: query.dwells(lambda es: int(find_depth(es) > 0))]
            if by_page
            else [
                lambda: visits(lambda vs: sum(v.scroll for v in vs)),
                lambda: visits(lambda vs: sum(v.scroll > 0 for v in vs)),
            ],
            ratio,
        ),
        "engagement": ([lambda: visits(lambda vs: sum(map(sum_points, vs))), entries], lambda a, b: ratio(a / 1200, b)),
        "clickers": ([query.clicking_visits], lambda n: n),
        "conversions": ([query.conversions], lambda n: n),
        "conversion_rate": ([query.converting_visitors, query.eligible_visitors], lambda a, b: ratio(a, b, 100)),
        "revenue": ([lambda: query.amounts(lambda m: m, zero), query.goal_value], lambda a, b: a + b),
        "avg_order": (
            [lambda: query.amounts(lambda m: max(m, zero), zero), lambda: query.amounts(lambda m: int(m > 0), 0)], ratio
        ),
        "refunds": ([lambda: query.amounts(lambda m: -min(m, zero), zero)], lambda n: n),
        "online": ([query.online], lambda n: n),
    }  # fmt: skip
    makers, formula = table[metric]
    return [make() for make in makers], formula


def main_currency(world: World, where: Any) -> str:
    """The currency with most orders under the filter."""
    orders: dict[str, int] = defaultdict(int)
    for event in world.during:
        amount = Decimal(str(event.get("revenue", 0)))
        if amount and world.event_satisfies(event, filter_goal_events(where, world.goals)):
            orders[event.get("currency", "")] += amount > 0
    goals = list(list_required_goals(where)) or sorted(world.goals)
    goal_values = (world.goal_values.get(number, (0, "")) for number in goals)
    otherwise = next((currency for goal_value, currency in goal_values if goal_value and currency), "")
    return min(orders, key=lambda name: (-orders[name], name), default=otherwise)


def answer(
    world: World, metrics: tuple[str, ...], dimensions: tuple[str, ...], where: Any
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows: key -> metric -> value (None where there is nothing to ratio by)."""
    currency = None if "currency" in dimensions else main_currency(world, where)
    query = NaiveQuery(world=world, dimensions=dimensions, where=where, currency=currency)
    counted = {metric: counts(query, metric) for metric in metrics}
    keys = {key for tables, _ in counted.values() for table in tables for key, value in table.items() if value}
    if not dimensions:
        keys = {()}
    return {
        key: {
            metric: formula(*(table.get(key, 0) for table in tables)) for metric, (tables, formula) in counted.items()
        }
        for key in keys
    }
