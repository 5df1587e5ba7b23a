"""What the modes of a link need beside its address, in one JSON shape, checked when it is written.

    {"random": [url], "sequential": [url], "spillover": [url], "weighted": [[url, weight]],
     "languages": [[code, url]], "nations": [[code, url]], "browser": {"mobile", "email", "spiders"},
     "first": url, "devices": [[device, url]], "schedule": [{"days": [1-7], "from": "09:00", "until": "17:00",
     "url"}], "zone": "Europe/Tallinn", "utm": {"utm_source": …}}

Languages are lower case (`de` or `de-at`), nations ISO 3166 upper case, weights whole percents that make 100.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from links.cleaned import text_of
from links.destination import checked, optional
from links.models import Mode

Rules = dict[str, Any]
MOST_ITEMS = 100
DEVICES = ("Desktop", "Mobile", "Tablet", "TV", "Console", "Other")
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
NEEDS = {
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


def rows(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValidationError({field: "This is a list."})
    if len(value) > MOST_ITEMS:
        raise ValidationError({field: f"At most {MOST_ITEMS} destinations."})
    return list(value)


def pair(row: Any) -> tuple[Any, Any]:
    """The two parts of a row; empty ones for what has none."""
    first, second = [*row, "", ""][:2] if isinstance(row, list | tuple) else ("", "")
    return first, second


def urls(value: Any, field: str) -> list[str]:
    return [checked(url, field) for url in rows(value, field)]


def weighted(value: Any, field: str) -> list[list[Any]]:
    found: list[list[Any]] = []
    for row in rows(value, field):
        try:
            url, weight = row
            weight = int(weight)
        except (TypeError, ValueError):
            raise ValidationError({field: "Each destination has a weight, a whole number of percent."}) from None
        if not 0 <= weight <= 100:
            raise ValidationError({field: "A weight is a number of percent from 0 to 100."})
        found.append([checked(url, field), weight])
    if found and sum(weight for _, weight in found) != 100:
        raise ValidationError({field: f"The weights must make 100; these make {sum(w for _, w in found)}."})
    return found


def coded(pattern: str, change: Callable[[str], str], what: str) -> Callable[[Any, str], list[list[str]]]:
    def check(value: Any, field: str) -> list[list[str]]:
        found = []
        for row in rows(value, field):
            code, url = pair(row)
            code = change(str(code or "").strip())
            if not re.fullmatch(pattern, code):
                raise ValidationError({field: f"“{code[:20]}” is not {what}."})
            found.append([code, checked(url, field)])
        return found

    return check


def browser(value: Any, field: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValidationError({field: "This has the members mobile, email and spiders."})
    return {name: optional(value.get(name), field) for name in ("mobile", "email", "spiders") if value.get(name)}


def devices(value: Any, field: str) -> list[list[str]]:
    found = []
    for row in rows(value, field):
        device, url = pair(row)
        if device not in DEVICES:
            raise ValidationError({field: f"A device is one of {', '.join(DEVICES)}."})
        found.append([device, checked(url, field)])
    return found


def schedule(value: Any, field: str) -> list[Rules]:
    found = []
    for row in rows(value, field):
        if not isinstance(row, dict):
            raise ValidationError({field: "Each time has days, from, until and url."})
        begin, end = str(row.get("from") or "00:00"), str(row.get("until") or "23:59")
        named = row.get("days") or range(1, 8)
        days = sorted({int(day) for day in named if str(day) in WEEKDAYS}) if isinstance(named, list | range) else []
        if not CLOCK.match(begin) or not CLOCK.match(end) or not days:
            raise ValidationError({field: "Times are written 09:00, days 1 (Monday) to 7."})
        found.append({"days": days, "from": begin, "until": end, "url": checked(row.get("url"), field)})
    return found


def utm(value: Any, field: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValidationError({field: "This has members such as utm_source."})
    return {name: text_of(value[name], 200) for name in UTM if text_of(value.get(name), 200)}


def zone(value: Any, field: str) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, ValueError, OSError):
        raise ValidationError({field: f"There is no time zone “{str(value)[:60]}”."}) from None


def country(code: str) -> str:
    """An ISO 3166 code; the two codes that everybody writes for it although they are not in the norm."""
    return {"UK": "GB", "EL": "GR"}.get(code.upper(), code.upper())


CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "random": urls,
    "sequential": urls,
    "spillover": urls,
    "weighted": weighted,
    "languages": coded(r"[a-z]{2,3}(-[a-z0-9]{2,8})?", lambda code: code.lower().replace("_", "-"), "a language code"),
    "nations": coded(r"[A-Z]{2}", country, "a country code of two letters"),
    "browser": browser,
    "first": optional,
    "devices": devices,
    "schedule": schedule,
    "utm": utm,
    "zone": zone,
}


def checked_rules(rules: Rules, mode: int) -> Rules:
    """The rules as they are kept. Raises ValidationError naming the member that is wrong or missing."""
    found = {name: CHECKS[name](rules[name], name) for name in CHECKS if rules.get(name)}
    needed = NEEDS.get(Mode(mode))
    if needed and not found.get(needed):
        raise ValidationError({needed: f"The mode “{Mode(mode).label}” needs at least one destination here."})
    return {name: value for name, value in found.items() if value}


def addresses(rules: Rules) -> Iterator[str]:
    """Every destination the rules can send somebody to."""
    for name in ("random", "sequential", "spillover"):
        yield from rules.get(name, ())
    yield from (url for url, _ in rules.get("weighted", ()))
    for name in ("languages", "nations", "devices"):
        yield from (url for _, url in rules.get(name, ()))
    yield from rules.get("browser", {}).values()
    yield from (row["url"] for row in rules.get("schedule", ()))
    if rules.get("first"):
        yield rules["first"]
