"""What a failing service costs, as a table: python -m tests.bench.faults [--rate 200] [--seconds 10] [NAME …]

Starts one server on two shards of ClickHouse and a Redis, sends page views at a steady rate, lets a service fail for
some seconds and come back, and waits until everything is stored. Each row: hits sent, answered as recorded, refused or
cut, stored, lost (answered but not stored), doubled, and what /healthz said meanwhile.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.bench.serving import Served, served
from tests.served import reserve_ports, wait_until
from tests.services import servers
from tests.services.nodes import Nodes, open_nodes

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
THREADS = 8
AROUND = 3.0  # seconds of hits before and after a fault


@dataclass
class Flood:
    """Page views at a steady rate, until the block ends; each has an address of its own and a number as its page."""

    port: int
    site: int
    rate: float
    first: int
    sent: list[int] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)

    def __enter__(self) -> Flood:
        self.ending, self.numbers = threading.Event(), itertools.count(self.first)
        self.threads = [threading.Thread(target=self.run) for _ in range(THREADS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def run(self) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        due = time.monotonic()
        while not self.ending.wait(max(0.0, due - time.monotonic())):
            due += THREADS / self.rate
            number = next(self.numbers)
            self.sent.append(number)
            try:
                self.send(client, number)
            except (OSError, http.client.HTTPException):
                client.close()

    def send(self, client: http.client.HTTPConnection, number: int) -> None:
        address = f"81.{number % 7 + 2}.{number // 250 % 250}.{number % 250}"
        path = f"/in.php?site_id={self.site}&type=pageview&href=%2F{number}&host=bench.example"
        headers = {"User-Agent": CHROME, "Accept-Language": "en", "X-Forwarded-For": address}
        client.request("GET", path, headers=headers)
        answer = client.getresponse()
        answer.read()
        if answer.status == 200 and not answer.headers.get("X-Event-Dropped"):
            self.answered.add(number)


class Faults:
    """The services that fail."""

    def __init__(self, home: Path, nodes: Nodes, redis_port: int) -> None:
        self.home, self.nodes, self.redis_port = home, nodes, redis_port
        self.start_redis()

    def start_redis(self) -> None:
        command = [servers.program("redis-server", "redis-server"), "--port", str(self.redis_port), "--save", ""]
        self.redis = subprocess.Popen([*command, "--dir", str(self.home)], stdout=subprocess.DEVNULL)
        servers.until(lambda: servers.listens(self.redis_port), "Redis")

    def stop_redis(self) -> None:
        self.redis.kill()
        self.redis.wait()

    def stop_nodes(self, *numbers: int) -> None:
        for number in numbers:
            self.nodes.stop(number, kill=True)

    def start_nodes(self, *numbers: int) -> None:
        for number in numbers:
            self.nodes.start(number)

    def list(self) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
        """How each begins and ends."""
        return {
            "nothing": (lambda: None, lambda: None),
            "one shard away": (lambda: self.stop_nodes(1), lambda: self.start_nodes(1)),
            "both shards away": (lambda: self.stop_nodes(0, 1), lambda: self.start_nodes(0, 1)),
            "redis away": (self.stop_redis, self.start_redis),
        }


def watch_health(url: str, seconds: float) -> set[str]:
    """The warnings that an operator sees within some seconds."""
    seen, end = set[str](), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            seen |= set(httpx.get(f"{url}/healthz", timeout=10).json().get("warnings", []))
        except httpx.HTTPError as error:
            seen.add(type(error).__name__)
        time.sleep(1)
    return {text.partition(". ")[0] for text in seen}


def count_stored(nodes: Nodes, first: int) -> tuple[int, int]:
    """Page views on both shards from a number on, and how many different ones."""
    condition = f"toUInt64OrZero(substring(path, 2)) >= {first} AND kind = 'view'"
    sql = f"SELECT count(), uniqExact(path) FROM people.events WHERE {condition}"
    rows, different = nodes.ask(0, sql).split() or ("0", "0")
    return int(rows), int(different)


def run_fault(faults: Faults, name: str, flood: Flood, server: Served, seconds: float) -> str:
    """Let a service fail during the flood; a row of the table."""
    begin, end = faults.list()[name]
    with flood:
        time.sleep(AROUND)
        begin()
        said = watch_health(server.url, seconds)
        end()
        time.sleep(AROUND)
    wait_until(lambda: not server.health()["spool"]["depth"], lambda: str(server.health()["spool"]), 60)
    rows, different = count_stored(faults.nodes, flood.first)
    answered = len(flood.answered)
    cells = (
        name, len(flood.sent), answered, len(flood.sent) - answered, different, max(0, answered - different),
        rows - different, "; ".join(sorted(said)) or "ok",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    ports = reserve_ports(2)
    with tempfile.TemporaryDirectory() as folder, open_nodes(Path(folder), 2) as nodes:
        faults = Faults(Path(folder), nodes, ports + 1)
        environment = {"EVENTS_URL": nodes.arrange([0], [1]), "REDIS_URL": f"redis://127.0.0.1:{ports + 1}/0"}
        (Path(folder) / "data").mkdir()
        try:
            with served(Path(folder) / "data", ports, **environment) as server:
                print("| fault | sent | answered | refused or cut | stored | lost | doubled | /healthz |")
                print("| --- | --- | --- | --- | --- | --- | --- | --- |")
                for position, name in enumerate(given.names or faults.list()):
                    first = 1_000_000 * (position + 1)
                    flood = Flood(ports, server.made["site"]["site_id"], given.rate, first)
                    print(run_fault(faults, name, flood, server, given.seconds), flush=True)
        finally:
            faults.redis.kill()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
