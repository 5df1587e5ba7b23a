"""The spool: events are written to files before their endpoint answers, and then into the store exactly once.

    write_event, write_bot, write_rows, count_rejected, count_received   for the endpoints, a few microseconds each
    start, stop, flush, health                                          for the server's process
    start_sealing, stop_sealing                                         for its workers (`serve --workers`)
    waiting(since)                                                      events that are not in the store yet
    use_claims, get_process_number                                      for a state that several processes share

An event is one line of JSON in a segment file of its table and month. A writer thread seals segments, inserts each
*file* under its name (the store remembers names, so a repeated insert changes nothing) and then deletes it. Segments
of a killed process are inserted by the next one. All files are below settings.SPOOL_DIR.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings

from tracking.event import Event
from tracking.spool.files import format_line, read_events
from tracking.spool.sealer import Sealer
from tracking.spool.segments import EndedProcess, Segments, SpoolFull, number_process
from tracking.spool.writer import SEAL_SECONDS, SEAL_SECONDS_WHILE_AWAY, ClaimHooks, SpoolHealth, Writer

__all__ = [
    "EndedProcess",
    "SpoolFull",
    "count_received",
    "count_rejected",
    "flush",
    "get_process_number",
    "health",
    "number_process",
    "start",
    "start_sealing",
    "stop",
    "stop_sealing",
    "use_claims",
    "waiting",
    "write_bot",
    "write_event",
    "write_events",
    "write_rows",
]
_lock = threading.Lock()
_segments: Segments | None = None
_writer: Writer | None = None
_sealer: Sealer | None = None
_claims = ClaimHooks()


def write_event(event: Event) -> None:
    """Write an event; it is with the operating system when this returns. Raises SpoolFull; then it is not written."""
    at = event["ts"]
    (_segments or _open()).write("events", at.year * 100 + at.month, format_line(event))


def write_events(events: list[Event]) -> None:
    """Write several events of one month, all of them or none. Raises SpoolFull."""
    at = events[0]["ts"]
    lines = b"".join([format_line(event) for event in events])
    (_segments or _open()).write("events", at.year * 100 + at.month, lines, len(events))


def write_bot(event: Event, reason: str) -> None:
    """Write a quarantined event. Raises SpoolFull."""
    at = event["ts"]
    line = format_line({**event, "reason": reason})
    (_segments or _open()).write("bots", at.year * 100 + at.month, line)


def write_rows(table: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows of another table, all of them or none; each has a `ts`, all of one month. Raises SpoolFull."""
    row_list = list(rows)
    if row_list:
        at = row_list[0]["ts"]
        assert isinstance(at, datetime)
        lines = b"".join(format_line(row) for row in row_list)
        (_segments or _open()).write(table, at.year * 100 + at.month, lines, len(row_list))


def count_rejected(site_id: int, reason: str, now: datetime, hits: int = 1) -> None:
    """Count rejected hits. While the disk is full they are counted in memory. Never raises."""
    (_segments or _open()).count("refusals", now, b'{"site_id":%d,"reason":"%s"' % (site_id, reason.encode()), hits)


def count_received(site_id: int, now: datetime, hits: int = 1) -> None:
    """Count received hits, whatever becomes of them. Like `count_rejected`, it never raises."""
    (_segments or _open()).count("received", now, b'{"site_id":%d' % site_id, hits)


def start(*, has_workers: bool = False) -> None:
    """Adopt the segments of dead processes and start the writer thread; does nothing if it runs.

    With workers it also inserts the segments that these seal, and adopts those of workers that die.
    """
    writer = _get_writer()
    writer.has_workers = has_workers
    writer.start()


def start_sealing() -> None:
    """Start the sealing thread of a worker, whose segments the store's process inserts."""
    global _sealer
    with suppress(OSError):  # the disk is full, which the first hit will say
        _open().open_directory()
    _sealer = Sealer(_open(), SEAL_SECONDS, SEAL_SECONDS_WHILE_AWAY)
    _sealer.start()


def stop_sealing() -> None:
    """End the sealing thread and seal everything; the store's process then adopts it."""
    global _sealer
    if _sealer is not None:
        _sealer.stop()
    _sealer = None
    stop(0.0)


def stop(seconds: float = 8.0) -> None:
    """Insert the waiting segments for up to `seconds` (0 = none), end the thread and close.

    Remaining segments are inserted after the next start.
    """
    global _segments, _writer
    with _lock:
        writer, _writer, segments, _segments = _writer, None, _segments, None
    if writer is not None:
        writer.stop(seconds)
    if segments is not None:
        segments.close()


def flush() -> None:
    """Seal and insert everything now. Raises StoreError."""
    _get_writer().flush()


def health() -> SpoolHealth:
    """Return the numbers for /healthz: depth (rows), bytes, oldest (seconds), quarantined, store, warning …"""
    return _get_writer().health()


def use_claims(
    *,
    is_settled: Callable[[], bool] = lambda: True,
    may_insert: Callable[[Path], bool] = lambda path: True,
    on_ended: Callable[[EndedProcess], None] = lambda ended: None,
) -> None:
    """Register what a shared state does about claims (`ClaimHooks`)."""
    _claims.is_settled, _claims.may_insert, _claims.on_ended = is_settled, may_insert, on_ended


def get_process_number() -> str:
    """Return the twelve digits that stand for this process, as long as its spool is open, in claims of hits."""
    return (_segments or _open()).process_number


def waiting(since: datetime | None = None) -> Iterator[Event]:
    """Yield the events in the spool, those of dead processes included, the oldest file first.

    With `since`, only events from then on. Callers that also query the store read the spool first: an event may move to
    the store in between, but never back.
    """
    for path, modified in sorted(_list_event_files(), key=lambda item: item[1]):
        if since is None or modified >= since.timestamp():
            yield from (event for event in read_events(path) if since is None or event["ts"] >= since)


def _list_event_files() -> Iterator[tuple[Path, float]]:
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


def _get_writer() -> Writer:
    global _writer
    segments = _open()
    with _lock:
        if _writer is None or _writer.segments is not segments:
            _writer = Writer(segments, _claims)
        return _writer


def _after_fork() -> None:
    """Start without segments in a forked child; the parent's remain its own."""
    global _lock, _segments, _writer
    _lock = threading.Lock()
    if _segments is not None:
        _segments.abandon()
    _segments = _writer = None


os.register_at_fork(after_in_child=_after_fork)
