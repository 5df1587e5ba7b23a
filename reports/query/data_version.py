"""The version of a tenant's data, read without reading the data: equal versions mean equal data.

The table `touched` counts, per site and quarter of an hour, the rows that arrived for it. An event counts for its own
time and for the start of its visit, whose numbers it changes; corrections count too. So equal sums mean equal data.

What was read from `touched` is cached until this process changes the store, so that a query costs one statement. A
server may be changed by other processes too, so there it is cached for a moment only.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reports.query.context import MAX_VISIT_LENGTH, QueryContext, to_milliseconds, write_instant
from reports.query.execution_limits import run_statement
from reports.query.sql.select import Select
from reports.query.sql.tables import rows_of_sites
from tracking.store.locks import ChangeCounts, write_lock
from tracking.store.target import get_target

MAX_AGE_ON_SERVER = 0.3  # seconds that arrivals are cached where other processes may change the store
MAX_INSERT_DURATION = timedelta(seconds=2)  # from the first table that an insert fills to the last
FINE_GRAINED = timedelta(days=3)  # arrivals are read by quarters of an hour this far back, before that by days
MAX_TENANTS_CACHED = 1_000
DAY, QUARTER = 86_400, 900  # seconds


@dataclass(frozen=True, kw_only=True)
class DataVersion:
    """The version of the data that a query reads.

    `number`: equal as long as the data is. `changed`: when it last changed. `rows`: about how many events the period
    has. `complete`: all that the version counts is in all tables, so an answer that is read from now on is of this
    version or a later one, and may be cached under it.
    """

    number: tuple[int, int, int] = (0, 0, 0)
    changed: datetime | None = None
    has_persons: bool = False
    rows: int = 0
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class ArrivalBucket:
    """The rows that arrived for the time from `start` to before `end` (unix seconds). `at`: when the last one did."""

    start: int
    end: int
    rows: int
    events: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """The result of one read of `touched`, and when it was read."""

    buckets: list[ArrivalBucket]
    identities: int
    read_at: datetime  # by the store's clock
    changes: ChangeCounts  # of this process to the store, when it was read
    read_at_monotonic: float  # by this process's clock

    def is_current(self) -> bool:
        """Return whether nothing can have arrived since."""
        recent = get_target().embedded or time.monotonic() - self.read_at_monotonic < MAX_AGE_ON_SERVER
        return recent and write_lock.get_change_counts() == self.changes

    def is_complete(self, changed: datetime | None) -> bool:
        """Return whether no insert was half done: none of this process, nor a recent one of others."""
        if self.changes[0] != self.changes[1]:
            return False
        return get_target().embedded or changed is None or changed < self.read_at - MAX_INSERT_DURATION


_arrivals: dict[Hashable, Arrivals] = {}


def read_version(context: QueryContext) -> DataVersion:
    """Return the version of the data of a context's tenant and period.

    The day before the period counts too, since visits that began in it reach into the period.
    """
    start, end = context.period.start.timestamp(), context.period.end.timestamp()
    earliest = start - MAX_VISIT_LENGTH.total_seconds()
    arrivals = find_arrivals(context)
    buckets = [bucket for bucket in arrivals.buckets if bucket.end > earliest and bucket.start < end]
    changed = max((bucket.at for bucket in buckets), default=None)
    changed_milliseconds = to_milliseconds(changed) if changed else 0
    number = (sum(bucket.rows for bucket in buckets), changed_milliseconds, arrivals.identities)
    rows = sum(bucket.events for bucket in buckets if bucket.end > start)
    return DataVersion(
        number=number,
        changed=changed,
        has_persons=arrivals.identities > 0,
        rows=rows,
        complete=arrivals.is_complete(changed),
    )


def find_arrivals(context: QueryContext) -> Arrivals:
    """Return what has arrived for the tenant, from memory or read now."""
    key = (context.sites, context.period.start, context.period.end) if len(context.sites) > 1 else context.sites
    cached = _arrivals.get(key)
    if cached is not None and cached.is_current():
        return cached
    if len(_arrivals) > MAX_TENANTS_CACHED:
        _arrivals.clear()
    _arrivals[key] = read_arrivals(context)
    return _arrivals[key]


def read_arrivals(context: QueryContext) -> Arrivals:
    """Read what has arrived, and how many visits are linked to persons.

    Of one site everything is read, since queries about many periods will follow; of several sites the period only,
    as one bucket.
    """
    changes, started = write_lock.get_change_counts(), time.monotonic()
    where, bucket = "", "tuple()"
    if len(context.sites) == 1:
        fine_since = int((context.now - FINE_GRAINED).timestamp()) // DAY * DAY
        unix = "toUnixTimestamp(slot)"
        bucket = f"if({unix} < {fine_since}, intDiv({unix}, {DAY}), {unix})"
    else:
        start = write_instant(to_milliseconds(context.period.start - MAX_VISIT_LENGTH))
        where = f"slot >= {start} AND slot < {write_instant(to_milliseconds(context.period.end))}"
    by_bucket = Select(
        [
            "toUnixTimestamp(min(slot))", f"toUnixTimestamp(max(slot)) + {QUARTER}", "sum(rows) AS arrived",
            "sum(events)", "max(at)",
        ],
        rows_of_sites("touched", context.sites, where), bucket,
    )  # fmt: skip
    persons = Select(["0", "0", "count()", "0", "now64(3, 'UTC')"], rows_of_sites("identities", context.sites))
    statement = f"{by_bucket} UNION ALL {persons}"
    rows = [
        ArrivalBucket(start=int(begin), end=int(end), rows=int(arrived), events=int(events), at=at.astimezone(UTC))
        for begin, end, arrived, events, at in run_statement(statement, {}, context.sites).rows
    ]
    identities = next(row for row in rows if row.end == 0)
    return Arrivals(
        buckets=[row for row in rows if row.end],
        identities=identities.rows,
        read_at=identities.at,
        changes=changes,
        read_at_monotonic=started,
    )
