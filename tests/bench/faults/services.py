"""One process of the installation that a fault kills, freezes and starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
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
    crashes: int = 0  # how often it ended by itself
    lock: threading.Lock = field(default_factory=threading.Lock)

    def launch(self) -> None:
        """Start it, without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **self.env}, stdout=log, stderr=log,
                **{"cwd": servers.ROOT, **self.more},
            )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it may be used."""
        end = time.monotonic() + START_SECONDS
        with self.lock:
            self.launch()
        while not self.is_ready():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name} did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)
            self.supervise()

    def supervise(self) -> None:
        """Start it again if it has ended by itself."""
        with self.lock:
            if self.process is not None and self.process.poll() is not None:
                self.crashes += 1
                self.launch()

    def kill(self) -> None:
        """Kill it and its children (`kill -9`): those of a held socket and of a worker die with it."""
        with self.lock:
            if self.process is None:
                return
            for pid in list_children(self.process.pid):
                send_signal(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            self.process = None

    def kill_child(self) -> None:
        """Kill the server whose socket is held by this process."""
        assert self.process is not None
        for pid in list_children(self.process.pid):
            send_signal(pid, signal.SIGKILL)

    def send(self, number: signal.Signals, *, children: bool = False) -> None:
        """Send a signal, also to the processes it has started."""
        assert self.process is not None
        for pid in list_children(self.process.pid) if children else ():
            send_signal(pid, number)
        self.process.send_signal(number)

    def end(self) -> None:
        """End it gracefully."""
        with self.lock:
            process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process unless it has ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def list_children(pid: int) -> list[int]:
    """Return the processes that a process has started itself."""
    return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
