"""What is known of a tenant's data without reading it: its version, when it changed, whether it knows persons.

`touched` counts, per site and quarter of an hour, the rows that arrived for it (an event counts for its own time and
for the start of its visit, whose numbers it changes); corrections count too. So two equal sums mean equal data.

What was read of `touched` is remembered until this process changes the store, so that a question is one statement. A
server may be changed by others too: there it is remembered for a moment only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reports.engine.scene import LONGEST_VISIT, Scene, instant, millis
from reports.engine.tables import rows_of_sites
from tracking import store
from tracking.store.changes import Times, gate
from tracking.store.target import target

REMEMBERED = 0.3  # seconds, of a store that others may change
SETTLED = timedelta(seconds=2)  # longer than an insert takes from the first table it fills to the last
FINE = timedelta(days=3)  # this far back by quarters of an hour, before by days
MOST_REMEMBERED = 1_000
DAY, QUARTER = 86_400, 900


@dataclass(frozen=True)
class Facts:
    """`version`: equal as long as the data of the question is. `rows`: about how many rows its period has.

    `complete`: what the version counts is in all tables, so that an answer read from now on is of this version or a
    later one, and may be kept under it.
    """

    version: tuple[int, int, int] = (0, 0, 0)
    changed: datetime | None = None
    persons: bool = False
    rows: int = 0
    complete: bool = False


@dataclass(frozen=True)
class Bucket:
    """What arrived for some time: from `start` to `end` (unix seconds)."""

    start: int
    end: int
    rows: int
    events: int
    at: datetime


@dataclass(frozen=True)
class Arrivals:
    """What one read of `touched` told, and when."""

    buckets: list[Bucket]
    identities: int
    asked: datetime  # by the store's clock
    times: Times
    since: float  # by this process's

    def fresh(self) -> bool:
        alone = target().embedded or time.monotonic() - self.since < REMEMBERED
        return alone and gate.times() == self.times

    def complete(self, changed: datetime | None) -> bool:
        """Whether no insert was half done: none of this process, and none of others so recently that it may be."""
        if self.times[0] != self.times[1]:
            return False
        return target().embedded or changed is None or changed < self.asked - SETTLED


_known: dict[Any, Arrivals] = {}


def facts(scene: Scene) -> Facts:
    """The facts of a scene's tenant and period. The period before it counts too, since its visits reach into it."""
    start, end = scene.period.start.timestamp(), scene.period.end.timestamp()
    reach = start - LONGEST_VISIT.total_seconds()
    told = arrivals(scene)
    found = [each for each in told.buckets if each.end > reach and each.start < end]
    changed = max((each.at for each in found), default=None)
    version = (sum(each.rows for each in found), millis(changed) if changed else 0, told.identities)
    rows = sum(each.events for each in found if each.end > start)
    return Facts(version, changed, told.identities > 0, rows, told.complete(changed))


def arrivals(scene: Scene) -> Arrivals:
    """What has arrived for the tenant: remembered, or read now."""
    key = (scene.sites, scene.period.start, scene.period.end) if len(scene.sites) > 1 else scene.sites
    known = _known.get(key)
    if known is not None and known.fresh():
        return known
    if len(_known) > MOST_REMEMBERED:
        _known.clear()
    times, since = gate.times(), time.monotonic()
    told = read(scene)
    _known[key] = Arrivals(list(told[1]), told[2], told[0], times, since)
    return _known[key]


def read(scene: Scene) -> tuple[datetime, Iterable[Bucket], int]:
    """The store's clock, the arrivals, and how many visits are known to be whose.

    Of one site everything, since many periods will be asked for; of several the period in one bucket.
    """
    where, bucket = "", "tuple()"
    if len(scene.sites) == 1:
        fine = int((scene.now - FINE).timestamp()) // DAY * DAY
        unix = "toUnixTimestamp(slot)"
        bucket = f"if({unix} < {fine}, intDiv({unix}, {DAY}), {unix})"
    else:
        start, end = instant(millis(scene.period.start - LONGEST_VISIT)), instant(millis(scene.period.end))
        where = f"slot >= {start} AND slot < {end}"
    sql = (
        f"SELECT toUnixTimestamp(min(slot)), toUnixTimestamp(max(slot)) + {QUARTER}, sum(rows) AS arrived, "
        f"sum(events), max(at) {rows_of_sites('touched', scene.sites, where)} GROUP BY {bucket} UNION ALL "
        f"SELECT 0, 0, count(), 0, now64(3, 'UTC') {rows_of_sites('identities', scene.sites)}"
    )
    rows = [(*map(int, row[:4]), row[4].astimezone(UTC)) for row in store.query(sql).rows]
    known = next(row for row in rows if row[1] == 0)
    return known[4], (Bucket(*row) for row in rows if row[1]), known[2]
