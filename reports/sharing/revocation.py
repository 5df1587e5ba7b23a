"""Shared links and members who lose access: the links that end, and those whose secret a former member knows."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone

from accounts.models import Account, Membership
from accounts.permissions import Bearer
from accounts.revocation import DependentAccess, SharedKeys
from reports.sharing.models import Share
from reports.sharing.services import SHARED_LINK_KIND, share_revoke
from sites.access import sites_for_actor


def list_ending_shares(membership: Membership, leaves: bool) -> list[Share]:
    """Return the member's own links that end: all of them if the member leaves, else of sites they may not edit."""
    rows = Share.objects.filter(site__account=membership.account, created_by=membership.user_id, revoked=None)
    if not leaves:
        rows = rows.exclude(site__in=sites_for_actor(Bearer(membership), "edit"))
    return list(rows)


def list_readable_shares(membership: Membership) -> set[tuple[int, str]]:
    """Return (id, name of the secret) of the links the member can read: all open ones of sites they may edit."""
    edited = sites_for_actor(Bearer(membership), "edit")
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


SHARED_LINKS = SharedKeys(SHARED_LINK_KIND, "Shared link", list_readable_shares, name_shares, end_share)
SHARES = DependentAccess("Shared links", list_ending_shares, lambda share, now: share_revoke(share=share, now=now))
