"""Which manual goals were named by scripts, pages and servers: what the goals room cannot see itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count

from goals.discovery import MOST_GOALS
from sites import known

MOST_NAMES = 2 * MOST_GOALS  # of one site in one reading: more than it may have, and the goals it has already


def named_goals(since: datetime, until: datetime) -> Iterator[tuple[int, str]]:
    """(site id, name) of the goals that were named between two instants, on any site.

    Sites that have reached the limit of goals are left out: nothing of theirs could be made.
    """
    from goals.models import Goal
    from reports.engine.usage import goals_named

    at_limit = Goal.objects.values("site").annotate(count=Count("pk")).filter(count__gte=MOST_GOALS)
    excluded = set(at_limit.values_list("site_id", flat=True))
    sites = [facts.site_id for facts in known.all_sites() if facts.site_id not in excluded]
    yield from goals_named(sites, since, until, MOST_NAMES)
