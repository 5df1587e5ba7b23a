"""Lists of links need the same number of database queries for many rows as for few: operations and pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Grant, Right, User
from links.clickmeter.operations import OPERATIONS, Operation
from links.models import ListKind
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.groups import group_create, tag_create
from links.services.guests import guest_create
from links.services.links import datapoint_create
from links.services.scripts_and_lists import entry_create, script_write
from tests.bench.lists import answers_list
from tests.links.clickmeter.test_operations import shape
from tests.support.clickmeter_client import Program, use_account_key, use_own_key
from tests.support.links import Browser, flush_clicks, refresh_caches
from tests.support.traffic import log_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]
FEW = 5
MANY = (15, pytest.param(200, marks=pytest.mark.heavy))  # what grows with the rows grows with ten more of them, too
# Names under which answers hold their rows
LISTS = ("entities", "rows", "hits", "data", "result")
READS = [operation for operation in OPERATIONS if operation.method == "GET"]


class World:
    """An account with some of everything, all of it connected with each other, that can grow."""

    def __init__(self, account: Account) -> None:
        self.account, self.size = account, 0
        account.limits = {"domains": 200}
        account.save()
        self.group = group_create(account=account, name="All")
        self.sale = conversion_create(account=account, name="Sale")
        self.script = script_write(account=account, name="s", text="var a=1")
        self.tag = tag_create(account=account, name="all")
        self.guest = guest_create(account=account, email="first@example.org")
        Grant.objects.create(membership=self.guest, kind="group", object_id=self.group.pk, right=Right.WRITE)

    def grow(self, size: int) -> None:
        """Have so many links, groups, tags, conversions, scripts, domains, guests, entries of lists, clicks, sales."""
        made = [self.row(number) for number in range(self.size, size)]
        self.size = size
        refresh_caches()
        for link in made:
            browser = Browser(ip=f"198.51.100.{link.pk % 250}")
            word = browser.open(f"/l/{link.alias}", referer=f"https://r{link.pk}.test/").location.partition("=")[2]
            Browser().open(f"/s2s?clickId={word}&id={self.sale.code}&val=10&param=P{link.pk}")
        flush_clicks()

    def row(self, number: int) -> Any:
        """One more of each."""
        account = self.account
        own = group_create(account=account, name=f"g{number}", tags=[f"t{number}", self.tag])
        sale = conversion_create(account=account, name=f"c{number}")
        script = script_write(account=account, name=f"s{number}", text="var a=1")
        domain = domain_create(account=account, name=f"go{number}.own.test")
        if number < 50:  # there may be no more
            entry_create(account=account, listing=ListKind.WHITELIST, value=f"w{number}.test")
            entry_create(account=account, listing=ListKind.BLACKLIST, value=f"192.0.2.{number}")
        link = datapoint_create(
            account=account, alias=f"l{number}", url="https://shop.test/?s=[s2sidentifier]", group=self.group,
            conversions=[self.sale, sale], tags=[self.tag, f"t{number}"],
        )  # fmt: skip
        scripted = datapoint_create(
            account=account, alias=f"x{number}", url="https://a.test/", group=self.group, domain=domain,
            scripts=[self.script, script],
        )  # fmt: skip
        member = guest_create(account=account, email=f"g{number}@example.org", name=f"G{number}")
        Grant.objects.create(membership=member, kind="group", object_id=own.pk, right=Right.WRITE)
        for membership in (member, self.guest):
            Grant.objects.create(membership=membership, kind="datapoint", object_id=scripted.pk, right=Right.READ)
            Grant.objects.create(
                membership=membership, kind="group", object_id=own.pk
            ) if membership != member else None
        return link

    def address(self, operation: Operation) -> str:
        """The operation's address with everything it can list."""
        path = operation.path
        kinds = {
            "/groups/": self.group, "/tags/": self.tag, "/conversions/": self.sale, "/retargeting/": self.script,
            "/account/guests/": self.guest,
        }  # fmt: skip
        row = next((row for prefix, row in kinds.items() if path.startswith(prefix)), None)
        if row is None and "{" in path:
            row = self.group.datapoints.earliest("pk") if path.startswith("/datapoints/") else None
            row = row or self.account.link_domains.earliest("pk")
        for word in ("id", "tagId", "conversionId", "guestId"):
            path = path.replace(f"{{{word}}}", str(row.pk if row else ""))
        path += "?_expand=true&limit=100&pageSize=100&timeFrame=last7"
        if path.startswith("/domains"):
            path += "&type=personal"
        elif "reports" in path:
            path += "&type=datapoints" if "/conversions/" in path else "&type=referrers"
        elif "aggregated" in path:
            path += "&type=tl"
        return path


