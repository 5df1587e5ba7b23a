"""A worker of `serve --workers` that is killed with a hit half recorded: whoever repeats it, it is stored once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from tests.served import wait_until
from tests.support.naive_state import BEGIN, IDLE
from tests.tracking.test_worker_state import StoreProcess, open_worker, running_store
from tracking.spool.segments import Segments
from tracking.state import worker_state
from tracking.state.deduplication import to_event_id
from tracking.state.ended_processes import settle_claims
from tracking.state.questions import ClaimFirst, GetSalt, JoinVisit, Question, SenderId, Window
from tracking.state.visits import OpenVisit

ROOT = Path(__file__).resolve().parents[2]
SECONDS = BEGIN / 1000
COUNTED = Window("counted", 90 * 86_400)
# A worker that asks as a hit does, writes its event or not, and then does nothing more: it never says what it wrote
WORKER = """
import django; django.setup()
import asyncio, sys, time
from datetime import UTC, datetime
from pathlib import Path
from tests.tracking.test_killed_workers import QUESTIONS, ROWS
from tracking import spool
from tracking.state.memory import MemoryState
from tracking.state.worker_state import WorkerState

socket, kind, writes = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "writes"
spool.start_sealing()
worker = WorkerState(socket, MemoryState(socket.parent / "worker"))

def record():
    answer = worker.ask(QUESTIONS[kind]())
    if writes:
        spool.write_rows("events", [{**ROWS[kind], "ts": datetime.now(UTC)}])
    print(answer if isinstance(answer, str | bool) else "joined", flush=True)
    time.sleep(600)

asyncio.run(worker.run(record))
"""


def ask_to_join(*, is_brief: bool) -> JoinVisit:
    return JoinVisit(
        key=(1, 11, 0), at=BEGIN, idle=IDLE, reported={}, sender_id=SenderId(2**60 + is_brief, is_brief, SECONDS),
        open_visit=lambda _: OpenVisit(5, 11, BEGIN, BEGIN),
    )  # fmt: skip


QUESTIONS: dict[str, Callable[[], Question[object]]] = {
    "beacon": lambda: ask_to_join(is_brief=True),
    "event": lambda: ask_to_join(is_brief=False),
    "conversion": lambda: ClaimFirst(COUNTED, "conversion:7:A-1", SECONDS, waits=True),
}
ROWS: dict[str, dict[str, object]] = {
    "beacon": {"id": to_event_id(2**60 + 1), "kind": "view"},
    "event": {"id": to_event_id(2**60), "kind": "view"},
    "conversion": {
        "id": 3, "kind": "conversion", "conversion_id": 7, "name": "A-1", "link_id": 2, "click_id": 4, "is_unique": 0,
    },
}  # fmt: skip


def ask(store: StoreProcess, kind: str) -> object:
    """What another worker hears that repeats the hit."""
    question: Question[object] = QUESTIONS[kind]()
    answer = open_worker(store).ask(question)
    return "stored" if isinstance(answer, OpenVisit) or answer is True else answer


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreProcess]:
    monkeypatch.setattr(worker_state, "UNDECIDED_ATTEMPTS", 2)
    with running_store() as running:
        yield running


def kill_worker(store: StoreProcess, kind: str, *, writes: bool) -> object:
    """Kill a worker after it has claimed, and perhaps written; returns what another worker heard before."""
    folder = store.path.parent
    env = {**os.environ, "DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", WORKER, str(store.path), kind, "writes" if writes else "claims"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline().strip() in ("joined", "True")
        heard = ask(store, kind)
        process.kill()
    segments = Segments(folder / "spool")
    segments.adopt(partial(settle_claims, store.server.note_ended))
    wait_until(lambda: store.server.answering.ended, lambda: "nobody noticed the end")
    segments.close()
    return heard


@pytest.mark.parametrize("kind", QUESTIONS)
def test_what_a_killed_worker_had_only_claimed_is_stored_when_it_is_repeated(store: StoreProcess, kind: str) -> None:
    assert kill_worker(store, kind, writes=False) == (None if kind == "conversion" else "undecided")
    assert ask(store, kind) == "stored"


@pytest.mark.parametrize("kind", QUESTIONS)
def test_what_a_killed_worker_had_written_is_a_duplicate_when_it_is_repeated(store: StoreProcess, kind: str) -> None:
    assert kill_worker(store, kind, writes=True) == (None if kind == "conversion" else "undecided")
    assert ask(store, kind) == (False if kind == "conversion" else "duplicate")


async def test_a_hit_that_waits_for_another_workers_claim_keeps_no_claim_of_its_own_worker_open(
    store: StoreProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers whose hits wait for each other's claims would wait until neither knows anything."""
    monkeypatch.setattr(worker_state, "UNDECIDED_ATTEMPTS", 10_000)
    theirs, ours = ask_to_join(is_brief=True), ask_to_join(is_brief=False)
    answering, worker = store.server.answering, open_worker(store)

    async def claim_theirs() -> None:
        answering.answer_all([worker.encode(theirs)[0]], "000000000099", 1, 0)

    async def settle_theirs() -> None:
        answering.claims.settle("000000000099", 1)

    def wait_for_theirs() -> object:
        worker.ask(GetSalt(date(2026, 3, 9)))  # answered in the batch in which the other hit claims its id
        return worker.ask(theirs)

    asyncio.run_coroutine_threadsafe(claim_theirs(), store.loop).result(10)
    waiting = asyncio.create_task(worker.run(wait_for_theirs))
    assert isinstance(await worker.run(worker.ask, ours), OpenVisit)
    assert ours.sender_id
    while answering.claims.find_process(ours.sender_id.key):  # noqa: ASYNC110 - another thread's
        await asyncio.sleep(0.01)
    assert not waiting.done()
    asyncio.run_coroutine_threadsafe(settle_theirs(), store.loop).result(10)
    assert await waiting == "duplicate"
