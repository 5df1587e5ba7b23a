"""The definitions of the query engine in plain Python over a list of events: slow, obvious, the reference.

Nothing here uses the engine. `answer(world, …)` returns {key: {metric: value}}, where a key is the
tuple of dimension values and rows in which nothing was counted are absent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
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
    "visitor_id", "link", "link_group", "click",
}  # fmt: skip
ENTRY = {"entry_page", "exit_page", "person", "duration", "visit_views", "visit_actions", "any_tag"}
TIMES = {"minute", "hour", "hour_of_day", "weekday", "day", "week", "month"}
KINDS_OF: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("event", "outbound", "download", "form", "video")},
    "link_conversion": ("conversion", "refund"), "unique": ("link", "pixel"),
}  # fmt: skip
IDS = {"link", "link_group", "click", "link_conversion"}  # a zero stands for none
COLUMN_OF = {
    "page": "path", "event": "name", "outbound": "target", "download": "target", "form": "name", "video": "target",
    "device": "device_type", "visitor_id": "device", "link": "link_id", "link_group": "group_id", "click": "click_id",
    "link_conversion": "conversion_id", "unique": "is_unique",
}  # fmt: skip
NEUTRAL = {"host", "site", "currency", "split_test", "split_arm"}
SKIPS_EMPTY = {
    "referrer", "referrer_domain", "search_term", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term",
    "page", "entry_page", "exit_page", "host", "title", "event", "outbound", "download", "form", "video", "currency",
    "name", "target", "text", "person", "ip", "split_test", "split_arm",
    "destination", *IDS,
}  # fmt: skip


def family(name: str) -> str:
    """Return who has a dimension: time, visit (events and visits), entry (only visits), goal, or event."""
    if name in TIMES:
        return "time"
    if name in OF_VISIT:
        return "visit"
    if name in ENTRY or name.startswith("tag:"):
        return "entry"
    return "goal" if name == "goal" else "event"


def text(name: str, value: Any) -> str:
    return "" if name in IDS and value == 0 else str(value)


def millis(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


@dataclass
class Visit:
    """One visit, computed from its events."""

    events: list[Event]

    @cached_property
    def start(self) -> datetime:
        result: datetime = min(event["visit_start"] for event in self.events)
        return result

    @cached_property
    def views(self) -> list[Event]:
        return [event for event in self.events if event["kind"] == "view"]

    @cached_property
    def actions(self) -> int:
        return sum(event["kind"] in ACTIONS for event in self.events)

    @cached_property
    def person(self) -> str:
        return str(max(event.get("person", "") for event in self.events))

    @cached_property
    def visitor(self) -> tuple[str, Any]:
        return ("person", self.person) if self.person else ("device", self.events[0]["device"])

    @cached_property
    def ms(self) -> int:
        engaged = sum(event.get("engaged", 0) for event in self.events)
        return engaged or millis(max(e["ts"] for e in self.events) - min(e["ts"] for e in self.events))

    @cached_property
    def scroll(self) -> int:
        return int(max(event.get("scroll", 0) for event in self.events))

    @property
    def tags(self) -> dict[str, str]:
        ordered = sorted(self.events, key=lambda event: event["ts"])
        return {name: value for event in ordered for name, value in event.get("tags", {}).items()}

    @property
    def bounced(self) -> bool:
        return len(self.views) == 1 and self.actions == 1 and self.ms < 30_000

    def began_with(self, name: str, value: Callable[[Event], str]) -> str:
        first = [value(event) for event in self.events if event["ts"] == event["visit_start"]]
        others = [value(event) for event in self.events]
        if name in PLACE:
            located_first = [value(e) for e in self.events if e["ts"] == e["visit_start"] and e.get("country")]
            located = [value(e) for e in self.events if e.get("country")]
            return min(located_first or located or others)
        return min(first or others)

    def value(self, name: str, bucket: Callable[[datetime, str], Any]) -> Any:
        if name in TIMES:
            return bucket(self.start, name)
        if name in ("entry_page", "page"):
            return min(((e["ts"], e.get("path", "")) for e in self.views), default=("", ""))[1]
        if name == "exit_page":
            return max(((e["ts"], e.get("path", "")) for e in self.views), default=("", ""))[1]
        if name.startswith("tag:"):
            values = [(e["ts"], e["tags"][name[4:]]) for e in self.events if name[4:] in e.get("tags", {})]
            return max(values, default=("", ""))[1]
        special = {
            "person": self.person, "duration": self.ms / 1000, "visit_views": len(self.views),
            "visit_actions": self.actions, "any_tag": "\n".join(self.tags.values()),
            "visit": str(self.events[0]["visit"]),
        }  # fmt: skip
        if name in special:
            return special[name]
        column = COLUMN_OF.get(name, name)
        if name in ORIGIN | PLACE:
            return self.began_with(name, lambda event: event.get(column, ""))
        return max(text(name, event.get(column, "")) for event in self.events)


@dataclass
class World:
    """All events of the queried sites, and the period."""

    events: list[Event]
    start: datetime
    end: datetime
    zone: ZoneInfo
    now: datetime
    goals: dict[int, Any] = field(default_factory=dict)
    goal_values: dict[int, tuple[Any, str]] = field(
        default_factory=dict
    )  # of goals: the value of one conversion and its currency

    @cached_property
    def visits(self) -> dict[int, Visit]:
        grouped: dict[int, list[Event]] = defaultdict(list)
        for event in self.events:
            grouped[event["visit"]].append(event)
        return {number: Visit(events) for number, events in grouped.items()}

    @cached_property
    def during(self) -> list[Event]:
        return [event for event in self.events if self.start <= event["ts"] < self.end]

    @cached_property
    def by_visit(self) -> dict[int, list[Event]]:
        grouped: dict[int, list[Event]] = defaultdict(list)
        for event in self.during:
            grouped[event["visit"]].append(event)
        return grouped

    @cached_property
    def first_visits(self) -> dict[int, datetime]:
        grouped: dict[int, datetime] = {}
        for event in self.events:
            first = grouped.setdefault(event["device"], event["visit_start"])
            grouped[event["device"]] = min(first, event["visit_start"])
        return grouped

    def bucket(self, when: datetime, name: str) -> Any:
        local = when.astimezone(self.zone)
        if name == "minute":
            return local.replace(second=0, microsecond=0).isoformat()
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
        """Return the begin of the local hour of `when`: a full hour, or a change of the clocks."""
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
        if event["kind"] not in KINDS_OF.get(name, (event["kind"],)):
            return ""
        if name.startswith("prop:"):
            return event.get("props", {}).get(name[5:], "")
        if name == "site":
            return str(event["site_id"])
        if name == "amount":
            return float(event.get("revenue", 0))
        if name == "scroll":
            return event.get("scroll", 0)
        return text(name, event.get(COLUMN_OF.get(name, name), ""))

    def event_satisfies(self, event: Event, where: Any) -> bool:
        if not where:
            return True
        if isinstance(where, list):
            return all(self.event_satisfies(event, part) for part in where)
        if "and" in where or "or" in where:
            word = "and" if "and" in where else "or"
            return (all if word == "and" else any)(self.event_satisfies(event, part) for part in where[word])
        if "not" in where:
            return not self.event_satisfies(event, where["not"])
        if "goal" in where:
            return self.event_satisfies(event, self.goals[where["goal"]])
        if "visited" in where:
            return any(self.event_satisfies(other, where["visited"]) for other in self.by_visit[event["visit"]])
        return compare(self.value(event, where["dimension"]), where)

    def visit_satisfies(self, visit: Visit, where: Any) -> bool:
        if about_events(where, self.goals):
            return any(self.event_satisfies(event, where) for event in self.by_visit[visit.events[0]["visit"]])
        return self.visit_itself_satisfies(visit, where)

    def visit_itself_satisfies(self, visit: Visit, where: Any) -> bool:
        if not where:
            return True
        if isinstance(where, list):
            return all(self.visit_itself_satisfies(visit, part) for part in where)
        for word, form in (("and", all), ("or", any)):
            if word in where:
                return form(self.visit_itself_satisfies(visit, part) for part in where[word])
        if "not" in where:
            return not self.visit_itself_satisfies(visit, where["not"])
        if "goal" in where:
            return self.visit_itself_satisfies(visit, self.goals[where["goal"]])
        if "visited" in where:
            events = self.by_visit[visit.events[0]["visit"]]
            return any(self.event_satisfies(event, where["visited"]) for event in events)
        return compare(visit.value(where["dimension"], self.bucket), where)


def conditions(where: Any, goals: dict[int, Any]) -> Iterator[dict[str, Any]]:
    """Yield all conditions of a filter that are about the same event."""
    if not where:
        return
    if isinstance(where, list):
        for part in where:
            yield from conditions(part, goals)
    elif "dimension" in where:
        yield where
    elif "goal" in where:
        yield from conditions(goals[where["goal"]], goals)
    else:
        yield from conditions(where.get("and") or where.get("or") or where.get("not"), goals)


def about_events(where: Any, goals: dict[int, Any]) -> bool:
    return any(family(condition["dimension"]) in ("event", "goal") for condition in conditions(where, goals))


def compare(value: Any, where: dict[str, Any]) -> bool:
    wanted = where["value"] if isinstance(where["value"], list) else [where["value"]]
    operator = where["operator"]
    if operator.startswith("not_") or operator == "is_not":
        positive = {"is_not": "is", "not_contains": "contains"}[operator]
        return not compare(value, {**where, "operator": positive})
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


def local_day(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
