"""The spool: what a door took in, in the kernel's hands before the door answers, and then in the store exactly once.

    write_event, write_bot, write_rows, write_refusal, count_received   called by the doors, a few microseconds each
    start, stop, flush, health                              called by whoever serves
    waiting(since)                                          events that are not in the store yet, for a start

An event is one line of JSON in a segment file of its table and month. A writer thread seals segments and inserts the
*file* under its name, which the store remembers, so that a repeated insert changes nothing; then it deletes it.
What a killed process leaves is inserted by the next one. All files lie below settings.SPOOL_DIR.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from tracking.hit import Event
from tracking.spool.lines import line_of, read_events
from tracking.spool.segments import Segments, SpoolFull
from tracking.spool.writer import Writer

__all__ = [
    "SpoolFull",
    "count_received",
    "flush",
    "health",
    "start",
    "stop",
    "waiting",
    "write_bot",
    "write_event",
    "write_events",
    "write_refusal",
    "write_rows",
]
_lock = threading.Lock()
_segments: Segments | None = None
_writer: Writer | None = None


def write_event(event: Event) -> None:
    """Record an event, durably. Raises SpoolFull; then it is not recorded."""
    moment: datetime = event["ts"]
    (_segments or _open()).write("events", moment.year * 100 + moment.month, line_of(event))


def write_events(events: list[Event]) -> None:
    """Record several events of one month, all of them or none. Raises SpoolFull."""
    moment: datetime = events[0]["ts"]
    lines = b"".join([line_of(event) for event in events])
    (_segments or _open()).write("events", moment.year * 100 + moment.month, lines, len(events))


def write_bot(event: Event, reason: str) -> None:
    """Record an event set apart. Raises SpoolFull."""
    moment: datetime = event["ts"]
    line = line_of({**event, "reason": reason})
    (_segments or _open()).write("bots", moment.year * 100 + moment.month, line)


def write_rows(table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Record rows of another table, all of them or none; each has a `ts`, all of one month. Raises SpoolFull."""
    found = list(rows)
    if found:
        moment: datetime = found[0]["ts"]
        lines = b"".join(line_of(dict(row)) for row in found)
        (_segments or _open()).write(table, moment.year * 100 + moment.month, lines, len(found))


def write_refusal(site_id: int, reason: str, now: datetime, hits: int = 1) -> None:
    """Count refused hits. With a full disk they are counted in memory until there is room."""
    (_segments or _open()).count("refusals", now, b'{"site_id":%d,"reason":"%s"' % (site_id, reason.encode()), hits)


def count_received(site_id: int, now: datetime, hits: int = 1) -> None:
    """Count hits that a door took in, whatever becomes of them. Like write_refusal, it never fails."""
    (_segments or _open()).count("received", now, b'{"site_id":%d' % site_id, hits)


def start() -> None:
    """Take over what dead processes left, and keep inserting in a thread. Twice does no harm."""
    _made_writer().start()


def stop(seconds: float = 8.0) -> None:
    """Insert what is there as far as `seconds` allow (0 = leave it), end the thread, close.

    What stays is for the next start.
    """
    global _segments, _writer
    with _lock:
        writer, _writer, segments, _segments = _writer, None, _segments, None
    if writer is not None:
        writer.stop(seconds)
    if segments is not None:
        segments.close()


def flush() -> None:
    """Seal and insert everything now. Raises StoreError when the store does not take it."""
    _made_writer().flush()


def health() -> dict[str, Any]:
    """Numbers for /healthz: depth and bytes waiting, oldest (seconds), quarantined, store, last_insert, warning."""
    return _made_writer().health()


def waiting(since: datetime | None = None) -> Iterator[Event]:
    """Events in the spool (also of dead processes) that are not known to be in the store; oldest file first.

    With `since`, those that happened from then on. Whoever also asks the store asks here first: an event may move
    there in between, and never back.
    """
    for path, touched in sorted(_event_files(), key=lambda found: found[1]):
        if since is None or touched >= since.timestamp():
            yield from (event for event in read_events(path) if since is None or event["ts"] >= since)


def _event_files() -> Iterator[tuple[Path, float]]:
    for path in Path(settings.SPOOL_DIR).glob("*/events-*"):
        try:
            yield path, path.stat().st_mtime
        except FileNotFoundError:  # inserted meanwhile
            continue


def _open() -> Segments:
    global _segments
    with _lock:
        if _segments is None:
            _segments = Segments(Path(settings.SPOOL_DIR))
        return _segments


def _made_writer() -> Writer:
    global _writer
    segments = _open()
    with _lock:
        if _writer is None or _writer.segments is not segments:
            _writer = Writer(segments)
        return _writer


def _after_fork() -> None:
    """A child has its own segments; the parent's stay the parent's."""
    global _lock, _segments, _writer
    _lock = threading.Lock()
    if _segments is not None:
        _segments.abandon()
    _segments = _writer = None


os.register_at_fork(after_in_child=_after_fork)
