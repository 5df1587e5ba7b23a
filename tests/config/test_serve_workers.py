"""`manage.py serve --workers 3` as real processes: one product, whichever of them answers, and whichever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bench import ingest
from tests.bench.serving import EMAIL, PASSWORD, Served
from tests.config.test_serve_command import MANAGE, ROOT
from tests.served import reserve_port, wait_for_site, wait_until
from tests.support.hits import BROWSER, CHROME

pytestmark = pytest.mark.heavy
WORKERS, PEOPLE, PAGES = 3, 20, 6
CLIENTS = 200  # connected at the same time
LINKS = """
import django; django.setup()
from accounts.models import Account
from links.models import Mode
from links.services.links import datapoint_create
account = Account.objects.get()
datapoint_create(account=account, alias="offer", url="https://shop.test/p")
datapoint_create(account=account, alias="turns", url="https://shop.test/p", mode=Mode.SEQUENTIAL,
                 rules={"sequential": ["https://a.test/", "https://b.test/", "https://c.test/"]})
"""
COUNTS = """
import django, json, sys; django.setup()
from tracking import store
print(json.dumps([store.query(sql).rows[0][0] for sql in sys.argv[1:]]))
"""


class Workers:
    """The processes on one DATA_DIR."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, reserve_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {**os.environ, "DATA_DIR": str(folder), "TRUSTED_PROXIES": "127.0.0.1"}
        self.env = {name: value for name, value in environment.items() if name not in ("EVENTS_URL", "REDIS_URL")}
        self.env["DJANGO_SETTINGS_MODULE"] = "config.settings"
        self.log = folder / "serve.log"
        command = [*MANAGE, "serve", "--no-demo", "--port", str(self.port), "--workers", str(WORKERS)]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=output, stderr=output)
        wait_until(self.store_answers, self.log.read_text, 180)
        options = ("--email", EMAIL, "--password", PASSWORD, "--account", "A", "--domain", "a.example", "--json")
        self.made = json.loads(self.run([*MANAGE, "provision", *options]))
        self.site = self.made["site"]["site_id"]
        wait_for_site(self.url, self.site)

    def run(self, command: list[str]) -> str:
        done = subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def health(self) -> dict[str, Any]:
        """What /healthz says; nothing while nobody answers."""
        try:
            found: dict[str, Any] = httpx.get(f"{self.url}/healthz", timeout=10).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return found

    def store_answers(self) -> bool:
        """Whether the store's process reports its health: a worker knows nothing of tasks."""
        return "tasks" in self.health()

    def find(self, part: str) -> list[int]:
        """The process ids of "store" or of each "worker"."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        words = {int(child): Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") for child in children}
        return [child for child, command in words.items() if part.encode() in command]

    def view(self, path: str, person: int) -> dict[str, Any]:
        """The query and headers of a page view, to be sent over a connection of its own."""
        query = {"site_id": str(self.site), "type": "pageview", "href": path, "host": "a.example"}
        headers = {"user-agent": CHROME, "x-forwarded-for": f"81.2.69.{person}", "connection": "close", **BROWSER}
        return {"url": f"{self.url}/in.php", "params": query, "headers": headers}

    def end(self) -> None:
        """End all processes once everything is stored."""
        wait_until(lambda: self.store_answers() and not self.health()["spool"]["depth"], self.log.read_text, 180)
        self.process.terminate()
        assert self.process.wait(40) == 0, self.log.read_text()

    def count(self, *sql: str) -> list[int]:
        """Numbers from the store, after the end."""
        return [int(value) for value in json.loads(self.run([sys.executable, "-c", COUNTS, *sql]))]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    one = Workers(tmp_path)
    yield one
    if one.process.poll() is None:
        one.process.terminate()
        one.process.wait(40)


async def visit(workers: Workers, person: int) -> Counter[str]:
    """Pages of one visitor; each beacon is sent twice at the same moment, over connections of their own."""
    found: Counter[str] = Counter()
    async with httpx.AsyncClient(timeout=60) as client:
        for page in range(PAGES):
            request = workers.view(f"/{page}", person)
            request["params"]["x"] = f"an id of a beacon {person} {page}"
            for reply in await asyncio.gather(client.get(**request), client.get(**request)):
                found[reply.headers.get("x-event-dropped", "stored")] += 1
    return found


async def click(workers: Workers, alias: str, person: int, times: int) -> Counter[str]:
    """Clicks of one address on a link at the same moment: where they led."""
    async with httpx.AsyncClient(timeout=60) as client:
        request = workers.view("/", person)
        clicks = (client.get(f"{workers.url}/l/{alias}", headers=request["headers"]) for _ in range(times))
        return Counter(reply.headers.get("location", str(reply.status_code)) for reply in await asyncio.gather(*clicks))


async def send_events(workers: Workers, times: int) -> Counter[str]:
    """Events of one client without a key: how they were answered."""
    headers = {"user-agent": CHROME, "x-forwarded-for": "81.2.70.9", "connection": "close", **BROWSER}
    body = {"url": "https://a.example/e", "site_id": str(workers.site), "name": "pageview"}
    async with httpx.AsyncClient(timeout=60) as client:
        sent = (client.post(f"{workers.url}/api/event", json=body, headers=headers) for _ in range(times))
        return Counter(reply.headers.get("x-event-dropped", "stored") for reply in await asyncio.gather(*sent))


def test_hits_of_three_workers_are_counted_as_by_one_process(workers: Workers) -> None:
    workers.run([sys.executable, "-c", LINKS])

    def knows_links() -> bool:
        return all(
            httpx.get(f"{workers.url}/l/turns", headers={"user-agent": "curl/8"}).status_code < 400 for _ in "ab"
        )

    wait_until(knows_links, workers.log.read_text)
    time.sleep(2)  # every worker knows what was changed two seconds ago

    async def crowd() -> tuple[list[Counter[str]], list[Counter[str]], list[Counter[str]]]:
        visits = await asyncio.gather(*(visit(workers, person) for person in range(1, PEOPLE + 1)))
        clicks = await asyncio.gather(*(click(workers, "offer", person, 5) for person in range(1, PEOPLE + 1)))
        turns = await asyncio.gather(*(click(workers, "turns", person, 6) for person in range(1, PEOPLE + 1)))
        return visits, clicks, turns

    visits, clicks, turns = asyncio.run(crowd())
    begin = time.time() // 60
    events = asyncio.run(send_events(workers, 100))
    minutes = 1 + round(time.time() // 60 - begin)
    assert sum(visits, Counter()) == {"stored": PEOPLE * PAGES, "duplicate": PEOPLE * PAGES}
    assert sum(clicks, Counter()) == {"https://shop.test/p": PEOPLE * 5}
    assert set(sum(turns, Counter()).values()) == {PEOPLE * 6 // 3}, turns
    allowed = events["stored"]
    assert allowed == 60 if minutes == 1 else 60 < allowed <= 60 * minutes, events
    assert allowed + events["rate_limit"] == 100
    workers.end()
    views = "FROM events WHERE kind = 'view' AND path != '/e'"
    assert workers.count(
        f"SELECT count() {views}", f"SELECT uniqExact(visit) {views}", f"SELECT uniqExact(device) {views}",
        "SELECT count() FROM events WHERE kind = 'link' AND is_unique = 1",
    ) == [PEOPLE * PAGES, PEOPLE, PEOPLE, 2 * PEOPLE]  # fmt: skip


def test_pages_and_live_streams_come_through_any_worker(workers: Workers) -> None:
    served = Served(workers.process, workers.url, workers.env, {**workers.made})
    delays = ingest.spy_delays(served, 20, domain="a.example")
    assert len(delays) == 20, "Spy shows the hits of all workers"
    browser = ingest.log_in(served)
    for _ in range(2 * WORKERS):
        page = browser.get(f"/sites/{workers.site}/", headers={"connection": "close"})
        assert page.status_code == 200 and "a.example" in page.text

    def send_pieces() -> Iterator[bytes]:
        yield b'{"site_id": "%d", ' % workers.site
        yield b'"metrics": ["pageviews"]}'

    headers = {"authorization": f"Bearer {workers.made['site']['api_key']}", "content-type": "application/json"}
    reply = httpx.post(f"{workers.url}/api/query", content=send_pieces(), headers=headers)
    assert reply.headers["content-type"].startswith("application/json") and reply.status_code in (200, 400), reply.text


class Flood(threading.Thread):
    """One visitor after the other until it is stopped: the paths that were answered with 200."""

    def __init__(self, workers: Workers, number: int, stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self.workers, self.number, self.stopping = workers, number, stopping
        self.answered: list[str] = []
        self.unanswered = 0

    def run(self) -> None:
        while not self.stopping.wait(0.02):
            path = f"/{self.number}/{len(self.answered) + self.unanswered}"
            try:
                reply = httpx.get(**self.workers.view(path, self.number), timeout=60)
            except httpx.HTTPError:
                self.unanswered += 1
                continue
            if reply.status_code == 200 and "x-event-dropped" not in reply.headers:
                self.answered.append(path)


def test_what_was_answered_survives_the_end_of_any_process(workers: Workers) -> None:
    stopping = threading.Event()
    floods = [Flood(workers, number, stopping) for number in range(1, 6)]
    for flood in floods:
        flood.start()
    time.sleep(1)
    killed = workers.find("worker")[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(set(workers.find("worker")) - {killed}) == WORKERS, workers.log.read_text)
    store = workers.find("store")[0]
    os.kill(store, signal.SIGKILL)
    wait_until(lambda: workers.health().get("status") == "degraded", workers.log.read_text)
    before = sum(len(flood.answered) for flood in floods)
    wait_until(lambda: sum(len(flood.answered) for flood in floods) > before + 5, workers.log.read_text)
    wait_until(lambda: workers.find("store") not in ([], [store]), workers.log.read_text)
    wait_until(workers.store_answers, workers.log.read_text, 120)
    stopping.set()
    for flood in floods:
        flood.join()
    answered = [path for flood in floods for path in flood.answered]
    assert sum(flood.unanswered for flood in floods) <= len(floods), "those of the killed worker alone"
    workers.end()
    listed = ", ".join(f"'{path}'" for path in answered)
    stored, distinct, known = workers.count(
        "SELECT count() FROM events",
        "SELECT uniqExact(path) FROM events",
        f"SELECT uniqExact(path) FROM events WHERE path IN ({listed})",
    )
    assert stored == distinct, "nothing twice"
    assert known == len(answered) > 20, "nothing is lost"
    assert "continues with its own memory" in workers.log.read_text()


def test_a_restart_refuses_no_connection(workers: Workers) -> None:
    stopping = threading.Event()
    flood = Flood(workers, 1, stopping)
    flood.start()
    time.sleep(0.5)
    before = workers.find("store")
    workers.process.send_signal(signal.SIGHUP)
    wait_until(lambda: workers.find("store") not in ([], before), workers.log.read_text, 60)
    wait_until(workers.store_answers, workers.log.read_text, 120)
    answered = len(flood.answered)
    wait_until(lambda: len(flood.answered) > answered + 2, workers.log.read_text)
    stopping.set()
    flood.join()
    assert flood.unanswered == 0, workers.log.read_text()
    workers.end()
    assert workers.count("SELECT uniqExact(path) FROM events") == [len(flood.answered)]


def count_connections(port: int, process: int) -> int:
    """Count the connections that a process has accepted on a port, from what Linux lists of its sockets."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"}
    count = 0
    for path in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(path).removeprefix("socket:[").removesuffix("]") in established
    return count


def test_connections_that_come_at_once_are_spread_over_the_workers(workers: Workers) -> None:
    async def connect() -> list[int]:
        opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", workers.port) for _ in range(CLIENTS)))
        for _, writer in opened:
            writer.write(b"GET /in.php?site_id=0 HTTP/1.1\r\nHost: x\r\n\r\n")
        for reader, _ in opened:
            assert (await reader.readline()).startswith(b"HTTP/1.1 ")
        counts = [count_connections(workers.port, worker) for worker in workers.find("worker")]
        for _, writer in opened:
            writer.close()
        return counts

    counts = asyncio.run(connect())
    assert sum(counts) == CLIENTS and min(counts) >= CLIENTS / WORKERS / 2, counts


def test_workers_beside_redis_are_refused(tmp_path: Path) -> None:
    env = {**os.environ, "DATA_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [*MANAGE, "serve", "--workers", "2"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1 and "without Redis" in done.stderr and "Traceback" not in done.stderr
