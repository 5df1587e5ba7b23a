"""Which events were sent before? Ids of senders, for 24 hours and over restarts; beacons' own, for minutes.

Durable ids are 8-byte hashes appended to a file per hour in DATA_DIR/seen. An event is spooled first and its id
noted after, and an event's own number is made from its id: between the two, `known_numbers` (read back from store
and spool at the start) closes the gap that a killed process leaves. With Redis all processes share the ids.
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

from tracking import shared

HOURS = 24
NAME = "%Y%m%d%H"  # of an hour and its file
BRIEF_SECONDS = 600
CLAIM_SECONDS = 60  # of an id on its way into the spool, where several processes share them; then it is noted
MOST_BRIEF = 200_000
MOST_PER_HOUR = 1_000_000


@lru_cache(maxsize=64)  # one hit asks three times
def digest(site_id: int, event_id: str) -> int:
    """A sender's id as 64 bits."""
    raw = blake2b(f"{site_id}|{event_id}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(raw, "big")


def event_number(site_id: int, event_id: str) -> int:
    """The number of the event that has this id: the same whenever it is sent. 1 to 2**53 - 1."""
    return digest(site_id, event_id) >> 11 or 1


class Brief:
    """Ids of the last minutes: two generations, the older one is forgotten when the younger is old or full."""

    def __init__(self) -> None:
        self.young: set[int] = set()
        self.old: set[int] = set()
        self.since = 0.0

    def add(self, number: int, now: float) -> bool:
        """Note the id; False if it was there."""
        if abs(now - self.since) > BRIEF_SECONDS or len(self.young) >= MOST_BRIEF:
            self.old, self.young, self.since = self.young, set(), now
        if number in self.young or number in self.old:
            return False
        self.young.add(number)
        return True


class Durable:
    """Ids by hour, in memory and in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hours: dict[str, set[int]] = {}
        self.file = -1
        self.current = ""
        self.lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.ids"))[-(HOURS + 1) :]:
            raw = path.read_bytes()
            numbers = array("Q")
            numbers.frombytes(raw[: len(raw) // 8 * 8])
            self.hours[path.stem] = set(numbers)

    def known(self, number: int, now: datetime) -> bool:
        """Whether the id is among those of the last day."""
        oldest = (now - timedelta(hours=HOURS)).strftime(NAME)
        return any(number in hour for name, hour in self.hours.items() if name >= oldest)

    def add(self, number: int, now: datetime) -> None:
        """Note the id, in the kernel's hands before this returns."""
        name = now.strftime(NAME)
        with self.lock:
            if name != self.current:
                self._turn(name, now)
            hour = self.hours[name]
            if len(hour) < MOST_PER_HOUR:
                hour.add(number)
                os.write(self.file, array("Q", [number]).tobytes())

    def _turn(self, name: str, now: datetime) -> None:
        """Begin a new hour and forget the one that is a day old."""
        if self.file >= 0:
            os.close(self.file)
        path = self.folder / f"{name}.ids"
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if (torn := os.fstat(self.file).st_size % 8) != 0:
            os.ftruncate(self.file, os.fstat(self.file).st_size - torn)
        self.current = name
        self.hours.setdefault(name, set())
        oldest = (now - timedelta(hours=HOURS)).strftime(NAME)
        for old in [other for other in self.hours if other < oldest]:
            del self.hours[old]
            (self.folder / f"{old}.ids").unlink(missing_ok=True)


_brief = Brief()
_durable: Durable | None = None
known_numbers: set[int] = set()  # event numbers of the last half hour, read back at the start


def durable() -> Durable:
    """The ids of this process, read on first use."""
    global _durable
    if _durable is None:
        _durable = Durable(Path(settings.DATA_DIR) / "seen")
    return _durable


def repeated(site_id: int, event_id: str, brief: bool, now: datetime) -> bool:
    """Whether this id was there before. A brief id is noted at once, a durable one by `note`."""
    number = digest(site_id, event_id)
    seconds = BRIEF_SECONDS if brief else CLAIM_SECONDS
    fresh = shared.first(f"footfall:seen:{number}", now.timestamp(), seconds)
    if fresh is False:
        return True
    if event_number(site_id, event_id) in known_numbers:
        return True
    return not _brief.add(number, now.timestamp()) if brief else durable().known(number, now.astimezone(UTC))


def note(site_id: int, event_id: str, now: datetime) -> None:
    """The event of this id is safely spooled: remember the id for a day."""
    number = digest(site_id, event_id)
    until = repr(now.timestamp() + HOURS * 3600)
    if not shared.together(lambda client: client.set(f"footfall:seen:{number}", until, ex=HOURS * 3600)):
        durable().add(number, now.astimezone(UTC))


def forget() -> None:
    """Know nothing (tests)."""
    global _durable, _brief
    if _durable is not None and _durable.file >= 0:
        os.close(_durable.file)
    for path in (Path(settings.DATA_DIR) / "seen").glob("*.ids"):
        path.unlink()
    _durable, _brief = None, Brief()
    known_numbers.clear()
