"""The form of a monitor, with its headers as lines of text. Their values are often secrets, so dots are displayed.

A line that still has the dots keeps the stored value, as long as the origin of the monitor's URL (scheme, host, port)
stays the same: otherwise anybody who may edit the monitor could have the values sent to a server of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.security.encrypted_fields import DOTS, Unreadable
from sites.outbound import OutboundError, check_reachable, extract_origin
from sites.uptime.models import Monitor, MonitorURLValidator
from sites.uptime.services import EDITABLE

INTERVALS = [(30, "30 seconds"), (60, "Minute"), (300, "5 minutes"), (900, "15 minutes"), (3600, "Hour")]


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


class MonitorURLFormField(forms.URLField):
    default_validators = [MonitorURLValidator()]


class MonitorForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which address is checked how often, and what a good response is. Headers are entered one per line."""

    url = MonitorURLFormField(
        label="Address", assume_scheme="https", help_text="The address to check, such as https://example.com/"
    )
    interval = forms.TypedChoiceField(label="Every", choices=INTERVALS, coerce=int, initial=60)
    headers = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        required=False,
        help_text=f"One per line: Name: value. Values are not shown again; leave {DOTS} to keep the stored one.",
    )

    class Meta:
        model = Monitor
        fields = EDITABLE
        labels = {
            "must_contain": "The page must contain",
            "must_not_contain": "The page must not contain",
            "expected_status": "Good statuses",
            "timeout": "Seconds to wait",
            "public": "Show on the public status page",
        }
        help_texts = {
            "must_contain": "Looked for in the first megabyte of the page, in the page's own character set.",
            "must_not_contain": "Looked for in the same way.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_url, self.stored_headers = self.instance.url, self.instance.headers
        self.initial["headers"] = mask_headers(self.stored_headers)

    def clean(self) -> dict[str, object]:
        """Reject an address that must not be reached, unless the monitor is paused."""
        data = super().clean() or {}
        if data.get("enabled") and data.get("url"):
            try:
                check_reachable(data["url"])
            except OutboundError as error:
                self.add_error("url", str(error))
        return data

    def clean_headers(self) -> dict[str, str]:
        """Parse lines `Name: value`; values that were left as dots are the stored ones."""
        headers = parse_header_lines(self.cleaned_data["headers"])
        same_origin = extract_origin(self.cleaned_data.get("url", self.stored_url)) == extract_origin(self.stored_url)
        return fill_stored_values(headers, self.stored_headers, same_origin)

    def clean_interval(self) -> int:
        return int(self.cleaned_data["interval"])
