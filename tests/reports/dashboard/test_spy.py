"""Spy: rows show the names of visitors and follow the page's filters, in the list and in the stream."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import escape

from accounts.models import User
from goals.services import goal_create
from sites.models import Site
from tests.support import asgi, event, insert_recorded, log_in, read_html, record
from tests.support.asgi import cookie, database
from tests.support.types import Store
from tests.values import require
from tracking import live

pytestmark = pytest.mark.django_db


@pytest.fixture
def spied(site: Site, transactional_db: None) -> str:
    return f"/sites/{site.pk}/spy/stream"


async def test_a_visitor_keeps_the_name_from_an_earlier_event_of_the_visit(
    site: Site, spied: str, alice: User, store: Store
) -> None:
    now = timezone.now()
    before = event(site, "/before", at=now - timedelta(minutes=5), visitor="zoe", person="zoe")
    await database(record, before)
    await database(insert_recorded)
    async with asgi.connected(spied, cookie=await cookie(alice)) as browser:
        await browser.piece()
        live.publish(event(site, "/later", at=now, visitor="zoe", ip="73.10.20.0"))
        later = require(await browser.piece()).decode()
        live.publish(event(site, "/first", at=now, visitor="new"))
        nameless = require(await browser.piece()).decode()
        live.publish(event(site, "/said", at=now, visitor="new", person="u0"))
        live.publish(event(site, "/again", at=now, visitor="new"))
        said, again = require(await browser.piece()).decode(), require(await browser.piece()).decode()
    assert ">zoe</a>" in later and "data-named" in later and "73.10.20.0" in later
    assert ">Visitor " in nameless and "data-named" not in nameless
    assert ">u0</a>" in said and "/again" in again and ">u0</a>" in again


async def test_the_stream_applies_the_filters_of_the_page(site: Site, spied: str, alice: User) -> None:
    goal = await database(lambda: goal_create(site=site, name="Bought", kind="event", pattern="Buy"))
    session = await cookie(alice)
    for query, shown in (
        ("event=Buy", ["/event"]), (f"goal={goal.pk}", ["/event"]), ("page~starts_with=/F", []),
        ("page~starts_with=/f", ["/form"]), ("prop:color=red", ["/event"]), ("person=zoe", ["/form"]),
    ):  # fmt: skip
        async with asgi.connected(f"{spied}?{query}", cookie=session) as browser:
            await browser.piece()
            live.publish(event(site, "/form", at=timezone.now(), kind="form", name="Buy", person="zoe", visitor="zoe"))
            live.publish(event(site, "/event", at=timezone.now(), kind="event", name="Buy", props={"color": "red"}))
            live.publish(event(site, "/end", at=timezone.now(), kind="set"))
            told = "".join([require(await browser.piece()).decode() for _ in shown])
            assert told.count("event: action") == len(shown), query
            assert all(("zoe" in told) == (path == "/form") for path in shown), query


@pytest.mark.parametrize(
    "query",
    ["entry_page=/a", "tag:plan=pro", "page~matches=^/zzz", "duration~at_least=9", "goal=987654", "segment=987654"],
)
async def test_a_filter_that_needs_the_whole_visit_stops_the_stream_and_the_page_says_why(
    site: Site, spied: str, alice: User, query: str
) -> None:
    answer = await asgi.send("GET", f"{spied}?{query}", cookie=await cookie(alice))
    refused = answer.text
    assert answer.status == 400 and refused.strip().endswith(".")
    page = await database(lambda: read_html(log_in(alice).get(f"/sites/{site.pk}/spy?{query}")))
    assert "data-stream" not in page
    if "987654" not in query:
        assert escape(refused.strip()) in page


def test_every_row_shows_the_visitors_name_and_ip_address(site: Site, alice: User, store: Store) -> None:
    now = timezone.now()
    for path, person in (("/one", "zoe"), ("/two", "")):
        record(event(site, path, at=now, visitor="zoe", person=person, ip="73.10.20.0"))
    page = read_html(log_in(alice).get(f"/sites/{site.pk}/spy"))
    assert page.count(">zoe</a>") == 2 and page.count("73.10.20.0") == 2


def test_the_number_of_visitors_online_is_updated(site: Site, alice: User, store: Store) -> None:
    client, address = log_in(alice), f"/sites/{site.pk}/spy?country=EE"
    page = read_html(client.get(address))
    assert f'hx-get="{address}"' in page and "<strong>0</strong> now" in page
    for visitor, country in ((1, "EE"), (2, "EE"), (3, "DE")):
        record(event(site, "/", at=timezone.now(), visitor=visitor, country=country))
    part = read_html(client.get(address, headers={"HX-Request": "true", "HX-Target": "live"}))
    assert "<strong>2</strong> now" in part and "<html" not in part
