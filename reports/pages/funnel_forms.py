"""The form of a funnel: eight rows, each a goal or a page; empty rows are left out."""

from __future__ import annotations

from typing import Any

from django import forms

from goals.funnels import LONGEST, MOST
from goals.models import Funnel
from goals.querysets import goals_of
from sites.models import Site


class FunnelForm(forms.Form):
    name = forms.CharField(max_length=120, label="Name")
    strict = forms.BooleanField(
        required=False, label="Strict: no other page and no other step between two steps",
        help_text="Otherwise people may do anything in between.",
    )  # fmt: skip

    def __init__(self, data: Any, site: Site, funnel: Funnel | None = None, pages: list[str] | None = None) -> None:
        steps = funnel.steps if funnel else [{"page": page} for page in (pages or [])]
        super().__init__(data, initial={"name": funnel.name, "strict": funnel.strict} if funnel else {})
        choices = [("", "a page:"), *((str(goal.pk), f"goal: {goal.name}") for goal in goals_of([site.pk]))]
        for number in range(1, MOST + 1):
            step = steps[number - 1] if number <= len(steps) else {}
            self.fields[f"goal_{number}"] = forms.ChoiceField(
                choices=choices, required=False, label=f"Step {number}", initial=str(step.get("goal", ""))
            )
            self.fields[f"page_{number}"] = forms.CharField(
                max_length=LONGEST, required=False, label=f"Page of step {number}", initial=step.get("page", ""),
                widget=forms.TextInput(attrs={"placeholder": "/pricing or /blog/*"}),
            )  # fmt: skip

    @property
    def rows(self) -> list[tuple[int, Any, Any]]:
        """(number, goal, page) of each step's row."""
        return [(number, self[f"goal_{number}"], self[f"page_{number}"]) for number in range(1, MOST + 1)]

    def steps(self) -> list[dict[str, Any]]:
        """What the rows say. A chosen goal wins over a page beside it."""
        found: list[dict[str, Any]] = []
        for number in range(1, MOST + 1):
            goal, page = self.cleaned_data.get(f"goal_{number}"), self.cleaned_data.get(f"page_{number}")
            if goal:
                found.append({"goal": int(goal)})
            elif page:
                found.append({"page": page})
        return found
