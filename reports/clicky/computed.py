"""Types whose items are computed here from several results of the engine: goals, kinds of traffic, keywords …

Each is a function (request, dates) -> all items, highest first; paging and the parameter `item` come after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from goals.predicates import Filter, is_one_of
from goals.selectors import list_active_goals
from reports.clicky.dates import Dates
from reports.clicky.outputs import DateEntry, Item, TypeBlock, encode_html
from reports.clicky.popular import has_value
from reports.clicky.stats_request import StatsRequest
from reports.clicky.terms import format_integer, format_tenth, map_channel
from reports.labels import build_nickname
from reports.query.analyses.visit_lists import list_tags
from sites.amounts import round_amount

MAX_ROWS = 10_000
MAX_GOALS = 1_000
StepRange = tuple[str, int, int]  # title, minimum, maximum (inclusive; 0 = none)


@dataclass(frozen=True)
class ComputedItem:
    """One item before it is written. `filters`: of the dashboard's page that it links to."""

    title: str
    value: float
    fields: dict[str, str] = field(default_factory=dict)
    filters: dict[str, str] = field(default_factory=dict)


ComputeItems = Callable[[StatsRequest, Dates], list[ComputedItem]]


def compute_traffic_sources(request: StatsRequest, dates: Dates) -> list[ComputedItem]:
    """Return visits by Clicky's kinds of traffic."""
    counts: Counter[str] = Counter()
    for row in request.ask(dates, ("visits",), dimensions=("channel",), limit=MAX_ROWS).rows:
        counts[map_channel(row["channel"])] += int(row["visits"])
    return [ComputedItem(title, count) for title, count in counts.most_common()]


def compute_keywords(request: StatsRequest, dates: Dates) -> list[ComputedItem]:
    """Return visits by the single words of their search terms."""
    counts: Counter[str] = Counter()
    result = request.ask(
        dates, ("visits",), has_value("search_term"), dimensions=("search_term",), limit=MAX_ROWS
    )  # fmt: skip
    for row in result.rows:
        for word in dict.fromkeys(str(row["search_term"]).lower().split()):
            counts[word] += int(row["visits"])
    return [ComputedItem(word, count) for word, count in counts.most_common()]


def compute_goals(request: StatsRequest, dates: Dates) -> list[ComputedItem]:
    """Return the conversions and revenue of each goal that was reached."""
    goals = {goal.pk: goal for goal in list_active_goals([request.site.site_id])}
    if not goals:
        return []
    result = request.ask(dates, ("conversions", "revenue"), dimensions=("goal",), limit=MAX_GOALS)
    items = []
    for row in result.rows:
        goal = goals.get(int(row["goal"]))
        if goal is None or not row["conversions"]:
            continue
        revenue = goal.compute_revenue(int(row["conversions"]), row["revenue"])
        amount = str(round_amount(revenue, goal.find_revenue_currency(result.meta.currency)))
        fields = {"goal_id": str(goal.pk), "revenue": amount}
        items.append(ComputedItem(goal.name, int(row["conversions"]), fields, {"goal": str(goal.pk)}))
    return items


ACTION_STEPS: tuple[StepRange, ...] = (
    ("1 action", 1, 1), ("2 actions", 2, 2), ("3 actions", 3, 3), ("4 actions", 4, 4), ("5 actions", 5, 5),
    ("6-10 actions", 6, 10), ("11-20 actions", 11, 20), ("21+ actions", 21, 0),
)  # fmt: skip
SECOND_STEPS: tuple[StepRange, ...] = (
    ("0-1m", 0, 59), ("1-2m", 60, 119), ("2-5m", 120, 299), ("5-10m", 300, 599), ("10-20m", 600, 1_199),
    ("20-30m", 1_200, 1_799), ("30-60m", 1_800, 3_599), ("1h+", 3_600, 0),
)  # fmt: skip
SMALLEST_FRACTION = 0.001  # durations are stored in milliseconds


