"""The state of three workers that ask one store's process, against the naive one."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import rule

from config.management.commands.serve import get_loop_factory
from tests.support.naive_state import BEGIN, IDLE, KINDS, StateWalk
from tracking.state import worker_link
from tracking.state.base import State
from tracking.state.memory import MemoryState
from tracking.state.questions import ClaimFirst, CountRequest, GetValue, JoinVisit, SenderId, TakeNumber, Window
from tracking.state.state_server import StateServer
from tracking.state.visits import OpenVisit, generate_id
from tracking.state.worker_state import WorkerState


class StoreProcess:
    """The store's process as a thread with an event loop of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.sock"
        self.state = MemoryState(folder)
        _ = self.state.first_seen
        self.runner = asyncio.Runner(loop_factory=get_loop_factory())
        self.loop = self.runner.get_loop()
        self.server = StateServer(self.state)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(self.path), self.loop).result(10)

    def run(self) -> None:
        with self.runner:
            self.loop.run_forever()

    def stop(self) -> None:
        async def close() -> None:
            self.server.stop()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@contextmanager
def running_store() -> Iterator[StoreProcess]:
    folder = Path(tempfile.mkdtemp())
    store = StoreProcess(folder)
    try:
        yield store
    finally:
        store.stop()
        shutil.rmtree(folder)


