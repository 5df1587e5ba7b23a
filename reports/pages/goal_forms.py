"""The form of a goal."""

from __future__ import annotations

from typing import Any

from django import forms

from goals.models import Goal, PatternKind
from sites.amounts import currency_decimals


class GoalForm(forms.ModelForm):
    """Every field of a goal; `goals.services` says what is wrong with them together."""

    class Meta:
        model = Goal
        fields = (
            "name", "kind", "pattern_kind", "pattern", "page", "text", "threshold", "conversion", "fixed_revenue",
            "currency", "active",
        )  # fmt: skip
        labels = {
            "kind": "It is reached when", "pattern_kind": "… and its address or name", "pattern": "Pattern",
            "page": "Only on pages", "text": "Only on text", "threshold": "From",
            "conversion": "Counts as a conversion",
            "fixed_revenue": "Worth each time", "currency": "Currency", "active": "In use",
        }  # fmt: skip
        help_texts = {
            "pattern": "A path such as /thanks or /order/*, an event's name, or a link; * stands for anything, except "
            "where it is to be matched exactly. Empty means any. A page's path includes its query: /thanks is not "
            "/thanks?order=1; with “matches”, /thanks* is both.",
            "threshold": "Percent for scrolling, seconds for the length of a visit.",
            "fixed_revenue": "Empty: what the event itself says.",
            "currency": "Three letters, such as EUR.",
            "page": "Empty means any. * stands for anything.",
        }

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for name in ("threshold", "pattern_kind"):
            self.fields[name].required = False
        if self.instance.pk is None:
            self.initial["pattern_kind"] = PatternKind.WILDCARD  # what the help beside it describes
        if (revenue := self.instance.fixed_revenue) is not None:  # without the zeros that only fill the column
            decimals = max(currency_decimals(self.instance.currency), -int(revenue.normalize().as_tuple().exponent))
            self.initial["fixed_revenue"] = f"{revenue:.{decimals}f}"

    def clean_threshold(self) -> int:
        return self.cleaned_data.get("threshold") or 0

    def clean_pattern_kind(self) -> str:
        return self.cleaned_data.get("pattern_kind") or PatternKind.WILDCARD

    def _post_clean(self) -> None:
        """The model's own checks run in the service, which is also what saves."""

    def draft(self, site: Any) -> Goal:
        """The goal as the form describes it, not saved."""
        return Goal(site=site, **{name: self.cleaned_data[name] for name in self.cleaned_data})
