"""Validation of an account's fields and of time zones, the same for forms, APIs and commands; and the check that the
database makes of a choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import CheckConstraint, Choices, Q

from accounts.host_names import is_public_host, normalize_host

MAX_LABELS, MAX_LABEL_LENGTH = 20, 40
MAX_ADDRESS_LENGTH = 254
NO_DOMAIN = frozenset("/?#:[]@")  # what `normalize_host` would cut off: an address with it stays invalid
ACCENT_PATTERN = re.compile(r"#[0-9a-fA-F]{6}")


def clean_name(value: object) -> str:
    """Normalize a name of 1 to 120 characters. Raises ValidationError."""
    name = " ".join(str(value or "").split())
    if not 0 < len(name) <= 120:
        raise ValidationError({"name": "Use 1 to 120 characters."})
    return name


def clean_labels(labels: object) -> list[str]:
    """Normalize labels, words by which people group things: single spaces, each once in any case, in their order.
    Raises ValidationError."""
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValidationError({"labels": "Must be a list of texts."})
    by_word: dict[str, str] = {}
    for label in labels:
        by_word.setdefault(" ".join(label.split()).lower(), " ".join(label.split()))
    words = [word for word in by_word.values() if word]
    if len(words) > MAX_LABELS or any(len(word) > MAX_LABEL_LENGTH for word in words):
        raise ValidationError({
            "labels": f"Use at most {MAX_LABELS} labels, each of at most {MAX_LABEL_LENGTH} characters."
        })  # fmt: skip
    return words


def normalize_address(text: str) -> str:
    """Normalize an e-mail address: in lower case, its domain in ASCII (IDNA 2008), so that each domain has one
    spelling. What is no address comes back as something that is none."""
    local, at, domain = text.strip().lower().rpartition("@")
    if not at or NO_DOMAIN & set(domain):
        return f"{local}{at}{domain}"
    return f"{local}@{normalize_host(domain)}"


def clean_address(text: str) -> str:
    """Normalize an e-mail address. Raises ValidationError for what is none."""
    address = normalize_address(text)
    validate_email(address)
    if len(address) > MAX_ADDRESS_LENGTH:
        raise ValidationError(f"An e-mail address has at most {MAX_ADDRESS_LENGTH} characters.")
    return address


def shorten_name(name: str) -> str:
    """Shorten a person's name to what is stored of it: one line of at most 120 characters."""
    return " ".join(name.split())[:120]


@cache
def list_zone_names() -> frozenset[str]:
    """Return the IANA names of all time zones, without the two that are not places; they are read from disk once."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def clean_timezone(value: object) -> str:
    """Validate the name of a time zone. Raises ValidationError."""
    if not isinstance(value, str) or value not in list_zone_names():
        raise ValidationError({"timezone": f"{value!r} is not a time zone such as Europe/Tallinn."})
    return value


NORMALIZERS: dict[str, Callable[[str], str]] = {
    "host": normalize_host, "tracking_host": normalize_host, "accent": str.lower, "sender": normalize_address,
}  # fmt: skip


def clean_brand(brand: Mapping[str, object]) -> dict[str, str]:
    """Normalize the values of a white label; empty ones are left out. Raises ValidationError by field."""
    checks = {
        "host": _find_host_error,
        "tracking_host": _find_host_error,
        "sender": _find_sender_error,
        "name": _find_name_error,
        "logo": _find_logo_error,
        "accent": _find_accent_error,
    }
    cleaned: dict[str, str] = {}
    errors: dict[str, str] = {}
    for key, value in brand.items():
        text = str(value or "").strip()
        error = checks[key](text) if key in checks else "Unknown setting."
        if error:
            errors[key] = error
        elif text:
            cleaned[key] = NORMALIZERS.get(key, str)(text)
    if errors:
        raise ValidationError(errors)
    return cleaned


def _find_host_error(text: str) -> str:
    return "" if not text or is_public_host(normalize_host(text)) else "Enter a host name such as stats.example.org."


def _find_sender_error(text: str) -> str:
    try:
        if text:
            clean_address(text)
    except ValidationError:
        return "Enter an e-mail address such as reports@example.org."
    return ""


def _find_name_error(text: str) -> str:
    return "" if len(text) <= 120 else "Use at most 120 characters."


def _find_logo_error(text: str) -> str:
    parts = urlsplit(text)
    good = not text or (parts.scheme == "https" and parts.hostname and len(text) <= 500 and text.isprintable())
    return "" if good else "Enter an https:// address of an image."


def _find_accent_error(text: str) -> str:
    return "" if not text or ACCENT_PATTERN.fullmatch(text) else "Enter a colour such as #0a7f5a."


def build_choice_check(field: str, choices: type[Choices], name: str) -> CheckConstraint:
    """Return the constraint that a field has one of its choices; the database does not know of `choices` otherwise."""
    return CheckConstraint(condition=Q(**{f"{field}__in": choices.values}), name=name)
