"""Checks of e-mail and password: every attempt is counted before the password is hashed. Tokens to reset it."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import int_to_base36

from accounts.models import User
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.security.hashers import HashingBusy
from accounts.security.recognized_devices import LOGIN_DEVICES, is_recognized_network, remember_network
from accounts.validators import normalize_address

COOKIE_PATH = "/login"  # only log-in pages read the cookie


class ResetTokenGenerator(PasswordResetTokenGenerator):
    """Tokens of mailed links to a new password: for an hour, until the password or address changes, if not disabled."""

    def check_token(self, user: User | None, token: str | None) -> bool:
        """Whether the token is valid for this user."""
        return user is not None and user.is_active and super().check_token(user, token)


class TooManyAttempts(Exception):
    """A rate limit was exceeded; another attempt may be made in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(rate_limits.format_wait_message(seconds))
        self.seconds = seconds


def check_credentials(request: HttpRequest, email: str, password: str) -> User | None:
    """Return the user with this e-mail and password, or None. The attempt is counted first, of all spellings together.

    Raises TooManyAttempts or HashingBusy if the password was not checked.
    """
    email = normalize_address(email)
    limits = choose_login_limits(request, email)
    if wait := rate_limits.count_attempt(*limits):
        raise TooManyAttempts(wait)
    try:
        user = authenticate(request, username=email, password=password)
    except HashingBusy:
        rate_limits.undo_attempt(*limits)
        raise
    if user is None:
        return None
    rate_limits.undo_attempt(*limits)
    rate_limits.clear_attempts(_find_narrowest_limit(limits))
    remember_network(email, get_client_key(request))
    return user


def choose_login_limits(request: HttpRequest, email: str) -> tuple[rate_limits.RateLimitKey, ...]:
    """Choose the limits of an attempt: recognized devices and networks (`recognized_devices`) have their own.

    LOGIN_EMAIL counts the attempts of all strangers together, so it must not stop a device or network of the person.
    """
    if device := LOGIN_DEVICES.device(request, email):
        return ((rate_limits.LOGIN_DEVICE, f"{email} {device}"),)
    client = get_client_key(request)
    client_limits = ((rate_limits.LOGIN_ADDRESS, client), (rate_limits.LOGIN_PAIR, f"{email} {client}"))
    return client_limits if is_recognized_network(email, client) else (*client_limits, (rate_limits.LOGIN_EMAIL, email))


def _find_narrowest_limit(limits: tuple[rate_limits.RateLimitKey, ...]) -> rate_limits.RateLimitKey:
    narrow = (rate_limits.LOGIN_DEVICE, rate_limits.LOGIN_PAIR)
    return next(key for key in limits if key[0] in narrow)


def is_login_page(request: HttpRequest) -> bool:
    """Whether browsers send the cookie of recognized devices to the requested page."""
    return request.path == COOKIE_PATH or request.path.startswith(f"{COOKIE_PATH}/")


def is_recognized_device(request: HttpRequest, user: User) -> bool:
    """Whether the user has logged in on this device before; `is_login_page` must be true."""
    return bool(LOGIN_DEVICES.device(request, user.email))


def remember_login(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Recognize this device as the user's from now on, by a cookie in the response to a successful log-in."""
    LOGIN_DEVICES.remember(request, response, user.email, COOKIE_PATH)


def forget_attempts(user: User) -> None:
    """Reset the attempts of strangers, after the user has opened a mailed link."""
    rate_limits.clear_attempts((rate_limits.LOGIN_EMAIL, user.email))


def build_reset_path(user: User) -> str:
    """Build the path of the page on which a user sets a new password."""
    key = ResetTokenGenerator().make_token(user)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": int_to_base36(user.pk), "key": key})
