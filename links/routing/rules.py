"""The rules of a link: what its mode needs besides the URL, in one JSON shape, cleaned when the link is written.

    {"random": [url], "sequential": [url], "spillover": [url], "weighted": [[url, weight]],
     "languages": [[code, url]], "nations": [[code, url]], "browser": {"mobile", "email", "spiders"},
     "first": url, "devices": [[device, url]], "schedule": [{"days": [1-7], "from": "09:00", "until": "17:00",
     "url"}], "zone": "Europe/Tallinn", "utm": {"utm_source": …}}

Languages are lower case (`de` or `de-at`), nations ISO 3166 upper case, weights integer percents that total 100.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from links.models import Mode
from links.url_policy import clean_optional_url, clean_url
from links.validators import clean_text
from tracking.event import UTM_NAMES

Rules = dict[str, Any]
MAX_ITEMS = 100
DEVICES = ("Desktop", "Mobile", "Tablet", "TV", "Console", "Other")
REQUIRED_RULES = {
    Mode.RANDOM: "random",
    Mode.SEQUENTIAL: "sequential",
    Mode.SPILLOVER: "spillover",
    Mode.WEIGHTED: "weighted",
    Mode.LANGUAGE: "languages",
    Mode.NATION: "nations",
    Mode.BROWSER: "browser",
    Mode.UNIQUE: "first",
}
WEEKDAYS = "1234567"
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z")


def clean_list(value: Any, field: str) -> list[Any]:
    """Return the value as a list of at most MAX_ITEMS. Raises ValidationError."""
    if not isinstance(value, list | tuple):
        raise ValidationError({field: "This must be a list of destinations."})
    if len(value) > MAX_ITEMS:
        raise ValidationError({field: f"These are {len(value)} destinations; there may be at most {MAX_ITEMS}."})
    return list(value)


def split_pair(row: Any) -> tuple[Any, Any]:
    """Return the two parts of a row, "" for a missing one."""
    first, second = [*row, "", ""][:2] if isinstance(row, list | tuple) else ("", "")
    return first, second


def clean_urls(value: Any, field: str) -> list[str]:
    """Clean a list of destinations."""
    return [clean_url(url, field) for url in clean_list(value, field)]


def clean_weighted(value: Any, field: str) -> list[list[Any]]:
    """Clean [URL, weight] pairs, whose weights must total 100."""
    destinations: list[list[Any]] = []
    for row in clean_list(value, field):
        try:
            url, weight = row
            weight = int(weight)
        except (TypeError, ValueError):
            raise ValidationError(
                {field: "Each destination must be a URL and its weight, a whole number of percent from 0 to 100."}
            ) from None
        if not 0 <= weight <= 100:
            raise ValidationError({field: "A weight must be a whole number of percent from 0 to 100."})
        destinations.append([clean_url(url, field), weight])
    total = sum(weight for _, weight in destinations)
    if destinations and total != 100:
        raise ValidationError({field: f"The weights must add up to 100; these add up to {total}."})
    return destinations


def build_code_cleaner(pattern: str, change: Callable[[str], str], what: str) -> Callable[[Any, str], list[list[str]]]:
    """Build a function that cleans [code, URL] pairs whose codes match `pattern` after `change`."""

    def check(value: Any, field: str) -> list[list[str]]:
        destinations = []
        for row in clean_list(value, field):
            code, url = split_pair(row)
            code = change(str(code or "").strip())
            if not re.fullmatch(pattern, code):
                raise ValidationError({field: f"“{code[:20]}” is not {what}."})
            destinations.append([code, clean_url(url, field)])
        return destinations

    return check


def clean_browser(value: Any, field: str) -> dict[str, str]:
    """Clean the destinations by kind of browser."""
    if not isinstance(value, dict):
        raise ValidationError({field: "This must be an object with the members mobile, email and spiders."})
    return {
        name: clean_optional_url(value.get(name), field) for name in ("mobile", "email", "spiders") if value.get(name)
    }


def clean_devices(value: Any, field: str) -> list[list[str]]:
    """Clean [device, URL] pairs."""
    destinations = []
    for row in clean_list(value, field):
        device, url = split_pair(row)
        if device not in DEVICES:
            raise ValidationError({field: f"“{str(device)[:20]}” is not a device; use one of {', '.join(DEVICES)}."})
        destinations.append([device, clean_url(url, field)])
    return destinations


def clean_schedule(value: Any, field: str) -> list[Rules]:
    """Clean the rows of a schedule; without days a row is for every day, without times for the entire day."""
    times = []
    for row in clean_list(value, field):
        if not isinstance(row, dict):
            raise ValidationError({field: "Each row must be an object with the members days, from, until and url."})
        begin, end = str(row.get("from") or "00:00"), str(row.get("until") or "23:59")
        named = row.get("days") or range(1, 8)
        days = sorted({int(day) for day in named if str(day) in WEEKDAYS}) if isinstance(named, list | range) else []
        if not CLOCK.match(begin) or not CLOCK.match(end) or not days:
            raise ValidationError(
                {field: "Write times such as 09:00, and days as numbers from 1 (Monday) to 7 (Sunday)."}
            )
        times.append({"days": days, "from": begin, "until": end, "url": clean_url(row.get("url"), field)})
    return times


def clean_utm(value: Any, field: str) -> dict[str, str]:
    """Clean the UTM parameters, dropping empty ones."""
    if not isinstance(value, dict):
        raise ValidationError({field: "This must be an object with members such as utm_source."})
    return {name: clean_text(value[name], 200) for name in UTM_NAMES if clean_text(value.get(name), 200)}


def clean_zone(value: Any, field: str) -> str:
    """Check that this is an IANA time zone."""
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, ValueError, OSError):
        raise ValidationError(
            {field: f"“{str(value)[:60]}” is not a time zone; use a name such as Europe/Tallinn."}
        ) from None


def normalize_country(code: str) -> str:
    """Normalize a country code to ISO 3166: UK and EL, which many people write, become GB and GR."""
    return {"UK": "GB", "EL": "GR"}.get(code.upper(), code.upper())


CLEANERS: dict[str, Callable[[Any, str], Any]] = {
    "random": clean_urls,
    "sequential": clean_urls,
    "spillover": clean_urls,
    "weighted": clean_weighted,
    "languages": build_code_cleaner(
        r"[a-z]{2,3}(-[a-z0-9]{2,8})?", lambda code: code.lower().replace("_", "-"), "a language code"
    ),
    "nations": build_code_cleaner(r"[A-Z]{2}", normalize_country, "a country code of two letters"),
    "browser": clean_browser,
    "first": clean_optional_url,
    "devices": clean_devices,
    "schedule": clean_schedule,
    "utm": clean_utm,
    "zone": clean_zone,
}


def clean_rules(rules: Rules, mode: int) -> Rules:
    """Clean the rules for storing. Raises ValidationError naming the member that is wrong or missing."""
    cleaned = {name: CLEANERS[name](rules[name], name) for name in CLEANERS if rules.get(name)}
    needed = REQUIRED_RULES.get(Mode(mode))
    if needed and not cleaned.get(needed):
        raise ValidationError({needed: f"The mode “{Mode(mode).label}” needs at least one destination here."})
    return {name: value for name, value in cleaned.items() if value}


def list_destinations(rules: Rules) -> Iterator[str]:
    """Yield every destination of the rules."""
    for name in ("random", "sequential", "spillover"):
        yield from rules.get(name, ())
    yield from (url for url, _ in rules.get("weighted", ()))
    for name in ("languages", "nations", "devices"):
        yield from (url for _, url in rules.get(name, ()))
    yield from rules.get("browser", {}).values()
    yield from (row["url"] for row in rules.get("schedule", ()))
    if rules.get("first"):
        yield rules["first"]
