"""The shared links that end when their creator loses access, and those that another person could read."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from accounts.access import Bearer
from accounts.models import Account, Membership
from accounts.revocation import DependentAccess, SharedKeys
from reports.share.models import Share
from reports.share.services import SHARED_LINK_KIND, share_revoke
from sites.access import sites_of


def ending_shares(membership: Membership, leaves: bool) -> list[Share]:
    """The active links that the person created: all of the account's, or those of sites they may no longer edit."""
    rows = Share.objects.filter(site__account=membership.account, created_by=membership.user_id, revoked=None)
    if not leaves:
        rows = rows.exclude(site__in=sites_of(Bearer(membership), "edit"))
    return list(rows)


def readable_shares(membership: Membership) -> set[tuple[int, str]]:
    """(id of the link, name of its key): editors of a site can read its open links, whoever made them."""
    edited = sites_of(Bearer(membership), "edit")
    rows = Share.objects.open(timezone.now()).filter(site__in=edited)
    return {(number, "token") for number in rows.values_list("pk", flat=True)}


def share_names(account: Account, ids: Collection[int]) -> dict[int, str]:
    """The names of links by id, with their sites."""
    rows = Share.objects.filter(site__account=account, pk__in=list(ids)).select_related("site")
    return {share.pk: f"{share.name} ({share.site})" for share in rows}


def end_share(account: Account, share_id: int) -> None:
    """End a link of the account; its token cannot be replaced, because whoever uses it knows no other."""
    share = Share.objects.filter(site__account=account, pk=share_id).first()
    if share is not None:
        share_revoke(share=share, now=timezone.now())


SHARED_LINKS = SharedKeys(SHARED_LINK_KIND, "Shared link", readable_shares, share_names, end_share)
SHARES = DependentAccess("Shared links", ending_shares, lambda share, now: share_revoke(share=share, now=now))
