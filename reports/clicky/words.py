"""What Clicky calls things: countries, languages, browsers, kinds of traffic and of actions, and lengths of time."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

from reports.pages.names import ENGLISH, language_name

UNKNOWN = "Unknown"
UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
COUNTRY_ALIASES = {"usa": "US", "united states of america": "US", "uk": "GB", "great britain": "GB"}
BROWSERS = {"Chrome": "Google Chrome"}  # its own name for the most used one; the others are called alike
ACTION_KINDS: dict[str, tuple[str, ...]] = {
    "pageview": ("view",),
    "download": ("download",),
    "outbound": ("outbound",),
    "click": ("event", "click", "form"),
    "event": ("event", "click", "form"),
    "video": ("video",),
}
ACTION_TYPE = {
    "view": "pageview", "download": "download", "outbound": "outbound", "event": "click", "click": "click",
    "form": "click", "video": "video",
}  # fmt: skip
CLICKS = ACTION_KINDS["click"]

# Our channels in the kinds of traffic that Clicky knows.
TRAFFIC: dict[str, tuple[str, ...]] = {
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
TRAFFIC_OF = {channel: title for title, channels in TRAFFIC.items() for channel in channels}
SEARCH_CHANNELS = TRAFFIC["Searches"] + TRAFFIC["Media searches"]
REFERRER_TYPES = {"Direct": "direct", "Links": "link", "Searches": "search", "Media searches": "media",
                  "Advertising": "advertising", "Email": "email", "Syndication": "syndication",
                  "Social media": "social"}  # fmt: skip
ALIASES = {"ads": "advertising", "link": "links", "search": "searches", "social": "social media",
           "media": "media searches"}  # fmt: skip


def traffic_of(channel: str) -> str:
    """Clicky's kind of traffic of one of our channels."""
    return TRAFFIC_OF.get(channel, "Links")


def channels_of(title: str) -> tuple[str, ...]:
    """Our channels of one of Clicky's kinds of traffic; () for a word that is none."""
    word = title.strip().lower().replace("-", " ")
    word = ALIASES.get(word, word)
    return next((channels for name, channels in TRAFFIC.items() if name.lower() == word), ())


def country_name(code: str) -> str:
    return str(ENGLISH.territories.get(code.upper(), code)) if code else UNKNOWN


@cache
def _codes() -> dict[str, str]:
    names = {str(name).lower(): code for code, name in ENGLISH.territories.items() if code.isdigit()}
    return names | {str(name).lower(): code for code, name in ENGLISH.territories.items() if len(code) == 2}


def is_unknown(text: str) -> bool:
    """Whether this is what an item without a value is called."""
    return text.strip().lower() == UNKNOWN.lower()


def country_code(text: str) -> str:
    """The code of a country's English name or code; "" for Unknown and xx."""
    text = text.strip()
    if is_unknown(text) or text.lower() == "xx":
        return ""
    return COUNTRY_ALIASES.get(text.lower()) or _codes().get(text.lower(), text.upper())


def is_country(text: str) -> bool:
    """Whether this is a country's English name."""
    return text.strip().lower() in _codes() or text.strip().lower() in COUNTRY_ALIASES


@cache
def _languages() -> dict[str, str]:
    return {str(name).lower(): code for code, name in ENGLISH.languages.items()}


def language_code(text: str) -> str:
    """The tag of a language's English name, "" for Unknown; anything else as it is."""
    if is_unknown(text):
        return ""
    name, _, territory = text.strip().partition(" (")
    code = _languages().get(name.lower())
    if code is None:
        return text.strip()
    return f"{code}-{country_code(territory.removesuffix(')'))}" if territory else code


def language_title(tag: str) -> str:
    return language_name(tag) if tag else UNKNOWN


def place_parts(text: str) -> tuple[str, str, str]:
    """City, region and country code of `Tallinn, Estonia` or `Austin, Texas, USA`; "" for what it does not say."""
    city, comma, country = text.rpartition(",")
    if not comma:
        return text.strip(), "", ""
    city, region_comma, region = city.rpartition(",")
    if not region_comma:
        return region.strip(), "", country_code(country)
    return city.strip(), region.strip(), country_code(country)


def place_title(name: str, code: str) -> str:
    """`Tallinn, Estonia`"""
    return f"{name}, {country_name(code)}" if name else country_name(code)


def browser_title(name: str, version: str = "") -> str:
    """`Google Chrome 120`"""
    return f"{BROWSERS.get(name, name) or UNKNOWN} {version}".strip()


def browser_parts(title: str) -> tuple[str, str]:
    """(`Chrome`, `120`) of `Google Chrome 120`."""
    name, _, version = title.rpartition(" ") if title[-1:].isdigit() else (title, "", "")
    back = {shown: ours for ours, shown in BROWSERS.items()}
    name = name.strip()
    return back.get(name, name), version


def pretty(seconds: float) -> str:
    """`3m 10s`, `6d 19h 5m`: the largest units, at most three; seconds only below an hour."""
    left = int(seconds)
    if left < 60:
        return f"{left}s"
    units = (
        ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")) if left < 3_600 else ((86_400, "d"), (3_600, "h"), (60, "m"))
    )
    parts = []
    for size, unit in units:
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts)


def whole(value: Any) -> str:
    """A number as text without decimals, half up."""
    return str(Decimal(str(value or 0)).quantize(Decimal(1), "ROUND_HALF_UP"))


def one_place(value: Any) -> str:
    """A number as text with one decimal, half up."""
    return str(Decimal(str(value or 0)).quantize(Decimal("0.1"), "ROUND_HALF_UP"))
