"""Checks of e-mail and password. Every attempt is counted before the password is hashed."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import throttle
from accounts.models import User
from accounts.security.client_ip import client_key
from accounts.security.hashers import HashingBusy
from accounts.security.known_devices import LOGIN_DEVICES, is_recognized_network, remember_network

COOKIE_PATH = "/login"  # the only page that reads the cookie


class TooManyAttempts(Exception):
    """A rate limit was exceeded; another attempt may be made in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(throttle.refusal_message(seconds))
        self.seconds = seconds


def check_credentials(request: HttpRequest, email: str, password: str) -> User | None:
    """Return the user with this e-mail (lower case) and password, or None. The attempt is counted first.

    Raises TooManyAttempts or HashingBusy if the password was not checked.
    """
    limits = choose_login_limits(request, email)
    if wait := throttle.count_attempt(*limits):
        raise TooManyAttempts(wait)
    try:
        user = authenticate(request, username=email, password=password)
    except HashingBusy:
        throttle.undo_attempt(*limits)
        raise
    if user is None:
        return None
    throttle.undo_attempt(*limits)
    throttle.clear_attempts(_find_narrowest_limit(limits))
    remember_network(email, client_key(request))
    return user


def choose_login_limits(request: HttpRequest, email: str) -> tuple[throttle.LimitKey, ...]:
    """Choose the limits of an attempt: known devices and networks (`known_devices`) have limits of their own.

    LOGIN_EMAIL counts the attempts of all strangers together, so it must not stop a device or network of the person.
    """
    if device := LOGIN_DEVICES.device(request, email):
        return ((throttle.LOGIN_DEVICE, f"{email} {device}"),)
    client = client_key(request)
    client_limits = ((throttle.LOGIN_ADDRESS, client), (throttle.LOGIN_PAIR, f"{email} {client}"))
    return client_limits if is_recognized_network(email, client) else (*client_limits, (throttle.LOGIN_EMAIL, email))


def _find_narrowest_limit(limits: tuple[throttle.LimitKey, ...]) -> throttle.LimitKey:
    narrow = (throttle.LOGIN_DEVICE, throttle.LOGIN_PAIR)
    return next(key for key in limits if key[0] in narrow)


def remember_login(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Make this device known for the user, by a cookie in the response to a successful log-in."""
    LOGIN_DEVICES.remember(request, response, user.email, COOKIE_PATH)


def forget_attempts(user: User) -> None:
    """Reset the attempts of strangers, after the user has opened a mailed link."""
    throttle.clear_attempts((throttle.LOGIN_EMAIL, user.email))
