"""The spool: no event is lost or stored twice, whatever fails."""

import errno
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import time_machine
from django.conf import settings
from pytest_django import Settings

from tests.support import NOW, event
from tests.support.types import Store
from tests.values import require
from tracking import spool
from tracking.event import Event
from tracking.spool import segments
from tracking.spool.files import format_line, token
from tracking.spool.segments import Segments

SITE = 1000


@pytest.fixture(autouse=True)
def clean(store: Store) -> None:
    """An empty store and spool."""


def stored(store: Store) -> list[str]:
    return [row["path"] for row in store.rows("SELECT path FROM events ORDER BY path")]


def files(ending: str = "*") -> list[Path]:
    return sorted(settings.SPOOL_DIR.glob(f"*/*-*-*.{ending}"))


def get_segments() -> Segments:
    """Those that this process writes."""
    return require(spool._segments)


def die() -> None:
    """What kill -9 leaves: open files, no goodbye."""
    get_segments().abandon()
    spool._segments = spool._writer = None


def test_an_event_is_written_to_the_file_before_any_flush() -> None:
    spool.write_event(event(SITE, "/a"))
    assert b'"path":"/a"' in files("open")[0].read_bytes()


def test_events_bots_and_counts_are_inserted_into_their_tables(store: Store) -> None:
    spool.write_event(event(SITE, "/a"))
    spool.write_bot(event(SITE, "/b"), "crawler")
    for _ in range(3):
        spool.count_rejected(SITE, "bot", NOW)
        spool.count_received(SITE, NOW)
    spool.flush()
    assert stored(store) == ["/a"]
    assert store.rows("SELECT path, reason FROM bots") == [{"path": "/b", "reason": "crawler"}]
    assert store.rows("SELECT minute, reason, hits FROM refusals FINAL") == [
        {"minute": NOW, "reason": "bot", "hits": 3}
    ]
    assert store.rows("SELECT sum(hits) AS hits FROM received") == [{"hits": 3}]
    assert files() == []


def test_the_counts_of_a_minute_are_one_line_and_survive_a_killed_process(store: Store) -> None:
    for _ in range(120):
        spool.count_received(SITE, NOW)
        spool.count_received(SITE + 1, NOW)
    assert files("open")[0].read_bytes().count(b"\n") == spool.health()["depth"] == 2
    die()
    spool.start()
    spool.flush()
    spool.stop()
    assert store.rows("SELECT site_id, hits FROM received FINAL ORDER BY site_id") == [
        {"site_id": SITE, "hits": 120},
        {"site_id": SITE + 1, "hits": 120},
    ]


@pytest.mark.usefixtures("machine_clock")
@pytest.mark.parametrize("is_settled", [True, False])
def test_what_a_dead_process_claimed_is_decided_only_if_its_inserts_waited_until_others_knew(is_settled: bool) -> None:
    ended: list[spool.EndedProcess] = []
    spool.use_claims(is_settled=lambda: is_settled, on_ended=ended.append)
    try:
        number = spool.get_process_number()
        spool.write_event(event(SITE, "/inserted"))
        spool.flush()
        spool.write_event(event(SITE, "/left"))
        die()
        spool.start()
        spool.stop()
    finally:
        spool.use_claims()
    assert [(one.number, len(one.paths), one.is_certain) for one in ended] == [(number, 1, is_settled)]


def test_a_segment_of_a_worker_waits_until_others_know_of_its_events(store: Store) -> None:
    allowed: list[bool] = [False]
    spool.use_claims(may_insert=lambda path: allowed[0])
    try:
        worker = Segments(settings.SPOOL_DIR)
        worker.write("events", 202603, format_line(event(SITE, "/of-a-worker")))
        worker.seal()
        spool.start(has_workers=True)
        spool.flush()
        assert stored(store) == []
        allowed[0] = True
        spool.flush()
        assert stored(store) == ["/of-a-worker"]
    finally:
        spool.use_claims()
        spool.stop()
        worker.close()


def test_a_segment_with_many_rows_stays_open_longer() -> None:
    spool.write_event(event(SITE, "/a"))
    (segment,) = get_segments().open.values()
    assert segment.is_due(segment.began + 0.6, 0.5) and not segment.is_due(segment.began + 0.4, 0.5)
    segment.rows = 2_000
    assert segment.is_due(segment.began + 3, 0.5) and not segment.is_due(segment.began + 0.6, 0.5)
    segment.rows = 20_000
    assert segment.is_due(segment.began, 0.5)


