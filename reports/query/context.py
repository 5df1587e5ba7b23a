"""The context of a query: everything its SQL depends on, looked up once: tenant, period, filter, goals, currency.

Tenant and period are part of all rows that are selected here; the tables themselves are named in `sql.tables` only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from reports.query.filters import Node, iterate_leaves
from reports.query.periods import Period
from reports.query.sql import tables
from reports.query.sql.select import Rows, Select
from reports.query.timezones import Clock
from tracking.schema import VisitValue, find_columns

MAX_VISIT_LENGTH = timedelta(days=1)  # the visit of an event in the period began at most this long before the period
MAX_START_DELAY = timedelta(hours=4)  # an event with an earlier time than the one that opened its visit may exist
ONLINE_WINDOW = timedelta(minutes=5)
HOUR = 3_600_000  # milliseconds
MAX_SECONDS = 2**32 - 1  # of the store's type for times without fractions


@dataclass(frozen=True)
class QueryGoal:
    """A goal as SQL needs it: its id, the filter of events that reach it, and the value of one conversion.

    Without a `value` a conversion is worth the event's own amount. Without a `currency` the value counts in whichever
    currency the answer is in.
    """

    number: int
    tree: Node
    value: Decimal | None = None
    currency: str = ""

    @property
    def once_per_visit(self) -> bool:
        """Whether a visit converts once: of goals by duration or scroll depth, which many of its events satisfy."""
        return any(leaf.dimension.number for leaf in iterate_leaves(self.tree))


@dataclass
class Params:
    """Bound parameters of a statement: every text that came from outside reaches the database as one of these."""

    values: dict[str, object] = field(default_factory=dict)

    def bind(self, value: object, type: str) -> str:
        """Bind a value and return its placeholder; an equal text is bound once."""
        for name, bound in self.values.items():
            if bound is value or (type == "String" and bound == value and isinstance(bound, str)):
                return f"{{{name}:{type}}}"
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{type}}}"

    def bind_text(self, value: str) -> str:
        return self.bind(value, "String")

    def bind_texts(self, values: tuple[str, ...]) -> str:
        return self.bind(list(values), "Array(String)")


VISITOR_SQL = {True: "if(person_id != 0, person_id, device)", False: "device"}  # by whether a site identifies people


@dataclass(frozen=True, kw_only=True)
class QueryContext:
    """The tenant, the period, the filter, and what was looked up for them.

    Where the filter requires goals, `tree` selects the events that reach them, and `visit_tree` everything that
    happened in the visits that reached them.
    """

    sites: tuple[int, ...]
    period: Period
    now: datetime
    tree: Node | None = None
    goals: Mapping[int, QueryGoal] = field(default_factory=dict)
    required_goals: tuple[int, ...] = ()  # ids of the goals that the filter requires at its top level
    tree_without_goals: Node | None = None
    visit_tree: Node | None = None
    has_persons: bool = False  # whether any of the sites identifies people
    currency: str | None = None
    only_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # dimension -> values to be counted
    params: Params = field(default_factory=Params)

    @property
    def clock(self) -> Clock:
        return Clock(self.period)

    def counted_goals(self) -> list[QueryGoal]:
        """Return the goals whose conversions are counted: those the filter requires, else all."""
        numbers = self.required_goals or tuple(sorted(self.goals))
        return [self.goals[number] for number in numbers if number in self.goals]

    @property
    def has_goal_values(self) -> bool:
        """Whether a conversion of any counted goal adds an amount."""
        return any(goal.value is not None for goal in self.counted_goals())

    def for_goal_visits(self) -> QueryContext:
        """Return the context of everything in the visits that reached the required goals; itself without any."""
        return replace(self, tree=self.visit_tree) if self.required_goals else self

    def for_period(self, period: Period) -> QueryContext:
        return replace(self, period=period)

    def cut_at(self, now: datetime) -> QueryContext | None:
        """Return the context with its period ended at `now`; None if the period has not begun then."""
        if self.period.start > now:
            return None
        until = min(self.period.end, now + timedelta(milliseconds=1))
        return self.for_period(replace(self.period, end=until))

    def for_online(self) -> QueryContext:
        """Return the context of the last minutes, in which a visitor counts as online."""
        end = self.now + timedelta(seconds=1)
        return self.for_period(Period(end - ONLINE_WINDOW, end, self.period.zone))

    def currency_condition(self) -> str:
        """Write the condition that an event's amount is in the answer's currency."""
        return "1" if self.currency is None else f"currency = {self.params.bind_text(self.currency)}"

    # -- FROM ------------------------------------------------------------------------------------------------------

    def tenant_condition(self) -> str:
        """Write the condition that a row belongs to the sites."""
        return tables.write_tenant_condition(self.sites)

    def period_condition(self, column: str, before: timedelta = timedelta()) -> str:
        """Write the condition that a column lies in the period, or up to `before` earlier."""
        start, end = compute_period_bounds(self.period, before)
        return f"{column} >= {write_instant(start)} AND {column} < {write_instant(end)}"

    def from_events(self, *conditions: str, join: str = "") -> Rows:
        """Return the tenant's events in the period. `join`: further joins, before that of persons."""
        join += write_persons_join(self) if self.has_persons else ""
        return tables.rows_of_sites("events", self.sites, self.period_condition("ts"), *conditions, join=join)

    def from_visits(self, *conditions: str, before: timedelta = timedelta(), name: str = "") -> Rows:
        """Return the tenant's visits that began in the period, or `before` earlier, with all that metrics need.

        `name`: what their columns are named after, where others have the same names.
        """
        return select_all_of_visits(self, before).as_rows(name).where(*conditions)

    def select_visits(
        self, columns: Sequence[str], *conditions: str, before: timedelta = timedelta(), group_by: str = ""
    ) -> Select:
        """Select these columns of the same visits. Planning it takes half as long as selecting from `from_visits`."""
        rows, used = stored_visits(self, before).where(*conditions), " ".join((*columns, *conditions))
        return Select(columns, rows, group_by, expressions=write_visit_expressions(self, used))

    @property
    def visitor_sql(self) -> str:
        """The visitor of an event: the person where the visit has one, else the device."""
        return VISITOR_SQL[self.has_persons]

    def first_visit_condition(self) -> str:
        """Write the condition that an event belongs to its device's first visit.

        Only devices that were first seen about the time of the period need to be looked up.
        """
        rows = tables.rows_of_sites("firsts FINAL", self.sites, self.period_condition("first", MAX_VISIT_LENGTH))
        return f"(device, visit_start) IN ({Select(['device', 'first'], rows)})"


