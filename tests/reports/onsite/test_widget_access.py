"""Who gets the numbers of the on-site widget: who may open it, where, for how long, and what ends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from accounts.services.suspension import account_suspend
from reports.onsite.models import WidgetSession
from reports.onsite.services import MAX_SESSIONS, widgets_clear
from sites import site_cache
from sites.models import Site
from sites.services import site_create, site_delete, site_update
from tests.conftest import PASSWORD, member
from tests.support import browse
from tests.support.traffic import confirm, log_in
from tests.support.types import Store
from tests.support.widget import ORIGIN, PARTS, ask, exchange, grant, open_widget, turn_on


@pytest.fixture
def widget_site(site: Site) -> Site:
    """Alice's site, whose guests may open the widget too."""
    return turn_on(site)


@pytest.mark.parametrize(
    ("open_to", "may"),
    [
        ("nobody", ""),
        ("administrators", "owner admin"),
        ("team", "owner admin editor viewer"),
        ("guests", "owner admin editor viewer guest"),
    ],
)
def test_the_site_says_who_may_open_the_widget(
    account: Account, alice: User, bob: User, charlie: User, site: Site, open_to: str, may: str
) -> None:
    turn_on(site, open_to)
    people = {"owner": alice, "guest": bob, "stranger": charlie} | {
        role: member(account, role, role) for role in (Role.ADMIN, Role.EDITOR, Role.VIEWER)
    }
    for name, user in people.items():
        browser = log_in(user)
        expected = 200 if name in may.split() else 404
        assert browser.get(f"/widget/{site.pk}/open").status_code == expected, name
        assert grant(browser, site).status_code == (201 if expected == 200 else 404), name


def test_a_guest_of_another_site_finds_no_widget(account: Account, bob: User, widget_site: Site) -> None:
    other = turn_on(site_create(account=account, domain="other.example", by_operator=True))
    browser = log_in(bob)
    assert grant(browser, widget_site).status_code == 201
    assert grant(browser, other, "https://other.example").status_code == 404
    assert browser.get(f"/widget/{other.pk}/open").status_code == 404


def test_the_window_answers_alike_for_every_site_until_somebody_logs_in(widget_site: Site) -> None:
    known, unknown = (Client().get(f"/widget/{number}/open") for number in (widget_site.pk, 987_654_321))
    assert known.status_code == unknown.status_code == 401
    assert "Log in" in known.content.decode() and known.content == unknown.content
    assert grant(Client(), widget_site).status_code == 401