def test_a_segment_is_sealed_early_when_the_disk_is_nearly_full() -> None:
    """Only an insert makes room: waiting for more rows would fill the disk."""
    spool.write_event(event(SITE, "/a"))
    segments = get_segments()
    (segment,) = segments.open.values()
    segments.free_bytes = segment.size * 5
    segments.seal({"events": 60.0})
    assert files("open") == [segment.path], "there is room for more"
    segments.free_bytes = segment.size * 3
    segments.seal({"events": 60.0})
    assert files("open") == [] and len(files("ready")) == 1


def test_rows_of_another_table_are_written_together(store: Store) -> None:
    spool.write_rows("bots", [event(SITE, f"/{n}") for n in range(3)])
    spool.write_rows("bots", [])
    assert spool.health()["depth"] == 3
    spool.flush()
    assert store.rows("SELECT count() AS n FROM bots") == [{"n": 3}]


def test_segments_of_a_killed_process_are_inserted_exactly_once_by_the_next(store: Store) -> None:
    for path in "abc":
        spool.write_event(event(SITE, path))
    die()
    assert len(files("open")) == 1
    spool.start()
    spool.flush()
    assert stored(store) == ["a", "b", "c"]
    spool.stop()
    assert files() == []


def test_a_process_killed_between_insert_and_delete_inserts_nothing_twice(store: Store) -> None:
    spool.write_event(event(SITE, "a"))
    get_segments().seal()
    (ready,) = files("ready")
    store.insert_file(ready, "events", token(ready))
    die()
    spool.start()
    spool.flush()
    spool.stop()
    assert stored(store) == ["a"]
    assert store.rows("SELECT views FROM visits FINAL") == [{"views": 1}]


def test_a_segment_keeps_its_token_after_two_killed_processes(store: Store) -> None:
    spool.write_event(event(SITE, "a"))
    get_segments().seal()
    (ready,) = files("ready")
    known = token(ready)
    store.insert_file(ready, "events", known)
    die()
    for _ in range(2):
        spool._open().adopt()
        assert [token(path) for path in files()] == [known]
        die()
    spool.start()
    spool.flush()
    spool.stop()
    assert stored(store) == ["a"]


def test_segments_of_a_running_process_are_not_adopted() -> None:
    neighbour = Segments(settings.SPOOL_DIR)
    neighbour.write("events", 202603, b'{"site_id":1}\n')
    spool.write_event(event(SITE, "a"))
    assert get_segments().adopt() == []
    assert len(files("open")) == 2
    neighbour.close()


def test_an_incomplete_last_line_is_removed(store: Store) -> None:
    spool.write_event(event(SITE, "a"))
    spool.write_event(event(SITE, "b"))
    with files("open")[0].open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - 7)
    die()
    spool.start()
    spool.flush()
    spool.stop()
    assert stored(store) == ["a"]
    assert spool.health()["quarantined"] == 0


def test_names_of_segments_are_never_reused() -> None:
    names = []
    for _ in range(3):
        spool.write_event(event(SITE, "a"))
        get_segments().seal()
        names += [token(path) for path in files("ready")]
        spool.flush()
        spool.stop()
    assert len(set(names)) == len(names) == 3


def test_each_month_has_its_own_segment(store: Store) -> None:
    for year in range(2024, 2027):
        for month in range(1, 11):
            spool.write_event(event(SITE, f"{year}-{month:02}", at=NOW.replace(year=year, month=month)))
    assert len(files("open")) <= 24
    months = [path.read_bytes().splitlines() for path in files()]
    assert all(len({line[line.index(b'"ts":"') :][:13] for line in lines}) == 1 for lines in months)
    spool.flush()
    assert len(stored(store)) == 30


def test_a_short_write_on_a_full_disk_leaves_no_incomplete_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.write_event(event(SITE, "a"))
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:20]))
    with pytest.raises(spool.SpoolFull, match="No space left"):
        spool.write_event(event(SITE, "b"))
    monkeypatch.setattr(os, "write", real)
    spool.write_event(event(SITE, "c"))
    assert [line.endswith(b"}") for line in files()[0].read_bytes().splitlines()] == [True, True]
    spool.flush()
    assert stored(store) == ["a", "c"]


