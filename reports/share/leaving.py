"""Shared links of a member, for when their access ends."""

from __future__ import annotations

from accounts.access import Bearer
from accounts.models import Membership
from accounts.revocation import DependentAccess
from reports.share.models import Share
from reports.share.services import share_revoke
from sites.access import sites_of


def ending_shares(membership: Membership, leaves: bool) -> list[Share]:
    """The links the person made that were not ended: all of the account's, or those of sites they edit no more."""
    rows = Share.objects.filter(site__account=membership.account, created_by=membership.user_id, revoked=None)
    if not leaves:
        rows = rows.exclude(site__in=sites_of(Bearer(membership), "edit"))
    return list(rows)


SHARES = DependentAccess("Shared links", ending_shares, lambda share, now: share_revoke(share=share, now=now))
