"""One segment file of the spool: lines that are appended, or counts that are written over."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

MOST_ROWS = 20_000
MOST_BYTES = 16 << 20
COUNTS = ("received", "refusals")  # tables of counts: a line per minute and matter, not per hit
CROWD, CROWDED_SECONDS = 500, 2.5  # a segment with more rows waits so long: an insert of many costs little more a row


class Segment:
    """One open file. `size` bytes of it are whole lines."""

    FLAGS = os.O_APPEND

    def __init__(self, path: Path, table: str) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | self.FLAGS, 0o600)
        self.path, self.table = path, table
        self.size = self.rows = 0
        self.began = time.monotonic()  # its age must not depend on a clock that may be set

    def append(self, line: bytes, rows: int = 1) -> None:
        """Write lines whole or not at all. Raises OSError."""
        written = os.write(self.fd, line)
        if written != len(line):  # a disk that just became full takes a part
            os.ftruncate(self.fd, self.size)
            os.lseek(self.fd, self.size, os.SEEK_SET)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written
        self.rows += rows

    @property
    def full(self) -> bool:
        """Whether it holds enough for one insert."""
        return self.rows >= MOST_ROWS or self.size >= MOST_BYTES

    def due(self, now: float, seconds: float) -> bool:
        """Whether it is full or was open for so long at `now` (`time.monotonic`); longer where there is much to do."""
        age = now - self.began
        return self.full or (age >= seconds and (self.rows <= CROWD or age >= CROWDED_SECONDS))

    def seal(self) -> Path:
        """Close; the path it has from now on."""
        os.ftruncate(self.fd, self.size)
        os.close(self.fd)
        ready = self.path.with_suffix(".ready")
        self.path.rename(ready)
        return ready


class Tally(Segment):
    """An open file of counts. A line's number is written over in place, in eight bytes, so it is never half a one."""

    FLAGS = 0

    def __init__(self, path: Path, table: str) -> None:
        super().__init__(path, table)
        self.places: dict[tuple[bytes, int], list[int]] = {}  # where a line's number begins, and the number

    def add(self, head: bytes, minute: int, hits: int) -> int:
        """Count; returns the bytes of a line that is new. Raises OSError."""
        place = self.places.get((head, minute))
        if place is not None:
            os.pwrite(self.fd, b"%8d" % (place[1] + hits), place[0])
            place[1] += hits
            return 0
        line = b'%b,"minute":%d,"hits":%8d}\n' % (head, minute, hits)
        self.append(line)
        self.places[head, minute] = [self.size - 10, hits]
        return len(line)


def token(path: Path) -> str:
    """The name under which the store knows a segment: its first process's boot and its first number."""
    stem = path.stem
    if "@" in stem:
        return stem.partition("@")[2].rpartition("-")[0]
    return f"{path.parent.name}.{stem.rpartition('-')[2]}"


def measured(path: Path) -> tuple[int, int]:
    """Bytes and lines of a file."""
    size = rows = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            rows += block.count(b"\n")
    return size, rows


def cut_torn_tail(path: Path) -> None:
    """Cut what comes after the last line's end: its process died while writing, so nobody was answered."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)
