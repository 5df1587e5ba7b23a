"""What one account's abuse costs another account's reports and hits: python -m tests.bench.fairness

    [--events 2000000] [--seconds 20] [--rounds 2] [--clients 16] [--abuse queries hits] [--port 8490]
    [--without-budgets]

One server with its embedded store. Account A sends heavy queries (pages by source over 90 days, with a filter that no
cache knows) and page views, each by so many clients at a time, with addresses of their own; account B asks for a small
report five times a second and sends a page view with each. Quiet and abused phases take turns, so that both meet the
same machine. Prints B's median and p95 of both, how many of B's page views were refused, what A got, and the ratio of
the p95.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.bench.faults.load import CHROME
from tests.bench.serving import ROOT, Served, served

LOAD = """
import django, sys; django.setup()
from tests.bench import traffic
from tracking import store
store.migrate(); traffic.load(int(sys.argv[1])); store.close()
"""
DATES = {"start": "2026-04-02", "end": "2026-07-01"}
PAUSE = 0.2  # seconds between B's reports


class Abuser:
    """Account A: clients that send one heavy query, or one page view, after the other."""

    def __init__(self, url: str, site: dict[str, Any], clients: int, kinds: Sequence[str]) -> None:
        self.url, self.key, self.site, self.statuses = url, site["api_key"], site["site_id"], Counter[str]()
        self.stopping, self.numbers = threading.Event(), itertools.count()
        acts = {"queries": self.run, "hits": self.send_hits}
        self.threads = [
            threading.Thread(target=acts[kind], args=(number,)) for kind in kinds for number in range(clients)
        ]

    def send_hits(self, number: int) -> None:
        """Send page views as fast as they are answered, each of a visitor of its own."""
        with httpx.Client(base_url=self.url, headers={"User-Agent": CHROME, "Accept-Language": "en"}) as client:
            while not self.stopping.is_set():
                count = next(self.numbers)
                query = {"site_id": self.site, "type": "pageview", "href": f"/{count}", "host": "bench.example"}
                address = {"X-Forwarded-For": f"81.3.{count // 250 % 250}.{count % 250}"}
                answer = client.get("/in.php", params=query, headers=address, timeout=60)
                self.statuses[f"hit {answer.headers.get('X-Event-Dropped', answer.status_code)}"] += 1

    def run(self, number: int) -> None:
        headers = {"x-api-key": self.key, "X-Forwarded-For": f"198.51.100.{number + 1}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
            while not self.stopping.is_set():
                filters = [{"dimension": "page", "operator": "contains", "value": f"/{next(self.numbers)}"}]
                body = {"metrics": ["visitors"], "dimensions": ["page", "source"], "date_range": DATES}
                answer = client.post("/api/query", json={**body, "filters": filters})
                self.statuses[f"query {answer.status_code}"] += 1
                if answer.status_code == 429:
                    self.stopping.wait(min(1.0, float(answer.headers.get("Retry-After", 1))))

    def __enter__(self) -> Abuser:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def measure(
    url: str, site: dict[str, Any], seconds: float, numbers: itertools.count[int], refused: Counter[str]
) -> list[float]:
    """Milliseconds of B's reports; each has a filter that no cache knows. Counts page views that are not recorded."""
    times, end = [], time.monotonic() + seconds
    headers = {"x-api-key": site["api_key"], "X-Forwarded-For": "203.0.113.1", "User-Agent": CHROME}
    view = {"site_id": site["site_id"], "type": "pageview", "href": "/", "host": "b.example"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        while time.monotonic() < end:
            filters = [{"dimension": "page", "operator": "is_not", "value": f"/{next(numbers)}"}]
            body = {"metrics": ["visitors", "pageviews"], "dimensions": ["page"], "date_range": DATES}
            began = time.perf_counter()
            answer = client.post("/api/query", json={**body, "filters": filters})
            times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            hit = client.get("/in.php", params=view, headers={"Accept-Language": "en"})
            if hit.status_code != 200 or hit.headers.get("X-Event-Dropped"):
                refused[hit.headers.get("X-Event-Dropped", str(hit.status_code))] += 1
            time.sleep(PAUSE)
    return times


def pick(times: list[float], share: float) -> float:
    """The quantile of sorted times."""
    return times[min(len(times) - 1, round(share * (len(times) - 1)))]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--abuse", nargs="*", default=["queries", "hits"], choices=["queries", "hits"])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--port", type=int, default=8490)
    parser.add_argument("--without-budgets", action="store_true")
    given = parser.parse_args()
    limits = "queries=0,query_seconds_per_minute=0,query_megabytes=0" if given.without_budgets else ""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        subprocess.run([sys.executable, "-c", LOAD, str(given.events)], cwd=ROOT, env=env, check=True)
        with served(Path(folder), given.port, ACCOUNT_LIMITS=limits) as server:
            manage = [sys.executable, str(ROOT / "manage.py")]
            other = ["--email", "b@example.com", "--password", "a bench needs no secret", "--account", "B"]
            made = subprocess.run(
                [*manage, "provision", *other, "--domain", "b.example", "--json"],
                env=server.env, cwd=ROOT, check=True, capture_output=True,
            )  # fmt: skip
            second = json.loads(made.stdout)
            for account in (server.made, second):
                number = str(account["account"]["id"])
                words = ["limits", number, "clickport_per_minute=0"]
                subprocess.run([*manage, *words], env=server.env, cwd=ROOT, check=True, capture_output=True)
            time.sleep(3)
            compare(server, second["site"], given)


def compare(server: Served, site: dict[str, Any], given: argparse.Namespace) -> None:
    """Measure B in quiet and abused phases, and print the comparison."""
    numbers, refused, got = itertools.count(), Counter[str](), Counter[str]()
    measure(server.url, site, 3, numbers, refused)
    quiet, abused = list[float](), list[float]()
    for _ in range(given.rounds):
        quiet += measure(server.url, site, given.seconds, numbers, refused)
        with Abuser(server.url, server.made["site"], given.clients, given.abuse) as abuser:
            time.sleep(3)
            abused += measure(server.url, site, given.seconds, numbers, refused)
        got += abuser.statuses
    for name, times in (("quiet", sorted(quiet)), ("abused", sorted(abused))):
        print(f"{name:7} n={len(times)} median {pick(times, 0.5):.0f} ms, p95 {pick(times, 0.95):.0f} ms")
    ratio = pick(sorted(abused), 0.95) / pick(sorted(quiet), 0.95)
    print(f"p95 ratio {ratio:.2f}; B's page views refused: {dict(refused) or 0}; A got {dict(got)}")


if __name__ == "__main__":
    main()
