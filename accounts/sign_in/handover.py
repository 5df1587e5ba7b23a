"""Log-ins through a provider for the host of a white label.

Providers know one address to send people back to, on the host of BASE_URL. So the other host sends the browser there
with a signed token (`build_start_url`); what comes back from the provider is answered with another token, good for a
minute, that logs in on the host where the log-in began.

Both tokens name a secret of that host's session, so whoever comes back is who began. That does not say that the person
who logged in at the provider is who began: anybody can begin a log-in and send the address to somebody else. So a
log-in goes only to verified hosts of white labels, through an account's provider only to that account's; the person is
asked on the host of BASE_URL whether to log in on that host; and only people whose log-ins the host's account may have
are handed over (`may_hand_over`). Any host can be named in a request, so none is believed without these checks.
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

from accounts import mail
from accounts.branding import find_account_by_brand_host, load_brand
from accounts.host_names import normalize_host
from accounts.models import Account, Membership, User
from accounts.permissions import has_second_factor
from accounts.sso.models import SLUG_PREFIX
from accounts.sso.rules import find_connection

START_SALT, ARRIVAL_SALT, PROBLEM_SALT = "sso-start", "sso-arrival", "sso-problem"
START_SECONDS, ARRIVAL_SECONDS = 600, 60
NOT_THERE = "You cannot log in that way on this host. Use a password or passkey, or another address of this service."
NONCE = "sso_nonce"  # in the session of the host where the log-in began


@dataclass(frozen=True)
class Start:
    """A log-in that began on another host: where it returns to, and the hash of the session's nonce there."""

    origin: str
    nonce: str
    provider: str
    next: str

    @property
    def host(self) -> str:
        """The host where it began, with its port if it has one."""
        return urlsplit(self.origin).netloc


def is_main_host(request: HttpRequest) -> bool:
    """Whether the request is for the host of BASE_URL, whose addresses providers know."""
    return request.get_host().lower() == urlsplit(settings.BASE_URL).netloc.lower()


def find_destination(host: str, provider: str) -> Account | None:
    """Find the account on whose host (as the request names it) a log-in through the provider may end.

    That of a white label, on the usual port or that of BASE_URL; through an account's own provider only its own.
    """
    name, port = normalize_host(host), urlsplit(settings.BASE_URL).port
    if host.lower() not in (name, f"{name}:{port}"):
        return None
    account = find_account_by_brand_host(name)
    if account is None or account.suspended is not None:
        return None
    if not provider.startswith(SLUG_PREFIX):
        return account
    connection = find_connection(provider)
    return account if connection is not None and connection.account_id == account.pk else None


def may_hand_over(account: Account, provider: str, user: User) -> bool:
    """Whether a user may be logged in on the account's host by a log-in through the provider.

    Whoever controls the host gets what that session can open. So only those come who belong to the account alone, or
    to a client of it without a white label of its own, as with mailed links; through its own provider also members of
    other accounts who are asked for a factor of their own.
    """
    if user.is_operator:
        return False
    is_member = Membership.objects.accepted().filter(account=account, user=user).exists()
    if provider.startswith(SLUG_PREFIX) and (has_second_factor(user) or not is_member):
        return bool(is_member)
    brand = load_brand(account)
    return brand.white_label and mail.choose_link_brand(brand, user) == brand


def hash_nonce(nonce: str) -> str:
    """Hash a nonce: the tokens are in addresses, from which nobody may learn it."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def build_start_url(request: HttpRequest, provider: str, next_url: str) -> str:
    """Build the address on the host of BASE_URL at which a log-in of this browser on this host begins."""
    nonce = request.session[NONCE] = get_random_string(32)
    origin = f"{urlsplit(settings.BASE_URL).scheme}://{request.get_host().lower()}"
    token = signing.dumps([origin, hash_nonce(nonce), provider, next_url], salt=START_SALT)
    return f"{settings.BASE_URL}/login/sso/start?{urlencode({'to': token})}"


def read_start(token: str) -> Start | None:
    """Read the token of `build_start_url`; None if it is not ours or too old, or leads where no log-in may end."""
    try:
        start = Start(*signing.loads(token, salt=START_SALT, max_age=START_SECONDS))
    except signing.BadSignature:
        return None
    return start if find_destination(start.host, start.provider) else None


def build_state(start: Start) -> dict[str, object]:
    """Build what allauth keeps in the session until the provider has answered."""
    return {"start": asdict(start)}


def find_start(state: Mapping[str, object]) -> Start | None:
    """Find, in the state of an answer, the log-in on another host that it belongs to."""
    data = state.get("data")
    found = data.get("start") if isinstance(data, dict) else None
    return Start(**found) if isinstance(found, dict) else None


def build_arrival_response(request: HttpRequest, start: Start, user: User) -> HttpResponse:
    """Send the browser to the host where the log-in began, with a token that logs the user in there if they may."""
    account = find_destination(start.host, start.provider)
    if account is None or not may_hand_over(account, start.provider, user):
        return build_problem_response(request, NOT_THERE, {"data": build_state(start)})
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
    is_here = start.host == request.get_host().lower()
    if not nonce or not is_here or not constant_time_compare(hash_nonce(nonce), start.nonce):
        return None
    account = find_destination(start.host, start.provider)
    user = User.objects.filter(pk=user_id, is_active=True).first()
    return (start, user) if user and account and may_hand_over(account, start.provider, user) else None


def build_problem_response(request: HttpRequest, text: str, state: Mapping[str, object]) -> HttpResponse:
    """Send the browser back to the log-in page with a sentence: on the host where the log-in began, if one may end
    there."""
    start = find_start(state)
    if start is None or find_destination(start.host, start.provider) is None:
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
