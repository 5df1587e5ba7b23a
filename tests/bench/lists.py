"""`make bench-lists`: how long does each list of every API take with ten, 200 and 1,000 rows, and what does it ask?

    python -m tests.bench.lists [--sizes 10,200,1000] [--rounds 5] [--only members] [--profile members]

The lists are those of the registries: Clickport's breakdowns, the types of Clicky's Stats API, the operations of the
management API that answer a page of rows, and ClickMeter's that answer with a list. Everything is created in bulk in an
own store; every call asks for 1,000 rows (ClickMeter: 100) and has no answer in a cache. Printed for each list: the
median of the process's processor time in milliseconds, and statements of the database + of the event store.
`--profile NAME` prints where the time of one list goes, at the largest size.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import re
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any, NamedTuple

EMAIL, PASSWORD = "bench@example.com", "a bench needs no secret"
CLICKMETER_LISTS = ("entities", "rows", "hits", "data", "result")  # names under which answers hold their rows
FIRST_SITE = 200_000_000
MAX_GOALS = 200  # of the site: the event store refuses a statement about a thousand, which is too long
UNLIMITED = dict.fromkeys(("clickport_per_minute", "clicky_per_minute"), 0)


class ListCall(NamedTuple):
    """A list: its address, and the headers that open it."""

    address: str
    headers: dict[str, str]


class World:
    """An account that grows, with one site that has traffic."""

    def __init__(self) -> None:
        from django.core.management import call_command

        from accounts.models import Account, Membership, Role, User
        from links.models import Conversion, Script, Tag
        from links.services.groups import group_create
        from links.services.links import choose_domain
        from sites.services import api_key_create, site_create
        from tracking import store

        call_command("migrate", verbosity=0)
        store.migrate()
        self.size = 0
        self.account = Account.objects.create(name="Bench", limits=UNLIMITED)
        user = User.objects.create_user(EMAIL, PASSWORD)
        Membership.objects.create(user=user, account=self.account, role=Role.OWNER)
        self.site = site_create(account=self.account, domain="example.com")
        self.api_key = api_key_create(site=self.site, name="bench")[1]
        self.group, self.domain = group_create(account=self.account, name="All"), choose_domain(self.account, None)
        self.tag = Tag.objects.create(account=self.account, name="all")
        self.sale = Conversion.objects.create(account=self.account, name="Sale")
        self.script = Script.objects.create(account=self.account, name="all", script="var a=1")
        guest = User.objects.create_user("guest@example.com")
        self.guest = Membership.objects.create(user=guest, account=self.account, role=Role.GUEST)

    def grow(self, size: int) -> None:
        """Have so many rows of everything."""
        from links.routing import link_cache
        from sites import site_cache

        numbers = range(self.size, size)
        self.create_site_rows(numbers)
        self.create_members(numbers)
        self.create_links(numbers)
        self.record_traffic(numbers)
        self.size = size
        site_cache.refresh()
        link_cache.refresh()

    def create_site_rows(self, numbers: range) -> None:
        from django.utils import timezone

        from goals.models import Goal
        from sites.models import ApiKey, Site
        from sites.uptime.models import Incident, Monitor, WatchedPeriod

        now, site = timezone.now(), self.site
        Site.objects.bulk_create(
            Site(pk=FIRST_SITE + n, account=self.account, domain=f"s{n}.example.com") for n in numbers
        )
        ApiKey.objects.bulk_create(ApiKey(site=site, name=f"k{n}", prefix=f"ck_{n}", hash=f"{n}") for n in numbers)
        Goal.objects.bulk_create(Goal(site=site, name=f"v{n}", pattern=f"/v{n}") for n in numbers if n < MAX_GOALS)
        monitors = Monitor.objects.bulk_create(
            Monitor(site=site, url=f"https://{n}.example.com/", next_due=now) for n in numbers
        )
        hour = timedelta(hours=1)
        Incident.objects.bulk_create(Incident(monitor=one, start=now - 2 * hour, end=now - hour) for one in monitors)
        WatchedPeriod.objects.bulk_create(WatchedPeriod(monitor=one, start=now - 3 * hour, end=now) for one in monitors)

    def create_members(self, numbers: range) -> None:
        from django.utils import timezone

        from accounts.models import ExposedKey, Grant, Membership, Right, Role, User

        account, pk = self.account, self.site.pk
        users = User.objects.bulk_create(User(email=f"m{n}@example.com", name=f"M{n}") for n in numbers)
        members = Membership.objects.bulk_create(Membership(user=u, account=account, role=Role.GUEST) for u in users)
        Grant.objects.bulk_create(Grant(membership=one, kind="site", object_id=pk, right=Right.READ) for one in members)
        ExposedKey.objects.bulk_create(
            ExposedKey(account=account, kind="site", object_id=pk, person=f"P{n}", since=timezone.now())
            for n in numbers
        )

    def create_links(self, numbers: range) -> None:
        from accounts.models import Grant, Right
        from links.models import Conversion, Datapoint, Domain, Group, LinkConversion, Script, Tag

        account = self.account
        groups = Group.objects.bulk_create(Group(account=account, name=f"g{n}") for n in numbers)
        Group.tags.through.objects.bulk_create(Group.tags.through(group=row, tag=self.tag) for row in groups)
        Script.objects.bulk_create(Script(account=account, name=f"s{n}", script="var a=1") for n in numbers)
        Domain.objects.bulk_create(Domain(account=account, name=f"go{n}.bench.test") for n in numbers)
        tags = Tag.objects.bulk_create(Tag(account=account, name=f"t{n}") for n in numbers)
        sales = Conversion.objects.bulk_create(Conversion(account=account, name=f"c{n}") for n in numbers)
        rows = Datapoint.objects.bulk_create(
            Datapoint(account=account, group=self.group, domain=self.domain, alias=f"l{n}", url="https://shop.test/")
            for n in numbers
        )
        LinkConversion.objects.bulk_create(
            LinkConversion(datapoint=row, conversion=one, position=position)
            for row, sale in zip(rows, sales, strict=True)
            for position, one in enumerate((sale, self.sale), 1)
        )
        Datapoint.tags.through.objects.bulk_create(
            Datapoint.tags.through(datapoint=row, tag=one)
            for row, tag in zip(rows, tags, strict=True)
            for one in (tag, self.tag)
        )
        Datapoint.scripts.through.objects.bulk_create(
            Datapoint.scripts.through(datapoint=row, script=self.script) for row in rows
        )
        Grant.objects.bulk_create(
            Grant(membership=self.guest, kind="datapoint", object_id=row.pk, right=Right.READ) for row in rows
        )

    def record_traffic(self, numbers: range) -> None:
        """A visit of its own page, source, campaign, country … each."""
        from django.utils import timezone

        from tests.support import event
        from tracking import store

        now = timezone.now()
        rows = []
        for n in numbers:
            word = f"v{n}"
            names = ("source", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "search_term",
                     "city", "browser", "os", "organization", "person")  # fmt: skip
            fields: Any = dict.fromkeys(names, word) | {
                "referrer": f"https://{word}.test/", "referrer_domain": f"{word}.test", "visit": n + 1,
                "country": f"{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}",
            }  # fmt: skip
            rows.append(event(self.site, f"/{word}", at=now - timedelta(seconds=240 - n % 240), visitor=word, **fields))
        store.insert_rows("events", rows)

    def list_calls(self) -> dict[str, ListCall]:
        """Every list by its name."""
        return {**self.list_clickport(), **self.list_clicky(), **self.list_management(), **self.list_clickmeter()}

    def list_clickport(self) -> dict[str, ListCall]:
        from reports.clickport.breakdowns import BREAKDOWNS, TECH

        paths = ["realtime", "goals", "ledger", *(f"{name}?limit=1000" for name in BREAKDOWNS),
                 *(f"tech?type={kind}&limit=1000" for kind in TECH)]  # fmt: skip
        headers = {"x-api-key": self.api_key}
        return {f"clickport {path.replace('limit=1000', '').strip('?&')}": ListCall(f"/api/{path}", headers)
                for path in paths}  # fmt: skip

    def list_clicky(self) -> dict[str, ListCall]:
        from reports.clicky.tallies import SummaryType, TallyType
        from reports.clicky.types import EMPTY, STATS_TYPES

        key = f"site_id={self.site.pk}&sitekey={self.site.sitekey}&output=json&limit=all&date=last-2-days"
        lists = [
            row.name for row in STATS_TYPES if not isinstance(row, TallyType | SummaryType) and row.name not in EMPTY
        ]
        login = f"username={EMAIL}&password={PASSWORD.replace(' ', '%20')}"
        return {f"clicky {name}": ListCall(f"/api/stats/4?{key}&type={name}", {}) for name in lists} | {
            "clicky account sites": ListCall(f"/api/account/sites?{login}&output=json", {}),
            "clicky white-label sites": ListCall(f"/api/whitelabel/sites?auth={self.account.authkey}", {}),
        }

    def list_management(self) -> dict[str, ListCall]:
        from accounts.models import SCOPES, Role
        from accounts.services.personal_tokens import personal_token_create
        from reports.openapi import MANAGEMENT_API, build_document

        owner = self.account.memberships.filter(role=Role.OWNER).get()  # reports by e-mail belong to a person
        headers = {"authorization": f"Bearer {personal_token_create(membership=owner, name='b', scopes=SCOPES)[1]}"}
        found = {}
        for path, operations in build_document(MANAGEMENT_API)["paths"].items():
            names = {row["name"] for row in operations.get("get", {}).get("parameters", [])}
            if "cursor" in names:
                address = path.replace("{site_id}", str(self.site.pk))
                found[f"management {path.removeprefix('/api/v1/')}"] = ListCall(f"{address}?limit=1000", headers)
        return found

    def list_clickmeter(self) -> dict[str, ListCall]:
        from links.clickmeter.operations import OPERATIONS

        headers = {"X-Clickmeter-Authkey": self.account.authkey}
        rows = {
            "/datapoints": self.group.datapoints.earliest("pk"), "/groups": self.group, "/tags": self.tag,
            "/conversions": self.sale, "/retargeting": self.script, "/account/guests": self.guest,
        }  # fmt: skip
        found = {}
        for operation in filter(answers_list, OPERATIONS):
            path, prefix = operation.path, operation.path.partition("/{")[0]
            address = re.sub(r"{\w+}", str(rows[prefix].pk), path) if "{" in path else path
            found[f"clickmeter {path}"] = ListCall(f"/clickmeter{address}?{choose_parameters(path)}", headers)
        return found


def answers_list(operation: Any) -> bool:
    """Whether an operation of ClickMeter's answers with a list of rows."""
    from links.clickmeter.actions import ACTIONS

    action = ACTIONS[operation.action]
    answer = operation.views.answers.get(operation.action, action.answer)
    has_rows = answer is not None and not answer().fields.keys().isdisjoint(CLICKMETER_LISTS)
    return operation.method == "GET" and (action.is_page or has_rows)


