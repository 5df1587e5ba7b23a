"""Log-ins through a provider for other hosts than BASE_URL's: of white labels, and other names of the installation.

Providers know one address to send people back to, on the host of BASE_URL. So the other host sends the browser there
with a signed token (`build_start_url`); what comes back from the provider is answered with another token, good for a
minute, that logs in on the host where the person began. Both tokens name a secret of that host's session, so they work
in that browser only, and once. No page of ours is shown on the host of BASE_URL, which has another brand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare, get_random_string

from accounts.models import User

START_SALT, ARRIVAL_SALT, PROBLEM_SALT = "sso-start", "sso-arrival", "sso-problem"
START_SECONDS, ARRIVAL_SECONDS = 600, 60
NONCE = "sso_nonce"  # in the session of the host where the log-in began


@dataclass(frozen=True)
class Start:
    """A log-in that began on another host: where it returns to, and the hash of the session's nonce there."""

    origin: str
    nonce: str
    provider: str
    next: str


def is_main_host(request: HttpRequest) -> bool:
    """Whether the request is for the host of BASE_URL, whose addresses providers know."""
    return request.get_host().lower() == urlsplit(settings.BASE_URL).netloc.lower()


def hash_nonce(nonce: str) -> str:
    """Hash a nonce: the tokens are in addresses, from which nobody may learn it."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def build_start_url(request: HttpRequest, provider: str, next_url: str) -> str:
    """Build the address on the host of BASE_URL at which a log-in of this browser on this host begins."""
    nonce = request.session[NONCE] = get_random_string(32)
    origin = f"{urlsplit(settings.BASE_URL).scheme}://{request.get_host()}"
    token = signing.dumps([origin, hash_nonce(nonce), provider, next_url], salt=START_SALT)
    return f"{settings.BASE_URL}/login/sso/start?{urlencode({'to': token})}"


def read_start(token: str) -> Start | None:
    """Read the token of `build_start_url`; None if it is not ours or too old."""
    try:
        return Start(*signing.loads(token, salt=START_SALT, max_age=START_SECONDS))
    except signing.BadSignature:
        return None


def build_state(start: Start) -> dict[str, object]:
    """Build what allauth keeps in the session until the provider has answered."""
    return {"start": asdict(start)}


def find_start(state: Mapping[str, object]) -> Start | None:
    """Find, in the state of an answer, the log-in on another host that it belongs to."""
    data = state.get("data")
    found = data.get("start") if isinstance(data, dict) else None
    return Start(**found) if isinstance(found, dict) else None


def build_arrival_response(start: Start, user: User) -> HttpResponse:
    """Send the browser to the host where the log-in began, with a token that logs the user in there."""
    token = signing.dumps([start.origin, start.nonce, start.provider, start.next, user.pk], salt=ARRIVAL_SALT)
    return redirect(f"{start.origin}/login/sso/arrive?{urlencode({'token': token})}")


def read_arrival(request: HttpRequest, token: str) -> tuple[Start, User] | None:
    """Read the token of `build_arrival_response`, once; None if it is not for this browser on this host."""
    nonce = str(request.session.pop(NONCE, ""))
    try:
        *words, user_id = signing.loads(token, salt=ARRIVAL_SALT, max_age=ARRIVAL_SECONDS)
    except signing.BadSignature:
        return None
    start = Start(*words)
    is_here = urlsplit(start.origin).netloc == request.get_host()
    if not nonce or not is_here or not constant_time_compare(hash_nonce(nonce), start.nonce):
        return None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    return (start, user) if user else None


def build_problem_response(request: HttpRequest, text: str, state: Mapping[str, object]) -> HttpResponse:
    """Send the browser back to the log-in page, on the host where the log-in began, with a sentence."""
    start = find_start(state)
    if start is None:
        messages.error(request, text)
        return redirect("account_login")
    token = signing.dumps(text, salt=PROBLEM_SALT)
    return redirect(f"{start.origin}/login/sso?{urlencode({'problem': token})}")


def read_problem(token: str) -> str:
    """Read the sentence of `build_problem_response`; "" if it is not ours or too old."""
    try:
        return str(signing.loads(token, salt=PROBLEM_SALT, max_age=START_SECONDS))
    except signing.BadSignature:
        return ""
