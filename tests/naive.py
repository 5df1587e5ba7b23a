"""The engine's definitions once more, as plain Python over the list of events: slow, obvious, and the judge.

Nothing here comes from the engine but the words. `answer(world, …)` gives {key: {metric: value}}, where a key is the tuple
of dimension values and rows in which nothing was counted are absent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]
ACTIONS = {"view", "event", "click", "outbound", "download", "form", "video"}
CLICKS = {"click", "outbound", "download"}
ORIGIN = {
    "referrer", "referrer_domain", "source", "channel", "search_term", "utm_source", "utm_medium", "utm_campaign",
    "utm_content", "utm_term",
}  # fmt: skip
PLACE = {"country", "region", "city"}
OF_VISIT = ORIGIN | PLACE | {
    "language", "device", "browser", "browser_version", "os", "os_version", "screen", "organization", "ip", "visit",
}  # fmt: skip
ENTRY = {"entry_page", "exit_page", "person", "duration", "visit_views", "visit_actions"}
TIMES = {"hour", "hour_of_day", "weekday", "day", "week", "month"}
KIND_OF = {"event": "event", "outbound": "outbound", "download": "download", "form": "form", "video": "video"}
COLUMN_OF = {
    "page": "path", "event": "name", "outbound": "target", "download": "target", "form": "name", "video": "target",
    "device": "device_type",
}  # fmt: skip
NEUTRAL = {"host", "site", "currency", "split_test", "split_arm"}
SKIPS_EMPTY = {
    "referrer", "referrer_domain", "search_term", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term",
    "page", "entry_page", "exit_page", "host", "title", "event", "outbound", "download", "form", "video", "currency",
    "name", "target", "text", "person", "ip", "split_test", "split_arm",
}  # fmt: skip


def family(name: str) -> str:
    """time, visit (both know it), entry (only visits do), goal, or event."""
    if name in TIMES:
        return "time"
    if name in OF_VISIT:
        return "visit"
    if name in ENTRY or name.startswith("tag:"):
        return "entry"
    return "goal" if name == "goal" else "event"


def millis(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


@dataclass
class Visit:
    """What the events of one visit say together."""

    events: list[Event]

    @cached_property
    def start(self) -> datetime:
        return min(event["visit_start"] for event in self.events)

    @cached_property
    def views(self) -> list[Event]:
        return [event for event in self.events if event["kind"] == "view"]

    @cached_property
    def actions(self) -> int:
        return sum(event["kind"] in ACTIONS for event in self.events)

    @cached_property
    def person(self) -> str:
        return max(event.get("person", "") for event in self.events)

    @cached_property
    def visitor(self) -> tuple[str, Any]:
        return ("person", self.person) if self.person else ("device", self.events[0]["device"])

    @cached_property
    def ms(self) -> int:
        engaged = sum(event.get("engaged", 0) for event in self.events)
        return engaged or millis(max(e["ts"] for e in self.events) - min(e["ts"] for e in self.events))

    @cached_property
    def scroll(self) -> int:
        return max(event.get("scroll", 0) for event in self.events)

    @property
    def bounced(self) -> bool:
        return len(self.views) == 1 and self.actions == 1 and self.ms < 30_000

    def began_with(self, name: str, value: Callable[[Event], str]) -> str:
        first = [value(event) for event in self.events if event["ts"] == event["visit_start"]]
        others = [value(event) for event in self.events]
        if name in PLACE:
            here = [value(e) for e in self.events if e["ts"] == e["visit_start"] and e.get("country")]
            known = [value(e) for e in self.events if e.get("country")]
            return min(here or known or others)
        return min(first or others)

    def value(self, name: str, bucket: Callable[[datetime, str], Any]) -> Any:
        if name in TIMES:
            return bucket(self.start, name)
        if name in ("entry_page", "page"):
            return min(((e["ts"], e.get("path", "")) for e in self.views), default=("", ""))[1]
        if name == "exit_page":
            return max(((e["ts"], e.get("path", "")) for e in self.views), default=("", ""))[1]
        if name.startswith("tag:"):
            told = [(e["ts"], e["tags"][name[4:]]) for e in self.events if name[4:] in e.get("tags", {})]
            return max(told, default=("", ""))[1]
        special = {
            "person": self.person, "duration": self.ms / 1000, "visit_views": len(self.views),
            "visit_actions": self.actions, "visit": str(self.events[0]["visit"]),
        }  # fmt: skip
        if name in special:
            return special[name]
        column = COLUMN_OF.get(name, name)
        if name in ORIGIN | PLACE:
            return self.began_with(name, lambda event: event.get(column, ""))
        return max(event.get(column, "") for event in self.events)


@dataclass
class World:
    """All events of the sites asked about, and the period."""

    events: list[Event]
    start: datetime
    end: datetime
    zone: ZoneInfo
    now: datetime
    goals: dict[int, Any] = field(default_factory=dict)

    @cached_property
    def visits(self) -> dict[int, Visit]:
        found: dict[int, list[Event]] = defaultdict(list)
        for event in self.events:
            found[event["visit"]].append(event)
        return {number: Visit(events) for number, events in found.items()}

    @cached_property
    def during(self) -> list[Event]:
        return [event for event in self.events if self.start <= event["ts"] < self.end]

    @cached_property
    def by_visit(self) -> dict[int, list[Event]]:
        found: dict[int, list[Event]] = defaultdict(list)
        for event in self.during:
            found[event["visit"]].append(event)
        return found

    @cached_property
    def first_visits(self) -> dict[int, datetime]:
        found: dict[int, datetime] = {}
        for event in self.events:
            first = found.setdefault(event["device"], event["visit_start"])
            found[event["device"]] = min(first, event["visit_start"])
        return found

    def bucket(self, when: datetime, name: str) -> Any:
        local = when.astimezone(self.zone)
        if name == "hour":
            return self.hour(when)
        if name == "hour_of_day":
            return local.hour
        if name == "weekday":
            return local.isoweekday()
        if name == "week":
            return (local.date() - timedelta(days=local.weekday())).isoformat()
        return local.strftime("%Y-%m") if name == "month" else local.date().isoformat()

    def hour(self, when: datetime) -> str:
        """The local hour `when` is in, which begins where the clock last struck or was changed."""
        offset = when.astimezone(self.zone).utcoffset()
        begun = when
        for _ in range(3600):
            earlier = begun.replace(microsecond=0) if begun.microsecond else begun - timedelta(seconds=1)
            local = earlier.astimezone(self.zone)
            if local.utcoffset() != offset or local.hour != when.astimezone(self.zone).hour:
                break
            begun = earlier
        return begun.astimezone(self.zone).isoformat()

    # -- filters ----------------------------------------------------------------------------------------------------

    def value(self, event: Event, name: str) -> Any:
        if name in TIMES:
            return self.bucket(event["ts"], name)
        if family(name) == "entry":
            return self.visits[event["visit"]].value(name, self.bucket)
        if name in KIND_OF and event["kind"] != KIND_OF[name]:
            return ""
        if name.startswith("prop:"):
            return event.get("props", {}).get(name[5:], "")
        if name == "site":
            return str(event["site_id"])
        if name == "amount":
            return float(event.get("revenue", 0))
        if name == "scroll":
            return event.get("scroll", 0)
        return str(event.get(COLUMN_OF.get(name, name), ""))

    def event_satisfies(self, event: Event, given: Any) -> bool:
        if not given:
            return True
        if isinstance(given, list):
            return all(self.event_satisfies(event, part) for part in given)
        if "and" in given or "or" in given:
            word = "and" if "and" in given else "or"
            return (all if word == "and" else any)(self.event_satisfies(event, part) for part in given[word])
        if "not" in given:
            return not self.event_satisfies(event, given["not"])
        if "goal" in given:
            return self.event_satisfies(event, self.goals[given["goal"]])
        if "visited" in given:
            return any(self.event_satisfies(other, given["visited"]) for other in self.by_visit[event["visit"]])
        return compare(self.value(event, given["dimension"]), given)

    def visit_satisfies(self, visit: Visit, given: Any) -> bool:
        if about_events(given, self.goals):
            return any(self.event_satisfies(event, given) for event in self.by_visit[visit.events[0]["visit"]])
        return self.whole_visit_satisfies(visit, given)

    def whole_visit_satisfies(self, visit: Visit, given: Any) -> bool:
        if not given:
            return True
        if isinstance(given, list):
            return all(self.whole_visit_satisfies(visit, part) for part in given)
        for word, form in (("and", all), ("or", any)):
            if word in given:
                return form(self.whole_visit_satisfies(visit, part) for part in given[word])
        if "not" in given:
            return not self.whole_visit_satisfies(visit, given["not"])
        if "goal" in given:
            return self.whole_visit_satisfies(visit, self.goals[given["goal"]])
        if "visited" in given:
            events = self.by_visit[visit.events[0]["visit"]]
            return any(self.event_satisfies(event, given["visited"]) for event in events)
        return compare(visit.value(given["dimension"], self.bucket), given)


def conditions(given: Any, goals: dict[int, Any]) -> Iterator[dict[str, Any]]:
    """All conditions of a filter that speak of the same event."""
    if not given:
        return
    if isinstance(given, list):
        for part in given:
            yield from conditions(part, goals)
    elif "dimension" in given:
        yield given
    elif "goal" in given:
        yield from conditions(goals[given["goal"]], goals)
    else:
        yield from conditions(given.get("and") or given.get("or") or given.get("not"), goals)


def about_events(given: Any, goals: dict[int, Any]) -> bool:
    return any(family(found["dimension"]) in ("event", "goal") for found in conditions(given, goals))


def compare(value: Any, given: dict[str, Any]) -> bool:
    wanted = given["value"] if isinstance(given["value"], list) else [given["value"]]
    operator = given["operator"]
    if operator.startswith("not_") or operator == "is_not":
        positive = {"is_not": "is", "not_contains": "contains"}[operator]
        return not compare(value, {**given, "operator": positive})
    tests: dict[str, Callable[[Any, Any], bool]] = {
        "is": lambda a, b: a == b if isinstance(a, (int, float)) and not isinstance(b, str) else str(a) == str(b),
        "contains": lambda a, b: b.lower() in a.lower(),
        "starts_with": lambda a, b: a.startswith(b),
        "ends_with": lambda a, b: a.endswith(b),
        "matches": lambda a, b: re.search(b, a) is not None,
        "at_least": lambda a, b: a >= b,
        "at_most": lambda a, b: a <= b,
    }
    return any(tests[operator](value, each) for each in wanted)


# -- metrics --------------------------------------------------------------------------------------------------------


@dataclass
class Asked:
    """One question's way through the lists."""

    world: World
    dimensions: tuple[str, ...]
    where: Any
    currency: str | None = None

    @cached_property
    def used(self) -> list[str]:
        return [*self.dimensions, *(found["dimension"] for found in conditions(self.where, self.world.goals))]

    @cached_property
    def seen_by_view(self) -> bool:
        marks = {name for name in self.used if family(name) in ("event", "goal")} - NEUTRAL
        return bool(marks) and marks <= {"page", "title"}

    @cached_property
    def of_visits(self) -> bool:
        """Whether visitors, views and actions belong to the visit, since only visits know what is asked."""
        families = {family(name) for name in self.used}
        return "entry" in families and not families & {"event", "goal"}

    def keys(self, event: Event, dimensions: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """The keys an event belongs to: none, one, or one per goal it reaches."""
        choices: list[list[Any]] = []
        for name in dimensions:
            if name == "goal":
                choices.append([n for n in self.counted_goals() if self.reaches(event, n)])
                continue
            value = self.world.value(event, name)
            absent = name in KIND_OF and event["kind"] != KIND_OF[name]
            skipped = value == "" and (name in SKIPS_EMPTY or name.startswith(("prop:", "tag:")))
            choices.append([] if absent or skipped else [value])
        return list(product(*choices))

    def counted_goals(self) -> list[int]:
        return list(self.chosen_goals) or sorted(self.world.goals)

    @cached_property
    def chosen_goals(self) -> tuple[int, ...]:
        return top_goals(self.where)

    def reaches(self, event: Event, number: int) -> bool:
        return self.world.event_satisfies(event, self.world.goals[number])

    def event_rows(self, where: Any, dimensions: tuple[str, ...], events: list[Event]) -> dict[Any, list[Event]]:
        found: dict[Any, list[Event]] = defaultdict(list)
        for event in events:
            if self.world.event_satisfies(event, where):
                for key in self.keys(event, dimensions):
                    found[key].append(event)
        return found

    def visit_rows(self, where: Any) -> dict[Any, list[Visit]]:
        world, found = self.world, defaultdict(list)
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
                taken = iter(combination)
                key = tuple(
                    next(taken) if name in contained else visit.value(name, world.bucket) for name in self.dimensions
                )
                skipped = any(
                    value == "" and (name in SKIPS_EMPTY or name.startswith("tag:"))
                    for name, value in zip(self.dimensions, key, strict=True)
                )
                if not skipped:
                    found[key].append(visit)
        return found

    # Each of these gives {key: value}.

    def events_counted(self, count: Callable[[list[Event]], Any], where: Any = ...) -> dict[Any, Any]:
        chosen = self.where if where is ... else where
        rows = self.event_rows(chosen, self.dimensions, self.world.during)
        return {key: count(events) for key, events in rows.items()}

    def visits_counted(self, count: Callable[[list[Visit]], Any], where: Any = ...) -> dict[Any, Any]:
        rows = self.visit_rows(self.where if where is ... else where)
        return {key: count(visits) for key, visits in rows.items()}

    def visitor(self, event: Event) -> Any:
        return self.world.visits[event["visit"]].visitor

    def seen(self, events: list[Event]) -> list[Event]:
        return [event for event in events if not self.seen_by_view or event["kind"] == "view"]

    def visitors(self) -> dict[Any, int]:
        if self.of_visits:
            return self.visits_counted(lambda visits: len({visit.visitor for visit in visits}))
        return self.events_counted(lambda events: len({self.visitor(event) for event in self.seen(events)}))

    def newcomers(self) -> dict[Any, int]:
        firsts = self.world.first_visits
        return self.events_counted(
            lambda events: len({self.visitor(e) for e in self.seen(events) if e["visit_start"] == firsts[e["device"]]})
        )

    def kinds(self, kinds: set[str], of_visit: Callable[[Visit], int]) -> dict[Any, int]:
        if self.of_visits:
            return self.visits_counted(lambda visits: sum(map(of_visit, visits)))
        return self.events_counted(lambda events: sum(event["kind"] in kinds for event in events))

    def seen_in(self) -> dict[Any, int]:
        return self.events_counted(lambda events: len({event["visit"] for event in self.seen(events)}))

    def clicking(self) -> dict[Any, int]:
        return self.events_counted(lambda events: len({e["visit"] for e in events if e["kind"] in CLICKS}))

    def stays(self, measure: Callable[[list[Event]], int]) -> dict[Any, int]:
        def count(events: list[Event]) -> int:
            by_visit = defaultdict(list)
            for event in events:
                by_visit[event["visit"]].append(event)
            return sum(measure(each) for each in by_visit.values())

        return self.events_counted(count)

    def money(self, measure: Callable[[Decimal], Any], zero: Any) -> dict[Any, Any]:
        def count(events: list[Event]) -> Any:
            mine = [e for e in events if self.currency is None or e.get("currency", "") == self.currency]
            return sum((measure(Decimal(str(e.get("revenue", 0)))) for e in mine), zero)

        return self.events_counted(count)

    def conversions(self) -> dict[Any, int]:
        goals = self.counted_goals()
        if "goal" in self.dimensions:
            place = self.dimensions.index("goal")
            rows = self.event_rows(self.where, self.dimensions, self.world.during)
            return {
                key: len({e["visit"] for e in events}) if once(self.world.goals[key[place]]) else len(events)
                for key, events in rows.items()
            }

        def count(events: list[Event]) -> int:
            total = 0
            for number in goals:
                reached = [event for event in events if self.reaches(event, number)]
                total += len({e["visit"] for e in reached}) if once(self.world.goals[number]) else len(reached)
            return total

        return self.events_counted(count)

    def converted(self) -> dict[Any, int]:
        goals = self.counted_goals()
        return self.events_counted(
            lambda events: len({self.visitor(e) for e in events if any(self.reaches(e, number) for number in goals)})
        )

    def base(self) -> dict[Any, int]:
        rest = without_goals(self.where)
        others = tuple(name for name in self.dimensions if name != "goal")
        under = Asked(self.world, others, rest)
        rows = under.visitors()
        if others == self.dimensions:
            return rows
        place = self.dimensions.index("goal")
        return {(*k[:place], n, *k[place:]): value for k, value in rows.items() for n in self.counted_goals()}

    def online(self) -> dict[Any, int]:
        end = self.world.now + timedelta(seconds=1)
        now = World(self.world.events, end - timedelta(minutes=5), end, self.world.zone, end, self.world.goals)
        rows = self.event_rows(self.where, self.dimensions, now.during)
        return {key: len({self.visitor(event) for event in self.seen(events)}) for key, events in rows.items()}


def once(goal: Any) -> bool:
    return any(found["operator"] in ("at_least", "at_most") for found in conditions(goal, {}))


def top_goals(where: Any) -> tuple[int, ...]:
    if isinstance(where, list):
        return tuple(number for part in where for number in top_goals(part))
    if isinstance(where, dict) and "goal" in where:
        return (where["goal"],)
    return top_goals(where["and"]) if isinstance(where, dict) and "and" in where else ()


def without_goals(where: Any) -> Any:
    if isinstance(where, list):
        return [kept for part in where if (kept := without_goals(part))]
    if isinstance(where, dict) and "goal" in where:
        return None
    return (
        {"and": rest}
        if isinstance(where, dict) and "and" in where and (rest := without_goals(where["and"]))
        else (None if isinstance(where, dict) and "and" in where else where)
    )


def stay_ms(events: list[Event]) -> int:
    told = sum(event.get("engaged", 0) for event in events)
    return told or millis(max(e["ts"] for e in events) - min(e["ts"] for e in events))


def deepest(events: list[Event]) -> int:
    return max(event.get("scroll", 0) for event in events)


def points(visit: Visit) -> int:
    return visit.scroll * 600 + min(visit.ms, 60_000)


def ratio(part: Any, whole: Any, factor: Any = 1) -> Any:
    return None if not whole else part * factor / whole


METRICS = (
    "visitors", "new_visitors", "visits", "views", "actions", "views_per_visit", "bounce_rate", "single_page_rate",
    "avg_duration", "total_duration", "avg_scroll", "engagement", "clickers", "events", "conversions", "conversion_rate",
    "revenue", "avg_order", "refunds", "online",
)  # fmt: skip


def counts(asked: Asked, metric: str) -> tuple[list[dict[Any, Any]], Callable[..., Any]]:
    """The counts a metric is made of, and how."""
    by_page = "page" in asked.dimensions
    by_event = any(family(n) in ("event", "goal") and n != "site" for n in asked.dimensions)
    visits = asked.visits_counted
    entries = lambda: visits(len)  # noqa: E731
    seen = asked.seen_in if by_event else entries
    zero = Decimal(0)
    views = lambda: asked.kinds({"view"}, lambda visit: len(visit.views))  # noqa: E731
    table: dict[str, tuple[list[Callable[[], dict[Any, Any]]], Callable[..., Any]]] = {
        "visitors": ([asked.visitors], lambda n: n),
        "new_visitors": ([asked.newcomers], lambda n: n),
        "visits": ([seen], lambda n: n),
        "views": ([views], lambda n: n),
        "actions": ([lambda: asked.kinds(ACTIONS, lambda visit: visit.actions)], lambda n: n),
        "events": ([lambda: asked.events_counted(lambda es: sum(e["kind"] == "event" for e in es))], lambda n: n),
        "views_per_visit": ([views, seen], ratio),
        "bounce_rate": (
            [lambda: visits(lambda vs: sum(v.bounced for v in vs)), entries], lambda a, b: ratio(a, b, 100)
        ),
        "single_page_rate": (
            [lambda: visits(lambda vs: sum(len(v.views) == 1 for v in vs)), entries], lambda a, b: ratio(a, b, 100)
        ),
        "avg_duration": (
            [lambda: asked.stays(stay_ms), lambda: asked.stays(lambda _: 1)]
            if by_page else [lambda: visits(lambda vs: sum(v.ms for v in vs)), entries],
            lambda a, b: ratio(a / 1000, b),
        ),
        "total_duration": (
            [lambda: asked.stays(stay_ms) if by_page else visits(lambda vs: sum(v.ms for v in vs))], lambda n: n / 1000
        ),
        "avg_scroll": (
            [lambda: asked.stays(deepest), lambda: asked.stays(lambda es: int(deepest(es) > 0))]
            if by_page
            else [
                lambda: visits(lambda vs: sum(v.scroll for v in vs)),
                lambda: visits(lambda vs: sum(v.scroll > 0 for v in vs)),
            ],
            ratio,
        ),
        "engagement": ([lambda: visits(lambda vs: sum(map(points, vs))), entries], lambda a, b: ratio(a / 1200, b)),
        "clickers": ([asked.clicking], lambda n: n),
        "conversions": ([asked.conversions], lambda n: n),
        "conversion_rate": ([asked.converted, asked.base], lambda a, b: ratio(a, b, 100)),
        "revenue": ([lambda: asked.money(lambda m: m, zero)], lambda n: n),
        "avg_order": (
            [lambda: asked.money(lambda m: max(m, zero), zero), lambda: asked.money(lambda m: int(m > 0), 0)], ratio
        ),
        "refunds": ([lambda: asked.money(lambda m: -min(m, zero), zero)], lambda n: n),
        "online": ([asked.online], lambda n: n),
    }  # fmt: skip
    makers, formula = table[metric]
    return [make() for make in makers], formula


def main_currency(world: World, where: Any) -> str:
    """The currency with most orders under the filter."""
    orders: dict[str, int] = defaultdict(int)
    for event in world.during:
        amount = Decimal(str(event.get("revenue", 0)))
        if amount and world.event_satisfies(event, where):
            orders[event.get("currency", "")] += amount > 0
    return min(orders, key=lambda name: (-orders[name], name), default="")


def answer(
    world: World, metrics: tuple[str, ...], dimensions: tuple[str, ...], where: Any
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows: key -> metric -> value (None where there is nothing to divide by)."""
    currency = None if "currency" in dimensions else main_currency(world, where)
    asked = Asked(world, dimensions, where, currency)
    made = {metric: counts(asked, metric) for metric in metrics}
    keys = {key for tables, _ in made.values() for table in tables for key, value in table.items() if value}
    if not dimensions:
        keys = {()}
    return {
        key: {metric: formula(*(table.get(key, 0) for table in tables)) for metric, (tables, formula) in made.items()}
        for key in keys
    }


def local_day(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
