"""Deduplication by the sender's event id: for 24 hours and over restarts; ids of beacons for minutes only.

Ids of senders are stored as 8-byte hashes in a file per hour in DATA_DIR/seen. An event is spooled first and its id
stored after that; the id of the stored event is derived from the sender's. So `recent_event_ids`, restored from the
event store and the spool at the start, closes the gap that a killed process leaves between the two. With Redis all
processes share the ids.
"""

from __future__ import annotations

import os
import threading
from array import array
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from django.conf import settings

from tracking.state import shared_redis

RETENTION_HOURS = 24
HOUR_FORMAT = "%Y%m%d%H"  # names an hour and its file
BRIEF_SECONDS = 600
CLAIM_SECONDS = 60  # an id in Redis while its event is being spooled; `remember_id` then extends it to a day
MAX_RECENT_IDS = 200_000
MAX_IDS_PER_HOUR = 1_000_000


@lru_cache(maxsize=64)  # one hit needs it three times
def hash_event_id(site_id: int, event_id: str) -> int:
    """Hash a sender's id to 64 bits."""
    raw = blake2b(f"{site_id}|{event_id}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(raw, "big")


def derive_event_id(site_id: int, event_id: str) -> int:
    """Return the event's id, 1 to 2**53 - 1, derived from the sender's: the same whenever it is sent."""
    return hash_event_id(site_id, event_id) >> 11 or 1


class RecentIds:
    """Ids of the last minutes in two generations: the previous one is dropped when the current one is old or full."""

    def __init__(self) -> None:
        self.current: set[int] = set()
        self.previous: set[int] = set()
        self.since = 0.0

    def add(self, number: int, now: float) -> bool:
        """Add the id; return False if it was there already."""
        if abs(now - self.since) > BRIEF_SECONDS or len(self.current) >= MAX_RECENT_IDS:
            self.previous, self.current, self.since = self.current, set(), now
        if number in self.current or number in self.previous:
            return False
        self.current.add(number)
        return True


class DailyIds:
    """Ids of the last day by hour, in memory and in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hours: dict[str, set[int]] = {}
        self.file = -1
        self.current = ""
        self.lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.ids"))[-(RETENTION_HOURS + 1) :]:
            raw = path.read_bytes()
            numbers = array("Q")
            numbers.frombytes(raw[: len(raw) // 8 * 8])
            self.hours[path.stem] = set(numbers)

    def contains(self, number: int, now: datetime) -> bool:
        """Return whether the id was added within the last day."""
        oldest = (now - timedelta(hours=RETENTION_HOURS)).strftime(HOUR_FORMAT)
        return any(number in hour for name, hour in self.hours.items() if name >= oldest)

    def add(self, number: int, now: datetime) -> None:
        """Add the id; it is written to the file before this returns."""
        name = now.strftime(HOUR_FORMAT)
        with self.lock:
            if name != self.current:
                self._begin_hour(name, now)
            hour = self.hours[name]
            if len(hour) < MAX_IDS_PER_HOUR:
                hour.add(number)
                os.write(self.file, array("Q", [number]).tobytes())

    def _begin_hour(self, name: str, now: datetime) -> None:
        """Open the file of a new hour and delete hours that are a day old."""
        if self.file >= 0:
            os.close(self.file)
        path = self.folder / f"{name}.ids"
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if (torn := os.fstat(self.file).st_size % 8) != 0:
            os.ftruncate(self.file, os.fstat(self.file).st_size - torn)
        self.current = name
        self.hours.setdefault(name, set())
        oldest = (now - timedelta(hours=RETENTION_HOURS)).strftime(HOUR_FORMAT)
        for old in [other for other in self.hours if other < oldest]:
            del self.hours[old]
            (self.folder / f"{old}.ids").unlink(missing_ok=True)


_brief = RecentIds()
_daily: DailyIds | None = None
recent_event_ids: set[int] = set()  # events of the last half hour before the start


def get_daily_ids() -> DailyIds:
    """Return the ids of this process, loaded on first use."""
    global _daily
    if _daily is None:
        _daily = DailyIds(Path(settings.DATA_DIR) / "seen")
    return _daily


def is_duplicate(site_id: int, event_id: str, brief: bool, now: datetime) -> bool:
    """Return whether this id was sent before. A brief id is added at once, others by `remember_id` when spooled."""
    number = hash_event_id(site_id, event_id)
    seconds = BRIEF_SECONDS if brief else CLAIM_SECONDS
    is_first = shared_redis.claim_first(f"footfall:seen:{number}", now.timestamp(), seconds)
    if is_first is False:
        return True
    if derive_event_id(site_id, event_id) in recent_event_ids:
        return True
    return not _brief.add(number, now.timestamp()) if brief else get_daily_ids().contains(number, now.astimezone(UTC))


def remember_id(site_id: int, event_id: str, now: datetime) -> None:
    """Store the id of a spooled event for a day."""
    number = hash_event_id(site_id, event_id)
    until = repr(now.timestamp() + RETENTION_HOURS * 3600)
    if not shared_redis.run_or_none(
        lambda client: client.set(f"footfall:seen:{number}", until, ex=RETENTION_HOURS * 3600)
    ):
        get_daily_ids().add(number, now.astimezone(UTC))


def forget() -> None:
    """Delete all ids (tests)."""
    global _daily, _brief
    if _daily is not None and _daily.file >= 0:
        os.close(_daily.file)
    for path in (Path(settings.DATA_DIR) / "seen").glob("*.ids"):
        path.unlink()
    _daily, _brief = None, RecentIds()
    recent_event_ids.clear()
