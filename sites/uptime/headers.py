"""The headers of a monitor as lines of text. Their values are often secrets, so they are displayed as DOTS.

A line that still has the dots keeps the stored value, as long as the origin of the monitor's URL (scheme, host, port)
stays the same: otherwise anybody who may edit the monitor could have the values sent to a server of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.core.exceptions import ValidationError

from accounts.security.encrypted_fields import Unreadable
from accounts.security.masking import DOTS


def mask_headers(headers: Mapping[str, str]) -> str:
    """Write headers as lines `Name: ••••••••`."""
    return "\n".join(f"{name}: {DOTS}" for name in headers)


def parse_header_lines(text: str) -> dict[str, str]:
    """Parse lines `Name: value`. Raises ValidationError for a line without a colon, by its number."""
    headers = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, value = line.partition(":")
        if line.strip() and (not colon or not name.strip()):
            raise ValidationError(f"Line {number} is not of the form Name: value.")
        if line.strip():
            headers[name.strip()] = value.strip()
    return headers


def fill_stored_values(headers: Mapping[str, str], stored: Mapping[str, str], same_origin: bool) -> dict[str, str]:
    """Replace DOTS by the stored values. Raises ValidationError naming the headers whose values must be entered."""
    if not headers and isinstance(stored, Unreadable) and same_origin:
        return stored  # type: ignore[return-value]  # kept as it is: the key may be added to SECRET_KEY_FALLBACKS later
    stored_values = {name.lower(): value for name, value in stored.items()} if same_origin else {}
    missing = [
        name
        for name, value in headers.items()
        if "•" in value and not (value == DOTS and name.lower() in stored_values)
    ]
    if missing and stored and not same_origin:
        raise ValidationError(
            f"The address is on another host now. Enter the values of these headers again: {', '.join(missing)}."
        )
    if missing:
        raise ValidationError(f"Enter the values of these headers: {', '.join(missing)}.")
    return {name: stored_values[name.lower()] if value == DOTS else value for name, value in headers.items()}
