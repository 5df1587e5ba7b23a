"""The registry of metrics. A metric is a formula over aggregates; an aggregate is one count or sum over one table.

Aggregates that add up (counts and sums) may come from rollups; distinct counts may not. A formula is SQL over
aggregates in braces; a denominator of zero gives NULL, for which the answer has the metric's `empty`.

The metrics of a visit have other formulas where a dimension is one that only events have:
- `by_page`: bounce rate and entries of a page = visits that entered there; durations and scroll depth = of the dwells
  on it (a dwell is what one visit did on one page);
- `by_event`: visits by page, event, goal … = those that saw or did it; everything else = of the visits with such an
  event.

Where the filter requires goals, conversions and amounts are of the events that reach them, and everything else of the
visits in which they were reached (see `filters.filter_goal_events` and `filters.filter_goal_visits`).

Amounts are sums of one currency, because sums of several mean nothing: the currency of the dimension or filter that
names one, else the one in which most orders were paid. The answer's meta names it, and the totals of the others.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, replace
from decimal import Decimal
from functools import cache, cached_property
from typing import Literal

from reports.query.dimensions import write_kinds_condition
from reports.query.errors import QueryRefused, join_names, quote_value
from tracking.event import ACTIONS

Audience = Literal["site", "link"]
Number = int | float | Decimal  # the value of a metric
Scope = Literal["events", "visits", "dwells", "online", "goals", "eligible"]
CLICK_KINDS = ("click", "outbound", "download")
SALES = ("conversion", "refund")
AGGREGATE_IN_FORMULA = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Aggregate:
    """`function` over `argument`, of the rows of a table that satisfy `condition`.

    `exposure_only`: only over events that show that the visitor saw the value of the dimension (see `Dimension`).
    `first_visit_only`: only over events of their device's first visit. `in_currency`: only over amounts in the
    currency of the answer. `money`: it is an amount, and no whole number.
    """

    name: str
    _: KW_ONLY
    scope: Scope
    function: str = "count"
    argument: str = ""
    condition: str = ""
    exposure_only: bool = False
    first_visit_only: bool = False
    in_currency: bool = False
    money: bool = False
    over_visits: str = ""  # the column that has it for a visit, for dimensions that only visits have
    rollup_column: str = ""  # "" = rollups do not have it

    @property
    def additive(self) -> bool:
        return self.function in {"count", "sum"}

    @cached_property
    def zero(self) -> str:
        """Its value (SQL) where there is nothing to count."""
        return ZERO_AMOUNT if self.money else "toUInt64(0)"

    @cached_property
    def column(self) -> str:
        """Its column (SQL), with {} for the call. Integers become UInt64, so that subqueries add up."""
        return f"{{}} AS a_{self.name}" if self.money else f"toUInt64({{}}) AS a_{self.name}"

    @property
    def visit_function(self) -> str:
        """What it does with the column `over_visits`."""
        return "sum" if self.additive else self.function

    @property
    def is_of_amounts(self) -> bool:
        """Whether it is about the amounts of events."""
        return self.in_currency or self.argument == "revenue"


def count_rows(name: str, scope: Scope, condition: str = "", **more: object) -> Aggregate:
    return Aggregate(name, scope=scope, function="count", condition=condition, **more)  # type: ignore[arg-type]


def sum_values(name: str, scope: Scope, argument: str, condition: str = "", **more: object) -> Aggregate:
    return Aggregate(name, scope=scope, function="sum", argument=argument, condition=condition, **more)  # type: ignore[arg-type]


def count_distinct(name: str, scope: Scope, argument: str, condition: str = "", **more: object) -> Aggregate:
    return Aggregate(name, scope=scope, function="uniqExact", argument=argument, condition=condition, **more)  # type: ignore[arg-type]


ZERO_AMOUNT = "toDecimal128(0, 4)"
VISITOR = "visitor"  # the argument for which the visitor's number is counted, whichever column has it
AGGREGATES: dict[str, Aggregate] = {
    aggregate.name: aggregate
    for aggregate in (
        count_distinct("visitors", "events", VISITOR, exposure_only=True, over_visits=VISITOR),
        count_distinct("exposed_visits", "events", "visit", exposure_only=True),
        count_distinct("new_visitors", "events", VISITOR, exposure_only=True, first_visit_only=True),
        count_distinct("clicking_visits", "events", "visit", write_kinds_condition(CLICK_KINDS)),
        count_rows("views", "events", "kind = 'view'", over_visits="views", rollup_column="views"),
        count_rows("actions", "events", write_kinds_condition(ACTIONS), over_visits="actions", rollup_column="actions"),
        count_rows("events", "events", "kind = 'event'", rollup_column="events"),
        count_rows("entries", "visits", rollup_column="entries"),
        count_rows("bounces", "visits", "bounce", rollup_column="bounces"),
        count_rows("single_view_visits", "visits", "views = 1", rollup_column="singles"),
        sum_values("ms", "visits", "ms", rollup_column="ms"),
        sum_values("scroll", "visits", "scroll", rollup_column="reach"),
        count_rows("scrolled_visits", "visits", "scroll > 0", rollup_column="reached"),
        sum_values("points", "visits", "points", rollup_column="points"),
        count_rows("dwells", "dwells"),
        sum_values("dwell_ms", "dwells", "ms"),
        sum_values("dwell_scroll", "dwells", "scroll"),
        count_rows("scrolled_dwells", "dwells", "scroll > 0"),
        sum_values("revenue", "events", "revenue", in_currency=True, money=True),
        sum_values("paid_amount", "events", "revenue", "revenue > 0", in_currency=True, money=True),
        count_rows("orders", "events", "revenue > 0", in_currency=True),
        sum_values("refunded_amount", "events", "-revenue", "revenue < 0", in_currency=True, money=True),
        Aggregate("conversions", scope="goals", function="conversions"),
        Aggregate("converting_visitors", scope="goals", function="converting_visitors"),
        Aggregate("goal_value", scope="goals", function="goal_value", money=True),
        count_distinct("eligible_visitors", "eligible", VISITOR, exposure_only=True, over_visits=VISITOR),
        count_distinct("online", "online", VISITOR, exposure_only=True),
        count_rows("link_clicks", "events", "kind = 'link'"),
        count_rows("unique_clicks", "events", "kind = 'link' AND is_unique = 1"),
        count_rows("pixel_views", "events", "kind = 'pixel'"),
        count_rows("unique_pixel_views", "events", "kind = 'pixel' AND is_unique = 1"),
        count_rows("robot_hits", "events", "kind = 'spider'"),
        count_rows("link_conversions", "events", "kind = 'conversion'"),
        count_rows("unique_link_conversions", "events", "kind = 'conversion' AND is_unique = 1"),
        count_distinct("converted_clicks", "events", "click_id", "kind = 'conversion'"),
        sum_values("conversion_value", "events", "revenue", write_kinds_condition(SALES), money=True),
        sum_values("commissions", "events", "commission", write_kinds_condition(SALES), money=True),
        sum_values("click_cost", "events", "cost", "kind = 'link'", money=True),
        Aggregate("last_hit", scope="events", function="max", argument="toUnixTimestamp(ts)"),
        count_distinct("joined_clicks", "events", "click_id", "click_id != 0 AND kind = 'view'"),
    )
}


@dataclass(frozen=True)
class Metric:
    """One metric: its label, formula, meaning and format."""

    name: str
    label: str
    formula: str
    doc: str
    _: KW_ONLY
    format: str = "number"  # number, percent, seconds, score, decimal, money
    better: Literal["up", "down", "none"] = "up"
    empty: int | None = 0  # the value where there was nothing to count or to divide by
    by_event: str = ""  # the formula where a dimension is one that only events have
    by_page: str = ""  # the formula where a dimension is the page
    audience: Audience = "site"  # "link": only reports of tracked links have it, whose events belong to no site

    def choose_formula(self, by_page: bool, by_event: bool) -> str:
        """Return the variant of the formula for a page, for something else of events, or for anything else."""
        if by_page and self.by_page:
            return self.by_page
        return (self.by_event if by_event or by_page else "") or self.formula

    @property
    def money(self) -> bool:
        return self.format == "money"


def percent(part: str, total: str) -> str:
    """Write the formula of one aggregate in percent of another."""
    return f"100 * {{{part}}} / nullIf({{{total}}}, 0)"


def average(total: str, number: str, divisor: int = 1) -> str:
    """Write the formula of one aggregate per unit of another; `divisor` converts the unit of the first."""
    dividend = f"{{{total}}} / {divisor}" if divisor != 1 else f"{{{total}}}"
    return f"{dividend} / nullIf({{{number}}}, 0)"


def for_links(*metrics: Metric) -> tuple[Metric, ...]:
    """Mark metrics of tracked links and pixels. Their events are stored under the account's id, so no site has any."""
    return tuple(replace(metric, audience="link") for metric in metrics)


