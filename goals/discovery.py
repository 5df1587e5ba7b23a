"""Manual goals appear when they are first named by a script, a page or a server.

Which names were named is in the events, above this room; whoever can read them registers a reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.utils import timezone as clock

from accounts.operations.task_runs import run_each
from goals.models import Goal
from goals.services import goal_appear
from sites.models import Site

# (since, until) -> pairs of (site id, name of a goal that was named then)
Reader = Callable[[datetime, datetime], Iterable[tuple[int, str]]]
LOOK_BACK = timedelta(days=2)  # so that what was named while nobody looked appears as well
LATELY = timedelta(minutes=2)
MAX_GOALS = 500  # of one site: a script that names every order would fill the list
_readers: list[Reader] = []


def register_named_goals_reader(reader: Reader) -> None:
    """Let `reader` tell which goals were named; called from `config.wiring`."""
    if reader not in _readers:
        _readers.append(reader)


def discover(now: datetime | None = None, since: datetime | None = None) -> int:
    """Make the goals that were named since (default: two days ago) and are missing; returns how many."""
    now = now or clock.now()
    named: dict[int, set[str]] = {}
    for reader in _readers:
        for site_id, name in reader(since or now - LOOK_BACK, now):
            named.setdefault(site_id, set()).add(name.strip()[:120])
    return sum(run_each(named, lambda site_id: _appear(site_id, named[site_id]), what="Goals of site"))


def discover_lately(now: datetime | None = None) -> int:
    """The same for what was named in the last minutes: cheap enough to be done every few seconds."""
    now = now or clock.now()
    return discover(now, now - LATELY)


def _appear(site_id: int, names: set[str]) -> int:
    site = Site.objects.filter(pk=site_id, deleted=None).first()
    if site is None:
        return 0
    there = set(Goal.objects.filter(site=site).values_list("name", flat=True))
    missing = sorted(name for name in names - there if name and not name.isdigit())
    room = max(0, MAX_GOALS - len(there))
    return len([name for name in missing[:room] if goal_appear(site=site, name=name)])
