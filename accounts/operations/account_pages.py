"""The operator's pages of accounts: suspend, resume, and act for a member."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.impersonation import DURATION, SESSION_KEY, find_impersonated, impersonation_end, impersonation_start
from accounts.models import Account, User
from accounts.operations.views import require_operator
from accounts.plans.models import Plan
from accounts.plans.monthly_use import build_month_use
from accounts.services.plans import account_plan_set, list_plans
from accounts.services.suspension import (
    DEFAULT_COLLECTION_DAYS,
    MAX_COLLECTION_DAYS,
    account_resume,
    account_suspend,
)
from accounts.settings_parts import build_account_navigation
from accounts.sign_in.confirmation import build_confirmation_url, has_confirmed

MAX_ACCOUNTS = 200


class SuspensionForm(forms.Form):
    """Why an account is suspended, and for how long its hits are still recorded."""

    reason = forms.CharField(label="Reason, which the members read")
    collection_days = forms.IntegerField(
        label="Days for which hits are still recorded",
        initial=DEFAULT_COLLECTION_DAYS,
        min_value=0,
        max_value=MAX_COLLECTION_DAYS,
    )


class AccountPlanForm(forms.Form):
    """The plan of an account."""

    plan = forms.ModelChoiceField(
        label="Plan", queryset=Plan.objects.none(), required=False,
        empty_label="None: the limits of this installation",
        help_text="What the account has beyond a lower limit stays; nothing can be added to it.",
    )  # fmt: skip

    def __init__(self, data: QueryDict | None, account: Account) -> None:
        super().__init__(data, initial={"plan": account.plan_id})
        self.fields["plan"].queryset = list_plans()  # type: ignore[attr-defined]


class ImpersonationForm(forms.Form):
    """Why an operator acts in an account."""

    reason = forms.CharField(label="Reason, which the account can read")


@require_operator
@require_safe
def list_accounts(request: HttpRequest) -> HttpResponse:
    """List the accounts by name, at most MAX_ACCOUNTS of those that a search finds."""
    search = request.GET.get("q", "").strip()
    rows = (
        Account.objects.annotate(
            member_count=Count("memberships", filter=Q(memberships__accepted__isnull=False), distinct=True)
        )
        .select_related("plan")
        .order_by("name", "pk")
    )
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(members__email__icontains=search)).distinct()
    accounts = list(rows[: MAX_ACCOUNTS + 1])
    context = {
        "accounts": accounts[:MAX_ACCOUNTS],
        "is_cut": len(accounts) > MAX_ACCOUNTS,
        "max_accounts": MAX_ACCOUNTS,
        "search": search,
        "settings_nav": build_account_navigation(request, "accounts"),
        "section": "settings",
    }
    return render(request, "operations/accounts.html", context)


@require_operator
@require_safe
def show_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show an account with what an operator can do to it."""
    account = get_object_or_404(Account, pk=account_id)
    return render_account(request, account, SuspensionForm(), ImpersonationForm())


def render_account(
    request: HttpRequest, account: Account, suspension: SuspensionForm, impersonation: ImpersonationForm
) -> HttpResponse:
    """Render the page of an account."""
    page, use = reverse("operations:account", args=[account.pk]), build_month_use(account)
    context = {
        "account": account,
        "confirmation_url": "" if has_confirmed(request) else build_confirmation_url(request, page),
        "members": account.memberships.accepted().select_related("user").order_by("pk")[:MAX_ACCOUNTS],
        "plan_form": AccountPlanForm(None, account),
        "uses": [use.events, use.calls],
        "suspension": suspension,
        "impersonation": impersonation,
        "minutes": int(DURATION.total_seconds() // 60),
        "settings_nav": build_account_navigation(request, "accounts"),
        "section": "settings",
    }
    return render(request, "operations/account.html", context)


@require_operator
@require_POST
def choose_plan(request: HttpRequest, account_id: int) -> HttpResponse:
    """Give an account a plan, or none."""
    account = get_object_or_404(Account, pk=account_id)
    form = AccountPlanForm(request.POST, account)
    if form.is_valid():
        plan: Plan | None = form.cleaned_data["plan"]
        account_plan_set(account=account, plan=plan)
        messages.success(request, f"{account} has the plan {plan} now." if plan else f"{account} has no plan now.")
    else:
        messages.error(request, "There is no such plan.")
    return redirect("operations:account", account.pk)


@require_operator
@require_POST
def suspend_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Suspend an account."""
    account, form = get_object_or_404(Account, pk=account_id), SuspensionForm(request.POST)
    if form.is_valid():
        try:
            account_suspend(account=account, now=timezone.now(), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, " ".join(error.messages))
        else:
            messages.success(request, f"{account} is suspended.")
            return redirect("operations:account", account.pk)
    return render_account(request, account, form, ImpersonationForm())


@require_operator
@require_POST
def resume_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """End the suspension of an account."""
    account = get_object_or_404(Account, pk=account_id)
    account_resume(account=account)
    messages.success(request, f"{account} can be used again.")
    return redirect("operations:account", account.pk)


@require_operator
@require_POST
def impersonate(request: HttpRequest, account_id: int) -> HttpResponse:
    """Act as the first owner of an account for an hour, after the operator has confirmed that it is them."""
    account, form = get_object_or_404(Account, pk=account_id), ImpersonationForm(request.POST)
    if not has_confirmed(request):
        return redirect(build_confirmation_url(request, reverse("operations:account", args=[account.pk])))
    if form.is_valid() and isinstance(request.user, User):
        try:
            impersonation_start(
                request=request, operator=request.user, account=account, now=timezone.now(), **form.cleaned_data
            )
        except ValidationError as error:
            form.add_error(None, " ".join(error.messages))
        else:
            return redirect("sites:home")
    return render_account(request, account, SuspensionForm(), form)


@require_operator
@require_POST
def end_impersonation(request: HttpRequest) -> HttpResponse:
    """Return from an account to the operator's pages."""
    if isinstance(request.user, User) and SESSION_KEY in request.session:
        membership = find_impersonated(request, request.user, timezone.now())
        if membership is not None:
            impersonation_end(request=request, operator=request.user, account=membership.account)
            return redirect("operations:account", membership.account_id)
        del request.session[SESSION_KEY]
    return redirect("operations:accounts")
