"""Who sent a request, for turns: the account of its key or session once that is known, else the client.

An account is learned from the answer to an earlier request: Django knows it, and here nothing may wait for a database.
A key or session that nobody knows says nothing, or a client could be as many senders as it can think of keys.
"""

from __future__ import annotations

import threading
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

from django.conf import settings

from tracking.web import Scope

KEY_HEADERS = frozenset({b"x-api-key", b"authorization", b"x-clickmeter-authkey"})
KEY_PARAMETER = b"sitekey="  # the key of the Clicky API, in the query
MAX_KNOWN = 10_000  # keys and sessions; the ones learned first are forgotten
_accounts: dict[bytes, int] = {}  # by the hash of a key or session
_noting = threading.Lock()


def find_key(scope: Scope) -> bytes:
    """Find the key of an API that a request has in its headers; b"" if there is none."""
    return next((value for name, value in scope["headers"] if name in KEY_HEADERS), b"")


def find_sender(scope: Scope, client: str) -> str:
    """Find the sender of a request: its account, else the client, which is "" where clients cannot be told apart."""
    account_id = _accounts.get(hash_credential(scope)) if _accounts else None
    return client if account_id is None else f"account {account_id}"


def note_account(scope: Scope, account_id: int) -> None:
    """Note which account a request was for."""
    credential = hash_credential(scope)
    if credential and _accounts.get(credential) != account_id:
        with _noting:
            _accounts[credential] = account_id
            if len(_accounts) > MAX_KNOWN:
                del _accounts[next(iter(_accounts))]


def hash_credential(scope: Scope) -> bytes:
    """Return a hash of the key or session of a request, since a dictionary of them must open nothing; b"" without."""
    credential = find_key(scope) or find_key_parameter(scope["query_string"]) or find_session(scope)
    return sha256(credential).digest() if credential else b""


def find_key_parameter(query: bytes) -> bytes:
    """Find the key of an API in a query string; b"" if there is none."""
    if KEY_PARAMETER not in query:
        return b""
    return next((part for part in query.split(b"&") if part.startswith(KEY_PARAMETER)), b"")


def find_session(scope: Scope) -> bytes:
    """Find the session cookie of a request; b"" if there is none."""
    text = read_cookies(scope)
    if settings.SESSION_COOKIE_NAME not in text:
        return b""
    try:
        session = SimpleCookie(text).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return b""
    return session.value.encode() if session else b""


def read_cookies(scope: Scope) -> str:
    """Read the cookies of a request."""
    return "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")


def forget_senders() -> None:
    """Forget whose keys and sessions are known, as a new process does."""
    _accounts.clear()
