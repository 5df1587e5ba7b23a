"""The page of a person's API tokens in the account they work in."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import partial
from typing import cast
from zoneinfo import ZoneInfo

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import PersonalTokenForm, add_errors
from accounts.models import Account, Membership, PersonalToken, User
from accounts.permissions import (
    GRANT_KINDS,
    LabelledObjects,
    get_stored_membership,
    load_grants,
    membership_may,
)
from accounts.services.personal_tokens import (
    SITE_KIND,
    personal_token_create,
    personal_token_revoke,
    personal_tokens_revoke,
)
from accounts.settings_parts import build_account_navigation
from accounts.sign_in.confirmation import build_confirmation_url, has_confirmed

MAX_SITES = 200  # that the form offers; a token cannot be limited to others


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def list_tokens(request: HttpRequest) -> HttpResponse:
    """List the person's tokens; a POST creates one and displays it once, if they have confirmed that it is them."""
    membership, is_confirmed = get_stored_membership(request), has_confirmed(request)
    if request.method == "POST" and not is_confirmed:
        return redirect(build_confirmation_url(request, request.path))
    build_form = partial(
        PersonalTokenForm, sites=list_sites(membership), is_operator=bool(getattr(request.user, "is_operator", False))
    )
    form = build_form(request.POST or None)
    plain = ""
    if request.method == "POST" and form.is_valid():
        plain = create_token(request, membership, form)
        form = build_form(None) if plain else form
    context = {
        "account": membership.account,
        "form": form if is_confirmed else None,
        "confirmation_url": "" if is_confirmed else build_confirmation_url(request, request.path),
        "new_token": plain,
        "tokens": build_rows(membership),
        "now": clock.now(),
        "settings_nav": build_account_navigation(request, "tokens"),
        "section": "settings",
    }
    return render(request, "accounts/tokens.html", context)


def list_sites(membership: Membership) -> LabelledObjects:
    """List the sites that a token can be limited to."""
    sites = GRANT_KINDS[SITE_KIND]
    if membership_may(membership, "view"):
        return sites.search(membership.account, "", MAX_SITES)
    return sites.existing(membership.account, load_grants(membership, SITE_KIND))[:MAX_SITES]


def create_token(request: HttpRequest, membership: Membership, form: PersonalTokenForm) -> str:
    """Create the token of the form, tell the person by mail, and return its plain text; empty if it is refused, with
    the reason in the form."""
    try:
        token, plain = personal_token_create(
            membership=membership,
            name=form.cleaned_data["name"],
            scopes=form.list_scopes(),
            sites=form.list_sites(),
            expires=find_end(form.cleaned_data["expires"], membership.account),
        )
    except ValidationError as error:
        add_errors(form, error)
        return ""
    context = {"token": token, "account": membership.account, "user": membership.user}
    get_adapter(request).send_notification_mail("accounts/mail/token_created", membership.user, context)
    return plain


def find_end(day: date | None, account: Account) -> datetime | None:
    """Return the end of the day in the account's time zone."""
    return datetime.combine(day, time.max, ZoneInfo(account.timezone)) if day else None


def build_rows(membership: Membership) -> list[tuple[PersonalToken, list[str]]]:
    """Build (token, names of its sites) of all tokens, the latest first. A site that is gone has no name."""
    tokens = list(membership.personal_tokens.order_by("-created", "-pk"))
    ids = {number for token in tokens for number in token.sites}
    names = dict(GRANT_KINDS[SITE_KIND].existing(membership.account, ids)) if ids else {}
    return [(token, [names[number] for number in token.sites if number in names]) for token in tokens]


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def review_tokens(request: HttpRequest) -> HttpResponse:
    """List the person's tokens in all accounts, after a reset of the password; a POST revokes them all."""
    user = cast(User, request.user)
    if request.method == "POST":
        count = personal_tokens_revoke(user=user)
        messages.success(request, f"{count} {'token no longer works' if count == 1 else 'tokens no longer work'}.")
        return redirect("accounts:tokens-review")
    tokens = PersonalToken.objects.filter(membership__user=user).select_related("membership__account")
    context = {
        "tokens": tokens.order_by("membership__account__name", "-created", "-pk"),
        "settings_nav": build_account_navigation(request, "tokens"),
        "section": "settings",
    }
    return render(request, "accounts/tokens_review.html", context)


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one of the person's own tokens."""
    token = get_stored_membership(request).personal_tokens.filter(pk=token_id).first()
    if token is None:
        raise Http404("No such token.")
    personal_token_revoke(token=token)
    messages.success(request, f"{token.name} no longer works.")
    return redirect("accounts:tokens")
