"""Fetching is permission: a site is had through these two, or not at all."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from accounts.access import RIGHT_MAY, Kind, allowed, granted, membership_may, memberships_of
from accounts.models import Account
from sites.models import Site

KIND = "site"


def site_for(request: HttpRequest, site_id: int, may: str = "view") -> Site:
    """The site, for somebody who may do `may` ("view", "edit", "manage") with it, else Http404."""
    return site_of(request.user, site_id, may)


def site_of(actor: Any, site_id: int, may: str = "view") -> Site:
    """As `site_for`, for a user or a key's bearer outside a Django request."""
    site = Site.objects.filter(pk=site_id, deleted=None).select_related("account").first()
    if site is None or not allowed(actor, site.account, KIND, site.pk, may):
        raise Http404("No such site.")
    return site


def sites_of(actor: Any, may: str = "view") -> QuerySet[Site]:
    """All sites the actor may do `may` with, of all their accounts, by name."""
    mine = Q(pk__in=[])
    for membership in memberships_of(actor):
        if membership_may(membership, may):
            mine |= Q(account=membership.account)
        else:
            rights = granted(membership, KIND)
            mine |= Q(
                account=membership.account,
                pk__in=[i for i, right in rights.items() if may in RIGHT_MAY[right]],
            )
    return Site.objects.filter(mine, deleted=None).select_related("account").order_by("domain", "pk")


def find_sites(account: Account, search: str, limit: int) -> list[tuple[int, str]]:
    """(id, name) of the first sites of an account whose domain or nickname contains `search`."""
    rows = Site.objects.filter(account=account, deleted=None).order_by("domain", "pk")
    if search:
        rows = rows.filter(Q(domain__icontains=search) | Q(nickname__icontains=search))
    return [(site.pk, str(site)) for site in rows[:limit]]


def existing_sites(account: Account, ids: Collection[int]) -> list[tuple[int, str]]:
    """(id, name) of the sites of the account among these ids."""
    rows = Site.objects.filter(account=account, deleted=None, pk__in=list(ids)).order_by("domain", "pk")
    return [(site.pk, str(site)) for site in rows]


# Sites as objects of grants
SITE_KIND = Kind(KIND, "Site", find_sites, existing_sites)
