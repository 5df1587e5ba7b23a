"""What one account's heavy queries cost another account's reports: python -m tests.bench.fairness

    [--events 2000000] [--seconds 20] [--clients 16] [--port 8490] [--without-budgets]

One server with its embedded store. Account A sends heavy queries (pages by source over 90 days, with a filter that no
cache knows), so many at a time, each from an address of its own; account B asks for a small report five times a second.
Prints B's median and p95 while A is quiet and while it is not, what A got, and the ratio of the p95.
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
from pathlib import Path

import httpx

from tests.bench.serving import ROOT, served

LOAD = """
import django, sys; django.setup()
from tests.bench import traffic
from tracking import store
store.migrate(); traffic.load(int(sys.argv[1])); store.close()
"""
DATES = {"start": "2026-04-02", "end": "2026-07-01"}
PAUSE = 0.2  # seconds between B's reports


class Abuser:
    """Account A: clients that send one heavy query after the other."""

    def __init__(self, url: str, key: str, clients: int) -> None:
        self.url, self.key, self.statuses = url, key, Counter[int]()
        self.stopping, self.numbers = threading.Event(), itertools.count()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(clients)]

    def run(self, number: int) -> None:
        headers = {"x-api-key": self.key, "X-Forwarded-For": f"198.51.100.{number + 1}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
            while not self.stopping.is_set():
                filters = [{"dimension": "page", "operator": "contains", "value": f"/{next(self.numbers)}"}]
                body = {"metrics": ["visitors"], "dimensions": ["page", "source"], "date_range": DATES}
                answer = client.post("/api/query", json={**body, "filters": filters})
                self.statuses[answer.status_code] += 1
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


def measure(url: str, key: str, seconds: float, numbers: itertools.count[int]) -> list[float]:
    """Milliseconds of B's reports, in order of size; each has a filter that no cache knows."""
    times, end = [], time.monotonic() + seconds
    headers = {"x-api-key": key, "X-Forwarded-For": "203.0.113.1"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        while time.monotonic() < end:
            filters = [{"dimension": "page", "operator": "is_not", "value": f"/{next(numbers)}"}]
            body = {"metrics": ["visitors", "pageviews"], "dimensions": ["page"], "date_range": DATES}
            began = time.perf_counter()
            answer = client.post("/api/query", json={**body, "filters": filters})
            times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            time.sleep(PAUSE)
    return sorted(times)


def pick(times: list[float], share: float) -> float:
    """The quantile of sorted times."""
    return times[min(len(times) - 1, round(share * (len(times) - 1)))]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--seconds", type=float, default=20)
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
            key, numbers = second["site"]["api_key"], itertools.count()
            measure(server.url, key, 3, numbers)
            quiet = measure(server.url, key, given.seconds, numbers)
            with Abuser(server.url, server.made["site"]["api_key"], given.clients) as abuser:
                time.sleep(3)
                abused = measure(server.url, key, given.seconds, numbers)
            print(f"quiet   n={len(quiet)} median {pick(quiet, 0.5):.0f} ms, p95 {pick(quiet, 0.95):.0f} ms")
            print(f"abused  n={len(abused)} median {pick(abused, 0.5):.0f} ms, p95 {pick(abused, 0.95):.0f} ms")
            print(f"p95 ratio {pick(abused, 0.95) / pick(quiet, 0.95):.2f}; A got {dict(abuser.statuses)}")


if __name__ == "__main__":
    main()
