"""The settings page of single sign-on: the account's provider, its e-mail domains, and “SSO only”."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.forms import add_errors
from accounts.models import Account, Role, User
from accounts.permissions import has_second_factor
from accounts.security import rate_limits
from accounts.security.encrypted_fields import mask, unmask
from accounts.services.sso import sso_connection_delete, sso_connection_set, sso_enforce
from accounts.services.sso_domains import sso_domain_add, sso_domain_check_now, sso_domain_remove
from accounts.settings_parts import build_account_navigation
from accounts.sign_in.confirmation import build_confirmation_url, has_confirmed
from accounts.sso.discovery import DiscoveryError, check_connection
from accounts.sso.models import ROLE_CHOICES, SsoConnection, SsoDomain, build_redirect_uri
from accounts.sso.rules import KEY_DAYS, SSO_ACCOUNT, find_required_connection
from accounts.views.owner_changes import get_owned_account, list_owners, require_confirmation, tell_owners

MAIL = "sso_changed"
confirm_first = require_confirmation("accounts:sso")


class ConnectionForm(forms.Form):
    """The account's client at its provider. The stored secret is never shown: dots stand for it."""

    issuer = forms.CharField(
        label="Provider", max_length=300, help_text="Its issuer, such as https://login.example.com/oauth2/default."
    )
    client_id = forms.CharField(label="Client id", max_length=191)
    client_secret = forms.CharField(
        label="Client secret", max_length=500, required=False,
        widget=forms.PasswordInput(render_value=True, attrs={"autocomplete": "off"}),
    )  # fmt: skip
    default_role = forms.ChoiceField(label="New members are", choices=ROLE_CHOICES, initial=Role.VIEWER)

    def __init__(self, data: object = None, connection: SsoConnection | None = None) -> None:
        names = ("issuer", "client_id", "default_role")
        initial = {name: getattr(connection, name) for name in names} if connection else {}
        self.stored = connection.client_secret if connection else ""
        super().__init__(data, initial={**initial, "client_secret": mask(self.stored)})  # type: ignore[arg-type]

    def clean_client_secret(self) -> str:
        """Return the secret that is entered, or the stored one for its dots."""
        return unmask(self.cleaned_data["client_secret"], self.stored)


class EnforcementForm(forms.Form):
    """The emergency owner, who can also log in by password and second factor, by their address."""

    way_back = forms.ChoiceField(
        label="Emergency owner",
        help_text="This owner can also log in by password and second factor, for the day on which the provider fails.",
    )

    def __init__(self, data: object = None, owners: Sequence[User] = (), chosen: str = "") -> None:
        super().__init__(data, initial={"way_back": chosen})  # type: ignore[arg-type]
        choices = [(owner.email, f"{owner.name} ({owner.email})" if owner.name else owner.email) for owner in owners]
        self.fields["way_back"].choices = choices  # type: ignore[attr-defined]


def get_connection(account: Account) -> SsoConnection:
    """Return the account's connection. Raises Http404 if it has none."""
    connection = SsoConnection.objects.filter(account=account).select_related("account").first()
    if connection is None:
        raise Http404("This account has no single sign-on.")
    return connection


def get_domain_row(account: Account, domain_id: int) -> SsoDomain:
    """Return an e-mail domain of the account. Raises Http404."""
    rows = SsoDomain.objects.filter(connection__account=account, pk=domain_id)
    row = rows.select_related("connection").first()
    if row is None:
        raise Http404("No such domain.")
    return row


def explain_emergency_owner(connection: SsoConnection, owners: Sequence[User]) -> str:
    """Explain, in a sentence, why nobody could log in if the provider failed: the emergency owner is gone, or has lost
    what they log in by. "" if they could, or if nobody depends on the provider."""
    way_back = connection.way_back
    if not connection.enforced:
        return ""
    if way_back is None:
        return "There is no emergency owner any more, so nobody can log in when the provider fails. Choose one."
    if way_back not in owners:
        return f"{way_back} no longer owns this account, so nobody can log in when the provider fails. Choose an owner."
    missing = [] if way_back.has_usable_password() else ["a password"]
    missing += [] if has_second_factor(way_back) else ["a second factor"]
    if not missing:
        return ""
    return (
        f"{way_back} has lost {' and '.join(missing)}, and cannot log in when the provider fails. Choose another owner."
    )


def render_page(
    request: HttpRequest, account: Account, form: ConnectionForm, enforcement: EnforcementForm | None = None
) -> HttpResponse:
    """Render the page with its forms."""
    connection = SsoConnection.objects.filter(account=account).select_related("way_back").first()
    way_back = connection.way_back if connection else None
    chosen = way_back.email if way_back else getattr(request.user, "email", "")
    owners = list_owners(account)
    context = {
        "account": account,
        "connection": connection,
        "warning": explain_emergency_owner(connection, owners) if connection else "",
        "form": form,
        "enforcement": enforcement or EnforcementForm(None, owners, chosen),
        "domains": connection.domains.select_related("connection").order_by("domain") if connection else [],
        "redirect_uri": build_redirect_uri(account.pk),
        "key_days": KEY_DAYS,
        "confirmation_url": "" if has_confirmed(request) else build_confirmation_url(request, reverse("accounts:sso")),
        "settings_nav": build_account_navigation(request, "sso"),
        "section": "settings",
    }
    return render(request, "accounts/sso.html", context)


