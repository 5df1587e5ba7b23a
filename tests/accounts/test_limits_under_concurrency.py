"""Many requests at the same moment get no account past its limits, nor a mail to somebody who did not agree."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
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
async def test_of_twelve_at_once_only_the_limit_is_made(
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


async def test_of_twelve_link_domains_at_once_only_the_limit_is_made(
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


def test_of_two_who_change_a_channels_address_neither_carries_the_consent_along(channel: Channel) -> None:
    assert channel.confirmed is not None
    for row in [Channel.objects.get(pk=channel.pk) for _ in range(2)]:
        row.target = STRANGER
        channel_save(channel=row)
    assert Channel.objects.get().confirmed is None


def test_consent_that_comes_while_the_address_is_changed_is_for_the_old_one(channel: Channel) -> None:
    Channel.objects.update(confirmed=None)
    agreed = find_channel_by_token(create_token(channel, CONFIRM_SALT), CONFIRM_SALT)
    assert agreed is not None
    channel.target = STRANGER
    channel_save(channel=channel)
    channel_confirm(channel=agreed, now=timezone.now())
    assert Channel.objects.get().confirmed is None


# -- counters that nobody can push out ----------------------------------------------------------------------------


def test_a_full_cache_forgets_no_test_message_and_no_request_to_confirm(
    client: Client, site: Site, account: Account, alice: User, channel: Channel
) -> None:
    client.force_login(alice)
    account.limits = {"test_messages_per_hour": 2}
    account.save()
    for _ in range(4):
        client.post(reverse("alerts:channel-test", args=[site.pk, channel.pk]))
        cache.clear()
    assert len(mail.outbox) == 2
    channel.target = STRANGER
    channel_save(channel=channel)
    for _ in range(5):
        client.post(reverse("alerts:channel-ask", args=[site.pk, channel.pk]))
        cache.clear()
    assert len([letter for letter in mail.outbox if letter.to == [STRANGER]]) == 3
