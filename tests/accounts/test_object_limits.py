"""Objects above an account's limits are rejected with a message."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from reports.sharing.models import Share
from reports.sharing.services import share_create, share_revoke
from sites.alerts.models import Alert, Channel
from sites.models import ApiKey, Site
from sites.services import api_key_create, api_key_revoke, site_create, site_delete
from sites.uptime.models import Monitor
from sites.uptime.services import monitor_create, monitor_update
from tests.values import require

MONITOR = {
    "url": "https://example.com/", "method": "GET", "interval": "60", "timeout": "10", "expected_status": "200",
    "headers": "", "enabled": "on",
}  # fmt: skip
CHANNEL = {"kind": "webhook", "name": "ops", "target": "https://example.com/hook", "enabled": "on"}
ALERT = {"name": "Quota", "throttle_minutes": "5", "enabled": "on", "p_percent": "80"}


def limit(account: Account, **limits: int) -> None:
    account.limits = limits
    account.save()


@pytest.mark.parametrize(
    ("name", "address", "form", "model", "sentence"),
    [
        ("monitors", "uptime:new", MONITOR, Monitor, "may have 2 monitors"),
        ("channels", "alerts:channel-new", CHANNEL, Channel, "may have 2 channels"),
        ("alerts", "alerts:new", ALERT, Alert, "may have 2 alerts"),
        ("api_keys_per_site", "sites:api-keys", {"name": "k", "can_read": "on"}, ApiKey, "may have 2 keys on one site"),
        ("shares_per_site", "sharing:settings", {"name": "Client"}, Share, "may have 2 open links on one site"),
    ],
)
def test_one_object_above_the_accounts_limit_is_rejected_in_its_form(
    inside: Client, site: Site, account: Account, name: str, address: str, form: Any, model: Any, sentence: str
) -> None:
    limit(account, **{name: 2})
    where = reverse(address, args=[site.pk, "quota"] if address == "alerts:new" else [site.pk])
    pages = [inside.post(where, form, follow=True).content.decode() for _ in range(4)]
    assert model.objects.count() == 2
    assert [sentence in page for page in pages] == [False, False, True, True]


def test_sites_are_limited_by_form_and_api(inside: Client, site: Site, account: Account) -> None:
    limit(account, sites=2)
    inside.post(reverse("sites:new"), {"account": account.pk, "domain": "second.example", "timezone": "UTC"})
    page = inside.post(reverse("sites:new"), {"account": account.pk, "domain": "third.example", "timezone": "UTC"})
    assert "may have 2 sites" in page.content.decode()
    answer = inside.post(
        "/api/v1/sites", {"domain": "third.example"}, "application/json", HTTP_AUTHORIZATION=f"Bearer {account.authkey}"
    )
    assert answer.status_code == 400 and "may have 2 sites" in answer.content.decode()
    assert Site.objects.count() == 2


def test_deleted_objects_do_not_count_towards_a_limit(site: Site, account: Account) -> None:
    limit(account, sites=2, api_keys_per_site=1, shares_per_site=1)
    site_delete(site=site_create(account=account, domain="second.example"))
    site_create(account=account, domain="third.example")
    api_key_revoke(key=api_key_create(site=site, name="a")[0])
    api_key_create(site=site, name="b")
    share_revoke(share=share_create(site=site, name="a"), now=timezone.now())
    share_create(site=site, name="b")
    assert {one.domain for one in Site.objects.filter(deleted=None)} == {site.domain, "third.example"}
    assert [one.name for one in ApiKey.objects.filter(site=site, revoked=None)] == ["b"]
    assert [one.name for one in Share.objects.filter(site=site, revoked=None)] == ["b"]


def test_a_paused_monitor_counts_towards_the_limit(inside: Client, site: Site, account: Account) -> None:
    limit(account, monitors=3)
    first, *_ = [monitor_create(site=site, url="https://example.com/", enabled=False) for _ in range(3)]
    with pytest.raises(ValidationError, match="3 monitors"):
        monitor_create(site=site, url="https://example.com/", enabled=False)
    limit(account, monitors=1)
    monitor_update(monitor=first, changes={"enabled": True})
    second = require(Monitor.objects.filter(enabled=False).first())
    page = inside.post(reverse("uptime:edit", args=[site.pk, second.pk]), MONITOR).content.decode()
    assert "may have 1 monitors that are on" in page
    assert Monitor.objects.filter(enabled=True).count() == 1
    monitor_update(monitor=Monitor.objects.get(pk=first.pk), changes={"enabled": True, "interval": 60})


def test_objects_of_another_account_do_not_count(site: Site, account: Account, charlies_site: Site) -> None:
    limit(account, monitors=1, channels=1)
    for _ in range(3):
        monitor_create(site=charlies_site, url="https://charlie.example/")
    monitor_create(site=site, url="https://example.com/")
    assert Monitor.objects.filter(site=charlies_site).count() == 3
    with pytest.raises(ValidationError, match="1 monitors"):
        monitor_create(site=site, url="https://example.com/2")
