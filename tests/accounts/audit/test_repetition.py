"""What callers repeat at will does not fill the audit log, and the log says how often it happened."""

from __future__ import annotations

import dataclasses

import pytest
import time_machine
from django.contrib.auth.signals import user_login_failed
from django.db.models import QuerySet
from django.test import Client

from accounts.audit.context import SYSTEM, AuditContext, use_context
from accounts.audit.models import AuditEntry, Via
from accounts.audit.repetition import EXPORTED
from accounts.audit.sign_in_events import NETWORK_GROUPS, UNKNOWN_PEOPLE, WRONG_PASSWORDS, name_counter
from accounts.audit.subjects import TIMES
from accounts.models import Account, User
from accounts.security import rate_limits
from sites.alerts.models import Channel, ChannelKind
from sites.models import Site
from sites.services import site_keys_rotate
from tests.conftest import PASSWORD

HERE, ELSEWHERE = "203.0.113.9", "198.51.100.9"


def list_shown(action: str = "site_keys.shown") -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(action=action).order_by("pk")


def read_site(key: str, site: Site, address: str = HERE) -> None:
    answer = Client(REMOTE_ADDR=address).get(f"/api/v1/sites/{site.pk}", headers={"authorization": f"Bearer {key}"})
    assert answer.json()["sitekey"] == site.sitekey


def test_reading_a_secret_again_and_again_is_one_entry_an_hour(account: Account, site: Site) -> None:
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False) as clock:
        for _ in range(10):
            read_site(account.authkey, site)
        assert list_shown().count() == 1
        clock.shift(3601)
        read_site(account.authkey, site)
        assert list_shown().count() == 2


def test_every_caller_network_and_object_has_its_own_entry(account: Account, alice: User, site: Site) -> None:
    member_key = alice.memberships.get(account=account).authkey
    for _ in range(2):
        read_site(account.authkey, site)
        read_site(member_key, site)
        read_site(account.authkey, site, ELSEWHERE)
    found = [(entry.actor_label.partition(" ")[0], entry.address) for entry in list_shown()]
    assert found == [("Authkey", HERE), ("Key", HERE), ("Authkey", ELSEWHERE)]


def test_a_page_and_the_api_count_as_one_for_the_same_webhook_only(inside: Client, site: Site) -> None:
    channels = [
        Channel.objects.create(account=site.account, kind=ChannelKind.WEBHOOK, name=name, target="https://example.com/")
        for name in ("one", "two")
    ]
    for channel in channels:
        for path in (f"/sites/{site.pk}/alerts/channels/{channel.pk}/secret", f"/api/v1/channels/{channel.pk}/secret"):
            assert channel.secret in inside.get(path).content.decode()
    assert [entry.target_id for entry in list_shown("webhook_secret.shown")] == [str(one.pk) for one in channels]


def test_a_secret_that_was_replaced_is_recorded_when_it_is_shown(account: Account, site: Site) -> None:
    read_site(account.authkey, site)
    site = site_keys_rotate(site=site)
    for _ in range(2):
        read_site(account.authkey, site)
    assert list_shown().count() == 2


def test_a_changed_site_is_recorded_each_time(account: Account, site: Site) -> None:
    for name in ("one", "two"):
        Client().patch(
            f"/api/v1/sites/{site.pk}",
            {"nickname": name},
            content_type="application/json",
            headers={"authorization": f"Bearer {account.authkey}"},
        )
    assert list_shown("site.changed").count() == 2 and list_shown().count() == 1


def list_refused(**filters: object) -> list[int | None]:
    """The numbers of failed log-ins that the entries have, None for one that is recorded singly."""
    found = AuditEntry.objects.filter(action="session.refused", **filters).order_by("pk")
    return [entry.changes.get(TIMES, [None, None])[1] for entry in found]


def fail(times: int, email: str, address: str = HERE) -> None:
    """Fail to log in from an address."""
    for _ in range(times):
        Client(REMOTE_ADDR=address).post("/login", {"email": email, "password": "wrong"})


def lift_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an address fail as often as it likes."""
    for name in ("LOGIN_EMAIL", "LOGIN_ADDRESS", "LOGIN_PAIR"):
        limit = getattr(rate_limits, name)
        monkeypatch.setattr(rate_limits, name, dataclasses.replace(limit, maximum=1000))


def test_failed_log_ins_of_a_person_are_recorded_by_their_number(
    account: Account, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    lift_limits(monkeypatch)
    fail(45, alice.email)
    assert list_refused(account=account) == [None] * WRONG_PASSWORDS.maximum + [10, 20, 40]


def test_failed_log_ins_from_one_network_do_not_hide_those_from_another(account: Account, alice: User) -> None:
    here, elsewhere = (find_group_address(alice, group) for group in (0, 1))
    fail(WRONG_PASSWORDS.maximum, alice.email, here)
    fail(1, alice.email, elsewhere)
    entries = AuditEntry.objects.filter(action="session.refused", account=account)
    assert entries.latest("pk").address == elsewhere


def find_group_address(user: User, group: int) -> str:
    """Find an address whose network is in the group."""
    for number in range(1, 255):
        context = AuditContext(via=Via.WEB, find_actor=lambda: SYSTEM, address=f"203.0.113.{number}")
        with use_context(context):
            if name_counter(user) == f"{user.pk} {group}":
                return context.address
    raise AssertionError("a hash that leaves out a group")


def test_many_networks_leave_a_bounded_number_of_entries(account: Account, alice: User) -> None:
    singly = NETWORK_GROUPS * WRONG_PASSWORDS.maximum
    for number in range(singly * 4):
        address = f"198.51.{number % 200}.{number // 200}"
        with use_context(AuditContext(via=Via.WEB, find_actor=lambda: SYSTEM, address=address)):
            user_login_failed.send(sender=None, credentials={"email": alice.email})
    numbers = list_refused(account=account)
    assert numbers.count(None) == singly and len(numbers) < singly + NETWORK_GROUPS * 4


def test_the_number_begins_again_with_the_next_hour(account: Account, alice: User) -> None:
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False) as clock:
        fail(WRONG_PASSWORDS.maximum + 2, alice.email)
        clock.shift(3601)
        fail(1, alice.email)
    assert list_refused(account=account) == [None] * (WRONG_PASSWORDS.maximum + 1)


def test_log_ins_that_succeed_are_recorded_each(account: Account, alice: User) -> None:
    fail(WRONG_PASSWORDS.maximum + 2, alice.email)
    for _ in range(2):
        Client().post("/login", {"email": alice.email, "password": PASSWORD})
    assert AuditEntry.objects.filter(action="session.started", account=account).count() == 2


def test_unknown_people_do_not_fill_the_log_of_the_installation(db: None) -> None:
    for number in range(UNKNOWN_PEOPLE.maximum * 2 + 3):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        client.post("/login", {"email": f"person{number}@example.net", "password": "wrong"})
    assert list_refused(account=None) == [None] * UNKNOWN_PEOPLE.maximum + [UNKNOWN_PEOPLE.maximum * 2]


def test_exports_are_recorded_singly_and_then_by_their_number(inside: Client, account: Account) -> None:
    for _ in range(EXPORTED.maximum * 2 + 1):
        assert inside.get("/links/export.csv").status_code == 200
    entries = list_shown("link.exported")
    assert [entry.changes for entry in entries][EXPORTED.maximum - 1 :] == [{}, {TIMES: [None, EXPORTED.maximum * 2]}]
