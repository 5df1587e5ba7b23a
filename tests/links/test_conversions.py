"""From the click to the conversion, and to the visit that the click started."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import Account, User
from links import link_statistics
from links.models import Conversion, Datapoint
from links.redirect import click_deduplication
from links.services.conversions import conversion_create
from links.services.links import datapoint_create
from reports.query import Period
from sites.models import Site
from tests.support import ask, state
from tests.support.hits import process
from tests.support.links import CHROME, IPHONE, NOON, Browser, flush_clicks, refresh_caches
from tracking.event import Event, Hit, Rejection

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]
LATER = NOON + timedelta(hours=6)


@pytest.fixture
def sale(account: Account) -> Conversion:
    return conversion_create(account=account, name="Sale", value="20.00")


@pytest.fixture
def link(account: Account, sale: Conversion, site: Site) -> Datapoint:
    """A link to a page of another's shop, which counts sales."""
    made = datapoint_create(
        account=account, alias="offer", url="https://shop.test/?sub=[s2sidentifier]", conversions=[sale]
    )
    refresh_caches()
    return made


def numbers(account: Account) -> tuple[Any, ...]:
    flush_clicks()
    row = ask(
        account.pk, "link_conversions", "unique_link_conversions", "converted_clicks", "conversion_value",
        "commission_cost", period="all", now=LATER + timedelta(days=100),
    )  # fmt: skip
    return tuple(float(value) for value in row.values())


def token(answer: Any) -> str:
    return str(parse_qs(urlsplit(answer.location).query)["sub"][0])


def test_another_server_reports_a_sale_with_the_click_token(
    account: Account, link: Datapoint, sale: Conversion
) -> None:
    word = token(Browser().open("/l/offer", at=NOON))
    answer = Browser(ip="198.51.100.9", agent="").open(
        f"/s2s?clickId={word}&id={sale.code}&val=99,50&com=5", at=NOON + timedelta(days=3)
    )
    assert answer.status == 200
    assert numbers(account) == (1, 1, 1, 99.5, 5)


def test_a_page_reports_a_sale_with_the_cookie(account: Account, link: Datapoint, sale: Conversion) -> None:
    browser = Browser()
    browser.open("/l/offer", at=NOON)
    path = f"/conversion.aspx?id={sale.code.lower()}&val=0.00&param=empty&com=0.00&comperc=10&pixel=true"
    answer = browser.open(path, at=NOON + timedelta(days=5))
    assert answer.body.startswith(b"GIF89a")
    assert numbers(account) == (1, 1, 1, 20, 2)  # the conversion's own value, a tenth of it


def test_without_cookies_a_sale_is_matched_to_the_same_device_for_half_an_hour(
    account: Account, link: Datapoint, sale: Conversion
) -> None:
    Browser().open("/l/offer", at=NOON)
    Browser().open(f"/conversion.aspx?id={sale.code}", at=NOON + timedelta(minutes=29))
    assert numbers(account)[0] == 1
    late = Browser().open(f"/conversion.aspx?id={sale.code}", at=NOON + timedelta(minutes=31))
    other = Browser(agent=IPHONE).open(f"/conversion.aspx?id={sale.code}", at=NOON + timedelta(minutes=5))
    assert late.headers["x-event-dropped"] == other.headers["x-event-dropped"] == "no_click"
    assert numbers(account)[0] == 1


def test_an_order_number_counts_once_also_after_a_restart(account: Account, link: Datapoint, sale: Conversion) -> None:
    word = token(Browser().open("/l/offer", at=NOON))
    path = f"/s2s?clickId={word}&id={sale.code}&val=10&param=A-1"
    assert Browser().open(path, at=NOON).status == 200
    assert Browser().open(path, at=NOON).headers["x-event-dropped"] == "duplicate"
    flush_clicks()
    click_deduplication.rebuild_state(state.restart(), NOON + timedelta(hours=1))
    assert Browser().open(path, at=NOON + timedelta(hours=1)).headers["x-event-dropped"] == "duplicate"
    assert Browser().open(path.replace("A-1", "A-2"), at=NOON).status == 200
    assert numbers(account) == (2, 1, 1, 20, 0)


def test_a_click_converts_only_within_its_window(account: Account, link: Datapoint, sale: Conversion) -> None:
    word = token(Browser().open("/l/offer", at=NOON))
    path = f"/s2s?clickId={word}&id={sale.code}&val=1"
    assert Browser().open(path, at=NOON + timedelta(days=30)).status == 200
    assert Browser().open(path, at=NOON + timedelta(days=30, seconds=2)).status == 404


def test_a_refund_takes_the_value_back(account: Account, link: Datapoint, sale: Conversion) -> None:
    word = token(Browser().open("/l/offer", at=NOON))
    Browser().open(f"/s2s?clickId={word}&id={sale.code}&val=50&com=5&param=A-1", at=NOON)
    Browser().open(f"/s2s?clickId={word}&id={sale.code}&val=50&com=5&param=A-1&refund=1", at=NOON)
    assert numbers(account) == (1, 1, 1, 0, 0)


def test_forged_tokens_and_conversions_of_other_accounts_are_not_counted(
    account: Account, link: Datapoint, sale: Conversion, charlie: User
) -> None:
    theirs = conversion_create(account=charlie.memberships.get().account, name="Theirs")
    refresh_caches()
    word = token(Browser().open("/l/offer", at=NOON))
    for path in (
        f"/s2s?clickId={'x' * 30}&id={sale.code}",
        f"/s2s?clickId={word}&id={theirs.code}",
        "/s2s",
        "/s2s?id=no",
    ):
        assert Browser().open(path, at=NOON).status == 404
    assert numbers(account)[0] == 0