@lru_cache(maxsize=4096)
def to_milliseconds(when: datetime) -> int:
    """Convert an instant to milliseconds since 1970."""
    return round(when.timestamp() * 1000)


@lru_cache(maxsize=4096)
def write_instant(milliseconds: int) -> str:
    """Write an instant, from milliseconds since 1970."""
    return f"fromUnixTimestamp64Milli({milliseconds}, 'UTC')"


@lru_cache(maxsize=2048)
def compute_period_bounds(period: Period, before: timedelta) -> tuple[int, int]:
    """Return start and end of the period in milliseconds; with `before`, when the visits of its events began."""
    after = MAX_START_DELAY if before else timedelta()
    return to_milliseconds(period.start - before), to_milliseconds(period.end + after)


def write_hour_condition(context: QueryContext, before: timedelta) -> str:
    """Write the condition on `hour`, by which the tables of visits are sorted, for visits that began in the period.

    The bounds are unix seconds, and the period may begin before 1970.
    """
    start, end = compute_period_bounds(context.period, before)
    return f"hour >= {max(start, 0) // HOUR * 3600} AND hour < {min(-(-end // 1000), MAX_SECONDS)}"


def write_persons_join(context: QueryContext) -> str:
    """Write the join that adds `person_id` to events."""
    identities = tables.rows_of_sites(
        "identities FINAL", context.sites, write_hour_condition(context, MAX_VISIT_LENGTH)
    )
    return f" LEFT ANY JOIN ({Select(['visit', 'person_id'], identities)}) AS persons USING (visit)"


PERSON_SQL = "if(person = '', device, bitAnd(sipHash64(site_id, person), 9007199254740991))"


def select_all_of_visits(context: QueryContext, before: timedelta) -> Select:
    """Select a row per visit with all that metrics need. Unused columns cost nothing but planning."""
    columns = ["*", "entry_page", "exit_page", "tags", *VISIT_ALIASES, write_visit_expressions(context)]
    return Select(columns, stored_visits(context, before))


VISIT_EXPRESSIONS = {
    "ms": "if(engaged > 0, engaged, toUInt64(greatest(dateDiff('millisecond', first, last), 0)))",
    "seconds": "ms / 1000",
    "visitor": "device",
    "bounce": "views = 1 AND actions = 1 AND ms < 30000",
    "points": "toUInt64(scroll) * 600 + least(ms, 60000)",  # engagement, 0 to 120,000
}


def write_visit_expressions(context: QueryContext, used: str = " ".join(VISIT_EXPRESSIONS)) -> str:
    """Write the expressions that metrics need beside the columns of a visit, those that this SQL mentions."""
    mentioned = set(re.findall(r"\w+", used))
    if not mentioned.isdisjoint(("seconds", "bounce", "points")):
        mentioned.add("ms")
    expressions = VISIT_EXPRESSIONS | ({"visitor": PERSON_SQL} if context.has_persons else {})
    return ", ".join([f"{sql} AS {name}" for name, sql in expressions.items() if name in mentioned])


def stored_visits(context: QueryContext, before: timedelta = timedelta()) -> Rows:
    """Return the tenant's visits that began in the period, or `before` earlier, as they are stored."""
    began = context.period_condition("visit_start", before)
    return tables.rows_of_sites("visits FINAL", context.sites, write_hour_condition(context, before), began)


VISIT_ALIASES = find_columns(VisitValue.FIRST, VisitValue.FIRST_KNOWN)