def asked(call: Callable[..., Any], *given: Any) -> int:
    """How many statements a call takes, once what is remembered between calls is."""
    with CaptureQueriesContext(connection) as found:
        call(*given)
    return len(found)


def rows_of(answer: Any) -> int:
    return max((len(answer[name]) for name in LISTS if isinstance(answer.get(name), list)), default=-1)


def measured(program: Program, world: World) -> dict[str, tuple[int, int]]:
    """Rows and statements of every operation that answers with a list."""
    found = {}
    for operation in READS:
        address, answers = world.address(operation), list[Any]()

        def read(address: str = address, answers: list[Any] = answers) -> None:
            answers.append(program.get(address))

        response = program.call("GET", address)
        if response.status_code == 403:
            continue
        statements = asked(read)
        if (rows := rows_of(answers[0])) >= 0:
            found[operation.path] = (rows, statements)
    return found


@pytest.mark.parametrize("size", MANY)
def test_every_list_needs_the_same_number_of_queries_for_few_and_for_many_rows(
    size: int, account: Account, alice: User
) -> None:
    world = World(account)
    world.grow(FEW)
    programs = {"master": use_account_key(account), "guest": use_own_key(world.guest)}
    few = {caller: measured(program, world) for caller, program in programs.items()}
    world.grow(size)
    for caller, program in programs.items():
        check_counts(caller, few[caller], measured(program, world))


def check_counts(caller: str, few: dict[str, tuple[int, int]], many: dict[str, tuple[int, int]]) -> None:
    """Rows and statements of each list: as many statements for many rows."""
    assert {path: (few[path], many[path]) for path in few if few[path][1] != many[path][1]} == {}
    lists = {operation.path for operation in READS if shape(operation) & set(LISTS)}
    assert {operation.path for operation in OPERATIONS if answers_list(operation)} == lists  # those of `bench-lists`
    assert lists - few.keys() == {path for path in lists if caller == "guest" and path.startswith("/account/")}
    # lists by time, by value of a report and of one thing's hits do not grow with what there is
    same = {path for path in few if few[path][0] == many[path][0]}
    assert same <= {path for path in few if path.endswith(("/list", "{id}/hits", "{id}/reports"))}, same
    assert max(statements for _, statements in many.values()) < 20


PAGES = (
    "/links", "/links/groups", "/links/tags", "/links/conversions", "/links/domains", "/links/scripts", "/links/lists",
    "/links/guests", "/links/new", "/links/live", "/links/export.csv",
)  # fmt: skip


@pytest.mark.parametrize("size", [15, pytest.param(60, marks=pytest.mark.heavy)])
def test_every_page_of_links_needs_the_same_number_of_queries_for_few_and_for_many_rows(
    size: int, account: Account, alice: User
) -> None:
    world = World(account)
    world.grow(FEW)
    clients = (log_in(alice), log_in(world.guest.user))
    few = [count_on_pages(client) for client in clients]
    world.grow(size)
    assert [count_on_pages(client) for client in clients] == few
    assert max(max(found.values()) for found in few) < 30


def count_on_pages(client: Client) -> dict[str, int]:
    """The statements of each page."""
    return {path: asked(lambda path: b"".join(client.get(path)), path) for path in PAGES}