class WorkerWalk(StateWalk):
    """A walk with three workers."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = StoreProcess(self.folder)
        type(self).states = lambda: [self.open_worker() for _ in range(3)]
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=get_loop_factory())

    def open_worker(self) -> State:
        return WorkerState(self.store.path, MemoryState(self.folder))

    def teardown(self) -> None:
        self.runner.close()
        self.store.stop()
        shutil.rmtree(self.folder)

    @rule(data=some.data(), process=some.integers(0, 9), size=some.integers(1, 5), copies=some.integers(1, 40))
    def resolve_calls_of_an_event_loop(self, data: some.DataObject, process: int, size: int, copies: int) -> None:
        """Many calls at once, in several batches: their answers are the naive ones, in the order of the calls."""
        drawn = [data.draw(some.sampled_from(KINDS))(self, data) for _ in range(size)]
        expected = [self.naive.answer(question) for _ in range(copies) for question in drawn]
        state = self.processes[process % len(self.processes)]

        async def ask_at_once() -> list[Any]:
            calls = [state.run(state.ask, question) for _ in range(copies) for question in drawn]
            return list(await asyncio.gather(*calls))

        assert self.runner.run(ask_at_once()) == expected


WorkerWalk.TestCase.settings = settings(stateful_step_count=15, deadline=None)
TestWorkerState = WorkerWalk.TestCase


def open_worker(store: StoreProcess) -> WorkerState:
    return WorkerState(store.path, MemoryState(store.path.parent))


def ask_for_visit(at: int, number: int) -> JoinVisit:
    return JoinVisit(key=(1, 11, 0), at=at, idle=IDLE, reported={}, open_visit=lambda _: OpenVisit(number, 11, at, at))


def join(state: State, at: int, number: int) -> OpenVisit:
    joined = state.ask(ask_for_visit(at, number))
    assert not isinstance(joined, str)
    return joined


def test_workers_that_ask_at_the_same_time_give_every_answer_once() -> None:
    window, people, calls = Window("at once", 1800), 20, 150

    def visit(worker: State, number: int) -> tuple[int, int, bool, bool]:
        question = ask_for_visit(BEGIN, generate_id())
        question.key = (3, 100 + number % people, 0)
        joined = worker.join_visit(question)
        repeated = ask_for_visit(BEGIN, generate_id())
        repeated.sender_id = SenderId(5000 + number, True, BEGIN / 1000)
        is_first_sent = worker.join_visit(repeated) != "duplicate"
        assert not isinstance(joined, str)
        is_first_click, taken = worker.resolve([ClaimFirst(window, number, BEGIN / 1000), TakeNumber(78)])
        return number % people, joined.id, is_first_click, is_first_sent and bool(taken)

    async def visit_at_once(worker: State) -> list[tuple[int, int, bool, bool]]:
        return list(await asyncio.gather(*(worker.run(visit, worker, number) for number in range(calls))))

    with running_store() as store, ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(asyncio.run, visit_at_once(open_worker(store))) for _ in range(3)]
        found = [row for run in runs for row in run.result()]
        assert open_worker(store).ask(TakeNumber(78)) == 3 * calls + 1
    assert len({row[:2] for row in found}) == people, "one visit for each visitor"
    assert sum(row[2] for row in found) == sum(row[3] for row in found) == calls, "each click and id is once the first"


def test_requests_are_counted_for_all_workers_until_their_time_is_over() -> None:
    with running_store() as store:
        workers = [open_worker(store) for _ in range(3)]
        counts = [worker.ask(CountRequest("client", 60, 1000.0 + turn)) for turn in range(3) for worker in workers]
        assert counts == list(range(1, 10))
        later = [CountRequest(name, 60, 1060.0) for name in ("client", "other")]
        assert [worker.ask(question) for worker, question in zip(workers, later, strict=False)] == [1, 1]


def test_the_salt_of_a_day_is_the_same_for_all_also_without_the_store_s_process() -> None:
    day = date(2026, 3, 2)
    with running_store() as store:
        one, other = open_worker(store), open_worker(store)
        salt = one.get_salt(day)
        store.server.stop()
        assert len(salt) == 16 and other.get_salt(day) == salt == store.state.get_salt(day)


def test_a_worker_goes_on_alone_and_gives_its_visit_back_to_the_next_store_s_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk() -> list[int]:
        with running_store() as store:
            worker, other = open_worker(store), open_worker(store)
            ids = [(await worker.run(join, worker, BEGIN, 5)).id]
        ids += [(await worker.run(join, worker, BEGIN + 1000, 6)).id for _ in range(3)]  # nobody answers
        assert caplog.text.count("continues with its own memory") == 1
        with running_store() as store:
            for one in (worker, other):
                one.link.path = one.link.blocking.path = store.path
                one.link.availability.away_until = 0.0
            ids.append((await worker.run(join, worker, BEGIN + 2000, 7)).id)
            ids.append((await other.run(join, other, BEGIN + 3000, 8)).id)
        return ids

    assert asyncio.run(talk()) == [5] * 6
    assert "answers this worker again" in caplog.text


def test_a_worker_that_missed_the_end_of_a_visit_joins_the_next_one() -> None:
    with running_store() as store:
        one, other = open_worker(store), open_worker(store)
        join(one, BEGIN, 5)
        assert join(other, BEGIN + 2 * IDLE, 6).id == 6
        late = join(one, BEGIN + 1000, 7)
        assert (late.id, late.start) == (7, BEGIN + 1000)


def test_a_store_s_process_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_link, "TIMEOUT_SECONDS", 0.2)

    async def talk(worker: WorkerState) -> list[int]:
        calls = (worker.run(worker.ask, TakeNumber(1)) for _ in range(100))
        return list(await asyncio.gather(*calls))

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{folder}/state.sock")
        silent.listen()
        worker = WorkerState(Path(f"{folder}/state.sock"), MemoryState(Path(folder)))
        assert asyncio.run(talk(worker)) == list(range(1, 101))
        assert worker.link.availability.is_away()
        worker.link.availability.away_until = 0.0
        assert worker.ask(TakeNumber(1)) == 101 and worker.link.availability.is_away(), "outside of an event loop, too"


def test_a_process_of_another_release_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_link, "GREETING", ("Footfall", "another release"))
    with running_store() as store:
        worker = open_worker(store)
        store.state.counters.seed(1, 70)
        assert worker.ask(TakeNumber(1)) == 1, "by its own memory"


def test_a_question_that_fails_does_not_concern_the_others() -> None:
    with running_store() as store:
        worker = open_worker(store)
        store.state.answers.pop(GetValue)
        assert worker.resolve([TakeNumber(1), GetValue("a"), TakeNumber(1)]) == [1, None, 2]


def test_only_the_same_user_may_connect() -> None:
    with running_store() as store:
        assert store.path.stat().st_mode & 0o777 == 0o600
