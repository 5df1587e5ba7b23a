"""Hits of one iteration of the event loop are written at once before any is answered, or rejected without space."""

from __future__ import annotations

import errno
import os
import threading
from typing import Any

import pytest
from django.conf import settings

from config.asgi import immediate_responder
from config.serving.response_batcher import MAX_BATCH, FinishedResponse, ResponseBatch
from sites import site_cache
from sites.models import Site
from tests.support import state
from tests.support.endpoints import count_hits
from tests.support.hits import build_hit
from tests.support.types import Store
from tests.tracking.test_immediate_answers import scope
from tracking import ingestion, spool

pytestmark = pytest.mark.django_db


class Wire:
    """The end of a connection; notes how many lines lie in the spool whenever an answer goes out."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, int]] = []

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.sent.append((data, lines()))

    def abort(self) -> None:
        raise AssertionError("the turn could not be ended")


class Loop:
    """Calls nothing: the test says when a turn ends."""

    def call_soon(self, job: Any) -> None:
        pass


def lines() -> int:
    return sum(path.read_bytes().count(b"\n") for path in settings.SPOOL_DIR.glob("*/events-*"))


def ask(together: ResponseBatch, wire: Wire, site: Site, path: str) -> None:
    found = together.respond(scope("/in.php", f"site_id={site.pk}&type=pageview&href={path}&host=example.com"))
    assert isinstance(found, tuple)
    response = FinishedResponse(together.number, wire, b"", found[1], found[2], None)  # type: ignore[arg-type]
    together.add(Loop(), response)  # type: ignore[arg-type]


@pytest.fixture
def together(site: Site, store: Store) -> ResponseBatch:
    site_cache.refresh()
    return ResponseBatch(immediate_responder)


def test_no_response_is_sent_before_the_batch_is_written(together: ResponseBatch, site: Site) -> None:
    wire = Wire()
    for number in range(3):
        ask(together, wire, site, f"/{number}")
    assert (wire.sent, lines()) == ([], 0)
    together.commit()
    assert [there for _, there in wire.sent] == [3, 3, 3]
    assert not any(b"x-event-dropped: " in answer for answer, _ in wire.sent)
    assert count_hits(site.pk) == {"received": 3, "stored": 3}


def test_a_full_batch_is_written_before_the_end_of_the_iteration(together: ResponseBatch, site: Site) -> None:
    wire = Wire()
    for number in range(MAX_BATCH + 1):
        ask(together, wire, site, f"/{number}")
    assert len(wire.sent) == lines() == MAX_BATCH
    together.commit()
    assert len(wire.sent) == lines() == MAX_BATCH + 1


def test_a_hit_without_space_in_the_spool_is_rejected_and_counted(
    together: ResponseBatch, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, real = Wire(), os.write
    ask(together, wire, site, "/before")
    together.commit()

    def nearly_full(fd: int, data: bytes) -> int:
        if data.count(b"\n") > 1 or b'"path":"/b"' in data:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    for path in ("/a", "/b", "/c"):
        ask(together, wire, site, path)
    monkeypatch.setattr(os, "write", nearly_full)
    together.commit()
    monkeypatch.setattr(os, "write", real)
    assert [b"x-event-dropped: spool_full\r\n" in answer for answer, _ in wire.sent] == [False, False, True, False]
    spool.flush()
    assert count_hits(site.pk) == {"received": 4, "stored": 3, "spool_full": 1}


def test_a_hit_that_found_no_space_is_no_duplicate_when_it_is_sent_again(
    together: ResponseBatch, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, real = Wire(), os.write
    ask(together, wire, site, "/before")
    together.commit()

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    ask(together, wire, site, "/a&x=an-id-of-a-beacon")
    monkeypatch.setattr(os, "write", full)
    together.commit()
    monkeypatch.setattr(os, "write", real)
    for _ in range(2):
        ask(together, wire, site, "/a&x=an-id-of-a-beacon")
        together.commit()
    dropped = [answer.partition(b"x-event-dropped: ")[2].partition(b"\r")[0] for answer, _ in wire.sent]
    assert dropped == [b"", b"spool_full", b"", b"duplicate"]


def test_another_thread_writes_directly_while_a_batch_is_open(together: ResponseBatch, site: Site) -> None:
    facts = site_cache.get_site(site.pk)
    assert facts is not None
    wire = Wire()
    together.responder.begin(0)
    other = threading.Thread(target=lambda: ingestion.receive(build_hit("/other"), facts, state.current()))
    other.start()
    other.join()
    assert lines() == 1
    together.responder.pause()
    ask(together, wire, site, "/mine")
    together.commit()
    assert lines() == 2
