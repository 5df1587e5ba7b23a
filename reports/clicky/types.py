"""Every type of the Stats API, and the result of a request: a block for each type that it names."""

from __future__ import annotations

from reports.clicky.computed import COMPUTED_TYPES
from reports.clicky.errors import ClickyError
from reports.clicky.outputs import StatsResult, TypeBlock
from reports.clicky.popular import POPULAR_TYPES
from reports.clicky.stats_request import StatsRequest
from reports.clicky.stats_type import MAX_DAILY_DAYS, MAX_DAYS, MAX_LIST_DAYS, StatsType
from reports.clicky.tallies import TALLY_TYPES, SummaryType
from reports.clicky.uptime import UPTIME_TYPES
from reports.clicky.visit_lists import LIST_TYPES

# Types whose data is not collected here: no items, which is also what Clicky answers without data
EMPTY = (
    "searches-rankings", "searches-local", "hostnames", "tweets", "shorturls", "site-rank",
    "feedburner-statistics", "feedburner-entries", "feedburner-subscribers", "feedburner-clicks", "feedburner-views",
)  # fmt: skip
STATS_TYPES: tuple[StatsType, ...] = (
    *TALLY_TYPES, *POPULAR_TYPES, *COMPUTED_TYPES, SummaryType("summary"), *LIST_TYPES, *UPTIME_TYPES,
    *(StatsType(name, group="Always empty here") for name in EMPTY),
)  # fmt: skip
TYPES = {name: row for row in STATS_TYPES for name in (row.name, *row.aliases)}
SEGMENTATION = "segmentation"
DEFAULT_SEGMENT = "visitors"


def build_result(request: StatsRequest) -> StatsResult:
    """Build one block for each requested type, in that order.

    An unknown type has a block with an error, beside the blocks of the others. Raises ClickyError if all are unknown.
    """
    names = expand_segmentation(request)
    types = [TYPES.get(name) or StatsType(name) for name in names]
    check_length(request, types)
    if TYPES.keys().isdisjoint(names):
        raise ClickyError(build_type_error(names[0]))
    return [
        TypeBlock(name, row.build(request), "" if name in TYPES else build_type_error(name))
        for name, row in zip(names, types, strict=True)
    ]


def expand_segmentation(request: StatsRequest) -> tuple[str, ...]:
    """Return the types to build, with `segmentation` replaced by the segments.

    Both spellings are understood: `type=segmentation&segments=visitors,pages` and `type=segmentation,visitors`. The
    block of a segment carries the segment's name as its type.
    """
    if not request.is_segmentation:
        return request.types
    other_types = tuple(name for name in request.types if name != SEGMENTATION)
    segments = tuple(name for name in request.segments if name != SEGMENTATION)
    return tuple(dict.fromkeys([*segments, *other_types])) or (DEFAULT_SEGMENT,)


def build_type_error(name: str) -> str:
    return f"Invalid type: {name[:60]}."


def check_length(request: StatsRequest, types: list[StatsType]) -> None:
    """Reject a request that covers too many days. Raises ClickyError."""
    days = request.dates.day_count
    if days == 1:
        return
    for applies, maximum, what in (
        *((True, row.max_days, row.name) for row in types if row.max_days < MAX_DAYS),
        (request.is_segmentation, MAX_LIST_DAYS, SEGMENTATION),
        (request.hourly, MAX_LIST_DAYS, "hourly"),
        (request.daily and any(row.max_daily_days < MAX_DAYS for row in types), MAX_DAILY_DAYS, "daily"),
        (True, MAX_DAYS, "any type"),
    ):
        if applies and days > maximum:
            raise ClickyError(f"The maximum date range for {what} is {maximum} days; you asked for {days}.")