def read_client(connection: SsoConnection | None) -> tuple[str, ...]:
    """Return what says at which provider people log in, and as which client of it."""
    return (connection.issuer, connection.client_id, connection.client_secret) if connection else ()


@login_required
@never_cache
@confirm_first
def edit_sso(request: HttpRequest) -> HttpResponse:
    """Edit the account's provider."""
    account = get_owned_account(request)
    stored = SsoConnection.objects.filter(account=account).first()
    before = read_client(stored)
    form = ConnectionForm(request.POST or None, stored)
    if request.method == "POST" and form.is_valid():
        try:
            connection = sso_connection_set(account=account, **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            if read_client(connection) != before:
                tell_owners(request, account, MAIL, f"People log in at {connection.issuer} now.")
            messages.success(request, "Saved.")
            return redirect("accounts:sso")
    return render_page(request, account, form)


@login_required
@require_POST
@confirm_first
def remove_sso(request: HttpRequest) -> HttpResponse:
    """Delete the account's connection."""
    account = get_owned_account(request)
    sso_connection_delete(connection=get_connection(account))
    tell_owners(request, account, MAIL, "It was removed: people log in as they did before.")
    messages.success(request, "Single sign-on was removed.")
    return redirect("accounts:sso")


@login_required
@require_POST
def test_sso(request: HttpRequest) -> HttpResponse:
    """Test the connection, and say what is wrong."""
    account = get_owned_account(request)
    if wait := rate_limits.count_attempt((rate_limits.CHECK_ACCOUNT, str(account.pk))):
        messages.error(request, rate_limits.format_wait_message(wait, "checks"))
        return redirect("accounts:sso")
    try:
        found = check_connection(get_connection(account))
    except DiscoveryError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"It works: people log in at {found.login_origin}.")
    return redirect("accounts:sso")


@login_required
@require_POST
@confirm_first
def enforce_sso(request: HttpRequest) -> HttpResponse:
    """Make single sign-on the only way in for people of the account's domains, or one of several again."""
    account = get_owned_account(request)
    connection = get_connection(account)
    enforced = request.POST.get("enforced") == "1"
    owners = list_owners(account)
    form = EnforcementForm(request.POST or None, owners)
    chosen = form.cleaned_data["way_back"] if form.is_valid() else ""
    way_back = next((owner for owner in owners if owner.email == chosen), None)
    was_way_back = connection.way_back_id == request.user.pk
    try:
        sso_enforce(connection=connection, enforced=enforced, way_back=way_back, keep=request.session.session_key or "")
    except ValidationError as error:
        add_errors(form, error)
        return render_page(request, account, ConnectionForm(None, connection), form)
    text = "People of your e-mail domains now log in through the provider only."
    result = text if enforced else "Passwords and passkeys work again."
    tell_owners(request, account, MAIL, f"{result} Emergency owner: {way_back}." if enforced else result)
    if was_way_back and not may_stay(request, account):
        logout(request)
    messages.success(request, result)
    return redirect("accounts:sso")


def may_stay(request: HttpRequest, account: Account) -> bool:
    """Whether the session of who was the emergency owner until now goes on: one by password does not."""
    is_by_provider = request.session.get(SSO_ACCOUNT) == account.pk
    return is_by_provider or find_required_connection(cast(User, request.user)) is None


@login_required
@require_POST
@confirm_first
def add_sso_domain(request: HttpRequest) -> HttpResponse:
    """Add an e-mail domain."""
    connection = get_connection(get_owned_account(request))
    try:
        sso_domain_add(connection=connection, domain=request.POST.get("domain", "")[:300])
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("accounts:sso")


@login_required
@require_POST
def check_sso_domain(request: HttpRequest, email_domain_id: int) -> HttpResponse:
    """Look up the TXT record of an e-mail domain now."""
    row = get_domain_row(get_owned_account(request), email_domain_id)
    if wait := sso_domain_check_now(domain=row, now=clock.now()):
        messages.error(request, rate_limits.format_wait_message(wait, "checks"))
        return redirect("accounts:sso")
    row.refresh_from_db()
    add_message = messages.success if row.verified else messages.info
    add_message(request, f"{row.domain}: {row.check_result}")
    return redirect("accounts:sso")


@login_required
@require_POST
@confirm_first
def remove_sso_domain(request: HttpRequest, email_domain_id: int) -> HttpResponse:
    """Remove an e-mail domain."""
    sso_domain_remove(domain=get_domain_row(get_owned_account(request), email_domain_id))
    return redirect("accounts:sso")
