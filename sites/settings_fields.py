"""What each setting of a site may be: the one place, for forms, the REST API, commands and services alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address

from accounts.host_names import host_name
from accounts.security.encrypted_fields import Unreadable
from sites.facts import network
from sites.hosts import host_pattern
from sites.models import Addresses, Cookies

MOST_ENTRIES = 500
# A label as browsers take it: local networks also have underscores
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
LONGEST_HOST = 253
SECRET = re.compile(r"[A-Za-z0-9_-]{0,40}")


def domain(value: Any) -> str:
    """A host name, with or without scheme, port and path around it; also an IP address.

    Names of one's own machine and network are fine: `localhost`, `intranet`, `a_b.example.com`.
    """
    name = host_name(str(value))
    if not _is_host(name) and not _is_address(name):
        raise ValidationError("Enter a host name such as example.org or localhost.")
    return name


@cache
def zone_names() -> frozenset[str]:
    """All IANA names; looking for them walks a directory tree, 60 ms."""
    return frozenset(available_timezones())


def zone(value: Any) -> str:
    """A name of the IANA time zone database."""
    if value not in zone_names():
        raise ValidationError(f"{value!r} is not a time zone such as Europe/Tallinn.")
    return str(value)


def text(most: int) -> Callable[[Any], str]:
    """A line of at most `most` characters."""

    def check(value: Any) -> str:
        line = " ".join(str(value or "").split())
        if len(line) > most:
            raise ValidationError(f"Use at most {most} characters.")
        return line

    return check


def truth(value: Any) -> bool:
    """True or false; nothing else is guessed at."""
    if not isinstance(value, bool):
        raise ValidationError("Must be true or false.")
    return value


def one_of(choices: list[str]) -> Callable[[Any], str]:
    """One word of a list."""

    def check(value: Any) -> str:
        if value not in choices:
            raise ValidationError(f"Must be one of: {', '.join(choices)}.")
        return str(value)

    return check


def number(least: int, most: int) -> Callable[[Any], int]:
    """A whole number within bounds."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValidationError(f"Must be a whole number from {least} to {most}.")
        return value

    return check


def list_of(item: Callable[[str], str]) -> Callable[[Any], list[str]]:
    """A list whose entries each pass `item`; blank ones and repetitions fall out."""

    def check(value: Any) -> list[str]:
        if not isinstance(value, (list, tuple)) or len(value) > MOST_ENTRIES:
            raise ValidationError(f"Must be a list of at most {MOST_ENTRIES} entries.")
        return list(dict.fromkeys(item(str(entry).strip()) for entry in value if str(entry).strip()))

    return check


def address(value: str) -> str:
    """An IP address or a CIDR network."""
    found = network(value)
    if found is None:
        raise ValidationError(f"{value!r} is neither an address nor a network such as 192.0.2.0/24.")
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def host(value: str) -> str:
    """`example.org`, or `*example.org` for it and its subdomains."""
    name = host_pattern(value)
    domain(name.lstrip("*"))
    return name


def page(value: str) -> str:
    """A path with `*` as a wildcard; a whole URL is cut to its path."""
    path = "/" + value.split("//", 1)[1].partition("/")[2] if "//" in value else value
    if not path.startswith(("/", "*")) or len(path) > 500:
        raise ValidationError(f"{value!r} must begin with / or *.")
    return path


def country(value: str) -> str:
    """Two letters of ISO 3166, or A1 for data-centre networks."""
    code = value.upper()
    if not re.fullmatch(r"[A-Z]{2}|A1", code):
        raise ValidationError(f"{value!r} is not a country code such as EE, nor A1.")
    return code


def secret(value: Any) -> str:
    """The word in a proxied path; empty switches it off."""
    if isinstance(value, Unreadable):
        return value  # type: ignore[return-value]
    word = str(value or "")
    if not SECRET.fullmatch(word) or 0 < len(word) < 12:
        raise ValidationError("Use 12 to 40 letters, digits, - and _.")
    return word


UNTYPED_CLICK, UNTYPED_VIEW = "click", "pageview"  # what `clicky.log` without a type is
TRACKER_CHECKS: dict[str, Callable[[Any], Any]] = {
    "data_centres": one_of(["count", "refuse"]),
    "hash_routes": truth,
    "internal_search": truth,
    "navigation_api": truth,
    "replace_state": truth,
    "timeout": number(5, 240),
    "untyped_log": one_of([UNTYPED_CLICK, UNTYPED_VIEW]),
}
TRACKER_SETTINGS = (
    "data_centres", "forms", "hash_routes", "heatmap", "heatmap_off", "internal_search", "media", "navigation_api",
    "outbound", "pings", "replace_state", "timeout", "untyped_log",
)  # fmt: skip


def tracker(value: Any) -> dict[str, Any]:
    """Settings of the tracker and the pipeline for this site, by the names in TRACKER_SETTINGS."""
    if not isinstance(value, dict) or len(repr(value)) > 8000:
        raise ValidationError("Must be a small object of settings.")
    if unknown := sorted(set(value) - set(TRACKER_SETTINGS)):
        raise ValidationError(f"There is no setting {unknown[0]!r}; use {', '.join(TRACKER_SETTINGS)}.")
    for name in value.keys() & TRACKER_CHECKS.keys():
        try:
            TRACKER_CHECKS[name](value[name])
        except ValidationError as error:
            raise ValidationError(f"{name}: {error.messages[0]}") from error
    return value


def _is_host(name: str) -> bool:
    """Whether a normalized name can stand in a page's address; one that ends in a number would be an IP address."""
    labels = name.split(".")
    return len(name) <= LONGEST_HOST and all(map(LABEL.fullmatch, labels)) and not labels[-1].isdigit()


def _is_address(name: str) -> bool:
    try:
        validate_ipv46_address(name)
    except ValidationError:
        return False
    return True


FIELDS: dict[str, Callable[[Any], Any]] = {
    "domain": domain,
    "nickname": text(120),
    "timezone": zone,
    "allowed_hosts": list_of(host),
    "any_host": truth,
    "addresses": one_of(list(Addresses.values)),
    "cookies": one_of(list(Cookies.values)),
    "respect_dnt": truth,
    "retention_months": number(0, 1200),
    "excluded_ips": list_of(address),
    "excluded_pages": list_of(page),
    "excluded_countries": list_of(country),
    "proxy_addresses": list_of(address),
    "proxy_secret": secret,
    "tracker": tracker,
}


def cleaned_settings(values: dict[str, Any]) -> dict[str, Any]:
    """The values in their stored form. Raises ValidationError with all mistakes, by field."""
    cleaned: dict[str, Any] = {}
    mistakes: dict[str, list[str]] = {}
    for name, value in values.items():
        try:
            if name not in FIELDS:
                raise ValidationError("There is no such setting.")
            cleaned[name] = FIELDS[name](value)
        except ValidationError as error:
            mistakes[name] = error.messages
    if mistakes:
        raise ValidationError(mistakes)
    return cleaned
