"""The form of what a site records for its heatmaps; `tracking.heat` obeys it."""

from __future__ import annotations

from typing import Any

from django import forms

from sites.forms import LinesField
from sites.models import Site

LONGEST, LONGEST_LIST = 500, 6_000  # characters


class HeatForm(forms.Form):
    """Share of devices in percent, and pages that record nothing."""

    share = forms.IntegerField(
        label="Visitors whose clicks are recorded, in percent", min_value=0, max_value=100,
        help_text="100 = everybody, 0 = nobody. A visitor is recorded whole or not at all.",
    )  # fmt: skip
    off = LinesField(label="Pages that record nothing", help_text="One path per line, * as a wildcard: /account/*")

    @classmethod
    def of(cls, site: Site, data: Any = None) -> HeatForm:
        """The form filled with what the site has chosen."""
        chosen = site.tracker.get("heatmap", True)
        share = min(1.0, max(0.0, float(chosen))) if isinstance(chosen, int | float) else 0.0
        pages = site.tracker.get("heatmap_off") or []
        return cls(data, initial={"share": round(share * 100), "off": pages if isinstance(pages, list) else []})

    def clean_off(self) -> list[str]:
        """Paths, each beginning with a slash or a star."""
        lines: list[str] = self.cleaned_data["off"]
        if any(len(line) > LONGEST for line in lines) or len(repr(lines)) > LONGEST_LIST:
            raise forms.ValidationError(f"Use lines of at most {LONGEST} characters, {LONGEST_LIST:,} together.")
        if wrong := [line for line in lines if line[0] not in "/*"]:
            raise forms.ValidationError(f"A path begins with /, or with * for anything: {wrong[0]!r} does not.")
        return lines

    def chosen(self) -> dict[str, Any]:
        """What `Site.tracker` shall say."""
        return {"heatmap": self.cleaned_data["share"] / 100, "heatmap_off": self.cleaned_data["off"]}
