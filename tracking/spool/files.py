"""One segment file of the spool: lines that are appended, or counts that are overwritten in place; and an event as a
line of JSON.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import orjson

from tracking.event import Event

MAX_ROWS = 20_000
MAX_BYTES = 16 << 20
COUNT_TABLES = ("received", "refusals")  # tables of counts: a line per minute, site and reason instead of one per hit
# A segment with more rows stays open longer: fewer, larger inserts
LARGE_SEGMENT_ROWS, LARGE_SEGMENT_SECONDS = 500, 2.5
OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
MAX_INTEGER = 2**63 - 1


class SegmentFile:
    """One open file. Its first `size` bytes are complete lines."""

    FLAGS = os.O_APPEND

    def __init__(self, path: Path, table: str) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | self.FLAGS, 0o600)
        self.path, self.table = path, table
        self.size = self.rows = 0
        self.began = time.monotonic()  # monotonic: its age must not change when the clock is set

    def append(self, line: bytes, rows: int = 1) -> None:
        """Append lines completely or not at all. Raises OSError."""
        written = os.write(self.fd, line)
        if written != len(line):  # the disk became full in the middle
            os.ftruncate(self.fd, self.size)
            os.lseek(self.fd, self.size, os.SEEK_SET)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written
        self.rows += rows

    @property
    def full(self) -> bool:
        """Return whether it is large enough to be inserted."""
        return self.rows >= MAX_ROWS or self.size >= MAX_BYTES

    def is_due(self, now: float, seconds: float) -> bool:
        """Return whether to seal it at `now` (monotonic): full, or open for `seconds` (large ones: longer)."""
        age = now - self.began
        return self.full or (age >= seconds and (self.rows <= LARGE_SEGMENT_ROWS or age >= LARGE_SEGMENT_SECONDS))

    def seal(self) -> Path:
        """Close and rename the file; return its new path."""
        os.ftruncate(self.fd, self.size)
        os.close(self.fd)
        ready = self.path.with_suffix(".ready")
        self.path.rename(ready)
        return ready


class CountSegment(SegmentFile):
    """An open file of counts. A line's number is overwritten in place, in eight bytes, so it is never incomplete."""

    FLAGS = 0

    def __init__(self, path: Path, table: str) -> None:
        super().__init__(path, table)
        self.positions: dict[tuple[bytes, int], list[int]] = {}  # [offset of the line's number, the number]

    def add(self, head: bytes, minute: int, hits: int) -> int:
        """Add `hits` to the line of `head` and `minute`; return the bytes of a new line, else 0. Raises OSError."""
        position = self.positions.get((head, minute))
        if position is not None:
            os.pwrite(self.fd, b"%8d" % (position[1] + hits), position[0])
            position[1] += hits
            return 0
        line = b'%b,"minute":%d,"hits":%8d}\n' % (head, minute, hits)
        self.append(line)
        self.positions[head, minute] = [self.size - 10, hits]
        return len(line)


def token(path: Path) -> str:
    """Return the deduplication token of a segment: the directory of its first process and its first number."""
    stem = path.stem
    if "@" in stem:
        return stem.partition("@")[2].rpartition("-")[0]
    return f"{path.parent.name}.{stem.rpartition('-')[2]}"


def measure_file(path: Path) -> tuple[int, int]:
    """Count the bytes and lines of a file."""
    size = rows = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            rows += block.count(b"\n")
    return size, rows


def cut_incomplete_line(path: Path) -> None:
    """Cut an incomplete last line: its process died while writing it, so its hit was never answered."""
    content = path.read_bytes()
    complete = content.rfind(b"\n") + 1
    if complete != len(content):
        os.truncate(path, complete)


def format_line(row: Mapping[str, object]) -> bytes:
    """Format one line. Values that JSON or the store cannot hold (a lone surrogate, a giant number) are replaced."""
    try:
        return orjson.dumps(row, default=_convert, option=OPTIONS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_make_storable(row), default=_convert, option=OPTIONS | orjson.OPT_NON_STR_KEYS)


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of a segment, with aware times; incomplete or invalid lines are skipped."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:  # inserted meanwhile
        return
    for line in lines:
        try:
            event = orjson.loads(line)
            for name in ("ts", "visit_start"):
                event[name] = datetime.fromisoformat(event[name]) if name in event else event["ts"]
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        yield event


def _convert(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored in an event")


def _make_storable(value: object) -> object:
    if isinstance(value, dict):
        return {_make_storable(key): _make_storable(item) for key, item in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return 0
    return value
