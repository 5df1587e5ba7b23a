"""Clicks on links: redirects, cookies, intermediate pages, and what is recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Account, Purpose, User
from links.models import Datapoint, DatapointKind, Group, ListKind, Mode, Status
from links.redirect import click_deduplication
from links.routing import link_cache
from links.services.domains import domain_create
from links.services.groups import group_delete
from links.services.links import datapoint_delete, datapoint_update
from links.services.scripts_and_lists import entry_create
from sites.models import Site
from tests.support import ask, state, verify_host
from tests.support.links import IPHONE, NOON, Browser, count_metrics, create_link, flush_clicks, refresh_caches
from tracking import store as event_store
from tracking.bots.request_rate import MAX_PER_ADDRESS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


def test_a_click_goes_to_the_destination_and_is_counted(account: Account) -> None:
    link = create_link(account)
    answer = Browser().open("/l/offer", at=NOON)
    assert (answer.status, answer.location) == (301, "https://shop.test/p")
    assert "no-store" in answer.headers["cache-control"]
    assert count_metrics(account, "clicks", by="link") == {str(link.pk): 1}


def test_an_alias_ignores_case_and_redirects_temporarily_if_configured(account: Account) -> None:
    create_link(account, "Offer", redirect_type=307)
    assert Browser().open("/l/oFFER").status == 307


def test_an_unknown_alias_gets_our_404_page(account: Account) -> None:
    create_link(account)
    answer = Browser().open("/l/other")
    assert answer.status == 404 and b"Footfall" not in answer.body


def test_the_first_click_of_an_address_in_exactly_half_an_hour_is_unique(account: Account) -> None:
    create_link(account)
    for seconds in (0, 60, 1799, 1800, 3599):
        Browser().open("/l/offer", at=NOON + timedelta(seconds=seconds))
    Browser(ip="203.0.113.8").open("/l/offer", at=NOON + timedelta(seconds=5))
    assert count_metrics(account, "clicks", "unique_clicks") == {"clicks": 6, "unique_clicks": 3}


def test_the_half_hour_of_unique_clicks_survives_a_restart(account: Account) -> None:
    create_link(account)
    Browser().open("/l/offer", at=NOON)
    flush_clicks()
    assert click_deduplication.rebuild_state(state.restart(), NOON + timedelta(minutes=20)) == 1
    Browser().open("/l/offer", at=NOON + timedelta(minutes=29, seconds=59))
    Browser().open("/l/offer", at=NOON + timedelta(minutes=30))
    assert count_metrics(account, "clicks", "unique_clicks") == {"clicks": 3, "unique_clicks": 2}


def test_the_half_hour_of_unique_clicks_spans_midnight(account: Account) -> None:
    create_link(account)
    before = NOON.replace(hour=23, minute=50)
    Browser().open("/l/offer", at=before)
    Browser().open("/l/offer", at=before + timedelta(minutes=15))
    flush_clicks()
    assert ask(account.pk, "unique_clicks", period="all", now=before + timedelta(hours=1)) == 1


def test_click_limits_and_rotations_survive_a_restart(account: Account) -> None:
    create_link(account, mode=Mode.SEQUENTIAL, rules={"sequential": ["a.test", "b.test", "c.test"]})
    went = [Browser(ip=f"203.0.113.{n}").open("/l/offer", at=NOON).location for n in range(4)]
    flush_clicks()
    click_deduplication.rebuild_state(state.restart(), NOON)
    went += [Browser(ip=f"203.0.113.{n}").open("/l/offer", at=NOON).location for n in range(4, 6)]
    assert went == [f"http://{name}.test" for name in "abcabc"]


def test_spillover_follows_the_cookie(account: Account) -> None:
    create_link(account, mode=Mode.SPILLOVER, rules={"spillover": ["a.test", "b.test"]})
    one, other = Browser(), Browser()
    assert [one.open("/l/offer").location for _ in range(3)] == ["http://a.test", "http://b.test", "http://b.test"]
    assert other.open("/l/offer").location == "http://a.test"


def test_bots_and_previews_are_redirected_and_counted_separately(account: Account) -> None:
    create_link(account)
    for agent in ("Googlebot/2.1 (+http://www.google.com/bot.html)", "WhatsApp/2.23.20 A", ""):
        assert Browser(agent=agent).open("/l/offer", at=NOON).location == "https://shop.test/p"
    Browser().open("/l/offer", at=NOON, sec_purpose="prefetch")
    Browser().open("/l/offer", at=NOON, method="HEAD")
    Browser().open("/l/offer", at=NOON)
    found = count_metrics(account, "clicks", "unique_clicks", "spider_hits")
    assert found == {"clicks": 1, "unique_clicks": 1, "spider_hits": 4}


def test_a_status_that_stops_clicks_shows_a_page_that_says_so(account: Account) -> None:
    link = create_link(account)
    for status, code in ((Status.PAUSED, 404), (Status.BLOCKED, 403)):
        datapoint_update(datapoint=link, status=status)
        refresh_caches()
        assert Browser().open("/l/offer", at=NOON).status == code
    datapoint_delete(datapoint=link)
    refresh_caches()
    assert Browser().open("/l/offer", at=NOON).status == 404
    assert count_metrics(account, "clicks", "spider_hits") == {"clicks": 0, "spider_hits": 0}


def test_an_alias_is_never_reused(account: Account) -> None:
    link = create_link(account)
    datapoint_delete(datapoint=link)
    with pytest.raises(ValidationError, match="never reused"):
        create_link(account, "OFFER")


def test_a_change_applies_without_a_restart(account: Account) -> None:
    link = create_link(account)
    datapoint_update(datapoint=link, url="https://new.test/")
    assert link_cache.load_changes()
    assert Browser().open("/l/offer").location == "https://new.test/"


def test_links_work_during_a_database_outage(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    create_link(account)

    def away(*args: object, **kwargs: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", away)
    assert Browser().open("/l/offer", at=NOON).location == "https://shop.test/p"


def test_parameters_are_passed_on_and_utm_parameters_added(account: Account) -> None:
    create_link(account, url="https://shop.test/p?a=1#top", append_query=True, rules={"utm": {"utm_source": "letter"}})
    location = Browser().open("/l/offer?b=2&a=9&ddu=x").location
    assert location == "https://shop.test/p?a=9&utm_source=letter&b=2#top"


def test_the_visitors_parameters_are_recorded(account: Account) -> None:
    create_link(account)
    Browser().open("/l/offer?ad=7&pos=top", at=NOON)
    assert count_metrics(account, "clicks", by="text") == {"ad=7&pos=top": 1}


def test_rules_for_language_device_and_nested_links_work_through_the_endpoint(account: Account) -> None:
    create_link(account, "inner", url="https://inner.test/", rules={"devices": [["Mobile", "https://m.test/"]]})
    create_link(account, mode=Mode.LANGUAGE, rules={"languages": [["de", "http://127.0.0.1:8000/l/inner"]]})
    assert Browser().open("/l/offer", accept_language="fr").location == "https://shop.test/p"
    assert Browser().open("/l/offer", at=NOON, accept_language="de-AT,de;q=0.9").location == "https://inner.test/"
    assert Browser(agent=IPHONE).open("/l/offer", at=NOON, accept_language="de").location == "https://m.test/"
    assert count_metrics(account, "clicks", by="link") == dict.fromkeys(
        map(str, Datapoint.objects.values_list("pk", flat=True)), 2
    )


def test_loops_are_rejected_when_a_link_is_saved(account: Account) -> None:
    create_link(account, "b", url="http://127.0.0.1:8000/l/a")
    with pytest.raises(ValidationError, match="back to itself"):
        create_link(account, "a", url="http://127.0.0.1:8000/l/b")
    with pytest.raises(ValidationError, match="back to itself"):
        create_link(account, "self", mode=Mode.RANDOM, rules={"random": ["http://127.0.0.1:8000/l/SELF"]})
    deep = "https://end.test/"
    with pytest.raises(ValidationError, match="deeper"):
        for number in range(9):
            deep = f"http://127.0.0.1:8000/l/{create_link(account, f'deep{number}', url=deep).alias}"


def test_a_domain_of_an_account_has_its_own_error_and_home_pages(account: Account) -> None:
    domain = domain_create(
        account=account, name="go.shop.test", custom_404="https://shop.test/404", custom_homepage="https://shop.test/"
    )
    verify_host(account, "go.shop.test", Purpose.LINKS)
    create_link(account, domain=domain)
    browser = Browser()
    assert browser.open("/offer", host="go.shop.test").location == "https://shop.test/p"
    assert browser.open("/l/offer", host="go.shop.test").location == "https://shop.test/p"
    assert browser.open("/none", host="go.shop.test").location == "https://shop.test/404"
    assert browser.open("/", host="GO.shop.test:80").location == "https://shop.test/"
    assert browser.open("/l/offer").status == 404  # another domain, another alias


def test_a_qr_code_contains_the_links_url(account: Account) -> None:
    create_link(account)
    png = Browser().open("/l/offer.qr")
    assert png.status == 200 and png.body.startswith(b"\x89PNG")
    assert b"<svg" in Browser().open("/l/offer.qr?format=svg").body
    assert Browser().open("/l/none.qr").status == 404


def test_a_password_is_requested_and_guesses_are_limited(account: Account) -> None:
    link = create_link(account, password="open sesame")
    assert "open" not in link.password
    browser = Browser()
    assert b'type="password"' in browser.open("/l/offer").body
    right = browser.open("/l/offer", method="POST", body=b"password=open+sesame")
    assert (right.status, right.location) == (303, "https://shop.test/p")
    statuses = [browser.open("/l/offer", method="POST", body=b"password=no").status for _ in range(12)]
    assert set(statuses[:9]) == {403} and statuses[-1] == 429


@pytest.mark.parametrize("redirect_type", [301, 307])
def test_a_body_posted_to_a_link_is_never_sent_to_its_destination(account: Account, redirect_type: int) -> None:
    create_link(account, redirect_type=redirect_type)
    create_link(account, "secret", redirect_type=redirect_type, password="open sesame")
    for alias in ("offer", "secret"):
        answer = Browser().open(f"/l/{alias}", method="POST", body=b"password=open+sesame")
        assert (answer.status, answer.location) == (303, "https://shop.test/p")


def test_the_password_form_may_redirect_to_any_destination(account: Account) -> None:
    create_link(account, password="open sesame")
    assert "form-action" not in Browser().open("/l/offer").headers["content-security-policy"]


def test_a_link_to_a_link_with_a_password_redirects_to_its_password_form(account: Account) -> None:
    create_link(account, "inner", password="open sesame")
    create_link(account, "outer", url="http://127.0.0.1:8000/l/inner")
    assert Browser().open("/l/outer").location == "http://127.0.0.1:8000/l/inner"


@pytest.mark.parametrize("glued", [".", ",", ")", "'", "\u200b", ").", "!?", "…", "»", '">', "*"])
def test_punctuation_that_mail_programs_add_to_a_url_is_ignored(account: Account, glued: str) -> None:
    create_link(account)
    assert Browser().open(f"/l/offer{glued}").location == "https://shop.test/p"


def test_an_alias_with_punctuation_is_an_alias_of_its_own(account: Account) -> None:
    create_link(account)
    create_link(account, "offer.b", url="https://other.test/")
    assert Browser().open("/l/offer.b.").location == "https://other.test/"
    assert Browser().open("/l/offer.c").status == 404
    assert Browser().open("/l/...").status == 404


def test_the_referrer_can_be_cleaned(account: Account) -> None:
    create_link(account, referrer_clean=1)
    assert Browser().open("/l/offer").headers["referrer-policy"] == "no-referrer"


def test_blacklisted_addresses_are_redirected_and_not_counted(account: Account) -> None:
    create_link(account)
    entry_create(account=account, listing=ListKind.BLACKLIST, value="203.0.113.7")
    refresh_caches()
    assert Browser().open("/l/offer", at=NOON).status == 301
    assert count_metrics(account, "clicks") == 0


def test_dynamic_destinations_must_be_on_the_whitelist(account: Account) -> None:
    create_link(account, mode=Mode.DYNAMIC)
    entry_create(account=account, listing=ListKind.WHITELIST, value="friend.test")
    refresh_caches()
    assert Browser().open("/l/offer?ddu=friend.test/x").location == "http://friend.test/x"
    assert Browser().open("/l/offer?ddu=evil.test/x").location == "https://shop.test/p"


def test_a_link_that_only_redirects_records_nothing(account: Account) -> None:
    create_link(account, redirect_only=True)
    assert Browser().open("/l/offer", at=NOON).status == 301
    assert count_metrics(account, "clicks") == 0


def test_ip_addresses_are_shortened_if_the_link_is_set_to(account: Account) -> None:
    create_link(account, encode_ip=True)
    Browser().open("/l/offer", at=NOON)
    flush_clicks()
    assert [row["ip"] for row in event_store.rows("SELECT ip FROM events WHERE kind = 'link'")] == ["203.0.113.0"]


def test_clicks_are_visible_only_to_their_account(account: Account, charlie: User) -> None:
    create_link(account)
    other = charlie.memberships.get().account
    create_link(other, "theirs")
    Browser().open("/l/offer", at=NOON)
    Browser().open("/l/theirs", at=NOON)
    assert count_metrics(account, "clicks") == 1 and count_metrics(other, "clicks") == 1


def test_clicks_never_appear_in_a_sites_reports(account: Account, site: Site) -> None:
    create_link(account)
    Browser().open("/l/offer", at=NOON)
    flush_clicks()
    assert ask(site, "visits", "views", "visitors", now=NOON + timedelta(hours=1)) == {
        "visits": 0, "views": 0, "visitors": 0,
    }  # fmt: skip


def test_deleting_a_group_ends_its_links(account: Account) -> None:
    group = Group.objects.create(account=account, name="Spring")
    create_link(account, group=group)
    group_delete(group=group)
    refresh_caches()
    assert Browser().open("/l/offer").status == 404


CLOUDS = {"3.80.1.1": (14618, "Amazon.com, Inc."), "34.90.1.1": (396982, "Google LLC"), "82.131.1.1": (3249, "Telia")}
NO_PERSONS: dict[str, dict[str, Any]] = {
    "pattern: no Accept-Language": {"accept_language": ""},
    "pattern: client hints of another system": {"sec_ch_ua": '"Chromium";v="120"', "sec_ch_ua_platform": '"macOS"'},
    "preview: prefetch": {"x_moz": "prefetch"},
    "form: not what it says": {"user_agent": "Mozilla/4.0 (compatible; ms-office; MSOffice rmj)"},
    "form: no browser": {"user_agent": "Amazon CloudFront"},
    "form: contact": {"user_agent": "Friendica 'Red Hot Poker' 2023.05; https://social.test"},
}  # fmt: skip


@pytest.mark.parametrize("sign", NO_PERSONS)
def test_clicks_pass_the_same_bot_checks_as_page_views(account: Account, sign: str) -> None:
    create_link(account)
    assert Browser().open("/l/offer", at=NOON, **NO_PERSONS[sign]).status == 301
    assert count_metrics(account, "clicks", "spider_hits") == {"clicks": 0, "spider_hits": 1}
    assert event_store.rows("SELECT name FROM events")[0]["name"] == sign


def test_clicks_from_data_centres_count_as_bots(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracking.geo.look_up", lambda ip: dict(zip(("asn", "organization"), CLOUDS[ip], strict=True)))
    create_link(account)
    pixel = create_link(account, "", kind=DatapointKind.PIXEL)
    for ip in CLOUDS:
        Browser(ip=ip).open("/l/offer", at=NOON)
        Browser(ip=ip).open(f"/l/{pixel.alias}", at=NOON, accept_language="")  # a mail program's proxy, for a person
    expected = {"clicks": 1, "spider_hits": 2, "pixel_views": 3}
    assert count_metrics(account, *expected) == expected


def test_too_many_clicks_of_an_address_per_minute_count_as_bots(account: Account) -> None:
    create_link(account)
    for _ in range(MAX_PER_ADDRESS - 1):
        state.current().local.request_rates.count_click("203.0.113.7", int(NOON.timestamp()) // 60)
    for ip in ("203.0.113.7", "203.0.113.7", "203.0.113.8"):
        Browser(ip=ip).open("/l/offer", at=NOON)
    assert count_metrics(account, "clicks", "spider_hits") == {"clicks": 2, "spider_hits": 1}
