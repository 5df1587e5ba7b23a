"""Attribution: which sources brought a goal's conversions, and how long and how many visits they took.

A conversion is an event that reaches the goal (once per visit for goals by duration or scroll depth). Its touches are
the visits of the same visitor that began up to LOOKBACK before it, including its own, each with its source. The models
`first` and `last` credit one touch with the conversion, `linear` credits each with an equal share; every model sums to
the conversions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from reports.query.analyses.base import build_context, fetch_page, parse_event_filters, write_visit_condition
from reports.query.context import QueryContext, QueryGoal
from reports.query.filters import FilterInput
from reports.query.periods import Period
from reports.query.references import GoalSource
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.select import Rows, Select

LOOKBACK = timedelta(days=30)
MAX_SOURCES = 500
MAX_CURRENCIES = 200
SUMS = (
    "count() AS conversions", "ifNotFinite(quantileExactInclusive(0.5)(seconds), 0) AS seconds",
    "ifNotFinite(quantileExactInclusive(0.5)(length(sources)), 0) AS visits",
    "countIf(length(sources) = 1) AS one_visit",
)  # fmt: skip


@dataclass(frozen=True)
class SourceCredit:
    """The conversions that each model credits to a source; the empty source is a direct visit."""

    source: str
    first: float
    last: float
    linear: float


@dataclass(frozen=True, kw_only=True)
class AttributionReport:
    """How a goal's conversions came about.

    `seconds`, `visits`: medians of the time and the number of visits from the first touch. `one_visit`: conversions in
    the first visit. `revenue`: by currency.
    """

    conversions: int = 0
    seconds: float = 0.0
    visits: float = 0.0
    one_visit: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict)
    credits: tuple[SourceCredit, ...] = ()


def attribute_conversions(
    site_id: int,
    period: Period,
    goal: FilterInput,
    where: FilterInput = None,
    *,
    now: datetime,
    source: GoalSource | None = None,
) -> AttributionReport:
    """Attribute the conversions of a goal (filter JSON of events) in the period. `where` filters their visits."""
    context = build_context((site_id,), period, where, now, source)
    (goal_tree,) = parse_event_filters(context.sites, [goal], source, "goal")
    events = context.from_events(write_visit_condition(context), ConditionBuilder(context).for_events(goal_tree))
    once_per_visit = QueryGoal(0, goal_tree).once_per_visit
    conversions = select_touches(context, select_conversions(context, events, once_per_visit))
    sums_by_currency = Select(["currency", "sum(revenue) AS total"], events, "currency")
    amounts = fetch_page(context, sums_by_currency, MAX_CURRENCIES)
    revenue = {str(row["currency"]): Decimal(row["total"]) for row in amounts if row["total"]}
    (sums,) = fetch_page(context, Select(SUMS, conversions.as_rows()), 1)
    return AttributionReport(
        conversions=int(sums["conversions"]),
        seconds=float(sums["seconds"]),
        visits=float(sums["visits"]),
        one_visit=int(sums["one_visit"]),
        revenue=revenue,
        credits=tuple(
            SourceCredit(
                str(row["name"]), float(row["first_touches"]), float(row["last_touches"]), float(row["linear"])
            )
            for row in fetch_page(context, select_credits(conversions), MAX_SOURCES)
        ),
    )


def select_conversions(context: QueryContext, events: Rows, once_per_visit: bool) -> Select:
    """Select a row per conversion: number, visitor and time."""
    if not once_per_visit:
        return Select(["id AS number", f"{context.visitor_sql} AS who", "ts"], events)
    return Select(["visit AS number", f"any({context.visitor_sql}) AS who", "min(ts) AS ts"], events, "visit")


def select_touches(context: QueryContext, conversions: Select) -> Select:
    """Select a row per conversion: the sources of its touches in order, and seconds since the first."""
    visits = context.select_visits(["visitor AS who", "visit_start", "visit", "source"], before=LOOKBACK)
    touches = conversions.as_rows("done").join(f" INNER JOIN ({visits}) AS touch ON done.who = touch.who")
    ordered = "arraySort(groupArray((touch.visit_start, touch.visit, touch.source)))"
    return Select(
        [
            f"arrayMap(item -> item.3, {ordered}) AS sources",
            "dateDiff('second', min(touch.visit_start), any(done.ts)) AS seconds",
        ],
        touches.where("touch.visit_start <= done.ts", f"touch.visit_start > done.ts - toIntervalDay({LOOKBACK.days})"),
        "done.number, done.ts",
    )


def select_credits(conversions: Select) -> Select:
    """Select every source's share of the conversions, the largest linear one first."""
    touches = Select(["sources", "arrayJoin(arrayEnumerate(sources)) AS place"], conversions.as_rows())
    columns = [
        "sources[place] AS name", "sum(place = 1) AS first_touches", "sum(place = length(sources)) AS last_touches",
        "sum(1 / length(sources)) AS linear",
    ]  # fmt: skip
    return Select(columns, touches.as_rows(), "name", order_by=["linear DESC", "name"])
