"""Deduplication by the sender's event id: for 24 hours and over restarts; ids of beacons for minutes only.

Ids of senders are stored as 8-byte hashes in a file per hour in DATA_DIR/seen. An event is spooled first and its id
stored after that; the id of the stored event is derived from the sender's. So `SentIds.restored`, the ids in the event
store and the spool at the start, closes the gap that a killed process leaves between the two. With Redis all processes
share the ids.
"""

from __future__ import annotations

import os
import threading
from array import array
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path

from tracking.state.questions import SenderId

RETENTION_HOURS = 24
HOUR_FORMAT = "%Y%m%d%H"  # names an hour and its file
BRIEF_SECONDS = 600
MAX_RECENT_IDS = 200_000
MAX_IDS_PER_HOUR = 1_000_000


@lru_cache(maxsize=64)  # one hit needs it three times
def hash_event_id(site_id: int, event_id: str) -> int:
    """Hash a sender's id to 64 bits."""
    raw = blake2b(f"{site_id}|{event_id}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(raw, "big")


def derive_event_id(site_id: int, event_id: str) -> int:
    """Return the event's id, 1 to 2**53 - 1, derived from the sender's: the same whenever it is sent."""
    return to_event_id(hash_event_id(site_id, event_id))


def create_sender_id(site_id: int, event_id: str, is_brief: bool, now: datetime) -> SenderId:
    """Return the sender's id as questions have it."""
    return SenderId(hash_event_id(site_id, event_id), is_brief, now.timestamp())


def to_event_id(key: int) -> int:
    """Return the id of the event whose sender's id has this hash."""
    return key >> 11 or 1


class RecentIds:
    """Ids of the last minutes in two generations: the previous one is dropped when the current one is old or full."""

    def __init__(self) -> None:
        self.current: set[int] = set()
        self.previous: set[int] = set()
        self.since = 0.0

    def contains(self, number: int, now: float) -> bool:
        """Return whether the id was added within the last minutes."""
        if abs(now - self.since) > BRIEF_SECONDS or len(self.current) >= MAX_RECENT_IDS:
            self.previous, self.current, self.since = self.current, set(), now
        return number in self.current or number in self.previous

    def add(self, number: int, now: float) -> None:
        """Add the id."""
        if not self.contains(number, now):
            self.current.add(number)


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


class SentIds:
    """All ids of senders that this process knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.brief = RecentIds()
        self.restored: set[int] = set()  # ids of the events of the last half hour before the start

    @cached_property
    def daily(self) -> DailyIds:
        """The ids of the last day, read on first use."""
        return DailyIds(self.folder)

    def contains(self, sender_id: SenderId) -> bool:
        """Return whether this id was sent before."""
        key = sender_id.key
        if self.restored and to_event_id(key) in self.restored:
            return True
        if sender_id.is_brief:
            return self.brief.contains(key, sender_id.now)
        return self.daily.contains(key, to_utc(sender_id.now))

    def claim(self, sender_id: SenderId) -> None:
        """Note an id that `contains` did not know; one that is not brief is noted by `keep` once it is spooled."""
        if sender_id.is_brief:
            self.brief.current.add(sender_id.key)

    def release(self, sender_id: SenderId) -> None:
        """Forget an id whose event was not stored; one that is not brief was not noted."""
        self.brief.current.discard(sender_id.key)
        self.brief.previous.discard(sender_id.key)

    def keep(self, sender_id: SenderId) -> None:
        """Note the id of a spooled event for a day."""
        self.daily.add(sender_id.key, to_utc(sender_id.now))


def to_utc(seconds: float) -> datetime:
    """Return the time of a Unix time."""
    return datetime.fromtimestamp(seconds, UTC)