def test_the_window_of_everybody_keeps_its_opener(alice: User, charlie: User, widget_site: Site) -> None:
    for browser in (Client(), log_in(alice), log_in(charlie)):
        answer = browser.get(f"/widget/{widget_site.pk}/open")
        assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"] and answer["X-Frame-Options"] == "DENY"
    assert log_in(alice).get("/sites")["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_code_is_given_to_a_form_of_our_own_window_only(alice: User, widget_site: Site) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert grant(browser, widget_site).status_code == 403
    assert browser.get(f"/widget/{widget_site.pk}/grant").status_code == 405
    assert not WidgetSession.objects.exists()


@pytest.mark.parametrize("origin", [
    "", "null", "https://evil.example", "https://example.com.evil.example", "https://evil.example/example.com",
    "https://notexample.com", "https://user@example.com", "ftp://example.com", "javascript://example.com",
    "example.com", "https://example.com:port",
])  # fmt: skip
def test_no_code_is_given_for_a_page_of_others(inside: Client, widget_site: Site, origin: str) -> None:
    site_update(site=widget_site, any_host=True)  # hits of every host are accepted, which says nothing here
    site_cache.refresh()
    assert grant(inside, widget_site, origin).status_code == 400


@pytest.mark.parametrize("origin", ["https://example.com", "http://example.com:8443", "https://shop.example.com",
                                    "https://www.shop.example", "https://app.other.example"])  # fmt: skip
def test_codes_are_given_for_all_hosts_that_the_site_names(inside: Client, widget_site: Site, origin: str) -> None:
    site_update(site=widget_site, allowed_hosts=["*shop.example", "app.other.example"])
    site_cache.refresh()
    assert grant(inside, widget_site, origin).status_code == 201


def test_pages_must_have_https_where_we_have(inside: Client, widget_site: Site, settings: object) -> None:
    assert grant(inside, widget_site, "http://example.com").status_code == 201
    settings.SECURE = True  # type: ignore[attr-defined]
    assert grant(inside, widget_site, "http://example.com").status_code == 400


def test_a_code_works_once_and_gives_the_next_one(inside: Client, widget_site: Site, store: Store) -> None:
    code = grant(inside, widget_site).json()["code"]
    first = exchange(widget_site, code).json()
    assert exchange(widget_site, code).status_code == 401
    second = exchange(widget_site, first["code"]).json()
    assert exchange(widget_site, first["code"]).status_code == 401
    assert ask(widget_site, second["token"]).status_code == 200
    assert ask(widget_site, first["token"]).status_code == 401, "the token before it is over"


def test_a_code_is_worth_nothing_on_another_site_or_a_minute_later(
    account: Account, inside: Client, widget_site: Site
) -> None:
    other = turn_on(site_create(account=account, domain="other.example", by_operator=True))
    code = grant(inside, widget_site).json()["code"]
    assert exchange(other, code).status_code == 401
    WidgetSession.objects.update(code_expires=timezone.now())
    assert exchange(widget_site, code).status_code == 401


def test_a_token_opens_its_own_site_and_the_pages_of_its_origin(
    account: Account, inside: Client, widget_site: Site, store: Store
) -> None:
    other = turn_on(site_create(account=account, domain="other.example", by_operator=True))
    token = open_widget(inside, widget_site)["token"]
    for part in PARTS:
        assert ask(widget_site, token, part).status_code == 200
        assert ask(other, token, part).status_code == 401
        for href in ("https://shop.example.com/a", "http://example.com/a", "https://evil.example/a", "/a", ""):
            assert ask(widget_site, token, part, href).status_code == 401, href


def end_log_in(browser: Client, site: Site) -> None:
    assert browser.post("/logout").status_code == 302


def change_password(browser: Client, site: Site) -> None:
    user = User.objects.get(email="bob@example.com")
    user.set_password("another long enough word")
    user.save()


def end_membership(browser: Client, site: Site) -> None:
    Membership.objects.filter(user__email="bob@example.com").delete()


def disable_user(browser: Client, site: Site) -> None:
    User.objects.filter(email="bob@example.com").update(is_active=False)


def restrict_audience(browser: Client, site: Site) -> None:
    turn_on(site, "team")


def turn_off(browser: Client, site: Site) -> None:
    turn_on(site, "nobody")


def move_site(browser: Client, site: Site) -> None:
    site_update(site=site, domain="moved.example")
    site_cache.refresh()


def delete_site(browser: Client, site: Site) -> None:
    site_delete(site=site)
    site_cache.refresh()


def suspend_account(browser: Client, site: Site) -> None:
    account_suspend(account=site.account, reason="unpaid", collection_days=30, now=timezone.now())
    site_cache.refresh()


def let_expire(browser: Client, site: Site) -> None:
    WidgetSession.objects.update(expires=timezone.now())


ENDS = (
    end_log_in, change_password, end_membership, disable_user, restrict_audience, turn_off, move_site, delete_site,
    suspend_account, let_expire,
)  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_an_open_widget_ends_at_once(
    bob: User, widget_site: Site, store: Store, end: Callable[[Client, Site], None]
) -> None:
    browse(widget_site, "/a", at=timezone.now(), visitor="one")
    browser = log_in(bob)
    access = open_widget(browser, widget_site)
    assert [ask(widget_site, access["token"], part).status_code for part in PARTS] == [200] * len(PARTS)
    end(browser, widget_site)
    assert [ask(widget_site, access["token"], part).status_code for part in PARTS] == [401] * len(PARTS)
    answer = exchange(widget_site, access["code"])
    token = answer.json().get("token", "")
    assert ask(widget_site, token).status_code == 401, "nor does the next code open it"


def test_a_token_is_over_after_minutes_and_the_next_code_gives_another(
    inside: Client, widget_site: Site, store: Store
) -> None:
    access = open_widget(inside, widget_site)
    WidgetSession.objects.update(token_expires=timezone.now())
    assert ask(widget_site, access["token"]).status_code == 401
    assert ask(widget_site, exchange(widget_site, access["code"]).json()["token"]).status_code == 200


@pytest.mark.parametrize("part", PARTS)
def test_without_its_token_a_request_gets_no_number(alice: User, widget_site: Site, store: Store, part: str) -> None:
    browse(widget_site, "/a", at=timezone.now(), visitor="one")
    browser, address = log_in(alice), f"/widget/{widget_site.pk}/{part}"
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer x"}, {"authorization": "Basic x"}):
        answer = browser.get(address, {"href": f"{ORIGIN}/a"}, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "The widget is not open."})
    keyed = browser.get(address, {"href": f"{ORIGIN}/a", "sitekey": widget_site.sitekey})
    assert keyed.status_code == 401, "a key of the site is none of the widget"


