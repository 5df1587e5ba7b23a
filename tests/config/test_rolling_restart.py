"""The socket is held over a restart: clients wait for the next process, and none is refused or cut off."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from config.serving.listening_socket import SocketUnusable, take_inherited_socket
from tests.config.test_serve_command import MANAGE, ROOT, provision_site
from tests.config.test_serve_command import Process as ServingProcess
from tests.served import reserve_port, wait_until
from tests.support.hits import CHROME

PORT = reserve_port()
CLIENTS = 10
PAUSE = 0.05  # 200 hits a second by all clients
HIT = (
    "GET /in.php?site_id={site}&type=pageview&host=example.com&href=/{client}/{number} HTTP/1.1\r\nHost: x\r\n"
    f"User-Agent: {CHROME}\r\nAccept-Language: en\r\nX-Forwarded-For: 81.2.69.{{client}}\r\n\r\n"
)
CHILD = """
import os, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
listener = socket.socket(fileno=3)
assert os.environ["LISTEN_PID"] == str(os.getpid())
while True:
    client, _ = listener.accept()
    client.sendall(str(os.getpid()).encode())
    client.close()
"""
HOLDER = """
import sys
from config.serving import socket_holder
socket_holder.MIN_LIFE_SECONDS = {life}
sys.exit(socket_holder.main("127.0.0.1", "{port}", sys.executable, "-c", sys.argv[1]))
"""


class Visitor(threading.Thread):
    """A client that sends hits until it is stopped. Every second one keeps its connection while the server does."""

    def __init__(self, site: int, client: int, stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self.site, self.client, self.stopping = site, client, stopping
        self.results: Counter[str] = Counter()
        self.longest = 0.0
        self.sock: socket.socket | None = None

    def run(self) -> None:
        number = 0
        while not self.stopping.wait(PAUSE):
            number += 1
            began = time.monotonic()
            try:
                self.results[self.send(number)] += 1
            except OSError as error:
                self.results[type(error).__name__] += 1
                self.sock = None
            self.longest = max(self.longest, time.monotonic() - began)

    def send(self, number: int) -> str:
        """Send a hit; returns the status of its response, or "cut"."""
        sock = self.sock or socket.create_connection(("127.0.0.1", PORT), timeout=60)
        sock.sendall(HIT.format(site=self.site, client=self.client, number=number).encode())
        response = b""
        while b"\r\n\r\n" not in response:
            received = sock.recv(4096)
            if not received:
                return "cut"
            response += received
        self.sock = sock
        if not self.client % 2 or b"connection: close" in response.lower():
            sock.close()
            self.sock = None
        return response.split(b" ")[1].decode()


@pytest.mark.heavy
def test_a_restart_under_load_refuses_no_connection_and_loses_no_hit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.config.test_serve_command.PORT", PORT)
    monkeypatch.setattr("tests.config.test_serve_command.URL", f"http://127.0.0.1:{PORT}")
    server = ServingProcess(tmp_path, "--no-demo", "--hold-socket")
    server.wait()
    site = provision_site(server, tmp_path)
    before = (tmp_path / "serve.lock").read_text()
    stopping = threading.Event()
    visitors = [Visitor(site, client, stopping) for client in range(1, CLIENTS + 1)]
    for visitor in visitors:
        visitor.start()
    time.sleep(1)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: (tmp_path / "serve.lock").read_text() not in ("", before), server.text, 60)
    server.wait()
    time.sleep(1)
    stopping.set()
    for visitor in visitors:
        visitor.join()
    results = sum((visitor.results for visitor in visitors), Counter[str]())
    assert set(results) == {"200"} and results["200"] > 20 * CLIENTS, (results, server.text())
    assert server.end() < 15 and server.process.returncode == 0
    counted = "SELECT count(), uniqExact(path) FROM events"
    script = f"import django; django.setup()\nfrom tracking import store\nprint(*store.query({counted!r}).rows[0])"
    env = {**server.env, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == [str(results["200"])] * 2, done.stderr
    print(f"{results['200']} hits, the longest took {max(visitor.longest for visitor in visitors):.1f} s")


def start_holder(child: str, port: int, life: float = 10.0) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", HOLDER.format(life=life, port=port), child], cwd=ROOT)


def ask_child(port: int) -> int:
    """Return the process that answers; waits for one, since a killed one may have accepted with its last breath."""
    answer = b""
    while not answer:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock, suppress(ConnectionError):
            answer = sock.recv(100)
    return int(answer)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.heavy
def test_a_killed_server_is_started_again_behind_the_same_socket() -> None:
    port = reserve_port()
    holder = start_holder(CHILD, port, life=0.0)
    wait_until(lambda: listens(port), lambda: "the holder does not listen")
    first = ask_child(port)
    os.kill(first, signal.SIGKILL)
    second = ask_child(port)
    assert second != first
    holder.send_signal(signal.SIGTERM)
    assert holder.wait(30) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
    assert not listens(port)


@pytest.mark.heavy
def test_a_server_that_cannot_start_ends_the_holder_with_its_exit_code() -> None:
    assert start_holder("import sys; sys.exit(3)", reserve_port()).wait(30) == 3


def test_a_socket_that_was_passed_to_another_process_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    assert take_inherited_socket() is None
    assert "LISTEN_FDS" not in os.environ  # a child would take it for its own


def test_several_sockets_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    with pytest.raises(SocketUnusable, match="2 were passed"):
        take_inherited_socket()


def test_the_holder_of_a_used_port_fails_with_a_clear_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        command = [*MANAGE, "serve", "--hold-socket", "--port", str(used.getsockname()[1])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.startswith("Nothing can listen on") and "Traceback" not in done.stderr
