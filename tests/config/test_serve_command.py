"""`manage.py serve` as a real process: start, health, a second instance, and an orderly end."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.served import reserve_port, wait_for_site
from tests.support.hits import CHROME

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(ROOT / "manage.py")]
PORT = reserve_port()
URL = f"http://127.0.0.1:{PORT}"
Words = dict[str, str]
TLS = ssl.create_default_context()  # made once: reading all certificates takes 30 ms


def ask(
    path: str, *, method: str = "GET", timeout: float = 20, headers: Words | None = None, params: Words | None = None,
    data: Words | None = None,
) -> httpx.Response:  # fmt: skip
    """
    The reply to a request on a connection of its own.

    A client shared by threads would not do: where no connection is kept alive, one thread may close what another uses.
    """
    url = f"{URL}{path}"
    return httpx.request(method, url, timeout=timeout, headers=headers, params=params, data=data, verify=TLS)


class Process:
    """A serving process on its own DATA_DIR."""

    def __init__(self, data_dir: Path, *options: str, **more: str) -> None:
        environment = {**os.environ, "DATA_DIR": str(data_dir), "TRUSTED_PROXIES": "127.0.0.1", **more}
        self.env = {name: value for name, value in environment.items() if name != "EVENTS_URL"}
        self.log = (data_dir / "serve.log").open("w+")
        command = [*MANAGE, "serve", "--port", str(PORT), *options]
        self.process = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=self.log, stderr=self.log)

    def text(self) -> str:
        self.log.flush()
        return Path(self.log.name).read_text()

    def wait(self, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                ask("/healthz", timeout=2)
                return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError(f"serve does not answer: {self.text()}")

    def manage(self, *command: str) -> str:
        done = subprocess.run([*MANAGE, *command], env=self.env, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(self, number: int = signal.SIGTERM) -> float:
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def serving(data_dir: Path) -> Iterator[list[Process]]:
    """The process that serves from `data_dir`, where one does: it lives from test to test."""
    result: list[Process] = []
    yield result
    quiet(result)


def quiet(result: list[Process]) -> None:
    """End it: the port and the directory are free."""
    while result:
        process = result.pop()
        if process.process.poll() is None:
            process.end()


@pytest.fixture
def server(data_dir: Path, serving: list[Process]) -> Process:
    """A process that serves: the one of the test before, unless that has ended."""
    if not serving or serving[0].process.poll() is not None:
        quiet(serving)
        serving.append(Process(data_dir, "--no-demo"))
    serving[0].wait()
    return serving[0]


def provision_site(server: Process, data_dir: Path) -> int:
    """The id of the site of these tests, which the first of them makes while the server runs."""
    kept = data_dir / "provisioned.json"
    if not kept.exists():
        arguments = ["--email", "a@example.com", "--password", "correct horse battery", "--account", "A"]
        kept.write_text(server.manage("provision", *arguments, "--domain", "example.com", "--json"))
    number = int(json.loads(kept.read_text())["site"]["site_id"])
    wait_for_site(URL, number)
    return number


def view(site: int, number: int) -> httpx.Response:
    query = {"site_id": str(site), "type": "pageview", "href": f"/{number}", "host": "example.com"}
    headers = {"user-agent": CHROME, "accept-language": "en", "x-forwarded-for": f"81.2.69.{number % 250}"}
    return ask("/in.php", params=query, headers=headers)


def waiting_rows(data_dir: Path) -> list[Path]:
    return [path for path in (data_dir / "spool").rglob("events-*") if path.stat().st_size]


def test_the_server_reports_its_health_and_loads_a_new_site_within_two_seconds(server: Process, data_dir: Path) -> None:
    health = ask("/healthz").json()
    assert health["store"] == {"reachable": True, "error": ""} and health["status"] == "ok"
    assert f"Serving on http://localhost:{PORT}\n" in server.text()
    assert {"spool", "last_beat", "geography"} <= health.keys()
    answer = view(provision_site(server, data_dir), 1)
    assert answer.status_code == 200 and "x-event-dropped" not in answer.headers
    assert "setup/" in server.text() or "password" not in server.text().lower()


def test_beat_and_worker_run_inside_the_server(server: Process) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and not ask("/healthz").json()["last_beat"]:
        time.sleep(0.5)
    assert ask("/healthz").json()["last_beat"]


def test_a_second_server_on_the_same_data_fails_with_a_clear_message(server: Process, data_dir: Path) -> None:
    done = subprocess.run(
        [*MANAGE, "serve", "--port", str(reserve_port())],
        env=server.env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "already serves from" in done.stderr and str(server.process.pid) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_port_in_use_fails_with_a_clear_message(server: Process, tmp_path: Path) -> None:
    env = {**server.env, "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [*MANAGE, "serve", "--port", str(PORT)], env=env, cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 1 and "Nothing can listen on" in done.stderr and "Traceback" not in done.stderr


def test_sigterm_empties_the_spool_and_ends_within_ten_seconds(server: Process, data_dir: Path) -> None:
    site = provision_site(server, data_dir)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: view(site, number), range(200)))
    assert all(answer.status_code == 200 for answer in answers)
    assert server.end() < 10
    assert server.process.returncode == 0
    assert waiting_rows(data_dir) == []


def test_eleven_hundred_half_open_connections_do_not_block_other_clients(server: Process, data_dir: Path) -> None:
    site = provision_site(server, data_dir)
    held = [socket.create_connection(("127.0.0.1", PORT), timeout=30) for _ in range(1100)]
    try:
        for number, sock in enumerate(held):
            if number % 2:
                sock.sendall(b"GET /in.php?site_id=1 HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        began = time.monotonic()
        assert view(site, 5).status_code == 200
        assert time.monotonic() - began < 8  # before patience with the others ends
        closed, end = 0, time.monotonic() + 60
        for sock in held:
            sock.settimeout(max(0.5, end - time.monotonic()))
            try:
                closed += sock.recv(10) == b""
            except OSError:
                closed += 1
        assert closed >= 1090
    finally:
        for sock in held:
            sock.close()


def test_endless_headers_are_rejected(server: Process) -> None:
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        answer = b""
        try:
            for number in range(400):
                sock.sendall(b"X-%d: %s\r\n" % (number, b"a" * 1000))
            answer = sock.recv(100)
        except OSError:
            answer = answer or b"closed"
        assert b"431" in answer or answer in (b"closed", b"")


def test_the_demo_fills_an_empty_installation_through_the_pipeline(tmp_path: Path, serving: list[Process]) -> None:
    quiet(serving)
    server = Process(tmp_path)
    try:
        server.wait(300)
        text = server.text()
        assert "Demo: Northwind Coffee with" in text and "/setup/" in text
        health = ask("/healthz").json()
        assert health["spool"]["depth"] == 0 and health["spool"]["inserted"] > 40_000
    finally:
        server.end()
