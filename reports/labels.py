"""Labels of values: countries, languages, empty values, visitors without a name, and the tracked links that started
visits, which the app that stores them reads. And the locale of a reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from django.http import HttpRequest

from accounts.host_names import format_host
from accounts.models import Account
from accounts.permissions import Actor
from reports.query.dimensions import Dimension
from reports.query.vocabulary import ENGLISH, WEEKDAYS, format_country, format_language

MAX_HEADER_LENGTH = 100


@lru_cache(maxsize=256)
def parse_locale(tag: str) -> Locale:
    """Return the locale of a language tag such as `de-CH`; English for an unknown one."""
    try:
        return Locale.parse(tag.strip().replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return ENGLISH


def detect_locale(request: HttpRequest) -> Locale:
    """Return the locale for the reader's numbers and dates: the browser's first language."""
    header = str(request.headers.get("Accept-Language", "en"))[:MAX_HEADER_LENGTH]
    return parse_locale(header.split(",")[0].split(";")[0] or "en")


def label_value(dimension: Dimension, value: object) -> str:
    """Return the label of a dimension's value: a name for a code, a placeholder for an empty value."""
    text = str(value)
    if text == "":
        return dimension.empty
    if dimension.name == "host":
        return format_host(text)
    if dimension.format == "country":
        return format_country(text)
    if dimension.format == "language":
        return format_language(text)
    if dimension.name == "hour_of_day" and text.isdigit():
        return f"{int(text):02d}:00"
    if dimension.format == "weekday" and text.isdigit() and 1 <= int(text) <= 7:
        return WEEKDAYS[int(text) - 1]
    return text


def build_nickname(device: int) -> str:
    """Return the name for a visitor whom the site has not named; it is the same on every page."""
    return f"Visitor {int(device) % 0x10000:04x}"


class LinkLabel(NamedTuple):
    """The label of a tracked link, and its page."""

    name: str
    href: str


LinkReader = Callable[[Actor, Account, Iterable[int]], dict[int, LinkLabel]]
_readers: list[LinkReader] = []


def register_link_labels(reader: LinkReader) -> None:
    """Register `reader(user, account, ids)`, which returns those of the links that the user may see, by id."""
    if reader not in _readers:
        _readers.append(reader)


def find_links(user: Actor, account: Account, ids: Iterable[int]) -> dict[int, LinkLabel]:
    """Return the links that the user may see, by id. The id 0 is not a link."""
    link_ids = {link_id for link_id in ids if link_id}
    links: dict[int, LinkLabel] = {}
    for reader in _readers if link_ids else ():
        links |= reader(user, account, link_ids)
    return links
