"""Click tokens: signed values that destinations, cookies and other servers return to identify a click.

A token carries the ids of click and link, the time, and a keyed hash, so that conversions are attributed without a
database and tokens cannot be forged. 22 bytes, as 30 URL-safe characters.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from array import array
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from accounts.fast_settings import get_setting

MAC_BYTES = 6
TOKEN_LENGTH = 30
RANDOM_BATCH = 512


class ClickToken(NamedTuple):
    """One click: its id below 2**53, its link's id, its time (Unix seconds)."""

    click_id: int
    link_id: int
    at: int


NO_CLICK = ClickToken(0, 0, 0)
# Ids for the next clicks, drawn in batches: a system call for each would take as long as looking up the link
_random_numbers: list[int] = []
os.register_at_fork(after_in_child=_random_numbers.clear)


@lru_cache(maxsize=8)
def _keyed_hash(secret: str) -> blake2b:
    return blake2b(key=hmac.digest(secret.encode(), b"links.redirect.tokens", "sha256"), digest_size=MAC_BYTES)


def _compute_mac(body: bytes, secret: str = "") -> bytes:
    digest = _keyed_hash(secret or get_setting("SECRET_KEY")).copy()  # the key is hashed already
    digest.update(body)
    return digest.digest()


def _is_authentic(body: bytes, mac: bytes) -> bool:
    """Return whether the MAC was made with SECRET_KEY or one of SECRET_KEY_FALLBACKS."""
    if hmac.compare_digest(mac, _compute_mac(body)):
        return True
    return any(hmac.compare_digest(mac, _compute_mac(body, old)) for old in get_setting("SECRET_KEY_FALLBACKS"))


def generate_click_id() -> int:
    """Draw an unguessable id from 1 to 2**53 - 1."""
    try:
        return _random_numbers.pop() or 1
    except IndexError:
        _random_numbers.extend(word >> 11 for word in array("Q", os.urandom(RANDOM_BATCH * 8)))
        return generate_click_id()


def encode_token(click: ClickToken) -> str:
    """Encode a click as a signed token."""
    body = (click.click_id << 72 | click.link_id << 32 | click.at).to_bytes(16, "big")  # 7, 5 and 4 bytes
    return base64.urlsafe_b64encode(body + _compute_mac(body)).rstrip(b"=").decode()


def decode_token(word: str) -> ClickToken | None:
    """Decode a token; None for anything that this installation did not sign."""
    if len(word) != TOKEN_LENGTH or not word.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(word + "==")
    except (binascii.Error, ValueError):
        return None
    body, mac = raw[:16], raw[16:]
    if not _is_authentic(body, mac) or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != word:
        return None  # the last character has unused bits; only one encoding of each click is valid
    return ClickToken(
        int.from_bytes(body[:7], "big"), int.from_bytes(body[7:12], "big"), int.from_bytes(body[12:], "big")
    )
