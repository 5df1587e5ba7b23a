"""Whose request begins next, when more clients or accounts want to be answered than there are places."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from django.conf import settings

from accounts.models import Account, User
from config.serving import senders
from config.serving.client_concurrency import MAX_AT_ONCE, MAX_RUNNING, queues
from config.serving.fair_places import MAX_GIVING_WAY_SECONDS
from sites.models import Site
from tests.support import asgi
from tests.support.asgi import cookie
from tests.support.held_application import CLIENT, OTHER, Application, all_wait, ask, numbered
from tests.support.types import Store

pytestmark = pytest.mark.usefixtures("nothing_left")


class Clock:
    """The time, which stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


async def test_the_clients_that_wait_take_turns(behind: Application, clock: Clock) -> None:
    paths = numbered(MAX_RUNNING)
    tasks = [ask(path, f"198.51.100.{number}") for number, path in enumerate(paths, 10)]
    await all_wait()
    waiting = [(CLIENT, "/one/1"), (CLIENT, "/one/2"), (CLIENT, "/one/3"), (OTHER, "/two/1"), (OTHER, "/two/2")]
    for address, path in waiting:
        tasks.append(ask(path, address))
        await all_wait()
    for path in paths[: len(waiting)]:
        behind.end(path)
        await all_wait()
    assert behind.begun[MAX_RUNNING:] == ["/one/1", "/two/1", "/one/2", "/two/2", "/one/3"]
    behind.end(*paths, *(path for _, path in waiting))
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}


def ask_with_key(path: str, number: int) -> asyncio.Task[asgi.Answer]:
    """Ask with the key of account 7, from an address of its own."""
    scope = asgi.make_scope("GET", path, {"x-api-key": "ck_seven"})
    senders.note_account(scope, 7)
    return asyncio.create_task(asgi.send("GET", path, key="ck_seven", address=f"198.51.100.{number}"))


async def keep_open(behind: Application, clock: Clock, address: str) -> list[asyncio.Task[asgi.Answer]]:
    """One request of an address comes and ends; then account 7 has six open for three seconds, and one waits."""
    first = ask("/first", address)
    await all_wait()
    behind.end("/first")
    await first
    tasks = [ask_with_key(path, number) for number, path in enumerate(numbered(6), 10)]
    await all_wait()
    clock.now += 3
    tasks.append(ask_with_key("/more", 20))
    await all_wait()
    return tasks


async def test_an_account_that_keeps_many_requests_open_gives_way_to_others(behind: Application, clock: Clock) -> None:
    tasks = await keep_open(behind, clock, OTHER)
    assert behind.begun == ["/first", *numbered(6)]
    tasks.append(ask("/other", OTHER))
    await all_wait()
    behind.end(*numbered(6))
    await all_wait()
    assert behind.begun[-1] == "/other", "one more would slow it down"
    behind.end("/other")
    await all_wait()
    assert behind.begun[-1] == "/more"
    behind.end("/more")
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}


async def test_an_account_that_gives_way_is_not_forgotten(behind: Application, clock: Clock) -> None:
    tasks = await keep_open(behind, clock, OTHER)
    tasks.append(ask("/other", OTHER))
    await all_wait()
    behind.end(*numbered(6))
    await all_wait()
    assert "/more" not in behind.begun
    clock.now += 2 * MAX_GIVING_WAY_SECONDS
    await behind.begins("/more")
    behind.end("/more", "/other")
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}


async def test_an_account_that_is_alone_has_all_places(behind: Application, clock: Clock) -> None:
    tasks = [ask_with_key(path, number) for number, path in enumerate(numbered(6), 10)]
    await all_wait()
    clock.now += 3
    tasks.append(ask_with_key("/more", 20))
    await all_wait()
    assert behind.begun == [*numbered(6), "/more"]
    behind.end(*behind.begun)
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}


async def test_the_account_of_a_key_and_of_a_session_is_learned_from_the_answer(
    account: Account, site: Site, api_key: str, alice: User, transactional_db: None, store: Store
) -> None:
    session = await cookie(alice)
    by_key = asgi.make_scope("GET", "/", {"x-api-key": api_key})
    by_session = asgi.make_scope("GET", "/", {"cookie": session})
    assert [senders.find_sender(scope, CLIENT) for scope in (by_key, by_session)] == [CLIENT, CLIENT]
    query = json.dumps({"metrics": ["visitors"], "date_range": {"start": "2026-04-02", "end": "2026-07-01"}}).encode()
    asked = asgi.make_scope("POST", "/api/query", {"x-api-key": api_key, "content-type": "application/json"})
    assert (await asgi.exchange(asked, query)).status == 200
    assert (await asgi.send("GET", f"/sites/{site.pk}/spy", cookie=session)).status == 200
    expected = f"account {account.pk}"
    assert [senders.find_sender(scope, CLIENT) for scope in (by_key, by_session)] == [expected, expected]
    unknown = asgi.make_scope("GET", "/", {"x-api-key": "ck_invented"})
    assert senders.find_sender(unknown, CLIENT) == CLIENT


@pytest.mark.parametrize("limit", [1, 0])
async def test_the_account_of_a_session_is_learned_from_a_live_view_even_if_that_is_refused(
    account: Account, site: Site, alice: User, transactional_db: None, limit: int
) -> None:
    account.limits = {"streams_per_user": limit}
    await asgi.database(account.save)
    session = await cookie(alice)
    async with asgi.connected(f"/sites/{site.pk}/spy/stream", cookie=session):
        scope = asgi.make_scope("GET", "/", {"cookie": session})
        assert senders.find_sender(scope, CLIENT) == f"account {account.pk}"


async def test_whose_a_request_is_may_be_learned_while_it_waits_behind_others_of_its_client(
    behind: Application,
) -> None:
    session = f"{settings.SESSION_COOKIE_NAME}=hers"
    tasks = [asyncio.create_task(asgi.send("GET", path, cookie=session)) for path in numbered(5)]
    await all_wait()
    assert queues.all.running == {CLIENT: MAX_AT_ONCE}
    senders.note_account(asgi.make_scope("GET", "/", {"cookie": session}), 7)
    behind.end(*numbered(MAX_AT_ONCE))
    await all_wait()
    assert queues.all.running == {"account 7": 5 - MAX_AT_ONCE}
    behind.end(*numbered(5))
    assert {answer.status for answer in await asyncio.gather(*tasks)} == {200}
