"""Creates manual goals when a script, a page or a server first names them.

The names are in the events, which this app cannot query: a higher app registers a reader of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.utils import timezone as clock

from accounts.run_each import run_each
from goals.models import Goal
from goals.services import manual_goal_ensure
from sites.models import Site

# (since, until) -> pairs of (site id, goal name) from the events of that time
Reader = Callable[[datetime, datetime], Iterable[tuple[int, str]]]
LOOK_BACK = timedelta(days=2)  # long enough to catch up after an outage of the workers
RECENT = timedelta(minutes=2)
MAX_GOALS = 500  # per site; a script that uses order numbers as names would create a goal per order
_readers: list[Reader] = []


def register_named_goals_reader(reader: Reader) -> None:
    """Register a reader of the goal names in the events; called from `config.wiring`."""
    if reader not in _readers:
        _readers.append(reader)


def create_named_goals(now: datetime | None = None, since: datetime | None = None) -> int:
    """Create the missing goals that were named since then (default: two days ago); return how many."""
    now = now or clock.now()
    named: dict[int, set[str]] = {}
    for reader in _readers:
        for site_id, name in reader(since or now - LOOK_BACK, now):
            named.setdefault(site_id, set()).add(name.strip()[:120])
    return sum(run_each(named, lambda site_id: _create_missing(site_id, named[site_id]), what="Goals of site"))


def create_recently_named_goals(now: datetime | None = None) -> int:
    """Create the goals that were named in the last minutes: cheap enough to be done every few seconds."""
    now = now or clock.now()
    return create_named_goals(now, now - RECENT)


def _create_missing(site_id: int, names: set[str]) -> int:
    site = Site.objects.filter(pk=site_id, deleted=None).first()
    if site is None:
        return 0
    existing = set(Goal.objects.filter(site=site).values_list("name", flat=True))
    missing = sorted(name for name in names - existing if name and not name.isdigit())
    free = max(0, MAX_GOALS - len(existing))
    return len([name for name in missing[:free] if manual_goal_ensure(site=site, name=name)])
