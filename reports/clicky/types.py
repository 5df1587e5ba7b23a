"""Every type of the Stats API: its other names, and which table of rows answers it."""

from __future__ import annotations

from collections.abc import Callable

from reports.clicky.asked import LONGEST_DAYS, LONGEST_TALLY, Asked
from reports.clicky.computed import COMPUTED, computed
from reports.clicky.errors import ClickyError
from reports.clicky.outputs import Answer, Block, Day
from reports.clicky.people import LISTS, people_list
from reports.clicky.popular import MOST_DAYS, POPULAR, popular
from reports.clicky.segmentation import expanded
from reports.clicky.tallies import TALLIES, summary, tally
from reports.clicky.uptime import UPTIME, uptime
from reports.engine import QueryRefused

ALIASES = {
    "exit-links": "links-outbound",
    "clicks": "events",
    "referrers-domains": "links-domains",
    "search": "searches",
}
# Nothing of the kind is collected here (or not yet): an empty list, as Clicky answers without data.
EMPTY = (
    "searches-rankings", "searches-local", "hostnames", "tweets", "shorturls", "site-rank",
    "feedburner-statistics", "feedburner-entries", "feedburner-subscribers", "feedburner-clicks", "feedburner-views",
)  # fmt: skip

Answerer = Callable[[str, Asked], Block]


def answerer(name: str) -> Answerer | None:
    """Who answers the type; None for a word that is none."""
    for table, answer in (
        (TALLIES, lambda name, asked: tally(TALLIES[name], asked)),
        (POPULAR, lambda name, asked: popular(POPULAR[name], asked)),
        (COMPUTED, computed),
        (LISTS, people_list),
        (UPTIME, uptime),
        (EMPTY, nothing),
    ):
        if name in table:
            return answer
    return summary_or_none(name)


def summary_or_none(name: str) -> Answerer | None:
    return (lambda name, asked: summary(asked)) if name == "summary" else None


def nothing(name: str, asked: Asked) -> Block:
    return Block(name, [Day(day.label, []) for day in asked.days])


def answer(asked: Asked) -> Answer:
    """One block for each type in the order asked for.

    A type that nobody knows has a block with the error in it, beside the answers to the others. Raises ClickyError if
    none is known.
    """
    names = expanded(asked)
    check_length(asked, names)
    unknown = [name for name in names if answerer(ALIASES.get(name, name)) is None]
    if len(unknown) == len(names):
        raise ClickyError(invalid(unknown[0]))
    blocks = []
    for name in names:
        found = answerer(ALIASES.get(name, name))
        if found is None:
            blocks.append(Block(name, nothing(name, asked).days, error=invalid(name)))
            continue
        try:
            block = found(ALIASES.get(name, name), asked)
        except QueryRefused as refused:
            raise ClickyError(refused.sentence) from refused
        block.type = name
        blocks.append(block)
    return blocks


def invalid(name: str) -> str:
    return f"Invalid type: {name[:60]}."


def check_length(asked: Asked, names: tuple[str, ...]) -> None:
    """How many days one request may cover. Raises ClickyError with the sentence."""
    days = asked.dates.count
    lists = [name for name in names if name in LISTS]
    for wrong, most, what in (
        (bool(lists), LONGEST_DAYS, lists[0] if lists else ""),
        (asked.segmented, LONGEST_DAYS, "segmentation"),
        (asked.hourly, LONGEST_DAYS, "hourly"),
        (asked.daily and any(name not in TALLIES for name in names), MOST_DAYS, "daily"),
        (True, LONGEST_TALLY, "any type"),
    ):
        if wrong and days > most:
            raise ClickyError(f"The maximum date range for {what} is {most} days; you asked for {days}.")
