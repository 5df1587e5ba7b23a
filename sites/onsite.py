"""The word by which a page of a site knows its owner: handed over when they open the site from the dashboard.

Cookies of the dashboard cannot be read on other sites, so the dashboard puts a signed word into the link (behind `#`,
where no server hears it), and the tracker keeps it for the page. It names site and user, reads nothing but the
numbers of that site, and dies within the hour; whoever shows it is still asked whether that user may see the site.
"""

from __future__ import annotations

from django.core.signing import BadSignature, TimestampSigner

SECONDS = 3600
LONGEST = 200


def _signer() -> TimestampSigner:
    return TimestampSigner(salt="onsite", sep=".")


def token(site_id: int, user_id: int) -> str:
    """A word for this user on this site, good for SECONDS: letters, digits, `-`, `_` and dots."""
    return _signer().sign(f"{site_id}-{user_id}")


def user_of(text: str, site_id: int) -> int | None:
    """The user whose word it is on this site; None for any other, older or made-up one. Reads no database."""
    if not 0 < len(text) <= LONGEST:
        return None
    try:
        site, _, user = _signer().unsign(text, max_age=SECONDS).partition("-")
    except BadSignature:
        return None
    return int(user) if site == str(site_id) and user.isdigit() else None
