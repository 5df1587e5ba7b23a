"""Types whose items are computed here from several results of the engine: goals, kinds of traffic, keywords …

Each has a function (request, dates) -> all items, highest first; paging, `item` and `filter` come after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from goals.predicates import is_one_of
from reports.clicky.dates import Dates
from reports.clicky.filters import build_range, has_value
from reports.clicky.outputs import Item
from reports.clicky.popular import CountedItem
from reports.clicky.stats_request import StatsRequest, list_conversions
from reports.clicky.stats_type import StatsType
from reports.clicky.terms import find_traffic_kind
from reports.labels import build_nickname
from reports.query.analyses.visit_lists import list_tags
from sites.amounts import round_amount

MAX_ROWS = 10_000
MAX_GOALS = 1_000
StepRange = tuple[str, int, int]  # title, minimum, maximum (inclusive; 0 = none)
ComputeItems = Callable[[StatsRequest, Dates], list[CountedItem]]


def compute_traffic_sources(request: StatsRequest, dates: Dates) -> list[CountedItem]:
    """Return visits by Clicky's kinds of traffic."""
    counts: Counter[str] = Counter()
    for row in request.ask(dates, ("visits",), dimensions=("channel",), limit=MAX_ROWS).rows:
        counts[find_traffic_kind(row["channel"]).title] += int(row["visits"])
    return list_most_common(counts)


def compute_keywords(request: StatsRequest, dates: Dates) -> list[CountedItem]:
    """Return visits by the single words of their search terms."""
    counts: Counter[str] = Counter()
    terms = request.ask(dates, ("visits",), has_value("search_term"), ("search_term",), limit=MAX_ROWS)
    for row in terms.rows:
        for word in dict.fromkeys(str(row["search_term"]).lower().split()):
            counts[word] += int(row["visits"])
    return list_most_common(counts)


def list_most_common(counts: Counter[str]) -> list[CountedItem]:
    return [CountedItem(title=title, value=count) for title, count in counts.most_common()]


def compute_goals(request: StatsRequest, dates: Dates) -> list[CountedItem]:
    """Return the conversions and revenue of each goal that was reached."""
    rows, currency = list_conversions(request, dates, (), (), MAX_GOALS)
    items = []
    for row, goal in rows:
        count, number = int(row["conversions"]), str(goal.pk)
        revenue = round_amount(goal.compute_revenue(count, row["revenue"]), goal.find_revenue_currency(currency))
        fields = {"goal_id": number, "revenue": str(revenue)}
        items.append(CountedItem(title=goal.name, value=count, fields=fields, filters={"goal": number}))
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


def compute_steps(
    dimension: str, steps: tuple[StepRange, ...], last_fraction: float, request: StatsRequest, dates: Dates
) -> list[CountedItem]:
    """Return visits by steps of a number. `last_fraction` is added to each maximum."""
    items = []
    for title, minimum, maximum in steps:
        where = build_range(dimension, minimum, maximum + last_fraction if maximum else None)
        items.append(CountedItem(title=title, value=request.ask(dates, ("visits",), where).rows[0]["visits"]))
    return sort_items(items)


def sort_items(items: list[CountedItem]) -> list[CountedItem]:
    """Return the items that have a value, highest first."""
    return sorted((item for item in items if item.value), key=lambda item: -item.value)


def compute_most_active(request: StatsRequest, dates: Dates) -> list[CountedItem]:
    """Return visitors by their actions: persons by username, other devices by address, else by nickname."""
    by_person = request.ask(dates, ("actions",), has_value("person"), ("person",), limit=MAX_ROWS)
    items = [
        CountedItem(title=str(row["person"]), value=int(row["actions"]), filters={"person": str(row["person"])})
        for row in by_person.rows
    ]
    anonymous = [is_one_of("person", "")]
    by_device = request.ask(dates, ("actions",), anonymous, ("visitor_id",), limit=MAX_ROWS)
    by_address = request.ask(dates, ("actions",), anonymous, ("visitor_id", "ip"), limit=MAX_ROWS)
    addresses = {str(row["visitor_id"]): str(row["ip"]) for row in by_address.rows}
    for row in by_device.rows:
        device = str(row["visitor_id"])
        title = addresses.get(device) or build_nickname(int(device))
        items.append(CountedItem(title=title, value=int(row["actions"]), filters={"visitor_id": device}))
    return sort_items(items)


def compute_custom(request: StatsRequest, dates: Dates) -> list[CountedItem]:
    """Return visits by their tags: `plan: pro`."""
    where = list(request.visitor_filters) if request.is_segmentation else None
    items = []
    for row in list_tags(request.site.site_id, dates.to_period(), where, MAX_ROWS):
        dimension = "person" if row["key"] == "username" else f"tag:{row['key']}"
        title = f"{row['key']}: {row['value']}"
        items.append(CountedItem(title=title, value=int(row["visits"]), filters={dimension: str(row["value"])}))
    return items


@dataclass(frozen=True)
class ComputedType(StatsType):
    """A type with a function that computes all its items. Percentages are shares of all, whatever `item` or `filter`
    choose.
    """

    compute: ComputeItems

    def build_items(self, request: StatsRequest, dates: Dates) -> list[Item]:
        all_items = self.compute(request, dates)
        total = sum(item.value for item in all_items)
        exactly, contained = request.item.lower(), request.filter.lower()
        titles = [(item.title.lower(), item) for item in all_items]
        matches = [item for title, item in titles if exactly in ("", title) and contained in title]
        return [item.write(request, dates, total) for item in request.select_page(matches)]


COMPUTED_TYPES = (
    ComputedType("custom", compute_custom, example="plan: pro"),
    ComputedType("traffic-sources", compute_traffic_sources, example="Searches"),
    ComputedType("searches-keywords", compute_keywords, example="statistics"),
    ComputedType("goals", compute_goals, example="Sign-up"),
    ComputedType("engagement-actions", partial(compute_steps, "visit_actions", ACTION_STEPS, 0), example="2 actions"),
    ComputedType("engagement-times", partial(compute_steps, "duration", SECOND_STEPS, 1 - SMALLEST_FRACTION),
              example="1-2m"),
    ComputedType("visitors-most-active", compute_most_active, example="ann@example.org"),
)  # fmt: skip
