"""Which manual goals were named by scripts, pages and servers: what the goals room cannot see itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count

from goals.discovery import MOST_GOALS
from sites import known

MOST_NAMES = 5_000


def named_goals(since: datetime, until: datetime) -> Iterator[tuple[int, str]]:
    """(site id, name) of every goal that was named between two instants, on any site.

    Sites that have reached the limit of goals are left out: their names would use up the limit of rows.
    """
    from goals.models import Goal
    from reports.engine import Period, Query, ask

    at_limit = Goal.objects.values("site").annotate(count=Count("pk")).filter(count__gte=MOST_GOALS)
    excluded = set(at_limit.values_list("site_id", flat=True))
    sites = tuple(facts.site_id for facts in known.all_sites() if facts.site_id not in excluded)
    if not sites:
        return
    query = Query(
        sites=sites,
        period=Period(since, until, "UTC"),
        metrics=("visitors",),
        dimensions=("site", "name"),
        where={"dimension": "kind", "operator": "is", "value": ["goal"]},
        limit=MOST_NAMES,
    )
    for row in ask(query, now=until).rows:
        yield int(row["site"]), str(row["name"])