ALL_METRICS: tuple[Metric, ...] = (
    Metric("visitors", "Visitors", "{visitors}",
           "Distinct visitors with anything happening in the period: the person where the visit has one, else the "
           "device. By page: those that saw it."),
    Metric("new_visitors", "New visitors", "{new_visitors}",
           "Visitors whose device was never seen before the visit."),
    Metric("visits", "Visits", "{entries}", "Visits that began in the period. By page or event: visits that saw it.",
           by_event="{exposed_visits}"),
    Metric("views", "Views", "{views}", "Page views."),
    Metric("actions", "Actions", "{actions}",
           "Views, events, clicks, outbound links, downloads, forms and videos."),
    Metric("views_per_visit", "Views per visit", average("views", "entries"), "Page views divided by visits.",
           format="decimal", empty=None, by_event=average("views", "exposed_visits")),
    Metric("bounce_rate", "Bounce rate", percent("bounces", "entries"),
           "Visits with one view, no other action and less than 30 seconds, of all visits. By page: of those that "
           "entered there.", format="percent", better="down", empty=None),
    Metric("single_page_rate", "Single-page visits", percent("single_view_visits", "entries"),
           "Visits with exactly one view, of all visits.", format="percent", better="down", empty=None),
    Metric("avg_duration", "Visit duration", average("ms", "entries", 1000),
           "Engaged time of a visit where its browser reports it, else from its first to its last event. By page: time "
           "on that page.", format="seconds", empty=None, by_page=average("dwell_ms", "dwells", 1000)),
    Metric("total_duration", "Total duration", "{ms} / 1000", "Sum of the durations of all visits.", format="seconds",
           by_page="{dwell_ms} / 1000"),
    Metric("avg_scroll", "Scroll depth", average("scroll", "scrolled_visits"),
           "Average scroll depth of the visits that report one, percent. By page: on that page.", format="percent",
           empty=None, by_page=average("dwell_scroll", "scrolled_dwells")),
    Metric("engagement", "Engagement", average("points", "entries", 1200),
           "0 to 100 per visit: half for scroll depth, half for engaged time up to 60 seconds.", format="score",
           empty=None),
    Metric("clickers", "Clickers", "{clicking_visits}", "Visits with at least one click, outbound link or download."),
    Metric("events", "Events", "{events}", "Custom events."),
    Metric("conversions", "Conversions", "{conversions}",
           "How often goals were reached; goals of a visit's duration or scroll depth once per visit. With a goal in "
           "the filter, only that goal counts."),
    Metric("conversion_rate", "Conversion rate", percent("converting_visitors", "eligible_visitors"),
           "Visitors that reached a goal, of all visitors under the same filter.", format="percent", empty=None),
    Metric("revenue", "Revenue", "{revenue} + {goal_value}",
           "Amounts of orders less refunds, in one currency; events without an amount are worth what the goals they "
           "reach are. A goal with a fixed value adds that value each time.", format="money"),
    Metric("avg_order", "Average order", "{paid_amount} / nullIf({orders}, 0)", "Paid amounts divided by their number.",
           format="money", empty=None),
    Metric("refunds", "Refunds", "{refunded_amount}", "Amounts paid back.", format="money", better="down"),
    Metric("online", "Online now", "{online}", "Visitors with anything happening in the last five minutes."),
    *for_links(
        Metric("clicks", "Clicks", "{link_clicks}", "Clicks of people on tracked links."),
        Metric("unique_clicks", "Unique clicks", "{unique_clicks}",
               "Clicks that were the first of their address on the link in 30 minutes."),
        Metric("pixel_views", "Pixel views", "{pixel_views}", "Views of tracking pixels by people."),
        Metric("unique_pixel_views", "Unique pixel views", "{unique_pixel_views}",
               "Views that were the first of their address on the pixel in 30 minutes."),
        Metric("spider_hits", "Robots", "{robot_hits}", "Hits of robots, previews and prefetches on links and pixels.",
               better="none"),
        Metric("link_conversions", "Link conversions", "{link_conversions}",
               "Conversions that a click on a link led to."),
        Metric("unique_link_conversions", "Unique conversions", "{unique_link_conversions}",
               "Conversions that were the first of their click."),
        Metric("converted_clicks", "Converted clicks", "{converted_clicks}", "Clicks with at least one conversion."),
        Metric("click_conversion_rate", "Click conversion rate", percent("converted_clicks", "link_clicks"),
               "Converted clicks, of all clicks.", format="percent", empty=None),
        Metric("conversion_value", "Conversion value", "{conversion_value}",
               "Values of conversions less refunds, whatever their currency.", format="decimal"),
        Metric("commission_cost", "Commissions", "{commissions}", "Commissions of conversions less refunds.",
               format="decimal", better="none"),
        Metric("click_cost", "Cost of clicks", "{click_cost}", "The cost of the clicks.", format="decimal",
               better="none"),
    ),
    Metric("last_hit", "Last hit", "{last_hit}", "Unix time of the latest event; 0 without one.", better="none"),
    Metric("joined_clicks", "Joined clicks", "{joined_clicks}", "Clicks that led to a visit of a tracked site."),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in ALL_METRICS}


@cache
def list_aggregates(formula: str) -> tuple[Aggregate, ...]:
    """Return the aggregates that a formula of the registry needs, each once."""
    return tuple(AGGREGATES[name] for name in dict.fromkeys(AGGREGATE_IN_FORMULA.findall(formula)))


@cache
def write_formula(formula: str) -> str:
    """Write a formula of the registry over the aggregates' columns."""
    return AGGREGATE_IN_FORMULA.sub(r"a_\1", formula)


def get_metric(name: object, where: str) -> Metric:
    """Find the metric of that name. Raises QueryRefused for an unknown one."""
    if isinstance(name, str) and (definition := METRICS.get(name)):
        return definition
    raise QueryRefused(f"There is no metric {quote_value(name)}; use one of {join_names(METRICS)}.", where)
