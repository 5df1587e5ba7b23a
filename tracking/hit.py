"""Many doors, one hall: what every door understands is a `Hit`; what the pipeline makes of it is an `Event`.

After the door nobody knows which one a hit came through. An event is a plain dict whose keys are exactly the
columns of `EVENT_COLUMNS`; a column left out takes the database's default (empty string, zero, empty map).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Event = dict[str, Any]

# What an event can be. "view" is a page view; "ping" carries engaged time and scroll of a view; "set" only tags
# the visit with custom data. Actions are what Clicky counts as such.
KINDS = (
    "view", "event", "click", "outbound", "download", "form", "video", "goal", "set", "ping",
    "link", "pixel", "spider", "conversion", "refund",
)  # fmt: skip
ACTIONS = ("view", "event", "click", "outbound", "download", "form", "video")


@dataclass(slots=True)
class Hit:
    """What a door understood. Strings are as sent (already decoded text, any length, any garbage)."""

    site_id: int
    kind: str
    ip: str  # the visitor's, as far as the door may believe it
    user_agent: str
    now: datetime  # when the door saw it (UTC, aware)
    url: str = ""  # absolute, or a path
    title: str = ""
    referrer: str = ""
    language: str = ""
    screen: str = ""  # "1920x1080"
    touch_points: int = 0  # fingers the screen takes at once, as the tracker read it
    platform_version: str = ""  # exact version of the system (`hep`), where the page asks for it
    model: str = ""  # model of the device (`hem`)
    name: str = ""  # event name, goal name or id, form name, video action
    target: str = ""  # URL of an outbound link, a download or a video; selector or text of a click
    text: str = ""  # text of the clicked thing, page title of a target
    utm: dict[str, str] = field(default_factory=dict)  # explicit; wins over the URL's own
    props: dict[str, str] = field(default_factory=dict)  # belong to this event
    tags: dict[str, str] = field(default_factory=dict)  # belong to the visit and its person (username, email, …)
    revenue: float = 0.0
    currency: str = ""
    engaged: float = 0.0  # seconds of attention since the last beacon of this view
    scroll: int = 0  # deepest reach of this view, percent
    view_id: str = ""  # the view a ping or an action belongs to (hexadecimal, minted by tracker or door)
    cookie: str = ""  # `_jsuid`
    consent: bool = False
    do_not_track: bool = False  # DNT: 1 or Sec-GPC: 1
    session: str = ""  # a visit the client knows by number (server-side logging)
    event_id: str = ""  # the sender's own id, for idempotency
    at: datetime | None = None  # stated time (trusted keys only)
    timezone: str = ""
    split: tuple[str, str] | None = None  # (test, version)
    timeout: int = 0  # minutes of idleness that end the visit, as the page chose (5-240); 0 = the site's
    brief_id: bool = False  # event_id only guards against a beacon repeated within minutes
    keyed: bool = False  # came from a program with a key of the site: its network, headers and pace tell nothing
    trusted: bool = False  # came with an admin or trusted key: no host check, no bot filter on its own UA
    headers: dict[str, str] = field(default_factory=dict)  # lower-case; for bot checks
    http_version: str = "1.1"
    signs: str = ""  # automation signs the tracker reported, e.g. "webdriver"
    click_ids: frozenset[str] = frozenset()  # of advertisers, in the page's address (filled by the pipeline)
    source_word: str = ""  # `ref`, `source` or `via` of the page's address (filled by the pipeline)
    link: dict[str, Any] = field(default_factory=dict)  # columns of a click: link_id, group_id, account_id, …


@dataclass(slots=True, frozen=True)
class Refused:
    """A hit that is not stored. The reason is one of `REASONS`, counted per site and minute, told in a header."""

    reason: str


REASONS = {
    "unknown_site": "No site has this number.",
    "bad_request": "The request could not be understood.",
    "too_large": "The request is larger than 64 KB.",
    "bad_key": "The key is unknown, expired or may not track.",
    "wrong_host": "The page's host name is not one of the site's.",
    "excluded_ip": "The site excludes this address.",
    "excluded_page": "The site excludes this page.",
    "excluded_country": "The site excludes this country.",
    "do_not_track": "The visitor asked not to be tracked.",
    "opted_out": "This browser is set to be ignored.",
    "bot": "A bot; kept apart.",
    "spam": "Referrer spam.",
    "rate_limit": "Too many requests.",
    "over_quota": "The account's monthly quota is used up.",
    "unknown_link": "No link has this alias.",
    "paused": "The link is paused.",
    "no_conversion": "No conversion has this code.",
    "no_click": "No click on a link with this conversion led to it.",
    "unknown_visit": "Only a new visit with an IP address can start without a known session.",
    "no_user_agent": "The request has no User-Agent header.",
    "spool_full": "The event spool is full.",
    "no_heatmap": "The site records no clicks of this visitor or on this page.",
    "duplicate": "Sent before with the same id.",
}
