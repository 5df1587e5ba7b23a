"""The forms of goals and funnels."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.http import QueryDict

from accounts.model_forms import DraftForm
from goals.models import Funnel, Goal, PatternKind
from goals.predicates import StoredStep
from goals.selectors import list_active_goals
from goals.services import MAX_PATTERN_LENGTH, MAX_STEPS
from sites.amounts import count_currency_decimals
from sites.models import Site


class GoalForm(DraftForm):
    """All fields of a goal. Whether they fit together is validated by `goals.services`."""

    class Meta:
        model = Goal
        fields = (
            "name", "kind", "pattern_kind", "pattern", "page", "text", "threshold", "conversion", "fixed_revenue",
            "currency", "active",
        )  # fmt: skip
        labels = {
            "kind": "Reached by", "pattern_kind": "Comparison", "pattern": "Pattern",
            "page": "Only on pages", "text": "Only elements with this text", "threshold": "At least",
            "conversion": "Counts as a conversion",
            "fixed_revenue": "Value of each conversion", "currency": "Currency", "active": "Active",
        }  # fmt: skip
        help_texts = {
            "pattern": "A path such as /thanks or /order/*, an event's name, or a link; * stands for anything, except "
            "where it is to be matched exactly. Empty means any. A page's path includes its query: /thanks is not "
            "/thanks?order=1; with “matches”, /thanks* is both.",
            "threshold": "Percent for scrolling, seconds for the length of a visit.",
            "fixed_revenue": "Empty: the amount that the event carries.",
            "currency": "Three letters, such as EUR.",
            "page": "Empty means any. * stands for anything.",
        }

    def __init__(self, data: Mapping[str, str] | None = None, instance: Goal | None = None) -> None:
        super().__init__(data, instance=instance)
        for name in ("threshold", "pattern_kind"):
            self.fields[name].required = False
        if self.instance.pk is None:
            self.initial["pattern_kind"] = PatternKind.WILDCARD  # the help text describes it
        if (revenue := self.instance.fixed_revenue) is not None:  # without the zeros that only fill the column
            decimals = max(
                count_currency_decimals(self.instance.currency), -int(revenue.normalize().as_tuple().exponent)
            )
            self.initial["fixed_revenue"] = f"{revenue:.{decimals}f}"

    def clean_threshold(self) -> int:
        """Return 0 for an empty field."""
        return self.cleaned_data.get("threshold") or 0

    def clean_pattern_kind(self) -> str:
        """Return the default for an empty field."""
        return self.cleaned_data.get("pattern_kind") or PatternKind.WILDCARD

    def build_draft(self, site: Site) -> Goal:
        """Return the goal as the form describes it, not saved."""
        return Goal(site=site, **self.cleaned_data)


class FunnelForm(forms.Form):
    """A funnel: a row per step, each a goal or a page; empty rows are left out."""

    name = forms.CharField(max_length=120, label="Name")
    strict = forms.BooleanField(
        required=False, label="Strict: no other page and no other step between two steps",
        help_text="Otherwise people may do anything in between.",
    )  # fmt: skip

    def __init__(
        self, data: QueryDict | None, site: Site, funnel: Funnel | None = None, pages: list[str] | None = None
    ) -> None:
        steps = funnel.steps if funnel else [{"page": page} for page in (pages or [])]
        super().__init__(data, initial={"name": funnel.name, "strict": funnel.strict} if funnel else {})
        choices = [("", "a page:"), *((str(goal.pk), f"goal: {goal.name}") for goal in list_active_goals([site.pk]))]
        for number in range(1, MAX_STEPS + 1):
            step = steps[number - 1] if number <= len(steps) else {}
            self.fields[f"goal_{number}"] = forms.ChoiceField(
                choices=choices, required=False, label=f"Step {number}", initial=str(step.get("goal", ""))
            )
            self.fields[f"page_{number}"] = forms.CharField(
                max_length=MAX_PATTERN_LENGTH,
                required=False,
                label=f"Page of step {number}",
                initial=step.get("page", ""),
                widget=forms.TextInput(attrs={"placeholder": "/pricing or /blog/*"}),
            )

    @property
    def rows(self) -> list[tuple[int, forms.BoundField, forms.BoundField]]:
        """(number, goal field, page field) of each row."""
        return [(number, self[f"goal_{number}"], self[f"page_{number}"]) for number in range(1, MAX_STEPS + 1)]

    def steps(self) -> list[StoredStep]:
        """Return the steps of the rows that are not empty. Where a row has both, the goal is taken."""
        steps: list[StoredStep] = []
        for number in range(1, MAX_STEPS + 1):
            goal, page = self.cleaned_data.get(f"goal_{number}"), self.cleaned_data.get(f"page_{number}")
            if goal:
                steps.append({"goal": int(goal)})
            elif page:
                steps.append({"page": page})
        return steps
