"""Writes of shared links, their passwords, and the tokens that stand for a site's key; and what becomes of the links of
members who lose access: those that end, and those whose secret a former member knows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, get_random_string, salted_hmac

from accounts.account_limits import check_limit
from accounts.audit.recording import record_action
from accounts.audit.subjects import AuditSubject
from accounts.models import Account, Membership, User
from accounts.permissions import Bearer
from accounts.revocation import DependentAccess, SharedKeys, exposed_keys_clear
from accounts.services import account_lock
from goals.models import Segment
from reports.sharing.models import Share
from sites.models import Site
from sites.selectors import select_sites

SHARED_LINK_KIND = "share"  # kind of exposed key in `accounts.revocation`
AUDIT_SUBJECT = AuditSubject(
    name="share",
    label="Shared link",
    account="site.account_id",
    verbs=("created", "revoked"),
    shown=frozenset({"name", "site_id", "segment_id", "embed", "expires"}),
)
TOKEN_LENGTH = 32  # characters of a random secret: whoever knows it may read the report
KEY_TOKEN = re.compile(r"site-([1-9]\d{0,17})-[0-9a-f]{40}", re.ASCII)


@transaction.atomic
def share_create(
    *,
    site: Site,
    name: str,
    segment: Segment | None = None,
    password: str = "",
    embed: bool = False,
    expires: datetime | None = None,
    user: User | None = None,
) -> Share:
    """Create a link. Raises ValidationError by field: a link in a frame cannot have a password."""
    if segment is not None and segment.site_id != site.pk:
        raise ValidationError({"segment": "This segment belongs to another site."})
    if embed and password:
        raise ValidationError({"embed": "A link with a password cannot be embedded: frames cannot log in."})
    account_lock(site.account)
    used = Share.objects.open(timezone.now()).filter(site=site).count()
    check_limit(site.account, "shares_per_site", used=used, field="name", what="open links on one site")
    share = Share(site=site, name=name.strip(), segment=segment, embed=embed, expires=expires, created_by=user)
    share.token = get_random_string(TOKEN_LENGTH)
    share.password = make_password(password) if password else ""
    share.full_clean()
    share.save()
    record_action("share.created", share)
    return share


@transaction.atomic
def share_revoke(*, share: Share, now: datetime) -> None:
    """Revoke a link, for good."""
    share.revoked = now
    share.save(update_fields=["revoked"])
    record_action("share.revoked", share)
    exposed_keys_clear(kind=SHARED_LINK_KIND, object_id=share.pk)


def check_share_password(share: Share, password: str) -> bool:
    """Return whether this is the password of the link."""
    return bool(share.password) and check_password(password, share.password)


def build_password_proof(share: Share) -> str:
    """Return what a session stores after the password was entered; a new password invalidates it."""
    return hashlib.sha256(f"{share.pk}:{share.password}".encode()).hexdigest()


def build_key_token(site: Site) -> str:
    """Return the token of a site's overview for programs that have its `sitekey`, which no link contains.

    A new key gives a new token and invalidates the previous one.
    """
    digest = salted_hmac("reports.share.key_token", f"{site.pk}:{site.sitekey}", algorithm="sha256").hexdigest()[:40]
    return f"site-{site.pk}-{digest}"


def find_share_by_key_token(token: str) -> Share | None:
    """Return a link, not stored, of the site's complete overview in a frame; None if the token is not of a key."""
    match = KEY_TOKEN.fullmatch(token)
    site = (
        Site.objects.filter(pk=int(match[1]), deleted=None, account__suspended=None).select_related("account").first()
        if match
        else None
    )
    if site is None or not constant_time_compare(token, build_key_token(site)):
        return None
    return Share(site=site, name=str(site), embed=True, token=token)


def list_ending_shares(membership: Membership, is_leaving: bool) -> list[Share]:
    """Return the member's own links that end: all of them if the member leaves, else of sites they may not edit."""
    rows = Share.objects.filter(site__account=membership.account, created_by=membership.user_id, revoked=None)
    if not is_leaving:
        rows = rows.exclude(site__in=select_sites(Bearer(membership=membership), "edit"))
    return list(rows)


def list_readable_shares(membership: Membership) -> set[tuple[int, str]]:
    """Return (id, name of the secret) of the links the member can read: all open ones of sites they may edit."""
    edited = select_sites(Bearer(membership=membership), "edit")
    rows = Share.objects.open(timezone.now()).filter(site__in=edited)
    return {(share_id, "token") for share_id in rows.values_list("pk", flat=True)}


def name_shares(account: Account, ids: Collection[int]) -> dict[int, str]:
    """Return the names of links, with their sites, by id."""
    rows = Share.objects.filter(site__account=account, pk__in=list(ids)).select_related("site")
    return {share.pk: f"{share.name} ({share.site})" for share in rows}


def end_share(account: Account, share_id: int) -> None:
    """Revoke a link of the account. Its token cannot be replaced, because its readers know no other address."""
    share = Share.objects.filter(site__account=account, pk=share_id).first()
    if share is not None:
        share_revoke(share=share, now=timezone.now())


SHARED_LINKS = SharedKeys(
    kind=SHARED_LINK_KIND,
    label="Shared link",
    find_readable=list_readable_shares,
    load_labels=name_shares,
    replace=end_share,
)
SHARES = DependentAccess("Shared links", list_ending_shares, lambda share, now: share_revoke(share=share, now=now))
