"""Every type of the Stats API: its other names, and the function that builds its block."""

from __future__ import annotations

from collections.abc import Callable

from reports.clicky.computed import COMPUTED, build_computed
from reports.clicky.outputs import ClickyError, DateEntry, StatsResult, TypeBlock
from reports.clicky.popular import MAX_DAILY_DAYS, POPULAR, build_popular
from reports.clicky.stats_request import MAX_DAYS, MAX_LIST_DAYS, StatsRequest
from reports.clicky.tallies import TALLIES, build_summary, build_tally
from reports.clicky.uptime import UPTIME, build_uptime
from reports.clicky.visit_lists import LISTS, build_list
from reports.query import QueryRefused

ALIASES = {
    "exit-links": "links-outbound",
    "clicks": "events",
    "referrers-domains": "links-domains",
    "search": "searches",
}
# Types whose data is not collected here: an empty list, which is also what Clicky answers without data
EMPTY = (
    "searches-rankings", "searches-local", "hostnames", "tweets", "shorturls", "site-rank",
    "feedburner-statistics", "feedburner-entries", "feedburner-subscribers", "feedburner-clicks", "feedburner-views",
)  # fmt: skip
SEGMENTATION = "segmentation"
DEFAULT_SEGMENT = "visitors"

BlockBuilder = Callable[[str, StatsRequest], TypeBlock]


def find_builder(name: str) -> BlockBuilder | None:
    """Return the function that builds the block of a type; None for an unknown type."""
    if name == "summary":
        return lambda name, request: build_summary(request)
    for types, builder in (
        (TALLIES, lambda name, request: build_tally(TALLIES[name], request)),
        (POPULAR, lambda name, request: build_popular(POPULAR[name], request)),
        (COMPUTED, build_computed),
        (LISTS, build_list),
        (UPTIME, build_uptime),
        (EMPTY, build_empty),
    ):
        if name in types:
            return builder
    return None


def build_empty(name: str, request: StatsRequest) -> TypeBlock:
    return TypeBlock(name, [DateEntry(day.label, []) for day in request.days])


def build_result(request: StatsRequest) -> StatsResult:
    """Build one block for each requested type, in that order.

    An unknown type has a block with an error, beside the blocks of the others. Raises ClickyError if all are unknown.
    """
    names = expand_segmentation(request)
    check_length(request, names)
    unknown = [name for name in names if find_builder(ALIASES.get(name, name)) is None]
    if len(unknown) == len(names):
        raise ClickyError(build_type_error(unknown[0]))
    blocks = []
    for name in names:
        builder = find_builder(ALIASES.get(name, name))
        if builder is None:
            blocks.append(TypeBlock(name, build_empty(name, request).days, error=build_type_error(name)))
            continue
        try:
            block = builder(ALIASES.get(name, name), request)
        except QueryRefused as error:
            raise ClickyError(error.sentence) from error
        block.type = name
        blocks.append(block)
    return blocks


def expand_segmentation(request: StatsRequest) -> tuple[str, ...]:
    """Return the types to build, with `segmentation` replaced by the segments.

    Both spellings are understood: `type=segmentation&segments=visitors,pages` and `type=segmentation,visitors`. The
    block of a segment carries the segment's name as its type.
    """
    if not request.is_segmentation:
        return request.types
    other_types = tuple(name for name in request.types if name != SEGMENTATION)
    segments = request.segments or (() if other_types else (DEFAULT_SEGMENT,))
    return tuple(dict.fromkeys([*(name for name in segments if name != SEGMENTATION), *other_types]))


def build_type_error(name: str) -> str:
    return f"Invalid type: {name[:60]}."


def check_length(request: StatsRequest, names: tuple[str, ...]) -> None:
    """Reject a request that covers too many days. Raises ClickyError."""
    days = request.dates.day_count
    lists = [name for name in names if name in LISTS]
    for applies, maximum, what in (
        (bool(lists), MAX_LIST_DAYS, lists[0] if lists else ""),
        (request.is_segmentation, MAX_LIST_DAYS, SEGMENTATION),
        (request.hourly, MAX_LIST_DAYS, "hourly"),
        (request.daily and any(name not in TALLIES for name in names), MAX_DAILY_DAYS, "daily"),
        (True, MAX_DAYS, "any type"),
    ):
        if applies and days > maximum:
            raise ClickyError(f"The maximum date range for {what} is {maximum} days; you asked for {days}.")
