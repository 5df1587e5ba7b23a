"""Types whose items are put together here from several answers: goals, kinds of traffic, keywords, engagement …

Each is a function (asked, dates) -> all items as (title, value, further fields), most first; paging comes after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from goals.querysets import goals_of
from reports.clicky.asked import Asked
from reports.clicky.dates import Dates
from reports.clicky.filters import is_any
from reports.clicky.outputs import Block, Day, Item, encoded
from reports.clicky.popular import known
from reports.clicky.words import one_place, traffic_of, whole
from reports.engine.tags import tags
from reports.pages.people import nickname
from sites.amounts import round_amount

MOST = 10_000
Bound = tuple[str, int, int]  # title, from, to (inclusive; 0 = no end)


@dataclass(frozen=True)
class Found:
    """One item before it is written. `filters`: of the dashboard's page it links to."""

    title: str
    value: float
    more: dict[str, Any] = field(default_factory=dict)
    filters: dict[str, str] = field(default_factory=dict)


Computed = Callable[[Asked, Dates], list[Found]]


def traffic_sources(asked: Asked, dates: Dates) -> list[Found]:
    """Visits by Clicky's kinds of traffic."""
    counts: Counter[str] = Counter()
    for row in asked.ask(dates, ("visits",), dimensions=("channel",), limit=MOST).rows:
        counts[traffic_of(row["channel"])] += int(row["visits"])
    return [Found(title, count) for title, count in counts.most_common()]


def keywords(asked: Asked, dates: Dates) -> list[Found]:
    """The single words of what was searched for, by visits."""
    counts: Counter[str] = Counter()
    rows = asked.ask(dates, ("visits",), known("search_term"), dimensions=("search_term",), limit=MOST).rows
    for row in rows:
        for word in dict.fromkeys(str(row["search_term"]).lower().split()):
            counts[word] += int(row["visits"])
    return [Found(word, count) for word, count in counts.most_common()]


def goals(asked: Asked, dates: Dates) -> list[Found]:
    """Completions of each goal that was reached, with its revenue."""
    names = {goal.pk: goal for goal in goals_of([asked.facts.site_id])}
    if not names:
        return []
    result = asked.ask(dates, ("conversions", "revenue"), dimensions=("goal",), limit=1_000)
    found = []
    for row in result.rows:
        goal = names.get(int(row["goal"]))
        if goal is None or not row["conversions"]:
            continue
        earned = goal.earned(int(row["conversions"]), row["revenue"])
        more = {"goal_id": str(goal.pk), "revenue": str(round_amount(earned, goal.earns_in(result.meta.currency)))}
        found.append(Found(goal.name, int(row["conversions"]), more, {"goal": str(goal.pk)}))
    return found


ACTION_STEPS: tuple[Bound, ...] = (
    ("1 action", 1, 1), ("2 actions", 2, 2), ("3 actions", 3, 3), ("4 actions", 4, 4), ("5 actions", 5, 5),
    ("6-10 actions", 6, 10), ("11-20 actions", 11, 20), ("21+ actions", 21, 0),
)  # fmt: skip
TIME_STEPS: tuple[Bound, ...] = (
    ("0-1m", 0, 59), ("1-2m", 60, 119), ("2-5m", 120, 299), ("5-10m", 300, 599), ("10-20m", 600, 1_199),
    ("20-30m", 1_200, 1_799), ("30-60m", 1_800, 3_599), ("1h+", 3_600, 0),
)  # fmt: skip


def steps(dimension: str, bounds: tuple[Bound, ...], unit: float = 1) -> Computed:
    """Visits by how much they did or how long they took, in steps."""

    def ranked(asked: Asked, dates: Dates) -> list[Found]:
        found = [
            Found(title, asked.ask(dates, ("visits",), within(dimension, least, most, unit)).rows[0]["visits"])
            for title, least, most in bounds
        ]
        return sorted((one for one in found if one.value), key=lambda one: -one.value)

    return ranked


def within(dimension: str, least: int, most: int, unit: float) -> list[dict[str, Any]]:
    found = [{"dimension": dimension, "operator": "at_least", "value": [least]}]
    if most:
        top = most + 0.999 if unit < 1 else most
        found.append({"dimension": dimension, "operator": "at_most", "value": [top]})
    return found


def most_active(asked: Asked, dates: Dates) -> list[Found]:
    """Visitors by their actions: known people by name, each of the others by address, else by nickname."""
    found = [
        Found(str(row["person"]), int(row["actions"]), filters={"person": str(row["person"])})
        for row in asked.ask(dates, ("actions",), known("person"), dimensions=("person",), limit=MOST).rows
    ]
    nameless = [is_any("person", "")]
    by_device = asked.ask(dates, ("actions",), nameless, dimensions=("visitor_id",), limit=MOST).rows
    by_address = asked.ask(dates, ("actions",), nameless, dimensions=("visitor_id", "ip"), limit=MOST).rows
    addresses = {str(row["visitor_id"]): str(row["ip"]) for row in by_address}
    for row in by_device:
        device = str(row["visitor_id"])
        title = addresses.get(device) or nickname(int(device))
        found.append(Found(title, int(row["actions"]), filters={"visitor_id": device}))
    return sorted((one for one in found if one.value), key=lambda one: -one.value)


def custom(asked: Asked, dates: Dates) -> list[Found]:
    """Visits by what was told of them: `plan: pro`."""
    where = list(asked.where) if asked.segmented else None
    rows = tags(asked.facts.site_id, dates.period(), where, MOST)
    found = []
    for row in rows:
        name = "person" if row["key"] == "username" else f"tag:{row['key']}"
        title = f"{row['key']}: {row['value']}"
        found.append(Found(title, int(row["visits"]), filters={name: str(row["value"])}))
    return found


COMPUTED: dict[str, Computed] = {
    "custom": custom,
    "traffic-sources": traffic_sources,
    "searches-keywords": keywords,
    "goals": goals,
    "engagement-actions": steps("visit_actions", ACTION_STEPS),
    "engagement-times": steps("duration", TIME_STEPS, 0.001),
    "visitors-most-active": most_active,
}


def computed(name: str, asked: Asked) -> Block:
    """The block of one of these types."""
    return Block(name, [Day(day.label, items(name, asked, day)) for day in asked.days])


def items(name: str, asked: Asked, dates: Dates) -> list[Item]:
    """One page of items; `item` and `filter` look at the titles."""
    every = COMPUTED[name](asked, dates)
    total = sum(one.value for one in every)
    shown = [one for one in every if wanted(one.title, asked)]
    return [written(one, total, asked, dates) for one in shown[asked.offset : asked.offset + asked.limit]]


def wanted(title: str, asked: Asked) -> bool:
    if asked.item and title.lower() != asked.item.lower():
        return False
    return asked.filter.lower() in title.lower()


def written(one: Found, total: float, asked: Asked, dates: Dates) -> Item:
    return {
        "value": whole(one.value),
        "value_percent": one_place(100 * one.value / total if total else 0),
        "title": encoded(one.title),
        **one.more,
        "stats_url": asked.links.stats(dates, **one.filters),
    }
