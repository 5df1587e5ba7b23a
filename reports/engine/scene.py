"""What a question needs to know of the world before it becomes SQL: its tenant and period, goals, persons, currency.

Tenant and period are part of every FROM written here; the tables themselves are named in `tables` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from reports.engine import tables
from reports.engine.filters import Node, leaves
from reports.engine.period import Period
from reports.engine.zones import Clock

LONGEST_VISIT = timedelta(days=1)  # an event's visit is looked for from this long before the period
LATEST_FIRST = timedelta(hours=4)  # so long before the event that opened a visit may lie one that came after it
ONLINE = timedelta(minutes=5)


@dataclass(frozen=True)
class Goal:
    """A goal as the engine needs it: its number, what an event must be to reach it, and what that is worth.

    Without a `worth` it is worth what its events carry; without a `currency` it counts in whichever is shown.
    """

    number: int
    tree: Node
    worth: Decimal | None = None
    currency: str = ""

    @property
    def once_per_visit(self) -> bool:
        """Goals of duration or scroll depth: many events of the visit satisfy them, but the visit reaches them once."""
        return any(leaf.dimension.number for leaf in leaves(self.tree))


@dataclass
class Params:
    """Bound values: every string of a stranger goes to the database as one of these."""

    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any, type: str) -> str:
        for name, known in self.values.items():
            if known is value or (type == "String" and known == value and isinstance(known, str)):
                return f"{{{name}:{type}}}"
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{type}}}"

    def text(self, value: str) -> str:
        return self.bind(value, "String")

    def texts(self, values: tuple[str, ...]) -> str:
        return self.bind(list(values), "Array(String)")


@dataclass(frozen=True)
class Scene:
    """The tenant, the period, the filter, and what was looked up for them.

    Where the filter chooses goals, `tree` is of the events that reach them, and `tree_of_visits` of the visits in which
    they were reached.
    """

    sites: tuple[int, ...]
    period: Period
    now: datetime
    tree: Node | None = None
    goals: Mapping[int, Goal] = field(default_factory=dict)
    chosen_goals: tuple[int, ...] = ()  # those the filter asks for at its top
    tree_without_goals: Node | None = None
    tree_of_visits: Node | None = None
    persons: bool = False  # whether any of the sites identifies people
    currency: str | None = None
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # values of a dimension that matter
    params: Params = field(default_factory=Params)

    @property
    def clock(self) -> Clock:
        return Clock(self.period)

    def counted_goals(self) -> list[Goal]:
        """The goals that conversions count: those the filter names, else all."""
        numbers = self.chosen_goals or tuple(sorted(self.goals))
        return [self.goals[number] for number in numbers if number in self.goals]

    def of_visits(self) -> Scene:
        """The scene of what happened in the visits in which the chosen goals were reached; itself without any."""
        return replace(self, tree=self.tree_of_visits) if self.chosen_goals else self

    def during(self, period: Period) -> Scene:
        return replace(self, period=period)

    def during_until(self, now: datetime) -> Scene | None:
        """The scene cut off at `now`; None where it had not begun."""
        if self.period.start > now:
            return None
        until = min(self.period.end, now + timedelta(milliseconds=1))
        return self.during(replace(self.period, end=until))

    def online(self) -> Scene:
        end = self.now + timedelta(seconds=1)
        return self.during(Period(end - ONLINE, end, self.period.zone))

    def in_currency(self) -> str:
        """SQL: the event's amount counts."""
        return "1" if self.currency is None else f"currency = {self.params.text(self.currency)}"

    # -- FROM ------------------------------------------------------------------------------------------------------

    def tenant(self) -> str:
        """SQL: the row is of the scene's sites."""
        return tables.tenant(self.sites)

    def within(self, column: str, before: timedelta = timedelta()) -> str:
        start, end = reach(self, before)
        return f"{column} >= {instant(start)} AND {column} < {instant(end)}"

    def events(self, *conditions: str, joined: str = "") -> str:
        """FROM … WHERE of the tenant's events of the period; `joined`: joins that are put before that of persons."""
        joined += person_join(self) if self.persons else ""
        return tables.rows_of_sites("events", self.sites, self.within("ts"), *conditions, joined=joined)

    def visits(self, before: timedelta = timedelta()) -> str:
        """A table expression: one row per visit of the tenant that began in the period, with `before` around it."""
        return f"({visit_rows(self, before)})"

    @property
    def visitor(self) -> str:
        """SQL of who an event belongs to."""
        return "if(person_id != 0, person_id, device)" if self.persons else "device"

    def newcomer(self) -> str:
        """SQL: the event belongs to the first visit of its device. Only devices first seen about then may."""
        rows = tables.rows_of_sites("firsts FINAL", self.sites, self.within("first", LONGEST_VISIT))
        return f"(device, visit_start) IN (SELECT device, first {rows})"


def millis(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def instant(unix_ms: int) -> str:
    return f"fromUnixTimestamp64Milli({unix_ms}, 'UTC')"


def reach(scene: Scene, before: timedelta) -> tuple[int, int]:
    """The period; with `before`, the longer one in which the visits of its events began."""
    after = LATEST_FIRST if before else timedelta()
    return millis(scene.period.start - before), millis(scene.period.end + after)


def hours(scene: Scene, before: timedelta) -> str:
    """The sort key of what belongs to visits that began in the period."""
    start, end = reach(scene, before)
    return f"hour >= toStartOfHour({instant(start)}) AND hour < {instant(end)}"


def person_join(scene: Scene) -> str:
    known = tables.rows_of_sites("identities FINAL", scene.sites, hours(scene, LONGEST_VISIT))
    return f" LEFT ANY JOIN (SELECT visit, person_id {known}) AS known USING (visit)"


PERSON = "if(person = '', device, bitAnd(sipHash64(site_id, person), 9007199254740991))"


def visit_rows(scene: Scene, before: timedelta) -> str:
    """One row per visit with what metrics need of it. Columns that are not used cost nothing but planning."""
    columns = f"*, entry_page, exit_page, tags, {', '.join(VISIT_ALIASES)}, {visit_words(scene)}"
    return f"SELECT {columns} {visit_table(scene, before)}"


def visit_words(scene: Scene) -> str:
    """SQL of what metrics need of a visit beside its columns."""
    lasted = "toUInt64(greatest(dateDiff('millisecond', first, last), 0))"
    return (
        f"if(engaged > 0, engaged, {lasted}) AS ms, ms / 1000 AS seconds, "
        f"{PERSON if scene.persons else 'device'} AS visitor, "
        "views = 1 AND actions = 1 AND ms < 30000 AS bounce, "
        "toUInt64(scroll) * 600 + least(ms, 60000) AS points"
    )


def visit_table(scene: Scene, before: timedelta = timedelta()) -> str:
    """FROM … WHERE of the tenant's visits of the period."""
    within = scene.within("visit_start", before)
    return tables.rows_of_sites("visits FINAL", scene.sites, hours(scene, before), within)


VISIT_ALIASES = (
    "referrer", "referrer_domain", "source", "channel", "search_term", "utm_source", "utm_medium", "utm_campaign",
    "utm_content", "utm_term", "country", "region", "city",
)  # fmt: skip
