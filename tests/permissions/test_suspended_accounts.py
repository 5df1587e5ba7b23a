"""A suspended account × every URL that needs a right in it: its people and programs read why, and change nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Membership
from accounts.services.suspension import account_suspend
from sites import site_cache
from tests.permissions import callers
from tests.permissions.routes import MAY, NEEDS, ROUTES, V1, build_path
from tests.permissions.tenants import World
from tests.permissions.test_paths import asked, body, find_need, methods, own_values
from tests.support.database import rolled_back
from tests.support.turns import take_turns

SENTENCE = "This account is suspended: an unpaid invoice"
RIGHTS = MAY["alice"] - {"self", "hers"}  # what is a person's own stays open to them
CLOSED = [route for route in ROUTES if NEEDS.get(route) in RIGHTS]
PEOPLE = [name for name in MAY if name not in ("nobody", "charlie")]
# Which answer everybody who may not open the widget in the same way: the page that opens its window must not learn why
SILENT = ("widget/<int:site_id>/open", "widget/<int:site_id>/grant")
PROGRAMS = ("account", "member", "token")


@pytest.fixture(autouse=True)
def suspended(world: World, in_a_savepoint: None) -> None:
    account = Account.objects.get(pk=world.open["account"])
    account_suspend(account=account, reason="an unpaid invoice", collection_days=3, now=timezone.now())
    site_cache.refresh()


@pytest.mark.parametrize("route", CLOSED[::2])
def test_nobody_opens_a_page_of_a_suspended_account(route: str, world: World, clients: Any) -> None:
    """By turns, each of its members."""
    for turn, method in enumerate(methods(route), CLOSED.index(route)):
        check_people(route, method, [PEOPLE[turn % len(PEOPLE)]], world, clients)


@pytest.mark.heavy
@pytest.mark.parametrize("route", CLOSED)
def test_no_member_opens_any_page_of_a_suspended_account(route: str, world: World, clients: Any) -> None:
    for method in methods(route):
        check_people(route, method, PEOPLE, world, clients)


def check_people(route: str, method: str, names: list[str], world: World, clients: Any) -> None:
    """They get 403 with the reason, or 404 for what they could not see before, either."""
    for name in names:
        values = own_values(route, world.open)
        answer, text, changes = asked(clients, name, method, route, values, world.open)
        could = find_need(route, method) in MAY[name] and route not in SILENT
        assert answer.status_code in ((403, 405) if could else (403, 404, 405)), (method, name, text[-2000:])
        assert not could or answer.status_code == 405 or SENTENCE in text, (method, name, text[-2000:])
        assert not changes.tables and not changes.events, (method, name, changes.tables)


@pytest.mark.parametrize("route", take_turns(2, [route for route in CLOSED if route.startswith(V1)]))
def test_no_program_of_a_suspended_account_is_answered(route: str, world: World) -> None:
    keys = {
        "account": world.open["authkey"], "token": world.open["plain_token"],
        "member": Membership.objects.get(user=world.people["alice"]).authkey,
    }  # fmt: skip
    for turn, method in enumerate(methods(route), CLOSED.index(route)):
        path, sent = build_path(route, own_values(route, world.open)), body(method, route, world.open)
        with rolled_back(), callers.watch_writes() as changes:
            answer = callers.send(
                Client(), method, path, sent, {"authorization": f"Bearer {keys[PROGRAMS[turn % len(PROGRAMS)]]}"}
            )
        assert answer.status_code == 403 and SENTENCE in callers.read_text(answer), (method, answer.status_code)
        assert not changes.tables and not changes.events, method
