"""What django-allauth asks the product: limits, addresses of clients, brands of mails, and what follows a log-in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from smtplib import SMTPException
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import mail
from accounts.branding import DEFAULT_BRAND, Brand, get_request_brand
from accounts.models import SignUp, User
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_address
from accounts.security.password_login import (
    build_reset_path,
    check_credentials,
    is_login_page,
    is_recognized_device,
    remember_login,
)
from accounts.selectors import get_sign_up
from accounts.services import user_email_verify, user_password_set, user_sign_up
from accounts.sign_in.devices import describe_browser, describe_place
from accounts.sign_in.sso_login import admit_user, complete_login, did_just_use_provider, find_used_connection
from accounts.sso.provider import PROVIDER
from accounts.sso.rules import find_required_connection
from accounts.validators import clean_address

log = logging.getLogger(__name__)
REVIEW_TOKENS = "review_tokens"  # in the session of somebody with API tokens who resets their password
# Texts of allauth's messages, by the template that it would render; it is silent about all others
MESSAGES = {
    "account/messages/password_changed.txt": "Your password was changed. You were logged out everywhere else.",
    "account/messages/password_set.txt": "You have a password now.",
    "account/messages/email_confirmed.txt": "Your e-mail address is verified.",
    "account/messages/email_confirmation_failed.txt": "This e-mail address belongs to another user.",
    "mfa/messages/totp_activated.txt": "The authenticator app works from now on.",
    "mfa/messages/totp_deactivated.txt": "The authenticator app is no longer asked for.",
    "mfa/messages/webauthn_added.txt": "The passkey was added.",
    "mfa/messages/webauthn_removed.txt": "The passkey was removed.",
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-in as this product does it."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "This e-mail and password do not match.",
        "too_many_login_attempts": "Too many attempts. Try again in a minute.",
        "incorrect_password": "This is not your current password.",
    }

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address behind TRUSTED_PROXIES; the limits of allauth count it, IPv6 by /64."""
        return get_client_address(request)

    def is_safe_url(self, url: str) -> bool:
        """Whether a page may redirect there: to this very host only, since others belong to accounts."""
        return url_has_allowed_host_and_scheme(url, {self.request.get_host()}, self.request.is_secure())

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether strangers may sign up: where operators let them, once set up, and not on the host of an account."""
        return is_sign_up_open(request)

    def authenticate(self, request: HttpRequest, **credentials: str) -> User | None:
        """Check e-mail and password with our limits. Raises TooManyAttempts or HashingBusy."""
        return check_credentials(request, credentials["email"], credentials["password"])

    def clean_email(self, email: str) -> str:
        """Normalize an address that a form of allauth's has got. Raises ValidationError for what is none."""
        return clean_address(email)

    def reauthenticate(self, user: User, password: str) -> bool:
        """Check the password of a user who is logged in. Raises ValidationError after too many attempts."""
        limit = (rate_limits.PASSWORD_USER, str(user.pk))
        if rate_limits.count_attempt(limit):
            raise self.validation_error("too_many_login_attempts")
        is_right = user.check_password(password)
        if is_right:
            rate_limits.clear_attempts(limit)
        return is_right

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Whether a change of how the user logs in needs a confirmation: not just after a log-in at a provider."""
        return not did_just_use_provider(self.request) and super().is_reauthentication_required(app=app)

    def set_password(self, user: User, password: str) -> None:
        """Set a new password; see the service."""
        user_password_set(user=user, password=password)

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        """Create the user who signs up, and their account."""
        data = form.cleaned_data
        return user_sign_up(
            email=data["email"], password=data.get("password1"), name=data["name"], account_name=data["account_name"]
        )

    def pre_login(self, request: HttpRequest, user: User, **options: object) -> HttpResponse | None:
        """Let a user without a stored address log in: whoever created them made sure of it. Those who sign up
        themselves have one, which is not verified at first; who comes by a provider that has verified the address need
        not verify it. Who must use single sign-on is sent there.
        """
        arguments = read_arguments(options)
        if not EmailAddress.objects.filter(user=user).exists():
            user_email_verify(user=user)
        response: HttpResponse | None = super().pre_login(request, user, **options)
        if response is None and (identity := find_proof_of_address(arguments, user)) is not None:
            user_email_verify(user=user, keep=identity)
        return response or admit_user(request, user, arguments)

    def login(self, request: HttpRequest, user: User) -> None:
        """Log in; a user who did before, on other devices, is told by mail."""
        is_first = user.last_login is None
        super().login(request, user)
        if not is_first and is_login_page(request) and not is_recognized_device(request, user):
            context = {"place": describe_place(self.get_client_ip(request)), "user": user}
            user_agent = describe_browser(self.get_http_user_agent(request))
            self.send_notification_mail("accounts/mail/new_device", user, {**context, "browser": user_agent})

    def post_login(self, request: HttpRequest, user: User, **options: object) -> HttpResponse:
        """Recognize the device from now on."""
        complete_login(request, user, read_arguments(options))
        response: HttpResponse = super().post_login(request, user, **options)
        remember_login(request, response, user)
        return response

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead to the person's API tokens after a reset of the password, else to the start page."""
        if request.session.pop(REVIEW_TOKENS, False):
            return reverse("accounts:tokens-review")
        url: str = super().get_login_redirect_url(request)
        return url

    def get_login_stages(self) -> list[str]:
        """List the steps of a log-in, with our own second factor; whether it may be done this way is asked last."""
        ours = {"allauth.mfa.stages.AuthenticateStage": "accounts.sign_in.sso_login.SecondFactorStage"}
        steps = [ours.get(stage, stage) for stage in super().get_login_stages()]
        return [*steps, "accounts.sign_in.sso_login.LastStage"]

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Send a disabled user back to the log-in page."""
        messages.error(request, "This user is disabled. Ask whoever manages your account.")
        return redirect("account_login")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Return to the page about signing in."""
        return reverse("mfa_index")

    def add_message(
        self, request: HttpRequest, level: int, message_template: str = "", *_: object, message: str = "", **__: object
    ) -> None:
        """Show one of MESSAGES, or the text that is given."""
        if text := message or MESSAGES.get(message_template):
            messages.add_message(request, level, text)

    def send_mail(self, template_prefix: str, email: str, context: Mapping[str, object]) -> None:
        """Send a mail of allauth's, by our template of the same name, under the brand that the user may see.

        What was done stays done if the mail cannot be sent; whoever waits for a code is told, and can ask for another.
        """
        user = context.get("user")
        template = f"accounts/mail/{template_prefix.rpartition('/')[2]}.txt"
        person = user if isinstance(user, User) else User.objects.filter(email=email).first()
        brand = self.choose_code_brand(person) if "code" in context else self.choose_brand(person)
        try:
            mail.send(to=email, template=template, brand=brand, **{**context, "email": email})
        except (OSError, SMTPException) as error:
            log.warning("The mail %s could not be sent: %s", template, error)
            if "code" in context:
                messages.error(self.request, "The mail could not be sent. Ask for another code later.")

    def send_password_reset_mail(self, user: User, *_: object) -> None:
        """Mail the link to a new password, on a host whose owner may know it; to those who log in through single
        sign-on only, that to it. Raises OSError or SMTPException."""
        brand, template = self.choose_brand(user), "accounts/password_reset.txt"
        path = build_reset_path(user)
        if find_required_connection(user) is not None:
            path, template = f"{reverse('sso_login')}?{urlencode({'email': user.email})}", "accounts/sso_only.txt"
        mail.send(to=user.email, template=template, brand=brand, user=user, link=brand.base_url + path)

    def choose_brand(self, user: User | None) -> Brand:
        """Choose the brand of a mail: the host's for people who belong to its account alone, else the product's.

        Anybody can send a request to any host.
        """
        return mail.choose_link_brand(get_request_brand(self.request), user) if user else DEFAULT_BRAND

    def choose_code_brand(self, user: User | None) -> Brand:
        """Choose the brand of a mail that has a code and no link."""
        return mail.choose_code_brand(get_request_brand(self.request), user) if user else DEFAULT_BRAND


def read_arguments(options: Mapping[str, object]) -> Mapping[str, object]:
    """Read, from the options of a log-in, what says which provider it came through."""
    arguments = options.get("signal_kwargs")
    return arguments if isinstance(arguments, Mapping) else {}


def find_proof_of_address(arguments: Mapping[str, object], user: User) -> SocialAccount | None:
    """Find the identity of a log-in at a provider that has verified the user's address; None for all other log-ins."""
    login = arguments.get("sociallogin")
    if not isinstance(login, SocialLogin):
        return None
    is_own = login.provider is not None and login.provider.id == PROVIDER
    is_proof = (
        find_used_connection(arguments, user) is not None
        if is_own
        else any(address.verified and address.email.lower() == user.email for address in login.email_addresses)
    )
    return login.account if is_proof else None


def is_sign_up_open(request: HttpRequest) -> bool:
    """Whether the sign-up page of the request's host is open to everybody."""
    is_open = get_sign_up() == SignUp.OPEN
    return is_open and not get_request_brand(request).white_label and User.objects.has_login_user()
