"""The parameters of addresses: what they are, how they are described, and which words they may be."""

from __future__ import annotations

from typing import NamedTuple

DAY = "A day, yyyyMMdd, or a time, yyyyMMddHHmmss"


class Parameter(NamedTuple):
    """A parameter; with `words` it is one of them, of which `unlisted` are read for old clients only."""

    name: str
    meaning: str
    type: str = "string"
    words: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    default: str | int | None = None
    required: bool = False


TIME_FRAMES = (
    "today", "yesterday", "last7", "last30", "lastmonth", "currentmonth", "previousmonth", "last90", "last120",
    "last180", "last12months", "lastyear", "currentyear", "beginning", "custom",
)  # fmt: skip
DESCENDING = "desc"
TIME_FRAME = Parameter("timeFrame", "The time frame, in the account's time zone", words=TIME_FRAMES, required=True)
GROUP_BY = Parameter(
    "groupBy", "The period of one row", words=("day", "week", "month", "deleted", "active"),
    unlisted=("deleted", "active"), default="day",
)  # fmt: skip
SORT_DIRECTION = Parameter("sortDirection", "Sort direction", words=("asc", DESCENDING))
STATUS = Parameter(
    "status", "Only rows of this status", words=("all", "deleted", "active", "paused", "spam", "abuse"),
    unlisted=("all", "abuse"),
)  # fmt: skip
DATAPOINT_TYPE = Parameter("type", "Only pixels (tp) or links (tl)", words=("tp", "tl"))
TAG_TYPE = Parameter("type", "Only tags of pixels, links, both or groups", words=("tp", "tl", "dp", "gr"))
DOMAIN_TYPE = Parameter(
    "type", "The type of the domains", words=("system", "go", "personal", "dedicated"), default="system"
)
GRANT_TYPE = Parameter("type", "Only rights to read or to write", words=("r", "w", "rw"), unlisted=("rw",))
GRANT_KIND = Parameter("entityType", "Only rights on this kind of rows", words=("datapoint", "group"))
HIT_FILTER = Parameter("filter", "Only these hits", words=("spiders", "uniques", "nonuniques", "conversions"))
HIT_TYPE = Parameter(
    "hittype", "Only hits of this kind", words=("clicks", "views", "conversions", "spiders", "uniques", "nonuniques")
)
INTEGER, BOOLEAN = "integer", "boolean"

# By the word that the table of actions has for them
PARAMETERS = {row.name: row for row in (
    Parameter("offset", "Number of rows to skip", INTEGER, default=0),
    Parameter("limit", "Maximum number of rows", INTEGER, default=20),
    Parameter("pageSize", "Maximum number of hits", INTEGER, default=50),
    Parameter("sortBy", "Field to sort by"),
    Parameter("textSearch", "Only rows that contain this text"),
    Parameter("name", "Only rows of this name, in which * is any text"),
    Parameter("tag", "Only rows with one of these tags: ids or names, separated by commas"),
    Parameter("tags", "Only rows with one of these tags: ids or names, separated by commas"),
    Parameter("datapoints", "Only tags of these links and pixels: ids, separated by commas"),
    Parameter("groups", "Only tags of these groups: ids, separated by commas"),
    Parameter("onlyFavorites", "Only favourites", BOOLEAN),
    Parameter("favourite", "Only favourites", BOOLEAN),
    Parameter("write", "Only groups that the caller may change", BOOLEAN),
    Parameter("createdAfter", f"Only rows created since then. {DAY}"),
    Parameter("createdBefore", f"Only rows created until then. {DAY}"),
    Parameter("fromDay", f"Where a custom time frame begins. {DAY}"),
    Parameter("toDay", f"Where a custom time frame ends. {DAY}"),
    Parameter("hourly", "Also by hour, if the time frame is one day", BOOLEAN),
    Parameter("entityId", "Only rights on this row", INTEGER),
    Parameter("groupId", "Only links of this group", INTEGER),
    Parameter("group", "Only hits of this group", INTEGER),
    Parameter("datapoint", "Only hits of this link or pixel", INTEGER),
    Parameter("conversion", "Only hits that led to this conversion", INTEGER),
    TIME_FRAME, GROUP_BY, SORT_DIRECTION, STATUS, DATAPOINT_TYPE, GRANT_KIND, HIT_FILTER, HIT_TYPE,
)} | {
    "lastKey": Parameter("offset", "The lastKey of the page before"),
    "timeframe": Parameter("timeframe", TIME_FRAME.meaning, words=TIME_FRAMES, required=True),
    "tagType": TAG_TYPE, "domainType": DOMAIN_TYPE, "grantType": GRANT_TYPE,
}  # fmt: skip
