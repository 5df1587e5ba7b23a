"""What the fields of an account may be, for forms, API and commands alike."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

from accounts.host_names import host_name, is_public_host

ACCENT = re.compile(r"#[0-9a-fA-F]{6}")


def cleaned_name(value: Any) -> str:
    """A name of 1 to 120 characters."""
    name = " ".join(str(value or "").split())
    if not 0 < len(name) <= 120:
        raise ValidationError({"name": "Use 1 to 120 characters."})
    return name


def cleaned_zone(value: Any) -> str:
    """A name of the IANA time zone database."""
    if value not in available_timezones():
        raise ValidationError({"timezone": f"{value!r} is not a time zone such as Europe/Tallinn."})
    return str(value)


NORMALIZERS: dict[str, Callable[[str], str]] = {"host": host_name, "accent": str.lower}


def cleaned_brand(brand: dict[str, Any]) -> dict[str, str]:
    """host, name, logo and accent in their stored form; empty values fall out. ValidationError by field."""
    checks = {"host": _host, "name": _name, "logo": _logo, "accent": _accent}
    cleaned: dict[str, str] = {}
    mistakes: dict[str, str] = {}
    for key, value in brand.items():
        text = str(value or "").strip()
        mistake = checks[key](text) if key in checks else "There is no such setting."
        if mistake:
            mistakes[key] = mistake
        elif text:
            cleaned[key] = NORMALIZERS.get(key, str)(text)
    if mistakes:
        raise ValidationError(mistakes)
    return cleaned


def _host(text: str) -> str:
    return "" if not text or is_public_host(host_name(text)) else "Enter a host name such as stats.example.org."


def _name(text: str) -> str:
    return "" if len(text) <= 120 else "Use at most 120 characters."


def _logo(text: str) -> str:
    parts = urlsplit(text)
    good = not text or (parts.scheme == "https" and parts.hostname and len(text) <= 500 and text.isprintable())
    return "" if good else "Enter an https:// address of an image."


def _accent(text: str) -> str:
    return "" if not text or ACCENT.fullmatch(text) else "Enter a colour such as #0a7f5a."
