"""Reads of goals and segments."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from accounts.permissions import Actor
from goals.models import Goal, Segment
from sites.models import Site


def list_active_goals(site_ids: Iterable[int], conversion: bool | None = None) -> list[Goal]:
    """Return the active goals of some sites by name; `conversion`: only those (not) counted as conversions."""
    goals = Goal.objects.filter(site_id__in=list(site_ids), active=True).order_by("name", "pk")
    return list(goals if conversion is None else goals.filter(conversion=conversion))


def find_goal(site_ids: Iterable[int], number: int) -> Goal | None:
    """Return the goal of this id if it belongs to one of the sites, so that other tenants' goals stay invisible."""
    return Goal.objects.filter(site_id__in=list(site_ids), pk=number).first()


def filter_visible_segments(site_ids: Iterable[int], user_id: int | None) -> QuerySet[Segment]:
    """Return the shared segments of some sites and the user's own, by name; without a user only the shared ones."""
    mine = Q(owner_id=user_id) if user_id else Q(pk__in=[])
    return Segment.objects.filter(Q(shared=True) | mine, site_id__in=list(site_ids)).order_by("name", "pk")


def filter_segments_of_site(site: Site, user: Actor) -> QuerySet[Segment]:
    """Return the site's shared segments and the user's own, by name."""
    return filter_visible_segments([site.pk], getattr(user, "pk", None))
