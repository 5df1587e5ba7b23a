"""The shared links that end when their creator loses access."""

from __future__ import annotations

from accounts.access import Bearer
from accounts.models import Membership
from accounts.revocation import DependentAccess
from reports.share.models import Share
from reports.share.services import share_revoke
from sites.access import sites_of


def ending_shares(membership: Membership, leaves: bool) -> list[Share]:
    """The active links that the person created: all of the account's, or those of sites they may no longer edit."""
    rows = Share.objects.filter(site__account=membership.account, created_by=membership.user_id, revoked=None)
    if not leaves:
        rows = rows.exclude(site__in=sites_of(Bearer(membership), "edit"))
    return list(rows)


SHARES = DependentAccess("Shared links", ending_shares, lambda share, now: share_revoke(share=share, now=now))
