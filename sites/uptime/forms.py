"""Form of a monitor."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.security.masking import DOTS
from sites.outbound import OutboundError, check_reachable, extract_origin
from sites.uptime.headers import fill_stored_values, mask_headers, parse_header_lines
from sites.uptime.models import Monitor, MonitorURLValidator
from sites.uptime.services import EDITABLE

INTERVALS = [(30, "30 seconds"), (60, "Minute"), (300, "5 minutes"), (900, "15 minutes"), (3600, "Hour")]


class MonitorURLFormField(forms.URLField):
    default_validators = [MonitorURLValidator()]


class MonitorForm(forms.ModelForm):
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

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.stored_url, self.stored_headers = self.instance.url, self.instance.headers
        self.initial["headers"] = mask_headers(self.stored_headers)

    def clean(self) -> dict[str, Any]:
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