def test_on_a_full_disk_events_are_rejected_and_counts_are_kept_in_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.write
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(spool.SpoolFull):
        spool.write_event(event(SITE, "a"))
    for _ in range(5):
        spool.count_rejected(SITE, "spool_full", NOW)
    assert "full" in spool.health()["warning"]
    monkeypatch.setattr(os, "write", real)
    spool.flush()
    assert store.rows("SELECT reason, hits FROM refusals FINAL") == [{"reason": "spool_full", "hits": 5}]
    assert spool.health()["warning"] == ""


def test_the_spool_grows_only_to_its_limit(settings: Settings) -> None:
    settings.SPOOL_MOST_BYTES = 2_000
    with pytest.raises(spool.SpoolFull, match="limit"):
        for _ in range(100):
            spool.write_event(event(SITE, "a"))
            get_segments().seal()
    assert spool.health()["bytes"] < 3_000


def test_bad_lines_are_quarantined_and_counted_and_the_others_are_inserted(store: Store) -> None:
    for number in range(20):
        spool.write_event(event(SITE, f"{number:02}"))
    get_segments().write("events", 202603, b"no JSON at all\n")
    spool.write_event(cast("Event", {**event(SITE, "x"), "id": "no number"}))
    spool.write_event(event(SITE, "z"))
    spool.flush()
    assert stored(store) == [*(f"{number:02}" for number in range(20)), "z"]
    health = spool.health()
    assert health["quarantined"] == 2 and "could not be stored" in health["warning"]
    kept = [path.read_bytes() for path in (settings.SPOOL_DIR / "quarantine").glob("*.bad")]
    assert b"no JSON at all\n" in kept[0] and b"no number" in kept[0]


@pytest.mark.parametrize("text", ["\ud800 half a pair", "\x00 nothing", "a\nb\r\u2028", "\U0001f600"])
def test_any_text_is_one_line_and_can_be_inserted(store: Store, text: str) -> None:
    spool.write_event(event(SITE, "a", title=text, props={"key\n": text}))
    spool.flush()
    assert spool.health()["quarantined"] == 0
    assert store.rows("SELECT title FROM events")[0]["title"] == text.encode("utf-8", "replace").decode()


def test_waiting_events_can_be_read_with_their_times(store: Store) -> None:
    spool.write_event(event(SITE, "a"))
    (found,) = spool.waiting(NOW)
    assert (found["path"], found["ts"], found["visit_start"]) == ("a", NOW, NOW)
    assert list(spool.waiting(NOW.replace(hour=13))) == []
    spool.flush()
    assert list(spool.waiting()) == []


def test_events_of_a_clock_that_was_ahead_are_stored_once_it_is_right_again(store: Store) -> None:
    now = datetime.now(UTC)
    with time_machine.travel(now + timedelta(hours=2), tick=True):
        spool.write_event(event(SITE, "/ahead"))
    segments = get_segments()
    time.sleep(0.02)
    assert 0.02 <= segments.get_oldest_age() < 60
    segments.seal({"events": 0.01})
    assert files("open") == [] and len(files("ready")) == 1
    assert 0.02 <= segments.get_oldest_age() < 60
    spool.flush()
    assert stored(store) == ["/ahead"] and spool.health()["oldest"] == 0


def test_the_age_of_a_dead_processs_segments_is_known(store: Store) -> None:
    spool.write_event(event(SITE, "/a"))
    (path,) = files("open")
    die()
    os.utime(path, (time.time() - 100, time.time() - 100))
    segments = Segments(settings.SPOOL_DIR)
    segments.adopt()
    assert 100 <= segments.get_oldest_age() < 160
    segments.close()


def test_a_full_spool_is_logged_once_a_minute_and_when_there_is_space_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(settings, "SPOOL_MOST_BYTES", -1, raising=False)
    for _ in range(50):
        with pytest.raises(spool.SpoolFull):
            spool.write_event(event(SITE, "/a"))
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "cannot be written" in caplog.text and str(settings.SPOOL_DIR) in caplog.text
    assert spool.health()["full"] and spool.health()["refused"] == 50
    monkeypatch.setattr(settings, "SPOOL_MOST_BYTES", 1 << 30)
    monkeypatch.setattr(segments, "RECOVERY_SECONDS", 0)
    spool.write_event(event(SITE, "/a"))
    get_segments().check_disk()
    assert "has space again; 50 writes failed" in caplog.text
    assert not spool.health()["full"]
