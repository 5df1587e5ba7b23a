"""One process of the installation that a fault kills, freezes and starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.services import servers

START_SECONDS = 90.0


@dataclass(kw_only=True)
class Service:
    """A program with its log; `is_ready` says whether it may be used."""

    name: str
    command: list[str]
    log: Path
    is_ready: Callable[[], bool] = lambda: True
    env: dict[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)  # arguments of Popen
    process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it, without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **self.env}, stdout=log, stderr=log,
                **{"cwd": servers.ROOT, **self.more},
            )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it may be used; one that ends at once is started again, as a supervisor does."""
        end = time.monotonic() + START_SECONDS
        self.launch()
        while not self.is_ready():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name} did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)
            if self.process is not None and self.process.poll() is not None:
                self.launch()

    def kill(self) -> None:
        """Kill it and its children (`kill -9`): those of a held socket and of a worker die with it."""
        if self.process is None:
            return
        for pid in list_children(self.process.pid):
            kill_process(pid)
        self.process.kill()
        self.process.wait()
        self.process = None

    def kill_child(self) -> None:
        """Kill the server whose socket is held by this process."""
        assert self.process is not None
        for pid in list_children(self.process.pid):
            kill_process(pid)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def end(self) -> None:
        """End it gracefully."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT if "postgres" in self.name else signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None


def kill_process(pid: int) -> None:
    """Kill a process unless it has ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def list_children(pid: int) -> list[int]:
    """Return the processes that a process has started itself."""
    return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
