"""The widget's page in the settings, its script and its frame."""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit.models import AuditEntry
from accounts.models import Account, Purpose, User
from accounts.services import account_brand_set
from sites import site_cache
from sites.models import Site
from sites.services import site_update
from sites.widget_settings import CHOICES, parse_widget_settings
from tests.support import read_html, verify_host
from tests.support.endpoints import Answer, send_request
from tests.support.traffic import log_in
from tests.support.widget import ORIGIN, open_widget, turn_on

GOOD = {
    "open_to": "team", "shown_to": "everybody", "look": "round", "corner": "top-left", "theme": "dark",
    "label": "Numbers", "color": "#1F6F54",
}  # fmt: skip


def load_script(site_id: int, host: str = "stats.example.net") -> Answer:
    return send_request(f"/widget/{site_id}.js", accept_encoding="", host=host)


def read_line(answer: Answer) -> dict[str, object]:
    found = re.match(rb"var _fw=(\{.*?\});\n", answer.body)
    assert found, answer.body[:200]
    return dict(json.loads(found[1]))


def post(browser: Client, site: Site, **values: str) -> str:
    return read_html(browser.post(f"/sites/{site.pk}/settings/widget", {**GOOD, **values}, follow=True))


def test_the_page_saves_who_may_open_the_widget_and_how_the_badge_looks(inside: Client, site: Site) -> None:
    assert "Say above who may open the widget" in read_html(inside.get(f"/sites/{site.pk}/settings/widget"))
    text = post(inside, site)
    assert "Saved." in text and f"/widget/{site.pk}.js" in text and "frame-src" in text
    site.refresh_from_db()
    assert site.widget == {**GOOD, "color": "#1f6f54"}
    entry = AuditEntry.objects.get(action="site.changed")
    assert entry.changes["widget"] == [{}, {**GOOD, "color": "#1f6f54"}]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("color", "red", "write it as #rrggbb"),
        ("color", "#12345", "write it as #rrggbb"),
        ("label", "   ", "This field is required."),
        ("look", "huge", "Select a valid choice"),
        ("open_to", "everybody", "Select a valid choice"),
    ],
)
def test_the_page_refuses_what_is_no_setting(inside: Client, site: Site, name: str, value: str, sentence: str) -> None:
    assert sentence in post(inside, site, **{name: value})
    site.refresh_from_db()
    assert site.widget == {}


@pytest.mark.parametrize(
    ("widget", "sentence"),
    [
        ({"look": "huge"}, "look: use one of pill, round, tab, text."),
        ({"open_to": "everybody"}, "open_to: use one of nobody, administrators, team, guests."),
        ({"colour": "#ffffff"}, "There is no setting 'colour'"),
        ({"label": "x" * 31}, "label: use 1 to 30 characters."),
        ({"color": 5}, "color: must be a text."),
        ([], "Must be an object of settings."),
    ],
)
def test_the_api_refuses_what_is_no_setting(account: Account, site: Site, widget: object, sentence: str) -> None:
    headers = {"authorization": f"Bearer {account.authkey}"}
    body = {"widget": widget}
    answer = Client().patch(f"/api/v1/sites/{site.pk}", body, content_type="application/json", headers=headers)
    assert answer.status_code == 400 and sentence in answer.content.decode()


def test_the_api_changes_the_widget(account: Account, site: Site) -> None:
    headers = {"authorization": f"Bearer {account.authkey}"}
    body = {"widget": {"open_to": "guests", "look": "tab"}}
    answer = Client().patch(f"/api/v1/sites/{site.pk}", body, content_type="application/json", headers=headers)
    assert answer.status_code == 200 and answer.json()["widget"] == body["widget"]
    site_cache.refresh()
    assert read_line(load_script(site.pk))["look"] == "tab"


def test_the_api_lists_open_widgets_and_closes_them(account: Account, inside: Client, site: Site) -> None:
    turn_on(site)
    open_widget(inside, site)
    headers = {"authorization": f"Bearer {account.authkey}"}
    address = f"/api/v1/sites/{site.pk}/open-widgets"
    rows = Client().get(address, headers=headers).json()["results"]
    assert [(row["user"], row["origin"]) for row in rows] == [("alice@example.com", ORIGIN)]
    assert Client().delete(f"{address}/{rows[0]['id']}", headers=headers).status_code == 204
    assert Client().get(address, headers=headers).json()["results"] == []


def test_the_list_of_many_open_widgets_needs_no_more_queries(account: Account, alice: User, site: Site) -> None:
    turn_on(site)
    headers, counts = {"authorization": f"Bearer {account.authkey}"}, []
    for number in (2, 6):
        for _ in range(number):
            open_widget(log_in(alice), site)
        with CaptureQueriesContext(connection) as captured:
            rows = Client().get(f"/api/v1/sites/{site.pk}/open-widgets", headers=headers).json()["results"]
        counts.append((len(rows), len(captured)))
    assert counts == [(2, counts[0][1]), (8, counts[0][1])]


