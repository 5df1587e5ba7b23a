"""What Clicky calls things: countries, languages, browsers, kinds of traffic and of actions, and lengths of time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from reports.engine.vocabulary import canonical_value, country_name, find_country, language_name

UNKNOWN = "Unknown"
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


def country_title(code: str) -> str:
    return country_name(code) if code else UNKNOWN


def is_unknown(text: str) -> bool:
    """Whether this is what an item without a value is called."""
    return text.strip().lower() == UNKNOWN.lower()


def country_code(text: str) -> str:
    """The code of a country's code or English name; "" for Unknown and xx. Raises QueryRefused for any other text."""
    text = text.strip()
    return "" if is_unknown(text) or text.lower() in ("xx", "") else canonical_value("country", text, "country")


def is_country(text: str) -> bool:
    """Whether this is a country's code or English name."""
    return find_country(text) is not None


def language_code(text: str) -> str:
    """The tag of a language's tag or English name; "" for Unknown. Raises QueryRefused for any other text."""
    return "" if is_unknown(text) else canonical_value("language", text.strip(), "language")


def language_title(tag: str) -> str:
    return language_name(tag) if tag else UNKNOWN


def place_parts(text: str) -> tuple[str, str, str]:
    """City, region and country code of `Tallinn, Estonia` or `Austin, Texas, USA`; "" for what it does not say.

    Text that does not end with a country is a city's name as a whole.
    """
    name, comma, country = text.rpartition(",")
    code = find_country(country) if comma else None
    if code is None:
        return text.strip(), "", ""
    city, _, region = name.partition(",")
    return city.strip(), region.strip(), code


def place_title(name: str, code: str) -> str:
    """`Tallinn, Estonia`"""
    return f"{name}, {country_title(code)}" if name else country_title(code)


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
