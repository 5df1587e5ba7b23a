"""One anonymous client sends endless trailers, bodies, log-ins and streams: memory and disk stay bounded, and no other
client waits. 200 such clients at once delay pages, but not hits. Figures are printed (`pytest -s`).

The machine may be busy otherwise, so phases with and without the attack alternate, each is compared with its
neighbours, and the median of these comparisons counts.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from tests.heavy.abusive_client import KINDS
from tests.served import reserve_port
from tests.values import extract

pytestmark = pytest.mark.heavy
SECONDS = float(os.environ.get("ABUSE_SECONDS", "20"))  # of each attack, and of the quiet around it together
START_SECONDS = 1.5  # until the attacking process has started, which takes processor time from everybody
ROUNDS = 3  # attacks of each kind
MAX_GROWTH_MB = 300.0
MAX_DISK_MB = 64.0
MAX_SLOWER = 3.0
MAX_SLOWER_IN_CROWD = 15.0  # hits, while 200 clients ask for pages; without a limit on all of them it was 600
QUIET_FLOOR = 0.01  # seconds: twice as long as one thread may keep the interpreter while another one waits for it
ROOT = Path(__file__).resolve().parents[2]
PORT = reserve_port()
EMAIL, PASSWORD = "a@example.com", "correct horse battery"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"


@dataclass
class Server:
    """A serving process, its site and a session."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    site: int = 0
    cookie: str = ""

    def rss_mb(self) -> float:
        """Resident memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(extract(r"VmRSS:\s+(\d+)", text)) / 1024

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        used = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")

    def disk_mb(self) -> float:
        """Files below DATA_DIR, temporary ones included, and deleted files that the process holds open."""
        size = 0
        held = Path(f"/proc/{self.process.pid}/fd")
        named = (Path(directory, name) for directory, _, names in os.walk(self.data_dir) for name in names)
        for path in (*named, *held.iterdir()):
            with contextlib.suppress(OSError):  # gone meanwhile
                found = path.stat()
                size += found.st_size if path.parent != held or not found.st_nlink else 0
        return size / 1e6


@dataclass(kw_only=True)
class Measured:
    """Times of the others' requests by kind, their errors, and the most memory and disk meanwhile."""

    times: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    rss: float = 0.0
    disk: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: Measured) -> Measured:
        """Both together."""
        times = {name: self.times[name] + other.times[name] for name in self.times}
        return Measured(
            times=times,
            errors=self.errors + other.errors,
            rss=max(self.rss, other.rss),
            disk=max(self.disk, other.disk),
            cpu=self.cpu + other.cpu,
        )

    def p99(self, name: str) -> float:
        """The time that 99 of 100 requests stay below."""
        ordered = sorted(self.times[name])
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


class Answer(NamedTuple):
    status: int
    headers: Message
    text: str


def fetch(method: str, path: str, headers: dict[str, str], body: str = "") -> Answer:
    """An answer, read, over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        connection.request(method, path, body or None, {"User-Agent": CHROME, "Accept-Language": "en", **headers})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode("utf-8", "replace"))
    finally:
        connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`manage.py serve` with a site and somebody who is logged in."""
    data_dir = tmp_path_factory.mktemp("abuse")
    (data_dir / "tmp").mkdir()
    env = {**os.environ, "DATA_DIR": str(data_dir), "TMPDIR": str(data_dir / "tmp"), "EVENTS_URL": ""}
    env = {name: value for name, value in env.items() if name not in ("TRUSTED_PROXIES", "BASE_URL")}
    log = (data_dir / "serve.log").open("wb")
    command = [sys.executable, "manage.py", "serve", "--no-demo", "--port", str(PORT)]
    made = Server(subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log), data_dir)
    try:
        until_ready(made)
        told = ["--email", EMAIL, "--password", PASSWORD, "--account", "A", "--domain", "example.com", "--json"]
        done = subprocess.run([sys.executable, "manage.py", "provision", *told], cwd=ROOT, env=env, capture_output=True)
        made.site = int(json.loads(done.stdout)["site"]["site_id"])
        made.cookie = logged_in()
        others(made, Measured(), 8)  # until it knows the site, and every page has been made once
        yield made
    finally:
        made.process.terminate()
        made.process.wait(30)


def until_ready(server: Server) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and server.process.poll() is None:
        with contextlib.suppress(OSError):
            if fetch("GET", "/healthz", {}).status == 200:
                return
        time.sleep(0.3)
    raise AssertionError((server.data_dir / "serve.log").read_text()[-3000:])


