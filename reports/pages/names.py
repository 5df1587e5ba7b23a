"""What values are called on the screen: countries, languages, empty values, and locales of readers."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale, UnknownLocaleError
from django.http import HttpRequest

from accounts.host_names import readable_host
from reports.engine.registry import Dimension
from reports.engine.vocabulary import ENGLISH, WEEKDAYS, country_name, language_name


@lru_cache(maxsize=256)
def locale_named(tag: str) -> Locale:
    """The locale of a language tag such as `de-CH`; English where there is none."""
    try:
        return Locale.parse(tag.strip().replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return ENGLISH


def reader_locale(request: HttpRequest) -> Locale:
    """The locale in which the reader writes numbers and dates: the browser's first language."""
    header = str(request.headers.get("Accept-Language", "en"))[:100]
    return locale_named(header.split(",")[0].split(";")[0] or "en")


def value_name(row: Dimension, value: object) -> str:
    """How a value of a dimension is shown: its name where it is a code, its stand-in where it is empty."""
    text = str(value)
    if text == "":
        return row.empty
    if row.name == "host":
        return readable_host(text)
    if row.format == "country":
        return country_name(text)
    if row.format == "language":
        return language_name(text)
    if row.name == "hour_of_day" and text.isdigit():
        return f"{int(text):02d}:00"
    if row.format == "weekday" and text.isdigit() and 1 <= int(text) <= 7:
        return WEEKDAYS[int(text) - 1]
    return text
