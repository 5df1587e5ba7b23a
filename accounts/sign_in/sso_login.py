"""What single sign-on changes in a log-in, whichever page it came from: `AccountAdapter` asks for each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlencode

from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.account.stages import LoginStage
from allauth.mfa.stages import AuthenticateStage
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone as clock

from accounts.models import User
from accounts.permissions import has_second_factor
from accounts.services import user_email_verify
from accounts.services.sso import sso_bypass_record, sso_login_record, sso_refusal_record
from accounts.sign_in.handover import build_arrival_response, find_start
from accounts.sso.models import SLUG_PREFIX, SsoConnection
from accounts.sso.rules import (
    SSO_ACCOUNT,
    find_connection,
    find_enforced_connection,
    find_required_connection,
    is_covered,
    is_trusted_by_all,
)

HANDED_OVER = "handed_over"  # of a log-in's arguments: the provider that was used on the host of BASE_URL
PROVIDER_METHOD = "socialaccount"  # as django-allauth records it in the session
ENDED = "Single sign-on no longer logs you in. Ask whoever manages your account."
SSO_ONLY = "People with your address log in through single sign-on."
Arguments = Mapping[str, object] | None


def find_provider_name(signal_kwargs: Arguments) -> str:
    """Return the name of the provider that a log-in came through; "" for a password, passkey or code."""
    arguments = signal_kwargs or {}
    handed_over = arguments.get(HANDED_OVER)
    if isinstance(handed_over, str):
        return handed_over
    account = getattr(arguments.get("sociallogin"), "account", None)
    return str(getattr(account, "provider", ""))


def find_used_connection(signal_kwargs: Arguments, user: User) -> SsoConnection | None:
    """Return the connection that a log-in came through, if it may log in this user."""
    connection = find_connection(find_provider_name(signal_kwargs))
    return connection if connection is not None and is_covered(connection, user.email) else None


def admit_user(request: HttpRequest, user: User, signal_kwargs: Arguments) -> HttpResponse | None:
    """Let a log-in go on (None), or respond to it: with the way to the provider if that is the only one, or with that
    to the host where the log-in began.

    Who comes through an account's provider becomes a member of the account.
    """
    connection = find_used_connection(signal_kwargs, user)
    if connection is None and (refusal := refuse_other_ways(request, user)) is not None:
        return refusal
    sociallogin = (signal_kwargs or {}).get("sociallogin")
    if connection is not None and sociallogin is not None:
        user_email_verify(user=user)
        sso_login_record(connection=connection, user=user, now=clock.now())
    start = find_start(getattr(sociallogin, "state", {}))
    return build_arrival_response(request, start, user) if start else None


def refuse_other_ways(request: HttpRequest, user: User) -> HttpResponse | None:
    """Send a user whose only way in is the provider there; None for all others."""
    connection = find_enforced_connection(user.email)
    if connection is None:
        return None
    is_way_back = find_required_connection(user) is None and has_second_factor(user)
    if is_way_back:
        return None  # recorded when the second factor was right, too
    sso_refusal_record(connection=connection, email=user.email, reason=SSO_ONLY, way=request.path)
    messages.info(request, SSO_ONLY)
    return redirect(f"{reverse('sso_login')}?{urlencode({'email': user.email})}")


def complete_login(request: HttpRequest, user: User, signal_kwargs: Arguments) -> None:
    """Remember in the session which account's provider was used; record a log-in of the emergency owner."""
    connection = find_used_connection(signal_kwargs, user)
    if connection is not None:
        request.session[SSO_ACCOUNT] = connection.account_id
        return
    enforced = find_enforced_connection(user.email)
    if enforced is not None:
        sso_bypass_record(connection=enforced, user=user)


def did_just_use_provider(request: HttpRequest) -> bool:
    """Whether the user logged in a moment ago at a provider that confirms who they are as a password does."""
    user = request.user
    if not isinstance(user, User):
        return False
    records = [one for one in get_authentication_records(request, user) if one.get("method") == PROVIDER_METHOD]
    latest = max(records, key=lambda record: float(record["at"]), default=None)
    if latest is None or time.time() - latest["at"] >= REAUTHENTICATION_TIMEOUT:
        return False
    return is_confirming_provider(str(latest.get("provider", "")), user)


def is_confirming_provider(provider: str, user: User) -> bool:
    """Whether a log-in through the provider confirms changes of how the user logs in.

    One of an account does for a user who is in no other account, and for one who has neither password nor second factor
    to confirm by: so it removes no factor that other accounts rely on. Google, Microsoft and GitHub do for everybody.
    """
    if not provider.startswith(SLUG_PREFIX):
        return True
    connection = find_connection(provider)
    if connection is None:
        return False
    return is_trusted_by_all(connection, user) or not get_reauthentication_flows(user)


class LastStage(LoginStage):  # type: ignore[misc]
    """Asks once more, after all other steps, whether the log-in may be done this way: while it waited for a code,
    single sign-on may have been enforced, or the provider that it came through removed."""

    key = "still_admitted"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return a response that ends the log-in, and whether it goes on."""
        user, provider = self.login.user, find_provider_name(self.login.signal_kwargs)
        if find_used_connection(self.login.signal_kwargs, user) is not None:
            return None, True
        if refusal := refuse_other_ways(self.request, user):
            return refusal, False
        if provider.startswith(SLUG_PREFIX):
            messages.error(self.request, ENDED)
            return redirect("account_login"), False
        return None, True


class SecondFactorStage(AuthenticateStage):  # type: ignore[misc]
    """Asks for the second factor, unless the provider's log-in counts as one."""

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return a response to show, and whether the log-in goes on."""
        user = self.login.user
        connection = find_used_connection(self.login.signal_kwargs, user)
        if connection is not None and is_trusted_by_all(connection, user):
            return None, True
        response, goes_on = super().handle()
        return response, goes_on


def note_provider_account(request: HttpRequest) -> None:
    """Note on the request's user through which account's provider they logged in."""
    account_id, user = request.session.get(SSO_ACCOUNT), request.user
    if not account_id or not isinstance(user, User):
        return
    setattr(user, SSO_ACCOUNT, account_id)

    async def get_noted_user() -> User:
        return user

    request.auser = get_noted_user  # async views would load another object
