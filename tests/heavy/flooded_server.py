"""A server under a flood of hits: what was sent, what was answered, what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.served import reserve_port, wait_for_site
from tests.support.hits import CHROME

ROOT = Path(__file__).resolve().parents[2]
PORT = reserve_port()
URL = f"http://127.0.0.1:{PORT}"
RECORDED = (
    "import django, json; django.setup()\nfrom tracking import spool, store\nstore.migrate()\nspool.start()\n"
    "spool.flush()\nspool.stop()\nprint(json.dumps([store.rows(sql) for sql in json.loads(input())], default=str))\n"
    "store.close()"
)


@dataclass
class Flood:
    """Numbers of the page views that were sent, answered as recorded, and refused (with the reason)."""

    site: int
    sent: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)

    def for_seconds(self, seconds: float) -> None:
        """Send as fast as it goes for a time."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def until(self, is_over: Callable[[], bool], connections: int = 16) -> None:
        """Send as fast as it goes; connections that break are opened again."""
        asyncio.run(self._flood(is_over, connections))

    async def _flood(self, is_over: Callable[[], bool], connections: int) -> None:
        await asyncio.gather(*(self._connection(is_over) for _ in range(connections)))

    async def _connection(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", PORT), 2)
                try:
                    while not is_over():
                        await asyncio.wait_for(self._send(reader, writer), 5)
                finally:
                    writer.close()
            await asyncio.sleep(0.02)

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.sent)
        self.sent.add(number)
        writer.write(
            f"GET /in.php?site_id={self.site}&type=pageview&href=%2F{number}&host=example.com HTTP/1.1\r\n"
            f"Host: x\r\nUser-Agent: {CHROME}\r\nAccept-Language: en\r\n"
            f"X-Forwarded-For: 81.{number % 7 + 2}.{number // 250 % 250}.{number % 250}\r\n\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await reader.readexactly(int(lines.get("content-length", 0)))
        if reason := lines.get("x-event-dropped"):
            self.refused[number] = reason
        elif head.startswith("http/1.1 200"):
            self.answered.add(number)


STARTED: list[subprocess.Popen[bytes]] = []


def end_all() -> None:
    """No server outlives its test, however that ended."""
    while STARTED:
        STARTED.pop().kill()


class Served:
    """`manage.py serve` on a DATA_DIR, with the site of `provision`."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.env = {
            **os.environ, "DATA_DIR": str(data_dir), "TRUSTED_PROXIES": "127.0.0.1", "EVENTS_URL": "",
            "DJANGO_SETTINGS_MODULE": "config.settings", **environment,
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self.data_dir / "serve.log").open("a") as log:
            command = [sys.executable, "manage.py", "serve", "--no-demo", "--port", str(PORT)]
            self.process = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=log, stderr=log)
        STARTED.append(self.process)
        self.until(lambda health: True)

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it with a signal."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(30)

    def health(self) -> dict[str, Any]:
        """What /healthz says."""
        found: dict[str, Any] = httpx.get(f"{URL}/healthz", timeout=20).json()
        return found

    def until(self, right: Any, seconds: float = 90) -> dict[str, Any]:
        """Wait for /healthz to say something. Raises AssertionError with what it said last."""
        end, last = time.monotonic() + seconds, {}
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError, ValueError):
                last = self.health()
                if right(last):
                    return last
            assert self.process is None or self.process.poll() is None, (self.data_dir / "serve.log").read_text()[
                -3000:
            ]
            time.sleep(0.2)
        raise AssertionError(f"it never came: {last}")

    def provision(self) -> int:
        """The number of a site that the server knows."""
        told = ["--email", "a@example.com", "--password", "correct horse battery", "--account", "A"]
        done = subprocess.run(
            [sys.executable, "manage.py", "provision", *told, "--domain", "example.com", "--json"],
            env=self.env, cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        site = int(json.loads(done.stdout)["site"]["site_id"])
        wait_for_site(URL, site)
        return site

    def recorded(self, *questions: str, **environment: str) -> list[list[dict[str, Any]]]:
        """Ask the store in a process of its own, after the spool went in."""
        done = subprocess.run(
            [sys.executable, "-c", RECORDED], env={**self.env, **environment}, cwd=ROOT, text=True,
            input=json.dumps(questions) + "\n", capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        found: list[list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
        return found