def test_no_answer_of_the_widget_is_for_scripts_of_others(inside: Client, widget_site: Site, store: Store) -> None:
    token = open_widget(inside, widget_site)["token"]
    for part in PARTS:
        answer = ask(widget_site, token, part)
        assert "Access-Control-Allow-Origin" not in answer.headers and "no-store" in answer["Cache-Control"]
        assert not answer.cookies
    preflight = Client().options(f"/widget/{widget_site.pk}/online", headers={"origin": ORIGIN})
    assert preflight.status_code == 405


def test_secrets_of_open_widgets_are_stored_as_hashes(inside: Client, widget_site: Site) -> None:
    access = open_widget(inside, widget_site)
    stored = repr(WidgetSession.objects.values().get())
    assert access["token"] not in stored and access["code"] not in stored
    assert str(inside.session.session_key) not in stored


def test_the_audit_log_says_who_opened_the_widget_and_who_closed_it(inside: Client, widget_site: Site) -> None:
    open_widget(inside, widget_site)
    widget = WidgetSession.objects.get()
    inside.post(f"/sites/{widget_site.pk}/settings/widget/{widget.pk}/close")
    entries = AuditEntry.objects.filter(action__startswith="widget.").order_by("pk")
    assert [entry.action for entry in entries] == ["widget.opened", "widget.closed"]
    assert ORIGIN in repr(entries[0].changes) and "alice" in entries[0].actor_label.lower()


def test_the_button_of_the_widget_closes_it(inside: Client, widget_site: Site, store: Store) -> None:
    token = open_widget(inside, widget_site)["token"]
    address = f"/widget/{widget_site.pk}/close?href={ORIGIN}/a"
    assert Client().post(address).status_code == 401
    assert Client().post(address, headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert ask(widget_site, token).status_code == 401 and not WidgetSession.objects.exists()


def test_a_user_has_a_limited_number_of_open_widgets_on_a_site(inside: Client, widget_site: Site, store: Store) -> None:
    first = open_widget(inside, widget_site)["token"]
    for _ in range(MAX_SESSIONS):
        last = open_widget(inside, widget_site)["token"]
    assert WidgetSession.objects.count() == MAX_SESSIONS
    assert (ask(widget_site, first).status_code, ask(widget_site, last).status_code) == (401, 200)


def test_widgets_that_are_over_are_deleted(inside: Client, widget_site: Site) -> None:
    now = timezone.now()
    open_widget(inside, widget_site)
    grant(inside, widget_site)
    widgets_clear(now + timedelta(seconds=30))
    assert WidgetSession.objects.count() == 2
    widgets_clear(now + timedelta(minutes=5))
    assert WidgetSession.objects.count() == 1, "a code that nobody used is over"
    widgets_clear(now + timedelta(days=1))
    assert not WidgetSession.objects.exists()


def test_operators_who_act_for_an_owner_open_no_widget(alice: User, widget_site: Site) -> None:
    operator = User.objects.create_user("olga@example.com", PASSWORD, name="Olga")
    User.objects.filter(pk=operator.pk).update(is_operator=True)
    browser = confirm(log_in(User.objects.get(pk=operator.pk)), PASSWORD)
    reason = {"reason": "a question"}
    assert browser.post(f"/operations/accounts/{widget_site.account_id}/impersonate", reason).status_code == 302
    assert browser.get(f"/sites/{widget_site.pk}/").status_code == 200
    assert grant(browser, widget_site).status_code == 403
    assert browser.get(f"/widget/{widget_site.pk}/open").status_code == 403
