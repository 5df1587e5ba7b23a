"""Concurrent requests do not exceed an account's limits, and send no mail to unconfirmed addresses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core import mail
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, User
from links.models import Domain
from reports.sharing.models import Share
from sites.alerts.confirmation import CONFIRM_SALT, channel_confirm, create_token, find_channel_by_token
from sites.alerts.models import Alert, Channel
from sites.alerts.services import channel_save
from sites.models import ApiKey, Site
from sites.uptime.models import Monitor
from tests.accounts.test_object_limits import ALERT, CHANNEL, MONITOR
from tests.support import asgi
from tests.support.asgi import cookie, database

OWN, STRANGER = "alice@example.com", "stranger@victim.example"


def limit(account: Account, name: str) -> None:
    account.limits = {name: 2}
    account.save()


@pytest.mark.parametrize(
    ("name", "address", "form", "model"),
    [
        ("monitors", "uptime:new", MONITOR, Monitor),
        ("channels", "alerts:channel-new", CHANNEL, Channel),
        ("alerts", "alerts:new", ALERT, Alert),
        ("api_keys_per_site", "sites:api-keys", {"name": "k", "can_read": "on"}, ApiKey),
        ("shares_per_site", "sharing:settings", {"name": "Client"}, Share),
    ],
)
async def test_twelve_concurrent_requests_create_only_as_many_objects_as_allowed(
    name: str, address: str, form: dict[str, str], model: Any, site: Site, account: Account, alice: User,
    transactional_db: None,
) -> None:  # fmt: skip
    await database(limit, account, name)
    path, hers = (
        reverse(address, args=[site.pk, "quota"] if address == "alerts:new" else [site.pk]),
        await cookie(alice),
    )
    answers = await asyncio.gather(*(asgi.send("POST", path, form, cookie=hers) for _ in range(12)))
    assert {answer.status for answer in answers} <= {200, 302}
    assert await database(model.objects.count) == 2


async def test_twelve_concurrent_requests_create_only_as_many_link_domains_as_allowed(
    site: Site, account: Account, alice: User, transactional_db: None
) -> None:
    await database(limit, account, "domains")
    hers = await cookie(alice)
    await asyncio.gather(
        *(asgi.send("POST", "/links/domains", {"name": f"go{n}.alice.example"}, cookie=hers) for n in range(12))
    )
    assert await database(Domain.objects.filter(account=account).count) == 2


# -- an address that is changed at the same moment ----------------------------------------------------------------


@pytest.fixture
def channel(account: Account, alice: User) -> Channel:
    return channel_save(channel=Channel(account=account, kind="email", name="ops", target=OWN))


def test_concurrent_changes_of_a_channels_address_never_keep_its_confirmation(channel: Channel) -> None:
    assert channel.confirmed is not None
    for row in [Channel.objects.get(pk=channel.pk) for _ in range(2)]:
        row.target = STRANGER
        channel_save(channel=row)
    assert Channel.objects.get().confirmed is None


def test_a_confirmation_during_a_change_of_address_is_for_the_old_address(channel: Channel) -> None:
    Channel.objects.update(confirmed=None)
    agreed = find_channel_by_token(create_token(channel, CONFIRM_SALT), CONFIRM_SALT)
    assert agreed is not None
    channel.target = STRANGER
    channel_save(channel=channel)
    channel_confirm(channel=agreed, now=timezone.now())
    assert Channel.objects.get().confirmed is None


# -- counters that nobody can push out ----------------------------------------------------------------------------


def test_a_full_cache_does_not_reset_the_limits_of_test_messages_and_confirmations(
    client: Client, site: Site, account: Account, alice: User, channel: Channel
) -> None:
    client.force_login(alice)
    account.limits = {"test_messages_per_hour": 2}
    account.save()
    for _ in range(4):
        client.post(reverse("alerts:channel-test", args=[site.pk, channel.pk]))
        caches["requests"].clear()
    assert len(mail.outbox) == 2
    channel.target = STRANGER
    channel_save(channel=channel)
    for _ in range(5):
        client.post(reverse("alerts:channel-ask", args=[site.pk, channel.pk]))
        caches["requests"].clear()
    assert len([letter for letter in mail.outbox if letter.to == [STRANGER]]) == 3
