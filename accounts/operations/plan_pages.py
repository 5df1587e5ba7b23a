"""The operator's pages of plans."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.account_limits import DEFAULT_LIMITS, LIMITS, MAX_MONTHLY, PERCENTAGES
from accounts.forms import add_errors
from accounts.operations.views import require_operator
from accounts.plans.models import MAX_PLAN_NAME, Plan
from accounts.services.plans import FIRST_LIMITS, list_plans, plan_create, plan_delete, plan_update
from accounts.settings_parts import build_account_navigation

# What customers are sold, first; the others are what keeps an installation healthy
OFFERED = (
    "monthly_events", "events_refused_at", "monthly_api_calls", "api_calls_refused_at", "sites", "datapoints",
    "monitors", "seats", "guests",
)  # fmt: skip
API_LIMITS = ("management_per_minute", "clickport_per_minute", "clicky_per_minute")
PERCENTAGE_LABELS = {"events_refused_at": "events rejected", "api_calls_refused_at": "API calls refused"}
OTHERS = tuple(name for name in LIMITS if name not in (*OFFERED, *API_LIMITS))
ORDER = (*OFFERED, *API_LIMITS, *OTHERS)


class PlanForm(forms.Form):
    """A plan: its name, what its customers read, and a field for each limit; an empty one is the installation's."""

    name = forms.CharField(label="Name", max_length=MAX_PLAN_NAME)
    description = forms.CharField(
        label="Description", max_length=300, required=False, help_text="What its customers read about it."
    )

    def __init__(self, data: QueryDict | None, name: str, description: str, limits: Mapping[str, int]) -> None:
        values = {get_field_name(limit): value for limit, value in limits.items()}
        super().__init__(data, initial={"name": name, "description": description, **values})
        for limit in ORDER:
            self.fields[get_field_name(limit)] = forms.IntegerField(
                label=build_label(limit),
                required=False,
                min_value=0,
                max_value=MAX_MONTHLY,
                help_text=build_help(limit),
            )

    def list_fields(self, names: tuple[str, ...]) -> list[forms.BoundField]:
        """List the fields of some limits."""
        return [self[get_field_name(name)] for name in names]

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields of limits under their headings."""
        return [
            ("What the plan includes", self.list_fields(OFFERED)),
            ("Limits of the APIs", self.list_fields(API_LIMITS)),
            ("Further limits", self.list_fields(OTHERS)),
        ]

    def list_limits(self) -> dict[str, int | None]:
        """Return the limits as entered; None is the installation's."""
        return {name: self.cleaned_data[get_field_name(name)] for name in LIMITS}


def get_field_name(limit: str) -> str:
    """Return the name of a limit's field."""
    return f"limit_{limit}"


def build_label(limit: str) -> str:
    """Build the label of a limit: what it counts."""
    meaning = LIMITS[limit].meaning.partition(";")[0]
    return meaning[:1].upper() + meaning[1:]


def describe_limits(plan: Plan) -> list[str]:
    """Describe the limits of a plan, those that customers are sold first."""
    return [describe_limit(name, plan.limits[name]) for name in ORDER if name in plan.limits]


def describe_limit(limit: str, value: int) -> str:
    """Describe a value of a limit in a few words: "50 sites", "any number of events in a month"."""
    if limit in PERCENTAGES:
        return f"{PERCENTAGE_LABELS[limit]} from {value:,} % on" if value else f"{PERCENTAGE_LABELS[limit]} never"
    meaning, _, note = LIMITS[limit].meaning.partition("; ")
    return f"any number of {meaning}" if not value and "any number" in note else f"{value:,} {meaning}"


def build_help(limit: str) -> str:
    """Build the help of a limit: what 0 means, and what holds if the field is empty."""
    note = LIMITS[limit].meaning.partition("; ")[2]
    return f"{note[:1].upper()}{note[1:]}{'. ' if note else ''}Empty: {DEFAULT_LIMITS[limit]:,}."


@require_operator
@require_safe
def list_plan_rows(request: HttpRequest) -> HttpResponse:
    """List the plans with the number of their accounts."""
    plans = list_plans().annotate(account_count=Count("accounts"))
    context = {
        "plans": [(plan, describe_limits(plan)) for plan in plans],
        "settings_nav": build_account_navigation(request, "plans"),
        "section": "settings",
    }
    return render(request, "operations/plans.html", context)


@require_operator
@require_http_methods(["GET", "HEAD", "POST"])
def create_plan(request: HttpRequest) -> HttpResponse:
    """Create a plan."""
    form = PlanForm(request.POST or None, "", "", FIRST_LIMITS)
    if request.method == "POST" and form.is_valid():
        try:
            plan = plan_create(
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                limits=form.list_limits(),
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"The plan {plan} was created. Give it to accounts on their pages.")
            return redirect("operations:plans")
    return render_plan(request, form, None)


@require_operator
@require_http_methods(["GET", "HEAD", "POST"])
def edit_plan(request: HttpRequest, plan_id: int) -> HttpResponse:
    """Change a plan; its accounts have the new limits at once."""
    plan = get_object_or_404(Plan, pk=plan_id)
    form = PlanForm(request.POST or None, plan.name, plan.description, plan.limits)
    if request.method == "POST" and form.is_valid():
        try:
            plan_update(
                plan=plan,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                limits=form.list_limits(),
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved. The accounts of the plan have the new limits now.")
            return redirect("operations:plan", plan.pk)
    return render_plan(request, form, plan)


def render_plan(request: HttpRequest, form: PlanForm, plan: Plan | None) -> HttpResponse:
    """Render the form of a plan; None is a new one."""
    context = {
        "form": form,
        "plan": plan,
        "account_count": plan.accounts.count() if plan else 0,
        "settings_nav": build_account_navigation(request, "plans"),
        "section": "settings",
    }
    return render(request, "operations/plan.html", context)


@require_operator
@require_POST
def delete_plan(request: HttpRequest, plan_id: int) -> HttpResponse:
    """Delete a plan that no account has."""
    plan = get_object_or_404(Plan, pk=plan_id)
    try:
        plan_delete(plan=plan)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("operations:plan", plan.pk)
    messages.success(request, f"The plan {plan} is deleted.")
    return redirect("operations:plans")
