"""Devices and networks that sent the right password before: limits on strangers do not apply to them.

A device has a signed, HTTP-only cookie, which grants no access by itself. Networks, for programs without cookies, are
stored in the cache of rate limits.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.core.cache import caches
from django.http import HttpRequest, parse_cookie
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac

from accounts.security.rate_limits import CACHE_NAME

DEVICE_SECONDS = 365 * 86_400
NETWORK_SECONDS = 30 * 86_400
MAX_SUBJECTS = 5  # people or shared links per device
COOKIE_SALT = "known-device"


@dataclass(frozen=True)
class DeviceCookie:
    """A cookie with the id of a device and the subjects whose password was sent from it."""

    name: str

    def device(self, request: HttpRequest, subject: str) -> str:
        """Return the id of the request's device if it is recognized for `subject` (an e-mail, a link's id), else ""."""
        device, subjects = self._read(request.COOKIES)
        return device if _hash_subject(subject) in subjects else ""

    def find_device(self, cookies: str) -> str:
        """Find the id of the device in the header `Cookie`, whomever it is recognized for; "" without one."""
        return self._read(parse_cookie(cookies))[0] if self.name in cookies else ""

    def remember(self, request: HttpRequest, response: HttpResponseBase, subject: str, path: str) -> None:
        """Set the cookie that recognizes the device for `subject`; browsers send it below `path`."""
        device, subjects = self._read(request.COOKIES)
        digest = _hash_subject(subject)
        newest = [digest, *(other for other in subjects if other != digest)][:MAX_SUBJECTS]
        response.set_cookie(
            self.name,
            signing.dumps([device or secrets.token_hex(8), newest], salt=COOKIE_SALT),
            max_age=DEVICE_SECONDS,
            path=path,
            secure=request.is_secure() or settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )

    def _read(self, cookies: Mapping[str, str]) -> tuple[str, list[str]]:
        try:
            device, subjects = signing.loads(cookies.get(self.name, ""), salt=COOKIE_SALT, max_age=DEVICE_SECONDS)
        except signing.BadSignature:
            return "", []
        return device, subjects


LOGIN_DEVICES = DeviceCookie("known_device")
SHARE_DEVICES = DeviceCookie("share_device")


def remember_network(subject: str, client: str) -> None:
    """Remember that this client (a `get_client_key`) sent the right password of `subject`."""
    caches[CACHE_NAME].set(_build_network_key(subject, client), 1, NETWORK_SECONDS)


def is_recognized_network(subject: str, client: str) -> bool:
    """Whether the client sent the right password of `subject` in the last 30 days."""
    return caches[CACHE_NAME].get(_build_network_key(subject, client)) is not None


def _build_network_key(subject: str, client: str) -> str:
    return f"known-network:{hashlib.sha256(f'{subject} {client}'.encode(errors='replace')).hexdigest()[:32]}"


def _hash_subject(subject: str) -> str:
    return salted_hmac(COOKIE_SALT, subject).hexdigest()[:20]
