"""`make bench-calls`: how many of our own functions does one request pass through, and how often?

    python -m tests.bench.calls [--profile overview] [--cpu 40]

Counts calls of functions in this repository (by `sys.setprofile`, tests left out) while one request is answered in this
process, on an own embedded store without events: a beacon and a click from the server's immediate responder to the
write into the spool, the overview and a link's report with no answer cached, and a call of ClickMeter's API. `calls`
are those of the thread that answers, `helpers` those of the threads that it starts. Every request has run once before,
so that nothing is imported or compiled meanwhile.
`--profile NAME` lists the functions that one request calls most; `--cpu N` prints the median processor time of N runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import CodeType, FrameType
from typing import Any

ROOT = f"{Path(__file__).resolve().parent.parent.parent}/"
OTHERS = (f"{ROOT}.venv/", f"{ROOT}tests/")
AIMS = {"overview": 3_000, "link report": 1_500, "ClickMeter POST": 100}
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
Act = Callable[[], Any]


class CallCounter:
    """Counts the calls of our own functions by their code."""

    def __init__(self) -> None:
        self.calls: Counter[CodeType] = Counter()
        self.helpers: Counter[CodeType] = Counter()

    def note(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self.calls[frame.f_code] += 1

    def note_helper(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self.helpers[frame.f_code] += 1

    @contextmanager
    def counting(self) -> Iterator[None]:
        threading.setprofile(self.note_helper)
        sys.setprofile(self.note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # as documented


def keep_own(calls: Counter[CodeType]) -> Counter[CodeType]:
    return Counter({code: count for code, count in calls.items() if is_own(code)})


def is_own(code: CodeType) -> bool:
    return code.co_filename.startswith(ROOT) and not code.co_filename.startswith(OTHERS)


def count_calls(act: Act, prepare: Act) -> tuple[Counter[CodeType], Counter[CodeType]]:
    """The calls of one run after one to warm up: of its own thread, and of those it starts."""
    prepare()
    act()
    prepare()
    counter = CallCounter()
    with counter.counting():
        act()
    return keep_own(counter.calls), keep_own(counter.helpers)


def measure_cpu(act: Act, prepare: Act, runs: int) -> float:
    """Median processor time of a run in milliseconds, all threads."""
    times = []
    for _ in range(runs):
        prepare()
        began = time.process_time()
        act()
        times.append((time.process_time() - began) * 1000)
    return median(times)


# -- the requests -----------------------------------------------------------------------------------------------------


class Requests:
    """An account with a site and a link, and the requests that are counted."""

    def __init__(self) -> None:
        from django.core.management import call_command
        from django.test import Client

        from accounts.models import Account, Membership, Role, User
        from links.routing import link_cache
        from links.services.links import datapoint_create
        from sites import site_cache
        from sites.services import site_create
        from tracking import store

        call_command("migrate", verbosity=0)
        store.migrate()
        self.account = Account.objects.create(name="Bench")
        self.authkey = self.account.authkey  # derived here, since programs know their key
        user = User.objects.create_user("bench@example.com", "a bench needs no secret")
        Membership.objects.create(user=user, account=self.account, role=Role.OWNER)
        self.site = site_create(account=self.account, domain="example.com")
        self.link = datapoint_create(account=self.account, alias="offer", url="https://shop.test/p")
        site_cache.refresh()
        link_cache.refresh()
        self.client = Client(headers={"user-agent": CHROME})
        self.client.force_login(user)
        self.aliases = iter(f"made{number}" for number in range(10**6))

    def forget_answers(self) -> None:
        from reports.query.result_cache import RESULTS

        RESULTS.clear()

    def prepare_post(self) -> None:
        """The rate limit may not refuse the call."""
        from django.core.cache import caches

        caches["requests"].clear()

    def get(self, path: str) -> None:
        response = self.client.get(path)
        assert response.status_code == 200, (path, response.status_code)

    def overview(self) -> None:
        self.get(f"/sites/{self.site.pk}/?period=30d&source=Google")

    def link_report(self) -> None:
        self.get(f"/links/{self.link.pk}")

    def clickmeter_post(self) -> None:
        body = {"type": 0, "title": "made", "groupId": self.link.group_id, "name": next(self.aliases),
                "typeTL": {"url": "https://shop.test/p"}}  # fmt: skip
        response = self.client.post(
            "/clickmeter/datapoints", json.dumps(body), content_type="application/json",
            headers={"X-Clickmeter-Authkey": self.authkey},
        )  # fmt: skip
        assert response.status_code == 200, response.content

    def respond(self, path: str, query: str, host: str) -> None:
        from config.asgi import immediate_responder as responder

        headers = {"host": host, "user-agent": CHROME, "accept": "*/*", "accept-language": "en"}
        scope = {
            "type": "http", "method": "GET", "path": path, "query_string": query.encode(), "http_version": "1.1",
            "scheme": "http", "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("203.0.113.7", 5555),
        }  # fmt: skip
        responder.begin(0)
        response = responder.respond(scope)
        responder.pause()
        assert response is not None and response[0] < 400, (path, response)
        responder.commit()

    def beacon(self) -> None:
        query = f"site_id={self.site.pk}&type=pageview&href=http://example.com/&title=Home&res=1920x1080&lang=en&jsuid=1&x={time.time()}"
        self.respond("/in.php", query, "stats.test")

    def click(self) -> None:
        self.respond(f"/l/{self.link.alias}", "", "127.0.0.1:8000")

    def all(self) -> dict[str, tuple[Act, Act]]:
        """Every request by its name, and what happens before it."""
        return {
            "beacon": (self.beacon, lambda: None),
            "click": (self.click, lambda: None),
            "overview": (self.overview, self.forget_answers),
            "link report": (self.link_report, self.forget_answers),
            "ClickMeter POST": (self.clickmeter_post, self.prepare_post),
        }


def print_profile(calls: Counter[CodeType], most: int = 400) -> None:
    for code, count in calls.most_common(most):
        print(f"{count:7,}  {code.co_filename.removeprefix(ROOT)}:{code.co_firstlineno} {code.co_qualname}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="", help="the request whose functions are listed")
    parser.add_argument("--cpu", type=int, default=0, help="runs whose processor time is measured")
    options = parser.parse_args()
    empty = {"EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": "", "ALLOWED_HOSTS": "*", "DEBUG": ""}
    with tempfile.TemporaryDirectory(prefix="bench-calls-") as directory:
        os.environ.update(DATA_DIR=directory, DJANGO_SETTINGS_MODULE="config.settings", **empty)
        import django

        django.setup()
        requests = Requests()
        head = f"{'':16} {'calls':>8} {'helpers':>8} {'functions':>10} {'modules':>8} {'aim':>7}"
        print(head + ("    ms CPU" if options.cpu else ""))
        for name, (act, prepare) in requests.all().items():
            calls, helpers = count_calls(act, prepare)
            cpu = f"{measure_cpu(act, prepare, options.cpu):10.2f}" if options.cpu else ""
            modules = len({code.co_filename for code in calls})
            aim = f"{AIMS[name]:,}" if name in AIMS else ""
            print(f"{name:16} {calls.total():8,} {helpers.total():8,} {len(calls):10,} {modules:8,} {aim:>7}{cpu}")
            if options.profile == name:
                print_profile(calls)


if __name__ == "__main__":
    main()