def choose_parameters(path: str) -> str:
    """The parameters with which ClickMeter's list is complete."""
    types = {
        "/domains": "personal", "/aggregated": "tl", "/conversions/{conversionId}/reports": "datapoints",
        "/reports": "referrers",
    }  # fmt: skip
    given = next((f"&type={type}" for part, type in types.items() if part in path), "")
    return f"_expand=true&limit=100&pageSize=100&timeFrame=last7{given}"


def measure(call: ListCall, rounds: int) -> tuple[float, int, int]:
    """Median milliseconds of the processor, and statements of both stores."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.support.statements import record_statements

    fetch = build_fetch(call)
    answer = fetch()
    assert answer.status_code == 200, (call.address, answer.content[:300])
    assert not call.address.startswith("/clickmeter") or is_list(answer), (call.address, answer.content[:300])
    times = []
    for _ in range(rounds):
        began = time.process_time()
        fetch()
        times.append((time.process_time() - began) * 1000)
    with record_statements() as asked, CaptureQueriesContext(connection) as captured:
        fetch()
    return median(times), len(captured), len(asked)


def build_fetch(call: ListCall) -> Callable[[], Any]:
    """The function that fetches a list with no answer in a cache and no limit reached."""
    from django.core.cache import caches
    from django.test import Client

    from reports.query.result_cache import RESULTS

    client = Client(headers=call.headers)

    def fetch() -> Any:
        caches["requests"].clear()
        RESULTS.clear()
        return client.get(call.address)

    return fetch


def is_list(answer: Any) -> bool:
    body = answer.json()
    return isinstance(body, dict) and any(isinstance(body.get(name), list) for name in CLICKMETER_LISTS)


def print_profile(call: ListCall) -> None:
    fetch = build_fetch(call)
    fetch()
    with cProfile.Profile() as profile:
        for _ in range(5):
            fetch()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10,200,1000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="lists whose name contains this")
    parser.add_argument("--profile", default="", help="the list whose time is explained")
    options = parser.parse_args()
    empty = {"EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": "", "ALLOWED_HOSTS": "*", "DEBUG": ""}
    with tempfile.TemporaryDirectory(prefix="bench-lists-") as directory:
        os.environ.update(DATA_DIR=directory, DJANGO_SETTINGS_MODULE="config.settings", **empty)
        import django

        django.setup()
        world, sizes = World(), [int(size) for size in options.sizes.split(",")]
        found: dict[str, list[str]] = {}
        for size in sizes:
            world.grow(size)
            for name, call in world.list_calls().items():
                if options.only in name:
                    figures = measure(call, options.rounds)
                    found.setdefault(name, []).append(f"{figures[0]:9.1f} ms {figures[1]:3}+{figures[2]}")
        print(f"{'':36}" + "".join(f"{f'{size:,} rows':>20}" for size in sizes))
        for name, cells in found.items():
            print(f"{name:36}" + "".join(f"{cell:>20}" for cell in cells))
        if options.profile:
            print_profile(next(call for name, call in world.list_calls().items() if options.profile in name))


if __name__ == "__main__":
    main()
