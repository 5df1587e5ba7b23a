"""Checking an e-mail and a password. Every attempt is counted before the password is hashed."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import throttle
from accounts.models import User
from accounts.security.client_ip import client_key
from accounts.security.hashers import HashingBusy
from accounts.security.known_devices import LOGIN_DEVICES, is_known_network, remember_network

COOKIE_PATH = "/login"  # the only page that reads the cookie


class TooManyAttempts(Exception):
    """A limit is used up; another attempt may be made in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(throttle.refusal_message(seconds))
        self.seconds = seconds


def check_credentials(request: HttpRequest, email: str, password: str) -> User | None:
    """The user with this e-mail (lower case) and password, or None. The attempt is counted first.

    Raises TooManyAttempts or HashingBusy if the password was not checked.
    """
    limits = login_limits(request, email)
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
    throttle.clear_attempts(_narrowest(limits))
    remember_network(email, client_key(request))
    return user


def login_limits(request: HttpRequest, email: str) -> tuple[throttle.LimitKey, ...]:
    """The limits for an attempt: known devices and networks (`known_devices`) have limits of their own.

    LOGIN_EMAIL counts the attempts of all strangers together, so it must not refuse a device or network of the person.
    """
    if device := LOGIN_DEVICES.device(request, email):
        return ((throttle.LOGIN_DEVICE, f"{email} {device}"),)
    client = client_key(request)
    own = ((throttle.LOGIN_ADDRESS, client), (throttle.LOGIN_PAIR, f"{email} {client}"))
    return own if is_known_network(email, client) else (*own, (throttle.LOGIN_EMAIL, email))


def _narrowest(limits: tuple[throttle.LimitKey, ...]) -> throttle.LimitKey:
    narrow = (throttle.LOGIN_DEVICE, throttle.LOGIN_PAIR)
    return next(pair for pair in limits if pair[0] in narrow)


def remember_login(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Make this device known for the user. Call it with the response to a successful log-in."""
    LOGIN_DEVICES.remember(request, response, user.email, COOKIE_PATH)


def forget_attempts(user: User) -> None:
    """Reset the attempts of strangers, after the person has shown by a mailed link who they are."""
    throttle.clear_attempts((throttle.LOGIN_EMAIL, user.email))
