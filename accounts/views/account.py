"""Pages of the account (name, time zone, authkey) and of the user (profile, password)."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.audit.repetition import record_shown
from accounts.forms import AccountForm, ProfileForm, add_errors
from accounts.models import Role
from accounts.permissions import (
    find_current_membership,
    get_current_account,
    get_current_membership,
    get_stored_membership,
    list_memberships,
    switch_account,
)
from accounts.services import (
    account_key_rotate,
    account_second_factor_set,
    account_update,
    member_key_rotate,
    user_update,
)
from accounts.settings_parts import build_account_navigation, render_secrets
from accounts.sign_in.views import get_next_url


def _build_switcher(request: HttpRequest) -> dict[str, object]:
    """Build the context of the account switcher: the user's own memberships and the current one, which may be in the
    account of a client. The others of those are on the page of clients."""
    current = find_current_membership(request)
    memberships = [] if current is None else list_memberships(request.user, [current.account_id])
    return {"memberships": memberships, "current": current}


@login_required
def redirect_to_settings(request: HttpRequest) -> HttpResponse:
    """Redirect to the account's settings, or to the profile for a user who manages no account."""
    links = [row["href"] for row in build_account_navigation(request) if "href" in row]
    return redirect(links[0])


@login_required
@never_cache
def edit_account(request: HttpRequest) -> HttpResponse:
    """Edit name and time zone of the current account; its owners can also show and replace the authkey."""
    account = get_current_account(request, may="manage")
    form = AccountForm(request.POST or None, initial={"name": account.name, "timezone": account.timezone})
    if request.method == "POST" and form.is_valid():
        try:
            account_update(account=account, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("accounts:account")
    return render(
        request,
        "accounts/account.html",
        {
            "account": account,
            "form": form,
            "is_owner": get_current_membership(request).role == Role.OWNER,
            **_build_switcher(request),
            "settings_nav": build_account_navigation(request, "account"),
            "section": "settings",
        },
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show_account_key(request: HttpRequest) -> HttpResponse:
    """Show the account's authkey to its owners; a POST replaces it."""
    account = get_current_account(request, may="manage")
    if get_current_membership(request).role != Role.OWNER:
        raise Http404("No such account.")
    if request.method != "POST":
        key = {"authkey": account.authkey}
        record_shown("account_key.shown", account, account.authkey)
        return render_secrets(request, f"Authkey of {account}", key, back=reverse("accounts:account"))
    account_key_rotate(account=account)
    messages.success(request, "The account has a new authkey. The old one no longer works.")
    return redirect("accounts:account")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show_own_key(request: HttpRequest) -> HttpResponse:
    """Show a member's own key, with which programs may do what the member may; a POST replaces it."""
    membership = get_stored_membership(request)
    if request.method != "POST":
        record_shown("own_key.shown", membership, membership.authkey, label=str(membership.user))
        title = f"Your key for {membership.account}"
        return render_secrets(request, title, {"authkey": membership.authkey}, back=get_next_url(request))
    member_key_rotate(membership=membership)
    messages.success(request, "You have a new key. The old one no longer works.")
    return HttpResponseRedirect(get_next_url(request))


@login_required
@require_POST
def set_second_factor(request: HttpRequest) -> HttpResponse:
    """Require a second factor of the account's members, or no longer."""
    account = get_current_account(request, may="manage")
    is_required = request.POST.get("required") == "1"
    try:
        account_second_factor_set(account=account, required=is_required, by=request.user)  # type: ignore[arg-type]
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "Members need a second factor now." if is_required else "It is no longer needed.")
    return redirect("accounts:account")


@login_required
@require_POST
def switch_to_account(request: HttpRequest) -> HttpResponse:
    """Switch to another account of the user."""
    accounts = {str(membership.account_id): membership.account for membership in list_memberships(request.user)}
    chosen = accounts.get(request.POST.get("account", ""))
    if chosen is None:
        raise Http404("No such account.")
    switch_account(request, chosen)
    return HttpResponseRedirect(get_next_url(request))


@login_required
def edit_profile(request: HttpRequest) -> HttpResponse:
    """Edit the user's name; the page also lists their accounts."""
    form = ProfileForm(request.POST or None, initial={"name": request.user.name})  # type: ignore[union-attr]
    if request.method == "POST" and form.is_valid():
        user_update(user=request.user, name=form.cleaned_data["name"])  # type: ignore[arg-type]
        messages.success(request, "Saved.")
        return redirect("accounts:me")
    context = {
        "form": form,
        **_build_switcher(request),
        "settings_nav": build_account_navigation(request, "me"),
        "section": "settings",
    }
    return render(request, "accounts/me.html", context)
