"""Clicky's terms for countries, languages, browsers, kinds of traffic and actions, and its formats of numbers."""

from __future__ import annotations

from typing import NamedTuple

from reports.query.metrics import Number
from reports.query.vocabulary import find_canonical_value, find_country, format_country
from sites.amounts import round_half_up

UNKNOWN = "Unknown"
TITLES = {"Chrome": "Google Chrome"}  # of browsers and systems; the others have the same name here and there
NAMES = {title: name for name, title in TITLES.items()}
CLICK_KINDS = ("event", "click", "form")
# Clicky's type of action -> our kinds of events; both words mean a click, and lists say the first
ACTION_KINDS: dict[str, tuple[str, ...]] = {
    "pageview": ("view",), "download": ("download",), "outbound": ("outbound",), "click": CLICK_KINDS,
    "event": CLICK_KINDS, "video": ("video",),
}  # fmt: skip
ACTION_TYPES = {kind: type for type, kinds in reversed(ACTION_KINDS.items()) for kind in kinds}


class TrafficKind(NamedTuple):
    """One of Clicky's kinds of traffic: `type` is its name in `referrer_type`, `channels` are ours."""

    title: str
    type: str
    channels: tuple[str, ...]
    aliases: tuple[str, ...] = ()  # other words that clients use in the filter `source`


LINKS = TrafficKind(
    "Links", "link", ("Referral", "AI Assistants", "Audio", "SMS", "Mobile Push Notifications"), aliases=("link",)
)  # fmt: skip
SEARCHES = TrafficKind("Searches", "search", ("Organic Search", "Organic Shopping"), aliases=("search",))
MEDIA_SEARCHES = TrafficKind("Media searches", "media", ("Organic Video",), aliases=("media",))
TRAFFIC_KINDS = (
    TrafficKind("Direct", "direct", ("Direct", "")), LINKS, SEARCHES, MEDIA_SEARCHES,
    TrafficKind("Advertising", "advertising", (
        "Cross-network", "Paid Shopping", "Paid Search", "Paid Social", "Paid Video", "Display", "Paid Other",
        "Affiliates",
    ), aliases=("ads",)),
    TrafficKind("Email", "email", ("Email",)), TrafficKind("Syndication", "syndication", ()),  # no channel of ours
    TrafficKind("Social media", "social", ("Organic Social",), aliases=("social",)),
)  # fmt: skip
KINDS_BY_CHANNEL = {channel: kind for kind in TRAFFIC_KINDS for channel in kind.channels}
SEARCH_CHANNELS = SEARCHES.channels + MEDIA_SEARCHES.channels


def find_traffic_kind(channel: str) -> TrafficKind:
    """Return Clicky's kind of traffic of one of our channels."""
    return KINDS_BY_CHANNEL.get(channel, LINKS)


def list_channels(title: str) -> tuple[str, ...]:
    """Return our channels of one of Clicky's kinds of traffic; () for an unknown word."""
    word = title.strip().lower().replace("-", " ")
    return next((kind.channels for kind in TRAFFIC_KINDS if word in (kind.title.lower(), *kind.aliases)), ())


def get_country_title(code: str) -> str:
    return format_country(code) or UNKNOWN


def is_unknown(text: str) -> bool:
    """Return whether this is the title of items without a value."""
    return text.strip().lower() == UNKNOWN.lower()


def parse_country(text: str) -> str:
    """Return the code of a country given by code or English name; "" for Unknown and xx.

    Raises QueryRefused for any other text.
    """
    text = text.strip()
    return "" if is_unknown(text) or text.lower() in ("xx", "") else find_canonical_value("country", text, "country")


def parse_language(text: str) -> str:
    """Return the tag of a language given by tag or English name; "" for Unknown.

    Raises QueryRefused for any other text.
    """
    return "" if is_unknown(text) else find_canonical_value("language", text.strip(), "language")


def parse_place(text: str) -> tuple[str, str, str]:
    """Return city, region and country code of `Tallinn, Estonia` or `Austin, Texas, USA`; "" for a missing part.

    Text that does not end with a country is entirely a city's name.
    """
    name, comma, country = text.rpartition(",")
    code = find_country(country) if comma else None
    if code is None:
        return text.strip(), "", ""
    city, _, region = name.partition(",")
    return city.strip(), region.strip(), code


def format_place(name: str, code: str) -> str:
    """Return such as `Tallinn, Estonia`, or the country alone."""
    return f"{name}, {get_country_title(code)}" if name else get_country_title(code)


def format_product(name: str, version: str) -> str:
    """Return the title of a browser or system: `Google Chrome 120`, `Windows 11`."""
    return f"{TITLES.get(name, name) or UNKNOWN} {version}".strip()


def find_product(title: str) -> str:
    """Return our name of the browser or system that is called so here."""
    return NAMES.get(title.strip(), title.strip())


def format_seconds(seconds: Number) -> str:
    """Format a duration such as `3m 10s` or `6d 19h 5m`; seconds are left out from an hour on."""
    minutes, remaining = divmod(int(seconds), 60)
    hours, days = minutes // 60 % 24, minutes // 1_440
    parts = [(days, "d"), (hours, "h"), (minutes % 60, "m"), (0 if minutes >= 60 else remaining, "s")]
    return " ".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0s"


def format_integer(value: Number | None) -> str:
    """Format a number without decimals, rounded half up; None is 0."""
    return str(round_half_up(value))


def format_tenth(value: Number | None) -> str:
    """Format a number with one decimal, rounded half up; None is 0."""
    return str(round_half_up(value, 1))
