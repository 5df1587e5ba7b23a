"""The audit log as owners, administrators and operators read it: page, CSV and API."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from accounts.services import account_update, user_update
from sites.models import Site
from sites.services import site_keys_rotate, site_update
from tests.conftest import PASSWORD, member
from tests.support import read_html
from tests.support.traffic import log_in

PAGE, API, INSTALLATION = "/account/audit-log", "/api/v1/audit-log", "/operations/audit-log"


def read_actions(client: Client, **filters: str) -> list[str]:
    answer = client.get(API, filters)
    assert answer.status_code == 200, answer.content
    return [row["action"] for row in answer.json()["results"]]


def test_the_page_says_who_changed_what_from_where(inside: Client, account: Account) -> None:
    sent = {"name": "Alice Group", "timezone": "UTC"}
    inside.post("/account", sent, REMOTE_ADDR="203.0.113.9", headers={"user-agent": "A browser"})
    text = read_html(inside.get(PAGE))
    for part in ("Account changed", "Alice (alice@example.com)", "203.0.113.9", "A browser", "Alice &amp; Co", "Group"):
        assert part in text, part


def test_a_log_without_a_matching_entry_says_so(account: Account, alice: User) -> None:
    client = log_in(alice)
    assert "Log-in started" in read_html(client.get(PAGE))
    assert "No entry matches." in read_html(client.get(PAGE, {"actor": "nobody"}))


def test_entries_are_found_by_person_action_object_and_day(inside: Client, account: Account, site: Site) -> None:
    inside.post("/account", {"name": "New", "timezone": "UTC"})
    site_keys_rotate(site=site)
    found = read_html(inside.get(PAGE, {"action": "site_keys.replaced"}))
    assert '<td class="full-width" data-label="Object" dir="auto">example.com' in found
    assert found.count('data-label="Object"') == 1
    assert read_html(inside.get(PAGE, {"actor": "alice", "target": "New"})).count('data-label="Object"') == 1
    day = timezone.now()
    assert "No entry matches." not in read_html(inside.get(PAGE, {"since": f"{day:%F}", "until": f"{day:%F}"}))
    assert "No entry matches." in read_html(inside.get(PAGE, {"since": f"{day + timedelta(days=1):%F}"}))
    assert "Enter a valid date." in read_html(inside.get(PAGE, {"since": "soon"}))


def test_pages_of_the_log_follow_each_other(inside: Client, account: Account) -> None:
    for number in range(60):
        account_update(account=account, name=f"name {number}")
    first = read_html(inside.get(PAGE, {"action": "account.changed"}))
    assert first.count('data-label="Object"') == 50 and "Older" in first and "Latest" not in first
    before = list(AuditEntry.objects.filter(action="account.changed").order_by("-pk"))[49].pk
    assert f"action=account.changed&amp;before={before}" in first
    second = read_html(inside.get(PAGE, {"action": "account.changed", "before": str(before)}))
    assert second.count('data-label="Object"') == 10 and "Latest" in second and "Older" not in second


def test_the_csv_file_has_the_same_entries_and_is_recorded_itself(inside: Client, account: Account) -> None:
    account_update(account=account, name="=HYPERLINK(1)")
    answer = inside.get(PAGE, {"format": "csv", "action": "account.changed"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["target"] for row in rows] == ["'=HYPERLINK(1)"] and rows[0]["actor_type"] == "system"
    assert AuditEntry.objects.filter(account=account, action="audit_log.exported").count() == 1


def test_the_api_lists_entries_by_filters(inside: Client, account: Account, site: Site) -> None:
    site_update(site=site, nickname="Shop")
    entry = inside.get(API, {"action": "site.changed"}).json()["results"][0]
    assert entry["changes"] == {"nickname": ["", "Shop"]} and entry["target_id"] == str(site.pk)
    assert read_actions(inside, target_type="site") == ["site.changed", "site.created"]
    assert read_actions(inside, actor_type="user", action="session.started") == ["session.started"]
    assert read_actions(inside, until=(timezone.now() - timedelta(days=1)).isoformat()) == []
    first = inside.get(API, {"limit": 1}).json()
    assert first["next"] and inside.get(first["next"]).json()["results"][0]["id"] < first["results"][0]["id"]
    assert inside.get(API, {"person": "alice"}).status_code == 400


def test_only_those_who_manage_the_account_read_its_log(
    account: Account, alice: User, bob: User, charlie: User
) -> None:
    member(account, "eve", Role.EDITOR)
    admin = member(account, "adam", Role.ADMIN)
    for person, status in ((alice, 200), (admin, 200), (bob, 404), (User.objects.get(name="Eve"), 404)):
        client = log_in(person)
        assert (client.get(PAGE).status_code, client.get(API).status_code) == (status, status), person
    assert "Alice" not in read_html(log_in(charlie).get(PAGE))


def test_a_log_in_appears_in_every_account_of_the_person(account: Account, alice: User, charlie: User) -> None:
    other = charlie.memberships.get().account
    Membership.objects.create(user=alice, account=other, role=Role.EDITOR)
    client = Client()
    client.post("/login", {"email": alice.email, "password": "wrong"}, REMOTE_ADDR="203.0.113.9")
    client.post("/login", {"email": alice.email, "password": PASSWORD}, REMOTE_ADDR="203.0.113.9")
    client.post("/logout")
    for place in (account, other):
        rows = AuditEntry.objects.filter(account=place, action__startswith="session.", target_id=str(alice.pk))
        assert list(rows.order_by("pk").values_list("action", "actor_type", "address")) == [
            ("session.refused", "anonymous", "203.0.113.9"),
            ("session.started", "user", "203.0.113.9"),
            ("session.ended", "user", "127.0.0.1"),
        ]


def test_operators_see_what_belongs_to_no_account(account: Account, alice: User) -> None:
    Client().post("/login", {"email": "stranger@example.net", "password": "whatever"})
    assert log_in(alice).get(INSTALLATION).status_code == 404
    alice.is_operator = True
    alice.save()
    text = read_html(log_in(alice).get(INSTALLATION))
    assert (
        "stranger@example.net" in text
        and "Log-in refused" in text
        and "Log-in started" not in text.partition("<tbody>")[2]
    )


def test_secrets_are_dots(account: Account, alice: User, site: Site) -> None:
    site_update(site=site, proxy_secret="secret-of-the-proxy")
    entry = AuditEntry.objects.get(action="site.changed")
    assert entry.changes == {"proxy_secret": [None, "••••••••"]}


def test_names_of_strangers_are_escaped(inside: Client, alice: User) -> None:
    user_update(user=alice, name="<script>alert(1)</script>")
    assert "<script>alert(1)" not in read_html(inside.get(PAGE))