def test_the_page_lists_open_widgets_and_closes_them(alice: User, bob: User, site: Site) -> None:
    turn_on(site)
    open_widget(log_in(bob), site)
    inside = log_in(alice)
    text = read_html(inside.get(f"/sites/{site.pk}/settings/widget"))
    assert ORIGIN in text
    found = re.search(r'action="(/sites/\d+/settings/widget/\d+/close)"', text)
    assert found
    assert "That widget is closed." in read_html(inside.post(found[1], follow=True))
    assert inside.post(found[1]).status_code == 404
    assert log_in(bob).get(f"/sites/{site.pk}/settings/widget").status_code == 404


def test_a_logged_out_persons_widget_is_not_listed(alice: User, bob: User, site: Site) -> None:
    turn_on(site)
    browser = log_in(bob)
    open_widget(browser, site)
    browser.post("/logout")
    assert ORIGIN not in read_html(log_in(alice).get(f"/sites/{site.pk}/settings/widget"))


def test_the_script_is_the_looks_of_the_badge_and_no_number(site: Site) -> None:
    turn_on(site, **{name: value for name, value in GOOD.items() if name != "open_to"})
    answer = load_script(site.pk)
    assert answer.status == 200 and answer.headers["content-type"].startswith("application/javascript")
    assert "max-age=300" in answer.headers["cache-control"]
    assert read_line(answer) == {
        "h": "stats.example.net", "id": site.pk, "look": "round", "corner": "top-left", "theme": "dark",
        "label": "Numbers", "color": "#1f6f54", "all": 1,
    }  # fmt: skip


def test_there_is_no_script_and_no_frame_of_a_widget_that_is_off(site: Site) -> None:
    site_cache.refresh()
    for number in (site.pk, 987_654_321):
        assert load_script(number).status == 404
        assert Client().get(f"/widget/{number}/frame").status_code == 404


def test_a_label_cannot_end_the_script(site: Site) -> None:
    turn_on(site, label="</script><script>alert(1)")
    answer = load_script(site.pk)
    assert b"</script>" not in answer.body.split(b"\n")[0]
    assert read_line(answer)["label"] == "</script><script>alert(1)"


def test_only_pages_of_the_site_may_contain_the_frame(site: Site) -> None:
    turn_on(site)
    site_update(site=site, any_host=True, allowed_hosts=["*shop.example", "app.other.example"])
    site_cache.refresh()
    answer = Client().get(f"/widget/{site.pk}/frame")
    policy = answer["Content-Security-Policy"]
    assert policy.endswith(
        "frame-ancestors *.example.com:* *.shop.example:* app.other.example:* example.com:* shop.example:*"
    )
    assert "unsafe-inline" not in policy and "X-Frame-Options" not in answer.headers
    assert answer["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin" and not answer.cookies


def test_nothing_of_the_widget_carries_our_name_on_a_brands_host(alice: User, account: Account, site: Site) -> None:
    turn_on(site)
    verify_host(account, "stats.agency.example", Purpose.BRAND)
    account_brand_set(account=account, name="Agency", host="stats.agency.example", accent="#225588")
    site_cache.refresh()
    browser, host = log_in(alice), {"host": "stats.agency.example"}
    texts = [load_script(site.pk, "stats.agency.example").body.decode()]
    for path in (f"/widget/{site.pk}/open", f"/widget/{site.pk}/frame", "/widget/logged-in"):
        for client in (browser, Client()):
            answer = client.get(path, headers=host)
            texts.append(answer.content.decode() + repr(answer.headers))
            assert "Agency" in texts[-1] and "/brand.css" in texts[-1], path
    assert [text for text in texts if "footfall" in text.lower()] == []


def test_every_choice_of_the_settings_is_accepted_and_stored(site: Site) -> None:
    for name, choices in CHOICES.items():
        for value in choices.values:
            site_update(site=site, widget={name: value})
            site.refresh_from_db()
            assert getattr(parse_widget_settings(site.widget), name) == value


@pytest.mark.usefixtures("store")
def test_the_report_leads_those_to_their_site_who_may_open_the_widget(alice: User, bob: User, site: Site) -> None:
    link = 'href="http://example.com/#_badge"'

    def read_report(user: User) -> str:
        return read_html(log_in(user).get(f"/sites/{site.pk}/"))

    assert link not in read_report(alice), "the widget is off"
    turn_on(site, "team")
    assert link in read_report(alice) and link not in read_report(bob)
    turn_on(site, "guests")
    assert link in read_report(bob)
