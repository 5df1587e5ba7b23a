"""What django-allauth asks about log-ins through providers: which there are, whom they may log in, and what went wrong.

An account's provider is trusted for addresses of that account's verified domains only, whatever it says about others: a
customer chose it. Those of the domains are refused only where it says that it has not verified them. Google, Microsoft
and GitHub are the operator's choice, and are believed where they say verified.
"""

from __future__ import annotations

from typing import NoReturn

import requests
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError, Provider
from django.conf import settings
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest

from accounts.models import User
from accounts.services import user_email_verify
from accounts.services.sso import provider_user_complete, sso_refusal_record
from accounts.sign_in.adapter import is_sign_up_open
from accounts.sign_in.handover import build_problem_response, find_start
from accounts.sso.discovery import is_busy
from accounts.sso.http import BUSY, build_session
from accounts.sso.provider import PROVIDER, build_app
from accounts.sso.rules import find_connection, find_enforced_connection, is_covered, list_verified_domains
from accounts.validators import normalize_address

NO_ADDRESS = "The provider did not say what your e-mail address is. It must send the claim “email”."
UNVERIFIED = "The provider says that your e-mail address is not verified. Verify it there first."
NOT_VERIFIED = "There is a user with this address already. Log in as usual; {name} does not say that it is yours."
CLOSED = "There is no user with the address {email}, and new ones need an invitation."
STALE = "This log-in was answered already, or took too long. Begin again."
CANCELLED = "You did not log in at the provider."
FAILED = "The provider's answer was not accepted. Begin again, or ask whoever manages your account."


class ProviderGone(SocialApp.DoesNotExist, ValueError):  # type: ignore[misc]
    """There is no such provider. To allauth a ValueError says that a log-in in progress can no longer be read, so that
    the person begins again; the other one that it raises itself is an error of the server there."""


def build_operator_apps() -> list[SocialApp]:
    """Build the clients of Google, Microsoft and GitHub that the operator has configured."""
    return [
        SocialApp(provider=name, name=name, client_id=client_id, secret=secret)
        for name, (client_id, secret) in settings.SOCIAL_LOGINS.items()
    ]


