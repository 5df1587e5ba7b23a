"""The columns of an event: one row each, from which the spool and the checks are derived. The table is created by the
migrations of the event store; a test compares them.

Ids are integers below 2**53, because Clickport sends them as JSON numbers. `device` never changes; a `person` may be
added later. Texts from visitors are LowCardinality where their number is bounded in practice, which makes reports fast
(paths included: measured 139 against 205 ms per 10 million events).
"""

from __future__ import annotations

from typing import NamedTuple

from tracking.event import UTM_NAMES


class EventColumn(NamedTuple):
    name: str
    type: str  # ClickHouse's
    meaning: str
    codec: str = ""


TEXT = "String"
WORD = "LowCardinality(String)"

EVENT_COLUMNS: tuple[EventColumn, ...] = (
    EventColumn("site_id", "UInt64", "the site"),
    EventColumn("ts", "DateTime64(3, 'UTC')", "when it happened", "Delta, ZSTD(1)"),
    EventColumn("id", "UInt64", "the event's own number, below 2**53"),
    EventColumn("kind", WORD, "one of tracking.event.KINDS"),
    EventColumn("device", "UInt64", "cookie or daily salted hash; immutable"),
    EventColumn("visit", "UInt64", "the visit's number"),
    EventColumn("visit_start", "DateTime64(3, 'UTC')", "when the visit began", "Delta, ZSTD(1)"),
    EventColumn("view_id", "UInt64", "the page view this belongs to; 0 = none"),
    EventColumn("person", TEXT, "username, where the site sent one"),
    EventColumn("host", WORD, "host name of the page"),
    EventColumn("path", WORD, "path of the page with the meaningful part of its query"),
    EventColumn("title", WORD, "title of the page"),
    EventColumn("name", WORD, "event, goal or form name; video action"),
    EventColumn("target", WORD, "URL of an outbound link, download or video; selector of a click"),
    EventColumn("text", TEXT, "text of what was clicked"),
    EventColumn("referrer", TEXT, "referring URL without click ids"),
    EventColumn("referrer_domain", WORD, "its host without www."),
    EventColumn("source", WORD, "Google, Newsletter …; empty = direct"),
    EventColumn("channel", WORD, "one of the channels of data/channels"),
    EventColumn("search_term", WORD, "search term, where the search engine still sends it"),
    EventColumn("utm_source", WORD, ""),
    EventColumn("utm_medium", WORD, ""),
    EventColumn("utm_campaign", WORD, ""),
    EventColumn("utm_content", WORD, ""),
    EventColumn("utm_term", WORD, ""),
    EventColumn("country", WORD, "ISO 3166 alpha-2, upper case; empty = unknown"),
    EventColumn("region", WORD, ""),
    EventColumn("city", WORD, ""),
    EventColumn("latitude", "Float32", ""),
    EventColumn("longitude", "Float32", ""),
    EventColumn("language", WORD, "BCP 47 as sent, e.g. en-US"),
    EventColumn("ip", TEXT, "complete, shortened or empty, as the site chose"),
    EventColumn("asn", "UInt32", "number of the network"),
    EventColumn("organization", WORD, "name of the network"),
    EventColumn("device_type", WORD, "Desktop, Mobile, Tablet, TV, Console, Other"),
    EventColumn("device_model", WORD, ""),
    EventColumn("browser", WORD, ""),
    EventColumn("browser_version", WORD, ""),
    EventColumn("os", WORD, ""),
    EventColumn("os_version", WORD, ""),
    EventColumn("screen", WORD, "1920x1080"),
    EventColumn("user_agent", TEXT, "", "ZSTD(3)"),
    EventColumn("engaged", "UInt32", "milliseconds of attention since the last beacon of this view"),
    EventColumn("scroll", "UInt8", "scroll depth of this view, percent"),
    EventColumn("revenue", "Decimal(18, 4)", "of a goal, event or conversion; negative for a refund"),
    EventColumn("currency", WORD, "ISO 4217"),
    EventColumn("props", "Map(LowCardinality(String), String)", "the event's own data"),
    EventColumn("tags", "Map(LowCardinality(String), String)", "the visit's custom data"),
    EventColumn("split_test", WORD, ""),
    EventColumn("split_arm", WORD, ""),
    EventColumn("is_new", "UInt8", "the device was never seen before this visit"),
    EventColumn("account_id", "UInt64", "links: the account that owns the link"),
    EventColumn("link_id", "UInt64", "links: which link or pixel; on a visit: the link that started it"),
    EventColumn("group_id", "UInt64", "links: its group"),
    EventColumn("click_id", "UInt64", "links: this click; on a visit or conversion: the click that led to it"),
    EventColumn("conversion_id", "UInt64", "links: which conversion"),
    EventColumn("destination", WORD, "links: where this click was redirected to"),
    EventColumn("is_unique", "UInt8", "links: first of its IP on this link in 30 minutes"),
    EventColumn("commission", "Decimal(18, 4)", "links: of a conversion"),
    EventColumn("cost", "Decimal(18, 4)", "links: of a click"),
)

COLUMN_NAMES = frozenset(column.name for column in EVENT_COLUMNS)
# The columns of a visit's source and of the link that led to it: all its events have those of the first one
ORIGIN_COLUMNS = ("referrer", "referrer_domain", "source", "channel", "search_term", *UTM_NAMES)
LINK_COLUMNS = ("link_id", "group_id", "click_id")
