"""The ingestion audit of a site: received = stored + rejected by reason + duplicates, per minute, hour or day.

`received` is counted by the endpoints, on its own. `stored` are the events, at the time when they happened: what a
trusted sender reports about the past is stored in the past. Hits on their way into the store count as received only.
Bots are counted in the quarantine, so that the sum holds when some are restored and others moved there. The page about
bots lists what is in the quarantine, and why. The page of the tracking code shows the latest traffic (`find_traffic`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypedDict, cast

from reports.query.analyses.visit_lists import list_actions
from reports.query.errors import QueryRefused, join_names, quote_value
from reports.query.execution_limits import StoreRow, run_statement
from reports.query.periods import Period
from reports.query.sql.select import Select
from reports.query.sql.tables import rows_of_sites
from reports.query.timezones import Clock, format_day, format_hour
from sites.installation_check import SiteTraffic
from tracking.event import REASONS
from tracking.store import StoreError

MAX_DAYS: dict[str, int] = {"minute": 2, "hour": 62, "day": 3_660}  # of a period, by bucket
DUPLICATE = "duplicate"
BOTS_IN_PERIOD = "ts >= {start:DateTime} AND ts < {end:DateTime}"
COUNTS = {  # name -> table, column of time, reason, number of hits
    "received": ("received", "minute", "'received'", "sum(hits)"),
    "rejected": ("refusals", "minute", "reason", "sumIf(hits, reason NOT IN ('bot', 'spam'))"),
    "quarantined": ("bots", "ts", "if(startsWith(reason, 'spam'), 'spam', 'bot')", "count()"),
    "stored": ("events", "ts", "'stored'", "count()"),
}
RECENT = timedelta(minutes=30)
SEARCH_LENGTHS = (RECENT, timedelta(days=30))  # for a site with traffic the first, short search is enough
MAX_REASONS = 3


@dataclass(kw_only=True)
class AuditEntry:
    """The counts of one bucket. `time` is its begin in the period's zone: a date, or an instant with its offset."""

    time: str = ""
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, reason: str, hits: int) -> None:
        """Add hits of one of COUNTS. Duplicates are recorded as a reason of rejection, but counted on their own."""
        if not hits:
            return
        if name == "rejected" and reason == DUPLICATE:
            self.duplicates += hits
        elif name in ("rejected", "quarantined"):
            self.rejected[reason] += hits
        else:
            setattr(self, name, getattr(self, name) + hits)

    def to_json(self) -> dict[str, object]:
        """Return the entry as JSON of the APIs."""
        return {
            "time": self.time,
            "received": self.received,
            "stored": self.stored,
            "duplicates": self.duplicates,
            "refused": dict(self.rejected.most_common()),
        }


def fetch_audit(site_id: int, period: Period, bucket: str = "day") -> list[AuditEntry]:
    """Return the buckets in which anything happened, oldest first.

    Raises QueryRefused for a bucket that does not exist or is too fine for the period.
    """
    if bucket not in MAX_DAYS:
        raise QueryRefused(f"“interval” is one of {join_names(MAX_DAYS)}, not {quote_value(bucket)}.", "interval")
    days = (period.end - period.start).days
    if days > MAX_DAYS[bucket]:
        raise QueryRefused(f"By {bucket}, the period is at most {MAX_DAYS[bucket]:,} days.", "interval")
    entries: dict[int, AuditEntry] = {}
    for name in COUNTS:
        for at, reason, hits in fetch_counts(name, site_id, period, bucket):
            entry = entries.setdefault(int(at), AuditEntry(time=format_bucket(bucket, int(at), period)))
            entry.add(name, reason, int(hits))
    return [entries[at] for at in sorted(entries)]


def sum_entries(entries: list[AuditEntry]) -> AuditEntry:
    """Return the sum of all buckets."""
    totals = AuditEntry()
    for entry in entries:
        totals.received += entry.received
        totals.stored += entry.stored
        totals.duplicates += entry.duplicates
        totals.rejected.update(entry.rejected)
    return totals


