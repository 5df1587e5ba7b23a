"""The columns of an event: one row each, from which the table, the spool and the checks are derived.

Ids are integers below 2**53, because Clickport sends them as JSON numbers. `device` never changes; a `person` may be
added later. Texts from visitors are LowCardinality where their number is bounded in practice, which makes reports fast
(paths included: measured 139 against 205 ms per 10 million events).
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    name: str
    type: str  # ClickHouse's
    meaning: str
    codec: str = ""


TEXT = "String"
WORD = "LowCardinality(String)"

EVENT_COLUMNS: tuple[Column, ...] = (
    Column("site_id", "UInt64", "the site"),
    Column("ts", "DateTime64(3, 'UTC')", "when it happened", "Delta, ZSTD(1)"),
    Column("id", "UInt64", "the event's own number, below 2**53"),
    Column("kind", WORD, "one of tracking.hit.KINDS"),
    Column("device", "UInt64", "cookie or daily salted hash; immutable"),
    Column("visit", "UInt64", "the visit's number"),
    Column("visit_start", "DateTime64(3, 'UTC')", "when the visit began", "Delta, ZSTD(1)"),
    Column("view_id", "UInt64", "the page view this belongs to; 0 = none"),
    Column("person", TEXT, "username, where the visitor is known"),
    Column("host", WORD, "host name of the page"),
    Column("path", WORD, "path and kept query of the page"),
    Column("title", WORD, "title of the page"),
    Column("name", WORD, "event, goal or form name; video action"),
    Column("target", WORD, "URL of an outbound link, download or video; selector of a click"),
    Column("text", TEXT, "text of what was clicked"),
    Column("referrer", TEXT, "referring URL without click ids"),
    Column("referrer_domain", WORD, "its host without www."),
    Column("source", WORD, "Google, Newsletter …; empty = direct"),
    Column("channel", WORD, "one of the channels of data/channels"),
    Column("search_term", WORD, "what was searched for, where the engine still tells"),
    Column("utm_source", WORD, ""),
    Column("utm_medium", WORD, ""),
    Column("utm_campaign", WORD, ""),
    Column("utm_content", WORD, ""),
    Column("utm_term", WORD, ""),
    Column("country", WORD, "ISO 3166 alpha-2, upper case; empty = unknown"),
    Column("region", WORD, ""),
    Column("city", WORD, ""),
    Column("latitude", "Float32", ""),
    Column("longitude", "Float32", ""),
    Column("language", WORD, "BCP 47 as sent, e.g. en-US"),
    Column("ip", TEXT, "as the site's privacy choice left it"),
    Column("asn", "UInt32", "number of the network"),
    Column("organization", WORD, "name of the network"),
    Column("device_type", WORD, "Desktop, Mobile, Tablet, TV, Console, Other"),
    Column("device_model", WORD, ""),
    Column("browser", WORD, ""),
    Column("browser_version", WORD, ""),
    Column("os", WORD, ""),
    Column("os_version", WORD, ""),
    Column("screen", WORD, "1920x1080"),
    Column("user_agent", TEXT, "", "ZSTD(3)"),
    Column("engaged", "UInt32", "milliseconds of attention since the last beacon of this view"),
    Column("scroll", "UInt8", "deepest reach of this view, percent"),
    Column("revenue", "Decimal(18, 4)", "of a goal, event or conversion; negative for a refund"),
    Column("currency", WORD, "ISO 4217"),
    Column("props", "Map(LowCardinality(String), String)", "the event's own data"),
    Column("tags", "Map(LowCardinality(String), String)", "the visit's custom data"),
    Column("split_test", WORD, ""),
    Column("split_arm", WORD, ""),
    Column("is_new", "UInt8", "the device was never seen before this visit"),
    Column("account_id", "UInt64", "links: whose (clicks outside tracked sites have site_id 0)"),
    Column("link_id", "UInt64", "links: which link or pixel; on a visit: the link that started it"),
    Column("group_id", "UInt64", "links: its group"),
    Column("click_id", "UInt64", "links: this click; on a visit or conversion: the click that led to it"),
    Column("conversion_id", "UInt64", "links: which conversion"),
    Column("destination", WORD, "links: where this click really went"),
    Column("is_unique", "UInt8", "links: first of its IP on this link in 30 minutes"),
    Column("commission", "Decimal(18, 4)", "links: of a conversion"),
    Column("cost", "Decimal(18, 4)", "links: of a click"),
)

COLUMN_NAMES = frozenset(column.name for column in EVENT_COLUMNS)
