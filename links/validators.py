"""Validators of what services write. Errors are ValidationError {field: sentence}.

Each `clean_…_fields` takes the named fields of a group, domain or conversion and returns their values for storing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.core.exceptions import ValidationError

from accounts.models import Account
from links.models import MAX_WINDOW_DAYS, MIN_WINDOW_DAYS, Conversion, Group, Script, Tag
from links.url_policy import clean_optional_url
from sites.amounts import parse_amount

OwnedRow = TypeVar("OwnedRow", Tag, Conversion, Script, Group)
DOES_NOT_EXIST = "does_not_exist"  # the code of the errors that `build_missing_error` builds


def build_missing_error(what: str, field: str) -> ValidationError:
    """Build the error for a row that does not exist or is outside the caller's scope; nobody can tell which."""
    return ValidationError({field: ValidationError(f"Specified {what} does not exist.", code=DOES_NOT_EXIST)})


def check_owned(account: Account, rows: Sequence[OwnedRow], field: str, what: str) -> Sequence[OwnedRow]:
    """Raise ValidationError unless all rows belong to the account and are not deleted; return them."""
    for row in rows:
        if row.account_id != account.pk or getattr(row, "deleted", None):
            raise build_missing_error(what, field)
    return rows


def clean_name(value: object, field: str = "name", max_length: int = 200) -> str:
    """Clean a name, which must not be empty."""
    text = str(value or "").replace("\x00", "").strip()[:max_length]
    if not text:
        raise ValidationError({field: "A name is needed."})
    return text


MAX_NUMBER = 2**63  # first value that the databases' columns cannot hold


def clean_integer(value: object, field: str, allowed: Iterable[int] | None = None) -> int:
    """Parse a non-negative integer that is one of `allowed` if that is given. Raises ValidationError {field: …}."""
    try:
        number: int = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise ValidationError({field: "This must be an integer."}) from None
    if allowed is not None and number not in allowed:
        raise ValidationError({field: f"{number} must be one of {', '.join(str(choice) for choice in allowed)}."})
    if number < 0:
        raise ValidationError({field: "This cannot be negative."})
    if number >= MAX_NUMBER:
        raise ValidationError({field: "This number is too large."})
    return number


def clean_amount(value: object, field: str) -> Decimal:
    """Parse an amount as people write it: `12.50`, `12,50`, `1,299.00`."""
    parsed = parse_amount(str(value or 0))
    if parsed is None:
        raise ValidationError({field: "This is an amount, such as 12.50."})
    amount = Decimal(str(parsed.value))
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 10:
        raise ValidationError({field: "This amount is too large."})
    return amount


def clean_cost(value: object, field: str) -> Decimal:
    """Parse an amount that is not negative."""
    amount = clean_amount(value, field)
    if amount < 0:
        raise ValidationError({field: "This cannot be negative."})
    return amount


MIN_YEAR, MAX_YEAR = 1971, 2098  # of times: with any time zone they stay within what the event store can hold


def check_year(value: datetime) -> None:
    """Raise ValidationError for a time outside the years that time zones and the event store support. Also a form
    validator."""
    if not MIN_YEAR <= value.year <= MAX_YEAR:
        raise ValidationError(f"A time lies between the years {MIN_YEAR} and {MAX_YEAR}.")


def clean_time(value: object, field: str) -> datetime | None:
    """Check a time, or None."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise ValidationError({field: "This is a date and time."})
    try:
        check_year(value)
    except ValidationError as error:
        raise ValidationError({field: error.messages}) from None
    return value


def clean_text(value: object, max_length: int = 10_000) -> str:
    """Remove NUL characters and blanks around a text and cut it."""
    return str(value or "").replace("\x00", "").strip()[:max_length]


def clean_group_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Clean the named fields of a group. Raises TypeError for a name that is not a field."""
    cleaned: dict[str, object] = {}
    for field, value in fields.items():
        if field == "name":
            cleaned[field] = clean_name(value)
        elif field == "notes":
            cleaned[field] = clean_text(value)
        elif field in ("favourite", "redirect_only", "is_public"):
            cleaned[field] = bool(value)
        else:
            raise TypeError(f"a group has no field {field}")
    return cleaned


def clean_domain_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Clean the named fields of a domain. Raises TypeError for a name that is not a field."""
    cleaned: dict[str, object] = {}
    for field, value in fields.items():
        if field not in ("custom_404", "custom_homepage"):
            raise TypeError(f"a domain has no field {field}")
        cleaned[field] = clean_optional_url(value, field)
    return cleaned


def clean_conversion_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Clean the named fields of a conversion. Raises TypeError for a name that is not a field."""
    cleaned: dict[str, object] = {}
    for field, value in fields.items():
        if field == "name":
            cleaned[field] = clean_name(value)
        elif field == "description":
            cleaned[field] = clean_text(value)
        elif field == "value":
            cleaned[field] = clean_amount(value, field)
        elif field == "currency":
            cleaned[field] = clean_text(value, 3).upper()
        elif field == "protocol":
            cleaned[field] = 1 if value else 0
        elif field == "window_days":
            if not isinstance(value, int) or not MIN_WINDOW_DAYS <= value <= MAX_WINDOW_DAYS:
                raise ValidationError({field: f"A click counts for {MIN_WINDOW_DAYS} to {MAX_WINDOW_DAYS} days."})
            cleaned[field] = value
        else:
            raise TypeError(f"a conversion has no field {field}")
    return cleaned