def fetch_counts(name: str, site_id: int, period: Period, bucket: str) -> list[StoreRow]:
    """Return rows of bucket, reason and hits of one of COUNTS."""
    return run_statement(select_counts(name, site_id, period, bucket), bind_period(period), [site_id]).rows


def select_counts(name: str, site_id: int, period: Period, bucket: str) -> Select:
    """Select bucket, reason and hits of one of COUNTS."""
    table, column, reason, hits = COUNTS[name]
    clock, unix = Clock(period), f"toUnixTimestamp({column})"
    number = {"minute": f"intDiv({unix}, 60) * 60", "hour": clock.hour(unix), "day": clock.day(unix)}[bucket]
    in_period = f"{column} >= {{start:DateTime}} AND {column} < {{end:DateTime}}"
    columns = [f"{number} AS bucket", f"{reason} AS reason", f"{hits} AS hits"]
    return Select(columns, rows_of_sites(table, [site_id], in_period), "bucket, reason")


def bind_period(period: Period) -> dict[str, str]:
    """Return the bound parameters of a period, `start` and `end`."""
    return {"start": format_utc(period.start), "end": format_utc(period.end)}


def format_utc(instant: datetime) -> str:
    """Format an instant as a parameter of type DateTime."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def format_bucket(bucket: str, number: int, period: Period) -> str:
    return format_day(number) if bucket == "day" else format_hour(number, period.info)


class ReasonHits(TypedDict):
    """How many hits were quarantined for a reason."""

    reason: str
    hits: int


class BotHits(ReasonHits):
    """The hits of a bot; `latest` in UTC."""

    user_agent: str
    organization: str
    pages: int
    latest: datetime


def list_bots(site_id: int, period: Period, limit: int = 200) -> list[BotHits]:
    """Return bots by user agent, network and reason, those with most hits first."""
    rows = run_statement(select_bots(site_id, limit), bind_period(period), [site_id]).dicts()
    return cast("list[BotHits]", rows)


def select_bots(site_id: int, limit: int) -> Select:
    """Select the bots of a bound period, those with most hits first."""
    names = ["reason", "user_agent", "organization"]
    return Select(
        [*names, "count() AS hits", "uniqExact(path) AS pages", "max(ts) AS latest"],
        rows_of_sites("bots", [site_id], BOTS_IN_PERIOD), ", ".join(names), order_by=["hits DESC", "user_agent"],
        limit=limit,
    )  # fmt: skip


def count_bot_reasons(site_id: int, period: Period) -> list[ReasonHits]:
    """Return how many hits were quarantined for each reason, the most frequent first."""
    rows = run_statement(select_bot_reasons(site_id), bind_period(period), [site_id]).dicts()
    return cast("list[ReasonHits]", rows)


def select_bot_reasons(site_id: int) -> Select:
    """Select the reasons of a bound period, the most frequent first."""
    bots = rows_of_sites("bots", [site_id], BOTS_IN_PERIOD)
    return Select(["reason", "count() AS hits"], bots, "reason", order_by=["hits DESC", "reason"])


def find_traffic(site_id: int, now: datetime) -> SiteTraffic | None:
    """Return the newest action of the last 30 days, and the most frequent reasons of rejections in the last half hour.

    None if the store fails.
    """
    end = now + timedelta(seconds=1)
    try:
        rejected = sum_entries(fetch_audit(site_id, Period(end - RECENT, end), "minute")).rejected
        reasons = {REASONS.get(reason, reason): hits for reason, hits in rejected.most_common(MAX_REASONS)}
        for length in SEARCH_LENGTHS:
            if rows := list_actions((site_id,), Period(end - length, end), limit=1, now=now):
                return SiteTraffic(rows[0]["ts"], rows[0]["path"], reasons)
    except StoreError:
        return None
    return SiteTraffic(rejections=reasons)
