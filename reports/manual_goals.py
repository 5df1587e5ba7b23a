"""Manual goals that scripts, pages and servers have named in events, which the app of goals cannot read itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count

from goals.discovery import MAX_GOALS
from sites import site_cache

MAX_NAMES_PER_SITE = 2 * MAX_GOALS  # as many as it may have, beside those that exist already


def list_named_goals(since: datetime, until: datetime) -> Iterator[tuple[int, str]]:
    """Yield (site id, name) of the goals that events named between two instants, on any site.

    Sites that have reached the limit of goals are left out, since no goal could be created for them.
    """
    from goals.models import Goal
    from reports.query.analyses.usage import find_named_goals

    at_limit = Goal.objects.values("site").annotate(count=Count("pk")).filter(count__gte=MAX_GOALS)
    excluded = set(at_limit.values_list("site_id", flat=True))
    sites = [site.site_id for site in site_cache.list_sites() if site.site_id not in excluded]
    yield from find_named_goals(sites, since, until, MAX_NAMES_PER_SITE)
