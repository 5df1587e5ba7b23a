"""What metrics count, as plain Python over the lists of `tests.support.naive_engine.events`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Any

from tests.support.naive_engine.events import (
    CLICKS,
    KINDS_OF,
    NEUTRAL,
    SKIPS_EMPTY,
    Event,
    Visit,
    World,
    about_events,
    conditions,
    family,
    millis,
)


@dataclass(kw_only=True)
class NaiveQuery:
    """One query, evaluated over the lists."""

    world: World
    dimensions: tuple[str, ...]
    where: Any
    currency: str | None = None
    query_where: Any = ...  # the filter of the query, where `where` was derived from its goals

    @cached_property
    def used(self) -> list[str]:
        return [*self.dimensions, *(condition["dimension"] for condition in conditions(self.where, self.world.goals))]

    @cached_property
    def exposed_by_view(self) -> bool:
        marks = {name for name in self.used if family(name) in ("event", "goal")} - NEUTRAL
        return bool(marks) and marks <= {"page", "title"}

    @cached_property
    def of_visits(self) -> bool:
        """Whether visitors, views and actions are those of visits, because the query is about what only visits have."""
        families = {family(name) for name in self.used}
        return "entry" in families and not families & {"event", "goal"}

    def keys(self, event: Event, dimensions: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """Return the keys of the rows that an event counts in: none, one, or one per goal it reaches."""
        choices: list[list[Any]] = []
        for name in dimensions:
            if name == "goal":
                choices.append([n for n in self.counted_goals() if self.reaches(event, n)])
                continue
            value = self.world.value(event, name)
            absent = event["kind"] not in KINDS_OF.get(name, (event["kind"],))
            skipped = value == "" and (name in SKIPS_EMPTY or name.startswith(("prop:", "tag:")))
            choices.append([] if absent or skipped else [value])
        return list(product(*choices))

    def counted_goals(self) -> list[int]:
        return list(self.chosen_goals) or sorted(self.world.goals)

    @cached_property
    def chosen_goals(self) -> tuple[int, ...]:
        return list_required_goals(self.where if self.query_where is ... else self.query_where)

    def of_goal_events(self) -> NaiveQuery:
        """Return the query about the events that reach the goals that the filter requires."""
        return replace(self, where=filter_goal_events(self.where, self.world.goals), query_where=self.where)

    def of_goal_visits(self) -> NaiveQuery:
        """Return the query about everything in the visits in which they were reached."""
        return replace(self, where=filter_goal_visits(self.where, self.world.goals), query_where=self.where)

    def reaches(self, event: Event, number: int) -> bool:
        return self.world.event_satisfies(event, self.world.goals[number])

    def event_rows(self, where: Any, dimensions: tuple[str, ...], events: list[Event]) -> dict[Any, list[Event]]:
        rows: dict[Any, list[Event]] = defaultdict(list)
        for event in events:
            if self.world.event_satisfies(event, where):
                for key in self.keys(event, dimensions):
                    rows[key].append(event)
        return rows

    def visit_rows(self, where: Any) -> dict[Any, list[Visit]]:
        world, rows = self.world, defaultdict(list)
        contained = tuple(n for n in self.dimensions if family(n) in ("event", "goal") and n != "page")
        about = about_events(where, world.goals)
        for number, visit in world.visits.items():
            if not world.start <= visit.start < world.end:
                continue
            if not (contained and about) and not world.visit_satisfies(visit, where):
                continue
            combinations = {()}
            if contained:
                combinations = {
                    key
                    for event in world.by_visit[number]
                    if not about or world.event_satisfies(event, where)
                    for key in self.keys(event, contained)
                }
            for combination in combinations:
                contained_values = iter(combination)
                key = tuple(
                    next(contained_values) if name in contained else visit.value(name, world.bucket)
                    for name in self.dimensions
                )
                skipped = any(
                    value == "" and (name in SKIPS_EMPTY or name.startswith("tag:"))
                    for name, value in zip(self.dimensions, key, strict=True)
                )
                if not skipped:
                    rows[key].append(visit)
        return rows

    # Each of these returns {key: value}.

    def events_counted(self, count: Callable[[list[Event]], Any], where: Any = ...) -> dict[Any, Any]:
        chosen = self.where if where is ... else where
        rows = self.event_rows(chosen, self.dimensions, self.world.during)
        return {key: count(events) for key, events in rows.items()}

    def visits_counted(self, count: Callable[[list[Visit]], Any], where: Any = ...) -> dict[Any, Any]:
        rows = self.visit_rows(self.where if where is ... else where)
        return {key: count(visits) for key, visits in rows.items()}

    def visitor(self, event: Event) -> Any:
        return self.world.visits[event["visit"]].visitor

    def exposing(self, events: list[Event]) -> list[Event]:
        return [event for event in events if not self.exposed_by_view or event["kind"] == "view"]

    def visitors(self) -> dict[Any, int]:
        if self.of_visits:
            return self.visits_counted(lambda visits: len({visit.visitor for visit in visits}))
        return self.events_counted(lambda events: len({self.visitor(event) for event in self.exposing(events)}))

    def new_visitors(self) -> dict[Any, int]:
        firsts = self.world.first_visits
        return self.events_counted(
            lambda events: len(
                {self.visitor(e) for e in self.exposing(events) if e["visit_start"] == firsts[e["device"]]}
            )
        )

    def kinds(self, kinds: set[str], of_visit: Callable[[Visit], int]) -> dict[Any, int]:
        if self.of_visits:
            return self.visits_counted(lambda visits: sum(map(of_visit, visits)))
        return self.events_counted(lambda events: sum(event["kind"] in kinds for event in events))

    def exposed_visits(self) -> dict[Any, int]:
        return self.events_counted(lambda events: len({event["visit"] for event in self.exposing(events)}))

    def clicking_visits(self) -> dict[Any, int]:
        return self.events_counted(lambda events: len({e["visit"] for e in events if e["kind"] in CLICKS}))

    def dwells(self, measure: Callable[[list[Event]], int]) -> dict[Any, int]:
        def count(events: list[Event]) -> int:
            by_visit = defaultdict(list)
            for event in events:
                by_visit[event["visit"]].append(event)
            return sum(measure(each) for each in by_visit.values())

        return self.events_counted(count)

    def amounts(self, measure: Callable[[Decimal], Any], zero: Any) -> dict[Any, Any]:
        def count(events: list[Event]) -> Any:
            mine = [e for e in events if self.currency is None or e.get("currency", "") == self.currency]
            return sum((measure(Decimal(str(e.get("revenue", 0)))) for e in mine), zero)

        return self.events_counted(count)

    def goal_value(self) -> dict[Any, Decimal]:
        """Return what goals add: to events without an amount, or in place of it where goals are required."""
        place = self.dimensions.index("goal") if "goal" in self.dimensions else None
        rows = self.event_rows(self.where, self.dimensions, self.world.during)
        return {
            key: self.value_of_goals(events, self.counted_goals() if place is None else [key[place]], place is not None)
            for key, events in rows.items()
        }

    def value_of_goals(self, events: list[Event], goals: list[int], by_goal: bool) -> Decimal:
        valued = [number for number in goals if number in self.world.goal_values]
        chosen = by_goal or bool(self.chosen_goals)
        total = Decimal(0)
        for number in valued:
            amount, currency = self.world.goal_values[number]
            reached = [e for e in events if (by_goal or self.reaches(e, number)) and (chosen or not has_amount(e))]
            if self.currency is None and currency:  # rows of one currency each: the worth counts in its own row
                reached = [e for e in reached if e.get("currency", "") == currency]
            times = len({e["visit"] for e in reached}) if counts_once(self.world.goals[number]) else len(reached)
            total += amount * times if self.currency is None or currency in ("", self.currency) else 0
        if valued and chosen:
            others = [number for number in goals if number not in valued]
            for event in events:
                counts = self.currency is None or event.get("currency", "") == self.currency
                if counts and not any(self.reaches(event, number) for number in others):
                    total -= Decimal(str(event.get("revenue", 0)))
        return total

    def conversions(self) -> dict[Any, int]:
        goals = self.counted_goals()
        if "goal" in self.dimensions:
            place = self.dimensions.index("goal")
            rows = self.event_rows(self.where, self.dimensions, self.world.during)
            return {
                key: len({e["visit"] for e in events}) if counts_once(self.world.goals[key[place]]) else len(events)
                for key, events in rows.items()
            }

        def count(events: list[Event]) -> int:
            total = 0
            for number in goals:
                reached = [event for event in events if self.reaches(event, number)]
                total += len({e["visit"] for e in reached}) if counts_once(self.world.goals[number]) else len(reached)
            return total

        return self.events_counted(count)

    def converting_visitors(self) -> dict[Any, int]:
        goals = self.counted_goals()
        of_events = {name for name in self.dimensions if family(name) == "event"} - {"site"}
        if self.chosen_goals and of_events and "goal" not in self.dimensions:
            return replace(self, where=self.query_where, query_where=...).of_goal_visits().visitors()
        return self.events_counted(
            lambda events: len({self.visitor(e) for e in events if any(self.reaches(e, number) for number in goals)})
        )

    def eligible_visitors(self) -> dict[Any, int]:
        rest = remove_goals(self.where if self.query_where is ... else self.query_where)
        others = tuple(name for name in self.dimensions if name != "goal")
        without_goal = NaiveQuery(world=self.world, dimensions=others, where=rest)
        rows = without_goal.visitors()
        if others == self.dimensions:
            return rows
        place = self.dimensions.index("goal")
        return {(*k[:place], n, *k[place:]): value for k, value in rows.items() for n in self.counted_goals()}

    def online(self) -> dict[Any, int]:
        end = self.world.now + timedelta(seconds=1)
        now = World(self.world.events, end - timedelta(minutes=5), end, self.world.zone, end, self.world.goals)
        rows = self.event_rows(self.where, self.dimensions, now.during)
        return {key: len({self.visitor(event) for event in self.exposing(events)}) for key, events in rows.items()}


def has_amount(event: Event) -> bool:
    return Decimal(str(event.get("revenue", 0))) != 0


def counts_once(goal: Any) -> bool:
    return any(condition["operator"] in ("at_least", "at_most") for condition in conditions(goal, {}))


def list_top_parts(where: Any) -> list[Any]:
    if isinstance(where, list):
        return [each for part in where for each in list_top_parts(part)]
    if isinstance(where, dict) and "and" in where:
        return list_top_parts(where["and"])
    return [where] if where else []


def list_goals(part: Any) -> tuple[int, ...]:
    if "goal" in part:
        return (part["goal"],)
    alternatives = [list_goals(inner) for inner in part.get("or", [])]
    all_goals = bool(alternatives) and all(alternatives)
    return tuple(number for numbers in alternatives for number in numbers) if all_goals else ()


def list_required_goals(where: Any) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for part in list_top_parts(where) for number in list_goals(part)))


def remove_goals(where: Any) -> Any:
    return [part for part in list_top_parts(where) if not list_goals(part)]


def list_event_names(part: Any, goals: dict[int, Any]) -> set[str]:
    return {
        condition["dimension"]
        for condition in conditions(part, goals)
        if family(condition["dimension"]) in ("event", "goal")
    }


def is_about_pages(part: Any, goals: dict[int, Any]) -> bool:
    names = list_event_names(part, goals)
    return bool(names) and names <= {"page", "title"}


def filter_goal_events(where: Any, goals: dict[int, Any]) -> Any:
    """Events that reach one of the goals, in visits that reach all of them and saw the pages of the filter."""
    parts = list_top_parts(where)
    chosen = [part for part in parts if list_goals(part)]
    if not chosen:
        return where
    every = [{"visited": part} for part in chosen] if len(chosen) > 1 else []
    rest = [{"visited": part} if is_about_pages(part, goals) else part for part in parts if not list_goals(part)]
    return [{"or": chosen}, *every, *rest]


def filter_goal_visits(where: Any, goals: dict[int, Any]) -> Any:
    """Everything in the visits in which they were reached, by an event of which the rest of the filter holds."""
    parts = list_top_parts(where)
    chosen = [part for part in parts if list_goals(part)]
    if not chosen:
        return where
    rest = [part for part in parts if not list_goals(part)]
    own = [part for part in rest if (list_event_names(part, goals) and not is_about_pages(part, goals))
           or any(family(condition["dimension"]) == "time" for condition in conditions(part, goals))]  # fmt: skip
    visit_parts = [part for part in rest if is_about_pages(part, goals) or not list_event_names(part, goals)]
    return [*visit_parts, *({"visited": [part, *own]} for part in chosen)]


def sum_dwell_time(events: list[Event]) -> int:
    engaged = sum(event.get("engaged", 0) for event in events)
    return engaged or millis(max(e["ts"] for e in events) - min(e["ts"] for e in events))


def find_depth(events: list[Event]) -> int:
    return int(max(event.get("scroll", 0) for event in events))


def sum_points(visit: Visit) -> int:
    return visit.scroll * 600 + min(visit.ms, 60_000)


def ratio(part: Any, total: Any, factor: Any = 1) -> Any:
    return None if not total else part * factor / total