def group_visits(dimension: str, steps: tuple[StepRange, ...], last_fraction: float = 0) -> ComputeItems:
    """Return the function that counts visits by steps of a number. `last_fraction` is added to each maximum."""

    def compute_steps(request: StatsRequest, dates: Dates) -> list[ComputedItem]:
        items = []
        for title, minimum, maximum in steps:
            where = build_range(dimension, minimum, maximum + last_fraction if maximum else None)
            items.append(ComputedItem(title, request.ask(dates, ("visits",), where).rows[0]["visits"]))
        return sort_items(items)

    return compute_steps


def build_range(dimension: str, minimum: float, maximum: float | None) -> list[Filter]:
    conditions: list[Filter] = [{"dimension": dimension, "operator": "at_least", "value": [minimum]}]
    if maximum is not None:
        conditions.append({"dimension": dimension, "operator": "at_most", "value": [maximum]})
    return conditions


def sort_items(items: list[ComputedItem]) -> list[ComputedItem]:
    """Return the items that have a value, highest first."""
    return sorted((item for item in items if item.value), key=lambda item: -item.value)


def compute_most_active(request: StatsRequest, dates: Dates) -> list[ComputedItem]:
    """Return visitors by their actions: persons by username, other devices by address, else by nickname."""
    by_person = request.ask(dates, ("actions",), has_value("person"), dimensions=("person",), limit=MAX_ROWS)
    items = [
        ComputedItem(str(row["person"]), int(row["actions"]), filters={"person": str(row["person"])})
        for row in by_person.rows
    ]
    anonymous = [is_one_of("person", "")]
    by_device = request.ask(dates, ("actions",), anonymous, dimensions=("visitor_id",), limit=MAX_ROWS)
    by_address = request.ask(dates, ("actions",), anonymous, dimensions=("visitor_id", "ip"), limit=MAX_ROWS)
    addresses = {str(row["visitor_id"]): str(row["ip"]) for row in by_address.rows}
    for row in by_device.rows:
        device = str(row["visitor_id"])
        title = addresses.get(device) or build_nickname(int(device))
        items.append(ComputedItem(title, int(row["actions"]), filters={"visitor_id": device}))
    return sort_items(items)


def compute_custom(request: StatsRequest, dates: Dates) -> list[ComputedItem]:
    """Return visits by their tags: `plan: pro`."""
    where = list(request.visitor_filters) if request.is_segmentation else None
    items = []
    for row in list_tags(request.site.site_id, dates.to_period(), where, MAX_ROWS):
        dimension = "person" if row["key"] == "username" else f"tag:{row['key']}"
        title = f"{row['key']}: {row['value']}"
        items.append(ComputedItem(title, int(row["visits"]), filters={dimension: str(row["value"])}))
    return items


COMPUTED: dict[str, ComputeItems] = {
    "custom": compute_custom,
    "traffic-sources": compute_traffic_sources,
    "searches-keywords": compute_keywords,
    "goals": compute_goals,
    "engagement-actions": group_visits("visit_actions", ACTION_STEPS),
    "engagement-times": group_visits("duration", SECOND_STEPS, 1 - SMALLEST_FRACTION),
    "visitors-most-active": compute_most_active,
}


def build_computed(name: str, request: StatsRequest) -> TypeBlock:
    """Build the block of one of these types."""
    return TypeBlock(name, [DateEntry(day.label, build_items(name, request, day)) for day in request.days])


def build_items(name: str, request: StatsRequest, dates: Dates) -> list[Item]:
    """Build one page of items; percentages are shares of all items, whatever `item` or `filter` choose."""
    all_items = COMPUTED[name](request, dates)
    total = sum(item.value for item in all_items)
    matches = [item for item in all_items if matches_title(item.title, request)]
    page = matches[request.offset : request.offset + request.limit]
    return [build_item(item, total, request, dates) for item in page]


def matches_title(title: str, request: StatsRequest) -> bool:
    if request.item and title.lower() != request.item.lower():
        return False
    return request.filter.lower() in title.lower()


def build_item(item: ComputedItem, total: float, request: StatsRequest, dates: Dates) -> Item:
    return {
        "value": format_integer(item.value),
        "value_percent": format_tenth(100 * item.value / total if total else 0),
        "title": encode_html(item.title),
        **item.fields,
        "stats_url": request.links.build_stats_url(dates, **item.filters),
    }
