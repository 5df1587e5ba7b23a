"""What is created or changed is written once: services do not save a row again to complete it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from accounts.custom_domains.services import claim_record_lookup, claim_revoke, host_claim
from accounts.keys import derive_guid, hash_key
from accounts.models import HostClaim, Membership, Purpose, Role, User
from accounts.services import (
    account_create,
    account_key_rotate,
    account_update,
    member_access_set,
    member_key_rotate,
)
from links.public_urls import get_system_domain
from links.services.conversions import conversion_create, conversion_delete
from links.services.guests import guest_create
from links.services.links import datapoint_create
from sites.alerts.condition_registry import CONDITIONS, AlertCondition, AlertNotification
from sites.alerts.models import Alert, Channel, ChannelKind, Delivery
from sites.alerts.services import alert_save, alerts_evaluate
from sites.models import Site
from sites.services import site_create, site_delete, site_update
from sites.uptime.models import Incident
from sites.uptime.services import checks_replay, monitor_create
from sites.uptime.state_machine import CheckResult

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WRITE = re.compile(r'^(INSERT(?: OR IGNORE)? INTO|UPDATE) "(\w+)"')


def count_writes(write: Callable[[], Any]) -> Counter[tuple[str, str]]:
    """Count written rows, by ("insert" or "update", table), without the newest change and the audit log."""
    writes: Counter[tuple[str, str]] = Counter()

    def execute_and_count(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        if written := WRITE.match(sql):
            verb = written[1].split()[0].lower()
            # SQLite counts the rows of an INSERT … RETURNING only once they are fetched; here each has one
            writes[verb, written[2]] += context["cursor"].rowcount if verb == "update" else 1
        return result

    with connection.execute_wrapper(execute_and_count):
        write()
    del writes["update", "sites_change"]
    del writes["insert", "audit_auditentry"]
    return writes


def build_creations(site: Site) -> dict[str, tuple[Callable[[], Any], dict[tuple[str, str], int]]]:
    """What creates a row of each kind, and the expected writes."""
    account = site.account
    alert = Alert(site=site, name="Down", condition="uptime")
    return {
        "account": (
            lambda: account_create(name="New", owner=account.members.get()),
            {("insert", "accounts_account"): 1, ("insert", "accounts_membership"): 1},
        ),
        "membership": (
            lambda: guest_create(account=account, email="new@example.com"),
            {("insert", "accounts_user"): 1, ("insert", "accounts_membership"): 1},
        ),
        "site": (
            lambda: site_create(account=account, domain="second.example"),
            {("insert", "accounts_hostclaim"): 1, ("insert", "sites_site"): 1},
        ),
        "link": (
            lambda: datapoint_create(account=account, url="https://example.com/"),
            {("insert", "links_datapoint"): 1, ("insert", "links_group"): 1},
        ),
        "conversion": (lambda: conversion_create(account=account, name="Sale"), {("insert", "links_conversion"): 1}),
        "monitor": (
            lambda: monitor_create(site=site, url="https://example.com/", now=NOW),
            {("insert", "uptime_monitor"): 1},
        ),
        "alert": (lambda: alert_save(alert=alert, parameters={}, channels=[]), {("insert", "alerts_alert"): 1}),
    }


KINDS = ["account", "membership", "site", "link", "conversion", "monitor", "alert"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_row_is_written_once(kind: str, site: Site, alice: User) -> None:
    get_system_domain()  # of the installation, created with its first link
    create, expected = build_creations(site)[kind]
    assert count_writes(create) == expected


def test_changes_write_a_row_once(site: Site, alice: User) -> None:
    account, owner = site.account, alice.memberships.get()
    guest = guest_create(account=account, email="guest@example.com")
    Membership.objects.filter(pk=guest.pk).update(accepted=NOW)
    guest.refresh_from_db()
    conversion = conversion_create(account=account, name="Sale")
    claim = host_claim(account=account, host="claimed.example", purpose=Purpose.SITE)
    once: list[tuple[Callable[[], Any], str]] = [
        (lambda: account_update(account=account, name="A", timezone="UTC", profile={"phone": "1"}), "accounts_account"),
        (lambda: account_key_rotate(account=account), "accounts_account"),
        (lambda: member_key_rotate(membership=guest), "accounts_membership"),
        (lambda: member_access_set(membership=guest, by=owner, role=Role.VIEWER), "accounts_membership"),
        (lambda: site_update(site=site, domain="third.example"), "sites_site"),
        (lambda: site_delete(site=site, now=NOW), "sites_site"),
        (lambda: conversion_delete(conversion=conversion), "links_conversion"),
        (
            lambda: claim_record_lookup(claim=claim, named=frozenset([account.pk]), now=NOW),
            "accounts_hostclaim",
        ),
        (lambda: claim_revoke(claim=HostClaim.objects.get(pk=claim.pk), reason="Moved."), "accounts_hostclaim"),
    ]
    for change, table in once:
        assert count_writes(change)["update", table] == 1, table


def test_a_guest_who_becomes_a_member_has_a_new_key_that_is_found(site: Site, alice: User) -> None:
    guest = guest_create(account=site.account, email="guest@example.com")
    Membership.objects.filter(pk=guest.pk).update(accepted=NOW)
    guest.refresh_from_db()
    key = guest.authkey
    member_access_set(membership=guest, by=alice.memberships.get(), role=Role.EDITOR)
    stored = Membership.objects.get(pk=guest.pk)
    assert stored.authkey != key
    assert stored.authkey_hash == hash_key(stored.authkey)


def test_an_alert_that_notifies_is_written_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(alert: Alert, now: datetime) -> list[AlertNotification]:
        alert.memory = {"seen": 1}
        return [AlertNotification("one", "One", "One."), AlertNotification("two", "Two", "Two.")]

    monkeypatch.setitem(CONDITIONS, "test", AlertCondition("test", "Test", doc="For this test.", evaluate=evaluate))
    alert = Alert.objects.create(site=site, name="Both", condition="test", throttle_minutes=0)
    alert.channels.add(
        Channel.objects.create(account=site.account, kind=ChannelKind.EMAIL, target="a@example.com", confirmed=NOW)
    )
    assert count_writes(lambda: alerts_evaluate(now=NOW)) == {
        ("insert", "alerts_delivery"): 2,
        ("update", "alerts_alert"): 1,
    }
    alert.refresh_from_db()
    assert (alert.memory, alert.last_fired, Delivery.objects.count()) == ({"seen": 1}, NOW, 2)


def test_replayed_checks_write_an_incident_once(site: Site) -> None:
    monitor = monitor_create(site=site, url="https://example.com/", now=NOW)
    results = [
        (CheckResult(ok=ok, milliseconds=90, cause="" if ok else "No response."), NOW + timedelta(minutes=minute))
        for minute, ok in enumerate([True, False, False, True])
    ]
    writes = count_writes(lambda: checks_replay(monitor=monitor, results=results))
    assert (writes["insert", "uptime_incident"], writes["update", "uptime_incident"]) == (1, 0)
    assert writes["update", "uptime_monitor"] == 1
    incident = Incident.objects.get()
    assert (incident.start, incident.end) == (NOW + timedelta(minutes=1), NOW + timedelta(minutes=3))
    assert (incident.start_notified, incident.end_notified) == (incident.start, incident.end)


def test_keys_of_rows_that_are_older_than_seeds_stay_as_they_were(site: Site, alice: User) -> None:
    account, membership = site.account, alice.memberships.get()
    import_module("accounts.migrations.0002_seeds_of_authkeys").take_ids_as_seeds(apps, None)
    account.refresh_from_db()
    membership.refresh_from_db()
    assert account.authkey == derive_guid("authkey", account.pk, 1)
    assert membership.authkey == derive_guid("member", membership.pk, 1)
