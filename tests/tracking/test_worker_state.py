"""The state of three workers that ask one store's process, against the naive one."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import rule

from config.management.commands.serve import get_loop_factory
from tests.support.naive_state import KINDS, StateWalk
from tracking.state.base import State
from tracking.state.memory import MemoryState
from tracking.state.store_server import StateServer
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
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(self.path), self.loop).result(10)

    def stop(self) -> None:
        async def close() -> None:
            self.server.stop()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.runner.close()


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
