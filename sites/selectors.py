"""Fetching sites with permission: views and APIs get a site only through `get_site_or_404` or `get_site_for_actor`,
and templates link only to pages that the reader may open (`may_with_site`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django import template
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.template import Context

from accounts.models import Account
from accounts.permissions import (
    RIGHT_PERMISSIONS,
    Actor,
    Bearer,
    GrantKind,
    list_memberships,
    load_grants,
    may_on_object,
    membership_may,
)
from sites.models import Site

register = template.Library()
KIND = "site"


def get_site_or_404(request: HttpRequest, site_id: int, may: str = "view") -> Site:
    """Fetch a site with which the request's user may do `may` ("view", "edit" or "manage"). Raises Http404."""
    return get_site_for_actor(request.user, site_id, may)


def get_site_for_actor(actor: Actor, site_id: int, may: str = "view") -> Site:
    """Fetch a site as `get_site_or_404` does, for a user or a key's bearer outside a Django request. Raises Http404."""
    site = Site.objects.filter(pk=site_id, deleted=None).select_related("account").first()
    if site is None or not may_on_site(actor, site, may):
        raise Http404("No such site.")
    return site


def group_by_zone(sites: Iterable[Site]) -> dict[str, tuple[int, ...]]:
    """Return the ids of the sites by time zone: sites of one zone have the same days, so one query counts them."""
    ids_by_zone: dict[str, tuple[int, ...]] = {}
    for site in sites:
        ids_by_zone[site.timezone] = (*ids_by_zone.get(site.timezone, ()), site.pk)
    return ids_by_zone


def may_on_site(actor: Actor, site: Site, may: str) -> bool:
    """Whether the actor may do `may` with a site that was fetched for less."""
    return may_on_object(actor, site.account, KIND, site.pk, may)


def select_sites(actor: Actor, may: str = "view") -> QuerySet[Site]:
    """Select the sites of all accounts with which the actor may do `may`, ordered by domain."""
    memberships = list_memberships(actor)
    permitted = Q(account__in=[row.account_id for row in memberships if membership_may(row, may)])
    for membership in memberships:
        if not membership_may(membership, may):
            rights = load_grants(membership, KIND)
            permitted |= Q(
                account=membership.account,
                pk__in=[site_id for site_id, right in rights.items() if may in RIGHT_PERMISSIONS[right]],
            )
    if isinstance(actor, Bearer) and actor.site_ids is not None:
        permitted &= Q(pk__in=actor.site_ids)
    return Site.objects.filter(permitted, deleted=None).select_related("account").order_by("domain", "pk")


def find_sites(account: Account, search: str, limit: int) -> list[tuple[int, str]]:
    """Return (id, name) of the first sites of an account whose domain or nickname contains `search`."""
    rows = Site.objects.filter(account=account, deleted=None).order_by("domain", "pk")
    if search:
        rows = rows.filter(Q(domain__icontains=search) | Q(nickname__icontains=search))
    return [(site.pk, str(site)) for site in rows[:limit]]


def list_existing_sites(account: Account, ids: Collection[int]) -> list[tuple[int, str]]:
    """Return (id, name) of the sites of the account among these ids."""
    rows = Site.objects.filter(account=account, deleted=None, pk__in=list(ids)).order_by("domain", "pk")
    return [(site.pk, str(site)) for site in rows]


# Registered as a kind of object that guests can be granted
SITE_KIND = GrantKind(KIND, "Site", find_sites, list_existing_sites)


@register.simple_tag(takes_context=True)
def may_with_site(context: Context, what: str, site: object) -> bool:
    """Return whether the reader may do `what` ("view", "edit", "manage") with the site; False for any other object."""
    request = context.get("request")
    if not isinstance(site, Site) or request is None:
        return False
    return may_on_site(request.user, site, what)
