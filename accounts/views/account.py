"""The account's own pages: name and zone, authkey, brand, the switch between accounts, and one's own person."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import throttle
from accounts.access import current_account, current_membership, memberships_of, work_in
from accounts.custom_domains.models import Purpose
from accounts.custom_domains.selectors import claim_of
from accounts.forms import AccountForm, BrandForm, ChangePasswordForm, PersonForm, add_mistakes
from accounts.models import Role
from accounts.navigation import account_rows
from accounts.services import (
    account_brand_set,
    account_key_rotate,
    account_update,
    member_key_rotate,
    user_password_set,
    user_update,
)
from accounts.views.entry import next_page
from accounts.views.host_proof import check_now
from accounts.views.secrets import render_secrets


def _switch(request: HttpRequest) -> dict[str, object]:
    """What the switcher shows: all one's accounts and the one that is open."""
    memberships = memberships_of(request.user)
    return {"memberships": memberships, "current": current_membership(request) if memberships else None}


@login_required
def settings_start(request: HttpRequest) -> HttpResponse:
    """To the account's settings, or to one's own for somebody who manages no account."""
    rows = [row["href"] for row in account_rows(request) if "href" in row]
    return redirect(rows[0])


@login_required
@never_cache
def account_settings(request: HttpRequest) -> HttpResponse:
    """Name and time zone of the account one works in; its owners can also show and replace the authkey."""
    account = current_account(request, may="manage")
    form = AccountForm(request.POST or None, initial={"name": account.name, "timezone": account.timezone})
    if request.method == "POST" and form.is_valid():
        try:
            account_update(account=account, **form.cleaned_data)
        except ValidationError as error:
            add_mistakes(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("account")
    return render(
        request,
        "accounts/account.html",
        {
            "account": account,
            "form": form,
            "is_owner": current_membership(request).role == Role.OWNER,
            **_switch(request),
            "settings_nav": account_rows(request, "account"),
            "section": "settings",
        },
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account_key(request: HttpRequest) -> HttpResponse:
    """Show the account's authkey to its owners; a POST replaces it."""
    account = current_account(request, may="manage")
    if current_membership(request).role != Role.OWNER:
        raise Http404("No such account.")
    if request.method != "POST":
        key = {"authkey": account.authkey}
        return render_secrets(request, f"Authkey of {account}", key, back=reverse("account"))
    account_key_rotate(account=account)
    messages.success(request, "The account has a new authkey. The old one no longer works.")
    return redirect("account")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def own_key(request: HttpRequest) -> HttpResponse:
    """Show a member's own key, with which programs may do what the member may; a POST replaces it."""
    membership = current_membership(request)
    if request.method != "POST":
        title = f"Your key for {membership.account}"
        return render_secrets(request, title, {"authkey": membership.authkey}, back=next_page(request))
    member_key_rotate(membership=membership)
    messages.success(request, "You have a new key. The old one no longer works.")
    return HttpResponseRedirect(next_page(request))


@login_required
def account_brand(request: HttpRequest) -> HttpResponse:
    """White label: host, name, logo and accent."""
    account = current_account(request, may="manage")
    form = BrandForm(request.POST or None, initial=account.brand)
    if request.method == "POST" and form.is_valid():
        try:
            account_brand_set(account=account, **form.cleaned_data)
        except ValidationError as error:
            add_mistakes(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("account-brand")
    context = {
        "account": account,
        "form": form,
        "claim": claim_of(account, account.brand.get("host", ""), Purpose.BRAND),
        "settings_nav": account_rows(request, "brand"),
        "section": "settings",
    }
    return render(request, "accounts/brand.html", context)


@login_required
@require_POST
def account_brand_check(request: HttpRequest) -> HttpResponse:
    """Look now for the DNS record that proves the white label's host."""
    account = current_account(request, may="manage")
    claim = claim_of(account, account.brand.get("host", ""), Purpose.BRAND)
    if claim is not None:
        check_now(request, claim)
    return redirect("account-brand")


@login_required
@require_POST
def account_switch(request: HttpRequest) -> HttpResponse:
    """Work in another of one's accounts."""
    mine = {str(membership.account_id): membership.account for membership in memberships_of(request.user)}
    chosen = mine.get(request.POST.get("account", ""))
    if chosen is None:
        raise Http404("No such account.")
    work_in(request, chosen)
    return HttpResponseRedirect(next_page(request))


@login_required
def me(request: HttpRequest) -> HttpResponse:
    """One's own name, accounts and the way to the password."""
    form = PersonForm(request.POST or None, initial={"name": request.user.name})  # type: ignore[union-attr]
    if request.method == "POST" and form.is_valid():
        user_update(user=request.user, name=form.cleaned_data["name"])  # type: ignore[arg-type]
        messages.success(request, "Saved.")
        return redirect("me")
    context = {"form": form, **_switch(request), "settings_nav": account_rows(request, "me"), "section": "settings"}
    return render(request, "accounts/me.html", context)


@login_required
@never_cache
@sensitive_post_parameters("password", "current")
def password(request: HttpRequest) -> HttpResponse:
    """Change the password; sessions elsewhere end."""
    form, status = ChangePasswordForm(request.POST or None), 200
    if request.method == "POST" and form.is_valid() and (status := _check_current_password(request, form)) == 200:
        try:
            user_password_set(user=request.user, password=form.cleaned_data["password"])  # type: ignore[arg-type]
        except ValidationError as error:
            add_mistakes(form, error)
        else:
            update_session_auth_hash(request, request.user)  # type: ignore[arg-type]
            messages.success(request, "Your password is changed. You were logged out everywhere else.")
            return redirect("me")
    context = {"form": form, "settings_nav": account_rows(request, "me"), "section": "settings"}
    return render(request, "accounts/password.html", context, status=429 if status == 429 else 200)


def _check_current_password(request: HttpRequest, form: ChangePasswordForm) -> int:
    """Check the current password: returns 200, 403 (wrong) or 429 (too many attempts), with the reason in the form."""
    limit = (throttle.PASSWORD_USER, str(request.user.pk))
    if wait := throttle.count_attempt(limit):
        form.add_error("current", throttle.refusal_message(wait))
        return 429
    if not request.user.check_password(form.cleaned_data["current"]):
        form.add_error("current", "This is not your current password.")
        return 403
    throttle.clear_attempts(limit)
    return 200
