"""What one account's abuse costs another account's reports and hits: python -m tests.bench.fairness

    [--events 2000000] [--seconds 20] [--rounds 2] [--clients 16] [--abuse queries hits streams monitors] [--port 8490]
    [--without-budgets]

One server with its embedded store. Account A abuses it (`tests.bench.abuse`) in every way, or in those that `--abuse`
names, each by so many clients at a time, with addresses of their own; account B asks for a small report five times a
second and sends a page view with each. Quiet and abused phases take turns, so that both meet the same machine. Prints
B's median and p95 of both, how many of B's page views were refused, the ratio of the p95, and what A was answered:
every refusal with its sentence. With `monitors` A first asks for more monitors than an account may have; all are due
at the start of an abused phase.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.bench.abuse import DATES, KINDS, PASSWORD, PERSON
from tests.bench.faults.load import CHROME
from tests.bench.serving import ROOT, Served, served

LOAD = """
import django, sys; django.setup()
from tests.bench import traffic
from tracking import store
store.migrate(); traffic.load(int(sys.argv[1])); store.close()
"""
ADD_PEOPLE = """
import django, sys; django.setup()
from accounts.models import Account, Membership, Role
from accounts.services import user_create
account, email, password, number = Account.objects.get(pk=sys.argv[1]), *sys.argv[2:4], int(sys.argv[4])
for one in range(number):
    user = user_create(email=email.format(one), password=password)
    Membership.objects.create(user=user, account=account, role=Role.EDITOR)
"""
ADD_MONITORS = """
import django, sys; django.setup()
from django.core.exceptions import ValidationError
from accounts.account_limits import get_account_limit
from sites.models import Site
from sites.uptime.services import monitor_create
site = Site.objects.select_related("account").get(pk=sys.argv[1])
try:
    for one in range(get_account_limit(site.account, "monitors") + 1):
        monitor_create(site=site, url=f"http://127.0.0.1:{sys.argv[2]}/{one}", interval=30, timeout=30, enabled=False)
except ValidationError as error:
    print(f"monitors {one}, then refused: {' '.join(error.messages)}")
"""
SWITCH_MONITORS = """
import django, sys; django.setup()
from django.utils import timezone
from sites.uptime.models import Monitor
Monitor.objects.update(enabled=sys.argv[1] == "on", next_due=timezone.now())
"""
PAUSE = 0.2  # seconds between B's reports


def run_script(server: Served, script: str, *words: object) -> str:
    """Run a script with the server's settings; returns what it prints."""
    command = [sys.executable, "-c", script, *map(str, words)]
    env = {**server.env, "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(command, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def abused(server: Served, given: argparse.Namespace, answers: Counter[str]) -> Iterator[None]:
    """Let A abuse the server during the block, and add what it was answered."""
    site = server.made["site"]
    words = [server.url, site["api_key"], site["site_id"], given.clients, given.port + 1, *given.abuse]
    command = [sys.executable, "-m", "tests.bench.abuse", *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"started\n"
    if "monitors" in given.abuse:
        run_script(server, SWITCH_MONITORS, "on")
    try:
        yield
    finally:
        told, _ = process.communicate()
        answers.update(json.loads(told))
        if "monitors" in given.abuse:
            run_script(server, SWITCH_MONITORS, "off")


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
    parser.add_argument("--abuse", nargs="*", default=KINDS, choices=KINDS)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--port", type=int, default=8490)
    parser.add_argument("--without-budgets", action="store_true")
    given = parser.parse_args()
    limits = "queries=0,query_seconds_per_minute=0,query_megabytes=0" if given.without_budgets else ""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        subprocess.run([sys.executable, "-c", LOAD, str(given.events)], cwd=ROOT, env=env, check=True)
        with served(Path(folder), given.port, ACCOUNT_LIMITS=limits, ALLOWED_OUTBOUND="127.0.0.1/32") as server:
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
            prepare_abuse(server, given)
            time.sleep(3)
            compare(server, second["site"], given)


def prepare_abuse(server: Served, given: argparse.Namespace) -> None:
    """Create what A's abuse needs: people who open live views, and as many monitors as it is given."""
    if "streams" in given.abuse:
        run_script(server, ADD_PEOPLE, server.made["account"]["id"], PERSON, PASSWORD, given.clients)
    if "monitors" in given.abuse:
        print(run_script(server, ADD_MONITORS, server.made["site"]["site_id"], given.port + 1), end="")


def compare(server: Served, site: dict[str, Any], given: argparse.Namespace) -> None:
    """Measure B in quiet and abused phases, and print the comparison."""
    numbers, refused, answers = itertools.count(), Counter[str](), Counter[str]()
    measure(server.url, site, 3, numbers, refused)
    quiet, loud = list[float](), list[float]()
    for _ in range(given.rounds):
        quiet += measure(server.url, site, given.seconds, numbers, refused)
        with abused(server, given, answers):
            time.sleep(3)
            loud += measure(server.url, site, given.seconds, numbers, refused)
    for name, times in (("quiet", sorted(quiet)), ("abused", sorted(loud))):
        print(f"{name:7} n={len(times)} median {pick(times, 0.5):.0f} ms, p95 {pick(times, 0.95):.0f} ms")
    ratio = pick(sorted(loud), 0.95) / pick(sorted(quiet), 0.95)
    print(f"p95 ratio {ratio:.2f}; B's page views refused: {dict(refused) or 0}; A was answered:")
    for answer, count in sorted(answers.items()):
        print(f"{count:8,} {answer}")


if __name__ == "__main__":
    main()
