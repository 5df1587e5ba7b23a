"""Keys that people copy into other programs.

Two sorts. *Derived* keys (a site's `sitekey`, an account's `authkey`) must be readable again, because
dialects return them in their answers; they are computed from SECRET_KEY, an owner and a generation number, so
nothing readable lies in the database and a new generation revokes the old key. *Random* keys (`ck_…`) are
shown once and stored as a hash.
"""

import hashlib
import hmac
import secrets
import uuid

from django.conf import settings

ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def derived_bytes(purpose: str, owner: int, generation: int) -> bytes:
    """32 bytes that only this installation can compute for `purpose` and `owner`."""
    message = f"{purpose}:{owner}:{generation}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).digest()


def derived_key(purpose: str, owner: int, generation: int, length: int = 16) -> str:
    """A lower-case alphanumeric key of at most 32 characters, 5 bits each."""
    return "".join(ALPHABET[byte & 31] for byte in derived_bytes(purpose, owner, generation)[:length])


def derived_guid(purpose: str, owner: int, generation: int) -> str:
    """A key in the 8-4-4-4-12 form, upper case, as ClickMeter's clients check it."""
    return str(uuid.UUID(bytes=derived_bytes(purpose, owner, generation)[:16])).upper()


def random_key(prefix: str) -> str:
    """A new key such as `ck_…` with 190 bits of chance."""
    return prefix + secrets.token_hex(24)


def key_hash(key: str) -> str:
    """What is stored of a key, and what it is looked up by: keys are long and random, so no salt."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def same_key(given: str, expected: str) -> bool:
    """Whether two keys are equal, in constant time and whatever bytes a stranger sends."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
