"""Writes of shared links, and how long a given password is remembered."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.limits import check_limit
from accounts.models import User
from accounts.revocation import exposed_keys_clear
from accounts.services import account_lock
from goals.models import Segment
from reports.share.models import Share
from sites.models import Site

SHARED_LINK_KIND = "share"  # of exposed keys (`accounts.revocation`)
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
    """A new link. Raises ValidationError, a dict by field: a frame cannot ask for a password."""
    if segment is not None and segment.site_id != site.pk:
        raise ValidationError({"segment": "This segment belongs to another site."})
    if embed and password:
        raise ValidationError({"embed": "A link with a password cannot be embedded: frames cannot log in."})
    account_lock(site.account)
    used = Share.objects.open(timezone.now()).filter(site=site).count()
    check_limit(site.account, "shares_per_site", used=used, field="name", what="open links on one site")
    share = Share(site=site, name=name.strip(), segment=segment, embed=embed, expires=expires, created_by=user)
    share.password = make_password(password) if password else ""
    share.full_clean()
    share.save()
    return share


@transaction.atomic
def share_revoke(*, share: Share, now: datetime) -> None:
    """End a link at once; it never opens again."""
    share.revoked = now
    share.save(update_fields=["revoked"])
    exposed_keys_clear(kind=SHARED_LINK_KIND, object_id=share.pk)


def opens(share: Share, password: str) -> bool:
    """Whether this is the link's password."""
    return bool(share.password) and check_password(password, share.password)


def proof(share: Share) -> str:
    """What a session keeps of somebody who gave the password; another password makes another proof."""
    return hashlib.sha256(f"{share.pk}:{share.password}".encode()).hexdigest()


def key_token(site: Site) -> str:
    """The token of the site's overview for those who showed its `sitekey`: the key itself stands in no link.

    A new key makes another token, and the one before opens nothing any more.
    """
    digest = salted_hmac("reports.share.key_token", f"{site.pk}:{site.sitekey}", algorithm="sha256").hexdigest()[:40]
    return f"site-{site.pk}-{digest}"


def share_of_key_token(token: str) -> Share | None:
    """The whole overview of a site, for frames and without a row of its own; None if the token is no `key_token`."""
    found = KEY_TOKEN.fullmatch(token)
    site = Site.objects.filter(pk=int(found[1]), deleted=None).select_related("account").first() if found else None
    if site is None or not constant_time_compare(token, key_token(site)):
        return None
    return Share(site=site, name=str(site), embed=True, token=token)