def test_conversions_of_bots_are_not_counted(account: Account, link: Datapoint, sale: Conversion) -> None:
    browser = Browser()
    browser.open("/l/offer", at=NOON)
    browser.agent = "Googlebot/2.1 (+http://www.google.com/bot.html)"
    assert browser.open(f"/conversion.aspx?id={sale.code}", at=NOON).headers["x-event-dropped"] == "bot"


# -- one thread ---------------------------------------------------------------------------------------------------


@pytest.fixture
def home(account: Account, site: Site) -> Datapoint:
    """A link to alice's own tracked site."""
    made = datapoint_create(account=account, alias="home", url="https://example.com/landing")
    refresh_caches()
    return made


def view(site: Site, url: str, at: Any, ip: str = "203.0.113.7", agent: str = CHROME) -> Event:
    from sites import site_cache

    facts = site_cache.get_site(site.pk)
    assert facts is not None
    outcome = process(Hit(site_id=site.pk, kind="view", ip=ip, user_agent=agent, now=at, url=url), facts)
    assert not isinstance(outcome, Rejection)
    return outcome


def test_the_visit_that_a_click_starts_is_connected_by_the_parameter(home: Datapoint, site: Site) -> None:
    location = Browser().open("/l/home", at=NOON).location
    assert location.startswith("https://example.com/landing?ffclid=")
    landed = view(site, location, NOON + timedelta(seconds=3), ip="198.51.100.1")
    assert landed["link_id"] == home.pk and landed["click_id"] > 0
    assert "ffclid" not in landed["path"]
    further = view(site, "https://example.com/next", NOON + timedelta(seconds=30), ip="198.51.100.1")
    assert (further["link_id"], further["click_id"]) == (home.pk, landed["click_id"])


@pytest.mark.parametrize("stored", [True, False], ids=["in the store", "still in the spool"])
def test_a_visit_open_during_a_restart_keeps_its_link(home: Datapoint, site: Site, stored: bool) -> None:
    from tests.support import record
    from tracking.state import restore

    landed = view(site, Browser().open("/l/home", at=NOON).location, NOON + timedelta(seconds=3))
    record(landed)
    if stored:
        flush_clicks()
    assert restore.rebuild(state.lose_visits(), NOON + timedelta(minutes=2)) == 1
    further = view(site, "https://example.com/next", NOON + timedelta(minutes=3))
    assert further["visit"] == landed["visit"]
    for name in ("link_id", "group_id", "click_id"):
        assert further[name] == landed[name] > 0, name


def test_a_url_with_a_click_token_that_is_shared_connects_nobody_else(home: Datapoint, site: Site) -> None:
    location = Browser().open("/l/home", at=NOON).location
    assert view(site, location, NOON, ip="198.51.100.1").get("link_id")
    assert not view(site, location, NOON + timedelta(minutes=5), ip="198.51.100.2").get("link_id")


def test_without_the_parameter_a_visit_is_connected_once_and_only_soon_after(home: Datapoint, site: Site) -> None:
    Browser().open("/l/home", at=NOON)
    assert not view(site, "https://example.com/landing", NOON, agent=IPHONE).get("link_id")
    assert view(site, "https://example.com/landing", NOON + timedelta(seconds=5)).get("link_id") == home.pk
    Browser(ip="203.0.113.50").open("/l/home", at=NOON)
    late = view(site, "https://example.com/landing", NOON + timedelta(seconds=121), ip="203.0.113.50")
    assert not late.get("link_id")


def test_a_click_of_another_account_is_not_connected(home: Datapoint, charlie: User, charlies_site: Site) -> None:
    location = Browser().open("/l/home", at=NOON).location
    assert not view(charlies_site, location.replace("example.com", "charlie.example"), NOON).get("link_id")


def test_a_link_shows_its_visits_revenue_and_connected_clicks(account: Account, home: Datapoint, site: Site) -> None:
    from tests.support import record

    for number in range(4):
        location = Browser(ip=f"203.0.113.{number}").open("/l/home", at=NOON).location
        if number < 3:
            landed = view(site, location, NOON + timedelta(seconds=2), ip=f"203.0.113.{number}")
            record(landed)
            if number == 0:
                bought = view(site, "https://example.com/thanks", NOON + timedelta(seconds=60), ip="203.0.113.0")
                record({**bought, "kind": "goal", "revenue": 30, "currency": "EUR"})
    flush_clicks()
    period = Period(NOON - timedelta(hours=1), LATER)
    web = link_statistics.query_report(account, period, home.pk, LATER).web
    assert web is not None and (web.joined, web.sent) == (3, 4)
    assert (web.totals["visits"], float(web.totals["revenue"])) == (3, 30.0)
    assert ask(site, "visits", by="link", now=LATER) == {str(home.pk): 3}


def test_a_visit_shows_its_link_to_those_who_may_see_it(
    alice: User, bob: User, home: Datapoint, site: Site, client: Client
) -> None:
    from tests.support import record

    landed = view(site, Browser().open("/l/home", at=NOON).location, NOON + timedelta(seconds=2))
    record(landed)
    shown = {}
    for user in (alice, bob):
        client.force_login(user)
        for page in (f"visits/{landed['visit']}", f"visitors/{landed['device']}"):
            answer = client.get(f"/sites/{site.pk}/{page}")
            assert answer.status_code == 200
            shown[user.email, page] = f'href="/links/{home.pk}"' in answer.content.decode()
    assert list(shown.values()) == [True, True, False, False]