def logged_in() -> str:
    """The cookies of a session."""
    page = fetch("GET", "/login", {})
    token = extract(r'csrfmiddlewaretoken" value="(\w+)"', page.text)
    csrf = extract(r"csrftoken=\w+", page.headers["Set-Cookie"])
    form = urlencode({"csrfmiddlewaretoken": token, "email": EMAIL, "password": PASSWORD})
    headers = {"Cookie": csrf, "Content-Type": "application/x-www-form-urlencoded"}
    answer = fetch("POST", "/login", headers, form)
    assert answer.status == 302, answer.status
    cookies = " ".join(answer.headers.get_all("Set-Cookie", []))
    return extract(r"sessionid=\w+", cookies)


def others(server: Server, measured: Measured, seconds: float) -> None:
    """What everybody else does meanwhile: a beacon, the log-in page, a dashboard page, each again and again."""
    beacon = f"/in.php?site_id={server.site}&type=pageview&href=/&host=example.com"
    asked = (
        ("beacon", beacon, "", 0.02),
        ("log-in page", "/login", "", 0.05),
        ("dashboard", f"/sites/{server.site}/", server.cookie, 0.05),
    )
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=ask_again, args=(measured, end, *one)) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ask_again(measured: Measured, end: float, name: str, path: str, cookie: str, pause: float) -> None:
    """Ask for one address until the time is over, with a pause in seconds between an answer and the next request."""
    times = measured.times.setdefault(name, [])
    while time.monotonic() < end:
        began = time.perf_counter()
        try:
            status = str(fetch("GET", path, {"Cookie": cookie}).status)
        except (OSError, http.client.HTTPException) as error:
            status = repr(error)
        times.append(time.perf_counter() - began)
        if status != "200":
            measured.errors.append(f"{name}: {status}")
        time.sleep(pause)


def watched(server: Server, kind: str = "") -> Measured:
    """What the others get while this is sent, and what it costs the server."""
    measured = Measured()
    command = [sys.executable, "-m", "tests.heavy.abusive_client", kind, str(PORT), str(START_SECONDS + SECONDS)]
    attack = subprocess.Popen(command, cwd=ROOT) if kind else None
    if attack is not None:
        time.sleep(START_SECONDS)
    asking = threading.Thread(target=others, args=(server, measured, SECONDS if attack else SECONDS / 2))
    before = server.cpu_seconds()
    asking.start()
    while asking.is_alive():
        measured.rss, measured.disk = max(measured.rss, server.rss_mb()), max(measured.disk, server.disk_mb())
        asking.join(0.5)
    measured.cpu = server.cpu_seconds() - before
    assert attack is None or attack.wait(120) == 0
    return measured


def figures(measured: Measured, quiet: Measured) -> str:
    """One line for people."""
    times = ", ".join(
        f"{name} p99 {measured.p99(name) * 1000:.1f} ms (median {statistics.median(taken) * 1000:.1f} of {len(taken)})"
        for name, taken in measured.times.items()
    )
    memory, disk = measured.rss - quiet.rss, measured.disk - quiet.disk
    cost = f"memory {measured.rss:.0f} MB ({memory:+.0f}), disk {disk:+.0f} MB, {measured.cpu:.1f} s of processor"
    return f"{times}; {cost}"


@pytest.mark.parametrize("kind", KINDS)
def test_an_abusive_client_does_not_stop_the_service_for_others(kind: str, server: Server) -> None:
    quiet, attacked = [watched(server)], []
    for _ in range(ROUNDS):
        attacked.append(watched(server, kind))
        quiet.append(watched(server))
    around = [before + after for before, after in itertools.pairwise(quiet)]
    for measured, calm in zip(attacked, around, strict=True):
        print(f"\nquiet around {kind}:", figures(calm, quiet[0]))
        print(f"{kind}:", figures(measured, quiet[0]), measured.errors[:3])
    slower = {name: statistics.median(map(partial(ratio, name), attacked, around)) for name in quiet[0].times}
    print({name: round(value, 2) for name, value in slower.items()})
    assert not any(measured.errors for measured in (*quiet, *attacked))
    assert max(measured.rss for measured in attacked) - quiet[0].rss < MAX_GROWTH_MB
    assert max(measured.disk for measured in attacked) - quiet[0].disk < MAX_DISK_MB
    if kind == "crowd":  # no single client: pages wait for those that came before them, hits do not
        assert slower["beacon"] <= MAX_SLOWER_IN_CROWD, slower
    else:
        assert max(slower.values()) <= MAX_SLOWER, slower


def ratio(name: str, measured: Measured, quiet: Measured) -> float:
    """How many times as long these requests took as in quiet."""
    return measured.p99(name) / max(QUIET_FLOOR, quiet.p99(name))
