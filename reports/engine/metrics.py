"""What can be counted: one row each. A metric is a formula over atoms; an atom is one aggregate over one table.

Atoms that add up (counts and sums) may come from rollups; distinct counts may not. A formula is SQL over atoms in
braces; a denominator of zero gives NULL, shown as the metric's `empty`.

A visit's metric by something only events have comes in another form:
- `page`: bounce rate and entries of a page = visits that entered there; durations and scroll = of the stays on it
  (a stay is what one visit did on one page);
- `event`: visits by page, event, goal … = those that saw or did it; everything else = of the visits that contain it.

Where the filter chooses goals, conversions and amounts are of the events that reach them, and everything else of the
visits in which they were reached (see `filters.goal_events` and `filters.goal_visits`).

Amounts are sums of one currency, because sums of several mean nothing: the currency of the breakdown or filter where
it names one, else the one in which most orders were paid; the answer's meta names it and tells the others' totals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from reports.engine.dimensions import kinds_in
from reports.engine.refusal import QueryRefused, one_of, shown
from tracking.hit import ACTIONS

Audience = Literal["site", "link"]
Scope = Literal["events", "visits", "stays", "online", "goals", "base"]
CLICKS = ("click", "outbound", "download")
SALES = ("conversion", "refund")


@dataclass(frozen=True)
class Atom:
    """One aggregate: `how` over `what`, of the rows `when`. `seen`: of rows that count as having seen the dimension."""

    name: str
    scope: Scope
    how: str = "count"
    what: str = ""
    when: str = ""
    seen: bool = False
    visits: str = ""  # the same of a row of visits, for dimensions that only visits have
    zero: str = "toUInt64(0)"
    rolled: str = ""  # the rollups' column

    @property
    def additive(self) -> bool:
        return self.how in {"count", "sum"}


def count(name: str, scope: Scope, when: str = "", **more: object) -> Atom:
    return Atom(name, scope, "count", when=when, **more)  # type: ignore[arg-type]


def total(name: str, scope: Scope, what: str, when: str = "", **more: object) -> Atom:
    return Atom(name, scope, "sum", what, when, **more)  # type: ignore[arg-type]


def distinct(name: str, scope: Scope, what: str, when: str = "", **more: object) -> Atom:
    return Atom(name, scope, "uniqExact", what, when, **more)  # type: ignore[arg-type]


MONEY = "toDecimal128(0, 4)"
IN_CURRENCY = "currency = {currency}"
ATOMS: dict[str, Atom] = {
    atom.name: atom
    for atom in (
        distinct("visitors", "events", "visitor", seen=True, visits="uniqExact(visitor)"),
        distinct("seen_in", "events", "visit", seen=True),
        distinct("newcomers", "events", "visitor", "newcomer", seen=True),
        distinct("clicking", "events", "visit", kinds_in(CLICKS)),
        count("views", "events", "kind = 'view'", visits="sum(views)", rolled="views"),
        count("actions", "events", kinds_in(ACTIONS), visits="sum(actions)", rolled="actions"),
        count("events", "events", "kind = 'event'", rolled="events"),
        count("entries", "visits", rolled="entries"),
        count("bounces", "visits", "bounce", rolled="bounces"),
        count("singles", "visits", "views = 1", rolled="singles"),
        total("ms", "visits", "ms", rolled="ms"),
        total("reach", "visits", "scroll", rolled="reach"),
        count("reached", "visits", "scroll > 0", rolled="reached"),
        total("points", "visits", "points", rolled="points"),
        count("stays", "stays"),
        total("stay_ms", "stays", "ms"),
        total("stay_reach", "stays", "scroll"),
        count("stay_reached", "stays", "scroll > 0"),
        total("money", "events", "revenue", IN_CURRENCY, zero=MONEY),
        total("paid", "events", "revenue", f"revenue > 0 AND {IN_CURRENCY}", zero=MONEY),
        count("orders", "events", f"revenue > 0 AND {IN_CURRENCY}"),
        total("paid_back", "events", "-revenue", f"revenue < 0 AND {IN_CURRENCY}", zero=MONEY),
        Atom("reached_goals", "goals", "conversions"),
        Atom("converted", "goals", "converters"),
        Atom("worth", "goals", "worth", zero=MONEY),
        distinct("base", "base", "visitor", seen=True, visits="uniqExact(visitor)"),
        distinct("online", "online", "visitor", seen=True),
        count("link_clicks", "events", "kind = 'link'"),
        count("unique_clicks", "events", "kind = 'link' AND is_unique = 1"),
        count("pixel_views", "events", "kind = 'pixel'"),
        count("unique_pixel_views", "events", "kind = 'pixel' AND is_unique = 1"),
        count("spiders", "events", "kind = 'spider'"),
        count("sales", "events", "kind = 'conversion'"),
        count("first_sales", "events", "kind = 'conversion' AND is_unique = 1"),
        distinct("converted_clicks", "events", "click_id", "kind = 'conversion'"),
        total("sold", "events", "revenue", kinds_in(SALES), zero=MONEY),
        total("commissions", "events", "commission", kinds_in(SALES), zero=MONEY),
        total("spent", "events", "cost", "kind = 'link'", zero=MONEY),
        Atom("last_hit", "events", "max", "toUnixTimestamp(ts)"),
        distinct("joined", "events", "click_id", "click_id != 0 AND kind = 'view'"),
    )
}


@dataclass(frozen=True)
class Metric:
    """One row of the registry."""

    name: str
    label: str
    formula: str
    doc: str
    format: str = "number"  # number, percent, seconds, score, decimal, money
    better: Literal["up", "down", "none"] = "up"
    empty: int | None = 0  # the value where there is nothing to count or divide by
    by_event: str = ""  # the formula where the breakdown has something only events have
    by_page: str = ""  # the formula where it has the page
    audience: Audience = "site"  # whose reports have it: sites', or tracked links' (whose events no site has)

    def form(self, by_page: bool, by_event: bool) -> str:
        """The formula that holds for a breakdown."""
        if by_page and self.by_page:
            return self.by_page
        return (self.by_event if by_event or by_page else "") or self.formula

    @property
    def money(self) -> bool:
        return self.format == "money"


def percent(part: str, whole: str) -> str:
    return f"100 * {{{part}}} / nullIf({{{whole}}}, 0)"


def average(part: str, whole: str, per: int = 1) -> str:
    divided = f"{{{part}}} / {per}" if per != 1 else f"{{{part}}}"
    return f"{divided} / nullIf({{{whole}}}, 0)"


def of_links(*rows: Metric) -> tuple[Metric, ...]:
    """Metrics of tracked links and pixels. Their events lie under the account's number, so sites have none."""
    return tuple(replace(row, audience="link") for row in rows)


