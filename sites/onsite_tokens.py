"""Tokens by which a page of a measured site recognizes a user who opened it from the dashboard.

Other sites cannot read the dashboard's cookies, so the dashboard puts a signed token into the link (in the fragment,
which is sent to no server), and the tracker keeps it for that page. It names site and user, allows reading the numbers
of that site only, and expires after an hour. Whoever accepts it must still check that the user may see the site.
"""

from __future__ import annotations

from django.core.signing import BadSignature, TimestampSigner

TOKEN_SECONDS = 3600
MAX_TOKEN_LENGTH = 200


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="onsite", sep=".")


def create_onsite_token(site_id: int, user_id: int) -> str:
    """Create a token for this user on this site, of letters, digits, `-`, `_` and dots."""
    return _signer().sign(f"{site_id}-{user_id}")


def read_user_id(text: str, site_id: int) -> int | None:
    """Return the user id in a token for this site; None for any other, expired or forged text. Reads no database."""
    if not 0 < len(text) <= MAX_TOKEN_LENGTH:
        return None
    try:
        token_site, _, user = _signer().unsign(text, max_age=TOKEN_SECONDS).partition("-")
    except BadSignature:
        return None
    return int(user) if token_site == str(site_id) and user.isdigit() else None
