"""The engine's definitions once more, as plain Python over the list of events: slow, obvious, and the judge.

Nothing here comes from the engine but the words. `answer(world, …)` gives {key: {metric: value}}, where a key is the
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
    worths: dict[int, tuple[Any, str]] = field(default_factory=dict)  # of goals: what each time, in which currency

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


def local_day(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