def denies_verification(sociallogin: SocialLogin) -> bool:
    """Whether an account's provider says that it has not verified the address; many say nothing, some send text."""
    parts = [sociallogin.account.extra_data.get(name) for name in ("userinfo", "id_token")]
    said = [part.get("email_verified") for part in parts if isinstance(part, dict)]
    return any(word is not None and str(word).strip().lower() not in ("true", "1") for word in said)


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Log-ins through providers as this product does them."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """List the operator's clients, or the one client of a provider's name or of an account's slug."""
        apps = [app for app in build_operator_apps() if provider in (None, app.provider)]
        connection = find_connection(provider) if provider else None
        found = [*apps, *([build_app(connection)] if connection else [])]
        return [app for app in found if client_id in (None, app.client_id)]

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        """Find a client. Raises ProviderGone."""
        try:
            return super().get_app(request, provider=provider, client_id=client_id)
        except SocialApp.DoesNotExist:
            raise ProviderGone from None

    def get_requests_session(self) -> requests.Session:
        """Return a session that reaches no private network."""
        return build_session()

    def is_email_verified(self, provider: Provider, email: str) -> bool:
        """Whether an address counts as verified whatever the provider says: in the account's own domains."""
        connection = find_connection(provider.app.provider_id) if provider.id == PROVIDER else None
        return connection is not None and is_covered(connection, email)

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Find the user with a verified address. An account's provider verifies those of its domains only."""
        for address in sociallogin.email_addresses:
            email = address.email.lower()
            is_verified = address.verified
            if sociallogin.provider.id == PROVIDER:
                is_verified = self.is_email_verified(sociallogin.provider, email)
            user = User.objects.filter(email=email).first() if is_verified else None
            if user is not None:
                if not EmailAddress.objects.filter(user=user).exists():
                    user_email_verify(user=user)  # one without a row was created by somebody who made sure
                return user, email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse whom the provider may not log in."""
        emails = [address.email.lower() for address in sociallogin.email_addresses]
        if not emails:
            self.refuse(request, sociallogin, NO_ADDRESS)
        if sociallogin.provider.id == PROVIDER:
            if denies_verification(sociallogin):
                self.refuse(request, sociallogin, UNVERIFIED, emails[0])
            self.check_domains(request, sociallogin, emails)
            return
        if not sociallogin.is_existing and User.objects.filter(email__in=emails).exists():
            self.refuse(request, sociallogin, NOT_VERIFIED.format(name=sociallogin.provider.name))

    def check_domains(self, request: HttpRequest, sociallogin: SocialLogin, emails: list[str]) -> None:
        """Refuse a log-in that names an address outside the account's verified domains, or is somebody's with one."""
        connection = find_connection(sociallogin.account.provider)
        known = [sociallogin.user.email] if sociallogin.is_existing else []
        for email in [*emails, *known]:
            if connection is None or not is_covered(connection, email):
                domains = ", ".join(list_verified_domains(connection)) if connection else ""
                only = f"only addresses of {domains} log in here" if domains else "the account has verified no domain"
                self.refuse(request, sociallogin, f"The provider says that you are {email}, but {only}.", email)

    def refuse(self, request: HttpRequest, sociallogin: SocialLogin, text: str, email: str = "") -> NoReturn:
        """Send the person back to the log-in page with the reason, and record it."""
        connection = find_connection(sociallogin.account.provider)
        if connection is not None:
            sso_refusal_record(connection=connection, email=email, reason=text)
        raise ImmediateHttpResponse(build_problem_response(request, text, sociallogin.state))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whether a new user may be created: by an account's provider always, else where strangers may sign up."""
        email = sociallogin.email_addresses[0].email.lower()
        if sociallogin.provider.id != PROVIDER:
            if find_enforced_connection(email, even_suspended=True) is not None:
                self.refuse(request, sociallogin, f"{email} logs in through single sign-on.")
            if find_start(sociallogin.state) is not None or not is_sign_up_open(request):
                self.refuse(request, sociallogin, CLOSED.format(email=email))
        return True

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, str | None]) -> User:
        """Spell the addresses as ours are stored."""
        user: User = super().populate_user(request, sociallogin, data)
        for address in [*sociallogin.email_addresses, user]:
            address.email = normalize_address(address.email)
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: BaseForm | None = None) -> User:
        """Create the user: a member of the provider's account, or the owner of a new one.

        Of the addresses that the provider names only the first is kept, which `is_open_for_signup` has checked: a user
        has one, and any other would keep its person from becoming a user.
        """
        sociallogin.email_addresses = sociallogin.email_addresses[:1]
        sociallogin.user.email = sociallogin.email_addresses[0].email
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            data = sociallogin.account.extra_data
            claims = data.get("userinfo", data)
            name = str(claims.get("name") or claims.get("displayName") or "")
            provider_user_complete(user=user, name=name, owns_account=sociallogin.provider.id != PROVIDER)
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, object] | None = None,
    ) -> None:
        """Send the person back to the log-in page with a sentence; the log of the account has the details."""
        found = (extra_context or {}).get("state")
        state = found if isinstance(found, dict) else {}
        text = FAILED if state else STALE
        if error == AuthError.CANCELLED:
            text = CANCELLED
        if is_busy(exception):
            raise ImmediateHttpResponse(build_problem_response(request, BUSY, state))
        connection = find_connection(provider.app.provider_id) if provider.id == PROVIDER else None
        if connection is not None and state:
            details = str(exception) if exception else text  # no text of the request, which anybody can send
            sso_refusal_record(connection=connection, email="", reason=details)
        raise ImmediateHttpResponse(build_problem_response(request, text, state))
