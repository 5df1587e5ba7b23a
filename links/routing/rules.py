"""The rules of a link: what its mode needs besides the URL.

They are stored as JSON, which `clean_rules` checks when the link is written and `parse_rules` reads for the link cache:

    {"random": [url], "sequential": [url], "spillover": [url], "weighted": [[url, weight]],
     "languages": [[code, url]], "nations": [[code, url]], "browser": {"mobile", "email", "spiders"},
     "first": url, "devices": [[device, url]], "schedule": [{"days": [1-7], "from": "09:00", "until": "17:00",
     "url"}], "zone": "Europe/Tallinn", "utm": {"utm_source": …}}

Languages are lower case (`de` or `de-at`), nations ISO 3166 upper case, weights integer percents that total 100.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from links.models import Mode
from links.routing.modes import MODE_RULES, MainUrl, ModeRule, clean_list, split_pair
from links.url_policy import clean_url
from links.validators import clean_text
from tracking.event import UTM_NAMES

if TYPE_CHECKING:
    from links.routing.engine import ClickContext

Rules = dict[str, Any]
DEVICES = ("Desktop", "Mobile", "Tablet", "TV", "Console", "Other")
WEEKDAYS = "1234567"
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z")


def clean_devices(value: object, field: str) -> list[list[str]]:
    """Clean [device, URL] pairs."""
    destinations = []
    for row in clean_list(value, field):
        device, url = split_pair(row)
        if device not in DEVICES:
            raise ValidationError({field: f"“{str(device)[:20]}” is not a device; use one of {', '.join(DEVICES)}."})
        destinations.append([device, clean_url(url, field)])
    return destinations


def clean_schedule(value: object, field: str) -> list[Rules]:
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


def clean_utm(value: object, field: str) -> dict[str, str]:
    """Clean the UTM parameters, dropping empty ones."""
    if not isinstance(value, dict):
        raise ValidationError({field: "This must be an object with members such as utm_source."})
    return {name: clean_text(value[name], 200) for name in UTM_NAMES if clean_text(value.get(name), 200)}


def clean_zone(value: object, field: str) -> str:
    """Check that this is an IANA time zone."""
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, ValueError, OSError):
        raise ValidationError(
            {field: f"“{str(value)[:60]}” is not a time zone; use a name such as Europe/Tallinn."}
        ) from None


CLEANERS: dict[str, Callable[[object, str], object]] = {
    **{rule.member: rule.clean for rule in MODE_RULES.values() if not issubclass(rule, MainUrl)},
    "devices": clean_devices,
    "schedule": clean_schedule,
    "utm": clean_utm,
    "zone": clean_zone,
}


class ScheduledUrl(NamedTuple):
    """A destination within some days (1 = Monday) and hours of the link's time zone."""

    days: frozenset[int]
    begin: str
    end: str
    url: str

    def is_active(self, local: datetime) -> bool:
        """Return whether it applies at a local time; hours that end before they begin span midnight."""
        clock, today = local.strftime("%H:%M"), local.isoweekday()
        if self.begin <= self.end:
            return today in self.days and self.begin <= clock <= self.end
        yesterday = 7 if today == 1 else today - 1
        return (today in self.days and clock >= self.begin) or (yesterday in self.days and clock <= self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRules:
    """The rules of one link, as the redirector applies them."""

    mode: ModeRule
    schedule: tuple[ScheduledUrl, ...] = ()
    zone: str = "UTC"
    devices: tuple[tuple[str, str], ...] = ()
    utm: tuple[tuple[str, str], ...] = ()

    def choose_before_mode(self, context: ClickContext) -> str:
        """Return the destination by what precedes the mode; "" if nothing matches."""
        local = context.now.astimezone(ZoneInfo(self.zone)) if self.schedule else context.now
        for row in self.schedule:
            if row.is_active(local):
                return row.url
        return next((url for device, url in self.devices if device == context.device), "")


@lru_cache
def get_empty_rules(mode: int) -> LinkRules:
    """Return the rules of a link that stores none; most links share them."""
    return LinkRules(mode=MODE_RULES[Mode(mode)].parse(None))


def parse_rules(stored: Rules, mode: int) -> LinkRules:
    """Parse what a link stores."""
    if not stored:
        return get_empty_rules(mode)
    rule = MODE_RULES[Mode(mode)]
    return LinkRules(
        mode=rule.parse(stored.get(rule.member)),
        schedule=tuple(
            ScheduledUrl(frozenset(row["days"]), row["from"], row["until"], row["url"])
            for row in stored.get("schedule", ())
        ),
        zone=stored.get("zone", "UTC"),
        devices=tuple((device, url) for device, url in stored.get("devices", ())),
        utm=tuple(stored.get("utm", {}).items()),
    )


def clean_rules(rules: Rules, mode: int) -> Rules:
    """Clean the rules for storing. Raises ValidationError naming the member that is wrong or missing."""
    cleaned = {name: CLEANERS[name](rules[name], name) for name in CLEANERS if rules.get(name)}
    needed = MODE_RULES[Mode(mode)].member
    if needed and not cleaned.get(needed):
        raise ValidationError({needed: f"The mode “{Mode(mode).label}” needs at least one destination here."})
    return {name: value for name, value in cleaned.items() if value}


def list_destinations(stored: Rules) -> Iterator[str]:
    """Yield every destination that is stored, also those of other modes than the link's."""
    for rule in MODE_RULES.values():
        yield from rule.parse(stored.get(rule.member)).list_destinations()
    yield from (url for _, url in stored.get("devices", ()))
    yield from (row["url"] for row in stored.get("schedule", ()))
