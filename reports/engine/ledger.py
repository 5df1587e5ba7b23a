"""The ledger of a site: received = stored + refused by reason + duplicates, per minute, hour or day.

`received` is counted at the door, on its own; `stored` are the events (of the moment they happened: what a trusted
sender states about the past is stored in the past). What is on its way into the store counts as received only. Bots are
counted where they lie, so that the sum holds when some are brought back and others set apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from reports.engine.limits import query_settings
from reports.engine.period import Period
from reports.engine.refusal import QueryRefused, one_of, shown
from reports.engine.tables import rows_of_sites
from reports.engine.zones import Clock, day_text, hour_text

Bucket = Literal["minute", "hour", "day"]
LONGEST: dict[str, int] = {"minute": 2, "hour": 62, "day": 3_660}  # days of a period
DUPLICATE = "duplicate"
SOURCES = {
    "received": ("received", "minute", "'received'", "sum(hits)"),
    "refused": ("refusals", "minute", "reason", "sumIf(hits, reason NOT IN ('bot', 'spam'))"),
    "apart": ("bots", "ts", "if(startsWith(reason, 'spam'), 'spam', 'bot')", "count()"),
    "stored": ("events", "ts", "'stored'", "count()"),
}


@dataclass
class Entry:
    """One bucket. `time` is its beginning in the period's zone: a date, or an instant with its offset."""

    time: str = ""
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, source: str, reason: str, hits: int) -> None:
        if not hits:
            return
        if source == "apart" or (source == "refused" and reason != DUPLICATE):
            self.refused[reason] += hits
        elif source == "refused":
            self.duplicates += hits
        else:
            setattr(self, source, getattr(self, source) + hits)

    def plain(self) -> dict[str, Any]:
        return {
            "time": self.time,
            "received": self.received,
            "stored": self.stored,
            "duplicates": self.duplicates,
            "refused": dict(self.refused.most_common()),
        }


def ledger(site_id: int, period: Period, bucket: str = "day") -> list[Entry]:
    """The buckets in which anything happened, oldest first. Raises QueryRefused for one too fine for the period."""
    if bucket not in LONGEST:
        raise QueryRefused(f"“interval” is one of {one_of(LONGEST)}, not {shown(bucket)}.", "interval")
    days = (period.end - period.start).days
    if days > LONGEST[bucket]:
        raise QueryRefused(f"By {bucket}, the ledger shows at most {LONGEST[bucket]:,} days.", "interval")
    entries: dict[int, Entry] = {}
    for source in SOURCES:
        for at, reason, hits in counted(source, site_id, period, bucket):
            entries.setdefault(int(at), Entry(bucket_text(bucket, int(at), period))).add(source, reason, int(hits))
    return [entries[at] for at in sorted(entries)]


def total(entries: list[Entry]) -> Entry:
    """All buckets together."""
    whole = Entry()
    for entry in entries:
        whole.received += entry.received
        whole.stored += entry.stored
        whole.duplicates += entry.duplicates
        whole.refused.update(entry.refused)
    return whole


def counted(source: str, site_id: int, period: Period, bucket: str) -> list[tuple[Any, ...]]:
    from tracking import store

    table, column, reason, how = SOURCES[source]
    clock, unix = Clock(period), f"toUnixTimestamp({column})"
    at = {"minute": f"intDiv({unix}, 60) * 60", "hour": clock.hour(unix), "day": clock.day(unix)}[bucket]
    within = f"{column} >= {{start:DateTime}} AND {column} < {{end:DateTime}}"
    found = store.query(
        f"SELECT {at} AS bucket, {reason} AS reason, {how} AS hits {rows_of_sites(table, [site_id], within)} "
        "GROUP BY bucket, reason",
        {"start": clock_text(period.start), "end": clock_text(period.end)},
        settings=query_settings(),
    )
    return [tuple(row) for row in found.rows]


def clock_text(instant: datetime) -> str:
    """An instant as the store compares it, UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def bucket_text(bucket: str, at: int, period: Period) -> str:
    return day_text(at) if bucket == "day" else hour_text(at, period.info)
