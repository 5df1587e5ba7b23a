"""Live views: who may open one, when it ends, how many there may be, and what they cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Grant, Right, User
from accounts.services import user_password_set
from links.permissions import DATAPOINT
from links.routing import link_cache
from reports.dashboard.views import spy
from reports.query.filters import Node
from sites.models import Site
from tests.support import asgi, event
from tests.support import links as links_support
from tests.support.asgi import cookie, database
from tests.support.live_views import let_checks_be_due
from tests.values import require
from tracking import live, live_streams
from tracking.live_streams import open_streams

LINKS = "/links/live/stream"


@pytest.fixture(autouse=True)
def nothing_open() -> None:
    assert len(open_streams) == 0


def happens(site: Site, path: str) -> None:
    live.publish(event(site, path, at=timezone.now()))


async def test_an_event_is_streamed_when_it_is_stored(site: Site, spied: str, alice: User) -> None:
    async with asgi.connected(f"{spied}?country=EE", cookie=await cookie(alice)) as browser:
        assert browser.answer.status == 200 and browser.answer.headers["content-type"] == "text/event-stream"
        assert await browser.piece() == b"retry: 3000\n\n: here\n\n"
        live.publish(event(site, "/hidden", at=timezone.now(), country="DE"))
        live.publish(event(site, "/<b>live</b>", at=timezone.now(), country="EE"))
        told = require(await browser.piece()).decode()
    assert told.startswith("event: action\ndata: ") and told.count("\n") == 3
    assert "/&lt;b&gt;live&lt;/b&gt;" in told


async def test_an_event_is_rendered_once_for_all_viewers_of_a_zone_and_language(
    site: Site, spied: str, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def render(*args: Any) -> str:
        made.append(render_to_string(*args))
        return made[-1]

    monkeypatch.setattr(spy, "render_to_string", render)
    hers, his = await cookie(alice), await cookie(bob)
    async with (
        asgi.connected(spied, cookie=hers) as one,
        asgi.connected(spied, cookie=his) as two,
        asgi.connected(f"{spied}?country=DE", cookie=his) as elsewhere,
    ):
        for browser in (one, two, elsewhere):
            await browser.piece()
        for there, country in (("/first", "EE"), ("/second", "DE")):
            live.publish(event(site, there, at=timezone.now(), country=country))
        for browser, paths in (
            (one, (b"/first", b"/second")),
            (two, (b"/first", b"/second")),
            (elsewhere, (b"/second",)),
        ):
            for path in paths:
                assert path in require(await browser.piece())
    assert len(made) == 2


def logged_out(bob: User, site: Site, session_key: str) -> None:
    client = Client()
    client.cookies["sessionid"] = session_key
    assert client.post("/logout").status_code == 302


def password_changed(bob: User, site: Site, session_key: str) -> None:
    user_password_set(user=bob, password="quite another password")


def deactivated(bob: User, site: Site, session_key: str) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)


def right_taken(bob: User, site: Site, session_key: str) -> None:
    Grant.objects.all().delete()


def removed_from_the_account(bob: User, site: Site, session_key: str) -> None:
    bob.memberships.all().delete()


def site_deleted(bob: User, site: Site, session_key: str) -> None:
    Site.objects.update(deleted=timezone.now())


def session_expired(bob: User, site: Site, session_key: str) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


ENDS = [
    logged_out, password_changed, deactivated, right_taken, removed_from_the_account, site_deleted, session_expired
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
async def test_a_stream_ends_when_its_viewer_loses_access(
    end: Callable[..., None], spied: str, site: Site, bob: User
) -> None:
    session = await cookie(bob)
    async with asgi.connected(spied, cookie=session) as browser:
        await browser.piece()
        happens(site, "/before")
        assert b"/before" in require(await browser.piece())
        await database(end, bob, site, session.removeprefix("sessionid="))
        let_checks_be_due()
        happens(site, "/after")
        assert await browser.piece() is None, "the response has ended"
    assert len(open_streams) == 0


async def test_a_stream_without_events_ends_too(at_once: None, spied: str, site: Site, bob: User) -> None:
    async with asgi.connected(spied, cookie=await cookie(bob)) as browser:
        assert await browser.piece(b"still here")
        await database(right_taken, bob, site, "")
        assert await browser.piece(b"action") is None


async def test_a_stream_continues_for_viewers_who_keep_access(
    at_once: None, spied: str, site: Site, alice: User, bob: User
) -> None:
    cookies = await cookie(alice), await cookie(bob)
    async with asgi.connected(spied, cookie=cookies[0]) as hers, asgi.connected(spied, cookie=cookies[1]) as his:
        await hers.piece(b"still here")
        await database(right_taken, bob, site, "")
        assert await his.piece(b"action") is None
        happens(site, "/after")
        assert b"/after" in require(await hers.piece(b"action"))


async def test_a_stream_ends_when_permissions_cannot_be_read(
    spied: str, site: Site, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def away(*_: Any) -> None:
        raise OperationalError("the database is away")

    async with asgi.connected(spied, cookie=await cookie(bob)) as browser:
        await browser.piece()
        monkeypatch.setattr(live_streams, "find_valid_session_keys", away)
        let_checks_be_due()
        happens(site, "/after")
        assert await browser.piece() is None


# Links


@pytest.fixture
def two_links(account: Account, bob: User, transactional_db: None) -> Iterator[tuple[int, ...]]:
    """Links that bob was given."""
    made = tuple(links_support.create_link(account, alias).pk for alias in ("one", "two"))
    for pk in made:
        Grant.objects.create(membership=bob.memberships.get(), kind=DATAPOINT, object_id=pk, right=Right.READ)
    yield made
    link_cache.forget()


def clicked(account: Account, link: int) -> None:
    live.publish({"site_id": account.pk, "kind": "link", "link_id": link, "ts": timezone.now(), "group_id": 0})


async def test_a_guest_of_links_sees_only_remaining_grants(account: Account, bob: User, two_links: Any) -> None:
    one, two = two_links
    async with asgi.connected(LINKS, cookie=await cookie(bob)) as browser:
        assert browser.answer.status == 200 and await browser.piece(b"here")
        clicked(account, one)
        assert b"/links/%d" % one in require(await browser.piece(b"data"))
        await database(Grant.objects.filter(kind=DATAPOINT, object_id=one).delete)
        let_checks_be_due()
        clicked(account, one)
        clicked(account, two)
        assert b"/links/%d" % two in require(await browser.piece(b"data"))
        await database(Grant.objects.all().delete)
        let_checks_be_due()
        clicked(account, two)
        assert await browser.piece(b"data") is None


async def test_links_are_not_streamed_to_anonymous_users_or_strangers(
    charlie: User, two_links: Any, account: Account
) -> None:
    assert (await asgi.send("GET", LINKS)).status == 302
    async with asgi.connected(LINKS, cookie=await cookie(charlie)) as browser:
        await browser.piece(b"here")
        clicked(account, two_links[0])
        clicked(await database(theirs, charlie), 7)
        assert b"/links/7" in require(await browser.piece(b"data"))


def theirs(user: User) -> Account:
    return user.memberships.get().account


# How many


async def test_a_stream_is_refused_before_the_store_is_queried_for_it(
    spied: str, account: Account, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[int] = []

    def prepare(request: HttpRequest, site: Site) -> Node | None:
        prepared.append(site.pk)
        return prepare_stream(request, site)

    prepare_stream = spy.prepare_stream
    monkeypatch.setattr(spy, "prepare_stream", prepare)
    account.limits = {"streams_per_user": 1}
    await database(account.save)
    hers = await cookie(alice)
    async with asgi.connected(spied, cookie=hers):
        refused = await asgi.send("GET", spied, cookie=hers)
        assert refused.status == 429 and "You have 1 live views open" in refused.text
    assert len(prepared) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE"])
async def test_only_get_requests_open_a_stream(method: str, spied: str, alice: User) -> None:
    for path in (spied, LINKS):
        answer = await asgi.send(method, path, {} if method != "HEAD" else None, cookie=await cookie(alice))
        assert answer.status == 405 and answer.headers["allow"] == "GET"


async def test_streams_of_a_person_are_limited_and_closing_one_frees_a_slot(
    spied: str, account: Account, alice: User
) -> None:
    account.limits = {"streams_per_user": 2}
    await database(account.save)
    hers = await cookie(alice)
    async with asgi.connected(spied, cookie=hers):
        async with asgi.connected(LINKS, cookie=hers) as second:
            assert second.answer.status == 200
            refused = await asgi.send("GET", spied, cookie=hers)
            assert (refused.status, refused.headers["retry-after"]) == (429, "30")
            assert refused.text == "You have 2 live views open, which is the limit for one person. Close one.\n"
        async with asgi.connected(spied, cookie=hers) as third:
            assert third.answer.status == 200
    assert len(open_streams) == 0


async def test_streams_of_an_account_are_limited_independently_of_others(
    spied: str, account: Account, alice: User, bob: User, charlies_site: Site, charlie: User
) -> None:
    account.limits = {"streams": 1}
    await database(account.save)
    async with asgi.connected(spied, cookie=await cookie(alice)):
        refused = await asgi.send("GET", spied, cookie=await cookie(bob))
        assert refused.status == 429 and "1 live views of this account" in refused.text
        async with asgi.connected(f"/sites/{charlies_site.pk}/spy/stream", cookie=await cookie(charlie)) as other:
            assert other.answer.status == 200


async def test_streams_of_a_process_are_limited(
    spied: str, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_streams, "MAX_STREAMS", 1)
    async with asgi.connected(spied, cookie=await cookie(alice)):
        assert (await asgi.send("GET", spied, cookie=await cookie(bob))).status == 429


@pytest.mark.skipif(connection.vendor != "sqlite", reason="looks for open files")
async def test_an_open_stream_holds_no_database_connection(spied: str, site: Site, alice: User) -> None:
    def connected() -> int:
        name = os.path.realpath(connection.settings_dict["NAME"])
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return sum(os.path.realpath(link) == name for link in links)

    hers = await cookie(alice)
    before = connected()
    async with AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(asgi.connected(spied, cookie=hers)) for _ in range(5)]
        for stream in streams:
            await stream.piece()
        assert connected() - before <= 2, "threads that answer keep theirs, streams have none"
        let_checks_be_due()
        happens(site, "/more")
        assert all([await stream.piece(b"/more") for stream in streams])
        assert connected() - before <= 2