ROWS: tuple[Metric, ...] = (
    Metric("visitors", "Visitors", "{visitors}",
           "Distinct visitors with anything happening in the period: the person where the visit has one, else the "
           "device. By page: those that saw it."),
    Metric("new_visitors", "New visitors", "{newcomers}",
           "Visitors whose device was never seen before the visit."),
    Metric("visits", "Visits", "{entries}", "Visits that began in the period. By page or event: visits that saw it.",
           by_event="{seen_in}"),
    Metric("views", "Views", "{views}", "Page views."),
    Metric("actions", "Actions", "{actions}",
           "Views, events, clicks, outbound links, downloads, forms and videos."),
    Metric("views_per_visit", "Views per visit", average("views", "entries"), "Page views divided by visits.",
           format="decimal", empty=None, by_event=average("views", "seen_in")),
    Metric("bounce_rate", "Bounce rate", percent("bounces", "entries"),
           "Visits with one view, no other action and less than 30 seconds, of all visits. By page: of those that "
           "entered there.", format="percent", better="down", empty=None),
    Metric("single_page_rate", "Single-page visits", percent("singles", "entries"),
           "Visits with exactly one view, of all visits.", format="percent", better="down", empty=None),
    Metric("avg_duration", "Visit duration", average("ms", "entries", 1000),
           "Engaged time of a visit where its browser tells it, else from its first to its last event. By page: time "
           "on that page.", format="seconds", empty=None, by_page=average("stay_ms", "stays", 1000)),
    Metric("total_duration", "Total duration", "{ms} / 1000", "Durations of all visits together.", format="seconds",
           by_page="{stay_ms} / 1000"),
    Metric("avg_scroll", "Scroll depth", average("reach", "reached"),
           "Deepest reach of the visits that tell one, percent. By page: on that page.", format="percent", empty=None,
           by_page=average("stay_reach", "stay_reached")),
    Metric("engagement", "Engagement", average("points", "entries", 1200),
           "0 to 100 per visit: half for scroll reach, half for engaged time up to 60 seconds.", format="score",
           empty=None),
    Metric("clickers", "Clickers", "{clicking}", "Visits with at least one click, outbound link or download."),
    Metric("events", "Events", "{events}", "Custom events."),
    Metric("conversions", "Conversions", "{reached_goals}",
           "How often goals were reached; goals of a visit's duration or scroll depth once per visit. A goal in the "
           "filter counts that goal."),
    Metric("conversion_rate", "Conversion rate", percent("converted", "base"),
           "Visitors that reached a goal, of all visitors under the same filter.", format="percent", empty=None),
    Metric("revenue", "Revenue", "{money} + {worth}",
           "Amounts of orders less refunds, in one currency; events without an amount are worth what the goals they "
           "reach are. Of a goal with a fixed worth: that, each time.", format="money"),
    Metric("avg_order", "Average order", "{paid} / nullIf({orders}, 0)", "Paid amounts divided by their number.",
           format="money", empty=None),
    Metric("refunds", "Refunds", "{paid_back}", "Amounts paid back.", format="money", better="down"),
    Metric("online", "Online now", "{online}", "Visitors with anything happening in the last five minutes."),
    *of_links(
        Metric("clicks", "Clicks", "{link_clicks}", "Clicks of people on tracked links."),
        Metric("unique_clicks", "Unique clicks", "{unique_clicks}",
               "Clicks that were the first of their address on the link in 30 minutes."),
        Metric("pixel_views", "Pixel views", "{pixel_views}", "Views of tracking pixels by people."),
        Metric("unique_pixel_views", "Unique pixel views", "{unique_pixel_views}",
               "Views that were the first of their address on the pixel in 30 minutes."),
        Metric("spider_hits", "Robots", "{spiders}", "Hits of robots, previews and prefetches on links and pixels.",
               better="none"),
        Metric("link_conversions", "Link conversions", "{sales}", "Conversions that a click on a link led to."),
        Metric("unique_link_conversions", "Unique conversions", "{first_sales}",
               "Conversions that were the first of their click."),
        Metric("converted_clicks", "Converted clicks", "{converted_clicks}", "Clicks with at least one conversion."),
        Metric("click_conversion_rate", "Click conversion rate", percent("converted_clicks", "link_clicks"),
               "Converted clicks, of all clicks.", format="percent", empty=None),
        Metric("conversion_value", "Conversion value", "{sold}", "Values of conversions less refunds, whatever their "
               "currency.", format="decimal"),
        Metric("commission_cost", "Commissions", "{commissions}", "Commissions of conversions less refunds.",
               format="decimal", better="none"),
        Metric("click_cost", "Cost of clicks", "{spent}", "What the clicks cost.", format="decimal", better="none"),
    ),
    Metric("last_hit", "Last hit", "{last_hit}", "Unix time of the latest event; 0 without one.", better="none"),
    Metric("joined_clicks", "Joined clicks", "{joined}", "Clicks whose visit to a tracked site is known."),
)  # fmt: skip

METRICS: dict[str, Metric] = {row.name: row for row in ROWS}


def metric(name: object, where: str) -> Metric:
    """The row of that name. Raises QueryRefused for an unknown one."""
    if isinstance(name, str) and (found := METRICS.get(name)):
        return found
    raise QueryRefused(f"There is no metric {shown(name)}; use one of {one_of(METRICS)}.", where)
