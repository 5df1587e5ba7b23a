"""Clicky's terms for countries, languages, browsers, kinds of traffic and actions, and its formats of numbers."""

from __future__ import annotations

from reports.query.metrics import Number
from reports.query.vocabulary import find_canonical_value, find_country, format_country, format_language
from sites.amounts import round_half_up

UNKNOWN = "Unknown"
BROWSER_TITLES = {"Chrome": "Google Chrome"}  # the others have the same name here and there
ACTION_KINDS: dict[str, tuple[str, ...]] = {
    "pageview": ("view",),
    "download": ("download",),
    "outbound": ("outbound",),
    "click": ("event", "click", "form"),
    "event": ("event", "click", "form"),
    "video": ("video",),
}
ACTION_TYPES = {
    "view": "pageview", "download": "download", "outbound": "outbound", "event": "click", "click": "click",
    "form": "click", "video": "video",
}  # fmt: skip
CLICK_KINDS = ACTION_KINDS["click"]

# Clicky's kind of traffic -> our channels
CHANNELS_OF_TRAFFIC: dict[str, tuple[str, ...]] = {
    "Direct": ("Direct", ""),
    "Links": ("Referral", "AI Assistants", "Audio", "SMS", "Mobile Push Notifications"),
    "Searches": ("Organic Search", "Organic Shopping"),
    "Media searches": ("Organic Video",),
    "Advertising": (
        "Cross-network", "Paid Shopping", "Paid Search", "Paid Social", "Paid Video", "Display", "Paid Other",
        "Affiliates",
    ),
    "Email": ("Email",),
    "Syndication": ("Syndication",),
    "Social media": ("Organic Social",),
}  # fmt: skip
TRAFFIC_OF_CHANNEL = {channel: title for title, channels in CHANNELS_OF_TRAFFIC.items() for channel in channels}
SEARCH_CHANNELS = CHANNELS_OF_TRAFFIC["Searches"] + CHANNELS_OF_TRAFFIC["Media searches"]
REFERRER_TYPES = {"Direct": "direct", "Links": "link", "Searches": "search", "Media searches": "media",
                  "Advertising": "advertising", "Email": "email", "Syndication": "syndication",
                  "Social media": "social"}  # fmt: skip
TRAFFIC_ALIASES = {"ads": "advertising", "link": "links", "search": "searches", "social": "social media",
           "media": "media searches"}  # fmt: skip


def map_channel(channel: str) -> str:
    """Return Clicky's kind of traffic for one of our channels."""
    return TRAFFIC_OF_CHANNEL.get(channel, "Links")


def list_channels(title: str) -> tuple[str, ...]:
    """Return our channels of one of Clicky's kinds of traffic; () for an unknown word."""
    word = title.strip().lower().replace("-", " ")
    word = TRAFFIC_ALIASES.get(word, word)
    return next((channels for name, channels in CHANNELS_OF_TRAFFIC.items() if name.lower() == word), ())


def get_country_title(code: str) -> str:
    return format_country(code) if code else UNKNOWN


def is_unknown(text: str) -> bool:
    """Return whether this is the title of items without a value."""
    return text.strip().lower() == UNKNOWN.lower()


def parse_country(text: str) -> str:
    """Return the code of a country given by code or English name; "" for Unknown and xx.

    Raises QueryRefused for any other text.
    """
    text = text.strip()
    return "" if is_unknown(text) or text.lower() in ("xx", "") else find_canonical_value("country", text, "country")


def is_country(text: str) -> bool:
    """Return whether this is a country's code or English name."""
    return find_country(text) is not None


def parse_language(text: str) -> str:
    """Return the tag of a language given by tag or English name; "" for Unknown.

    Raises QueryRefused for any other text.
    """
    return "" if is_unknown(text) else find_canonical_value("language", text.strip(), "language")


def get_language_title(tag: str) -> str:
    return format_language(tag) if tag else UNKNOWN


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


def format_browser(name: str, version: str = "") -> str:
    """Return such as `Google Chrome 120`."""
    return f"{BROWSER_TITLES.get(name, name) or UNKNOWN} {version}".strip()


def parse_browser(title: str) -> tuple[str, str]:
    """Split `Google Chrome 120` into (`Chrome`, `120`)."""
    name, _, version = title.rpartition(" ") if title[-1:].isdigit() else (title, "", "")
    names = {browser_title: browser_name for browser_name, browser_title in BROWSER_TITLES.items()}
    name = name.strip()
    return names.get(name, name), version


def format_seconds(seconds: Number) -> str:
    """Format a duration such as `3m 10s` or `6d 19h 5m`; seconds are left out from an hour on."""
    remaining = int(seconds)
    if remaining < 60:
        return f"{remaining}s"
    units = [(86_400, "d"), (3_600, "h"), (60, "m")] + ([(1, "s")] if remaining < 3_600 else [])
    parts = []
    for size, unit in units:
        amount, remaining = divmod(remaining, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts)


def format_integer(value: Number | None) -> str:
    """Format a number without decimals, rounded half up; None is 0."""
    return str(round_half_up(value))


def format_tenth(value: Number | None) -> str:
    """Format a number with one decimal, rounded half up; None is 0."""
    return str(round_half_up(value, 1))
