"""Keys that people copy into other programs.

There are two sorts. *Derived* keys (a site's `sitekey`, an account's `authkey`) must be readable again, because
dialects return them in their answers; they are computed from SECRET_KEY, an owner (a site's id, an account's seed) and
a generation number, so the database contains no readable key, and a new generation revokes the old key. *Random* keys
(`ck_…`) are shown once and stored as a hash.
"""

import hashlib
import hmac
import secrets
import uuid

from django.conf import settings

KEY_ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def derive_bytes(purpose: str, owner: int, generation: int) -> bytes:
    """Derive 32 bytes that only this installation can compute for `purpose` and `owner`."""
    message = f"{purpose}:{owner}:{generation}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).digest()


def derive_key(purpose: str, owner: int, generation: int, length: int = 16) -> str:
    """Derive a lower-case alphanumeric key of at most 32 characters, 5 bits each."""
    return "".join(KEY_ALPHABET[byte & 31] for byte in derive_bytes(purpose, owner, generation)[:length])


def derive_guid(purpose: str, owner: int, generation: int) -> str:
    """Derive an upper-case GUID (8-4-4-4-12), the form that ClickMeter's clients check."""
    return str(uuid.UUID(bytes=derive_bytes(purpose, owner, generation)[:16])).upper()


def generate_key(prefix: str) -> str:
    """Generate a key such as `ck_…` with 192 random bits."""
    return prefix + secrets.token_hex(24)


def hash_key(key: str) -> str:
    """Hash a key for storage and lookup. Keys are long and random, so no salt is needed."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def is_same_key(received: str, expected: str) -> bool:
    """Whether two keys are equal: compared in constant time, for any characters that a client sends."""
    return hmac.compare_digest(received.encode(errors="replace"), expected.encode())
