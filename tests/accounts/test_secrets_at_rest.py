"""Stored secrets: what a reader of the database can see, and what happens when SECRET_KEY changes."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Account, Membership, User
from accounts.security import encrypted_fields
from accounts.security.encrypted_fields import Unreadable, find_unreadable_columns, get_cipher
from config.env import read_env
from config.management.commands.serve import Command as Serve
from reports.digests.services import subscription_save
from reports.sharing.models import Share
from reports.sharing.services import share_create
from sites import site_cache
from sites.alerts.models import Channel
from sites.models import Site
from sites.services import api_key_provision, site_update
from sites.uptime.models import Monitor
from sites.uptime.services import monitor_create
from tests.conftest import PASSWORD

HOOK = "https://hooks.slack.test/services/T0001/B0001/hook-word-nobody-may-read"
HEADERS = {"Authorization": "Bearer header-word-nobody-may-read"}
WORD = "proxy-word-nobody-may-read"
OTHER_KEY = "another key of the installation, long enough that no check complains"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def database(alias: str = "default") -> str:
    """Everything that is in the database, as text."""
    found, connection = [], connections[alias]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [f"{table}: {row}" for row in cursor.fetchall()]
    return "\n".join(found)


@pytest.fixture
def channel(site: Site) -> Channel:
    return Channel.objects.create(account=site.account, kind="webhook", name="ops", target=HOOK)


@pytest.fixture
def monitor(site: Site) -> Monitor:
    return monitor_create(site=site, url="https://example.com/", headers=HEADERS, now=NOW)


def test_no_secret_is_stored_in_plain_text(alice: User, site: Site, channel: Channel, monitor: Monitor) -> None:
    client = Client()
    client.post("/login", {"email": alice.email, "password": PASSWORD})
    site_update(site=site, proxy_secret=WORD)
    share = share_create(site=site, name="Client")
    digest = subscription_save(user=alice, frequency="week", sites=[], attach_csv=False)
    secrets = {
        "hook": "hook-word-nobody", "webhook secret": channel.secret, "header": "header-word-nobody", "proxy": WORD,
        "share": share.token, "digest": digest.unsubscribe_token, "session": client.cookies["sessionid"].value,
        "account key": site.account.authkey, "site key": site.sitekey, "password": PASSWORD,
    }  # fmt: skip
    everything = database()
    assert "ops" in everything and "Client" in everything  # it does look
    assert [name for name, secret in secrets.items() if secret in everything] == []


def test_models_return_the_decrypted_secrets(site: Site, channel: Channel, monitor: Monitor) -> None:
    site_update(site=site, proxy_secret=WORD)
    token = share_create(site=site, name="Client").token
    assert Channel.objects.get().target == HOOK and Channel.objects.get().secret == channel.secret
    assert Monitor.objects.get().headers == HEADERS
    assert Site.objects.get(pk=site.pk).proxy_secret == WORD
    assert Share.objects.get().token == token
    site_cache.refresh()
    facts = site_cache.get_site(site.pk)
    assert facts is not None and facts.proxy_secret == WORD
    assert WORD not in repr(facts) and site.sitekey not in repr(facts)


def test_an_empty_secret_is_stored_empty(site: Site) -> None:
    monitor = monitor_create(site=site, url="https://example.com/", now=NOW)
    assert Monitor.objects.get(pk=monitor.pk).headers == {}
    assert Site.objects.get(pk=site.pk).proxy_secret == ""
    texts = (
        encrypted_fields.list_stored_texts(Monitor, "headers"),
        encrypted_fields.list_stored_texts(Site, "proxy_secret"),
    )
    assert [list(rows) for rows in texts] == [[], []]


def test_a_secret_that_looks_encrypted_is_stored_as_entered(channel: Channel) -> None:
    channel.target = encrypted_fields.encrypt("https://elsewhere.test/")
    typed = channel.target
    channel.full_clean()
    channel.save()
    assert Channel.objects.get().target == typed


def test_rows_cannot_be_looked_up_by_a_secret(channel: Channel) -> None:
    with pytest.raises(FieldError):
        Channel.objects.filter(target=HOOK).exists()


def test_encryption_keys_are_derived_once_and_not_per_value(channel: Channel, monitor: Monitor) -> None:
    first = get_cipher()
    assert Channel.objects.get().target == HOOK and Monitor.objects.get().headers == HEADERS
    assert get_cipher() is first


def test_with_the_old_key_as_a_fallback_everything_is_read_and_new_values_have_the_new_key(
    settings: Settings, channel: Channel, monitor: Monitor
) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OTHER_KEY, [settings.SECRET_KEY]
    assert Channel.objects.get().target == HOOK and Monitor.objects.get().headers == HEADERS
    channel.save()
    settings.SECRET_KEY_FALLBACKS = []
    assert Channel.objects.get().target == HOOK
    assert isinstance(Monitor.objects.get().headers, Unreadable)


def test_without_the_key_pages_work_and_saving_a_row_loses_nothing(
    settings: Settings, alice: User, site: Site, channel: Channel, monitor: Monitor
) -> None:
    site_update(site=site, proxy_secret=WORD)
    token = share_create(site=site, name="Client").token
    mine, settings.SECRET_KEY = settings.SECRET_KEY, OTHER_KEY
    assert set(find_unreadable_columns()) == {
        "alerts.Channel.target", "alerts.Channel.secret", "uptime.Monitor.headers", "sites.Site.proxy_secret",
        "sharing.Share.token",
    }  # fmt: skip
    site_cache.refresh()
    for row in (Channel.objects.get(), Monitor.objects.get(), Site.objects.get(pk=site.pk), Share.objects.get()):
        row.save()
    client = Client()
    client.force_login(alice)
    for name, more in (
        ("alerts:list", []),
        ("alerts:channel-edit", [channel.pk]),
        ("uptime:edit", [monitor.pk]),
        ("sharing:settings", []),
    ):
        answer = client.get(reverse(name, args=[site.pk, *more]))
        assert answer.status_code == 200 and "gAAAA" not in answer.content.decode(), name
    form = {"url": "https://example.com/", "method": "GET", "interval": "60", "timeout": "10", "expected_status": "200"}
    assert client.post(reverse("uptime:edit", args=[site.pk, monitor.pk]), form).status_code == 302
    client.post(reverse("sites:proxy", args=[site.pk]), {"proxy_secret": ""})
    settings.SECRET_KEY = mine
    assert Channel.objects.get().target == HOOK and Monitor.objects.get().headers == HEADERS
    assert Site.objects.get(pk=site.pk).proxy_secret == WORD and Share.objects.get().token == token


def test_starting_with_another_key_reports_it(settings: Settings, channel: Channel) -> None:
    said = StringIO()
    Serve(stderr=said).warn_of_unreadable_secrets()
    assert said.getvalue() == ""
    settings.SECRET_KEY = OTHER_KEY
    Serve(stderr=said).warn_of_unreadable_secrets()
    assert "alerts.Channel.target" in said.getvalue() and "SECRET_KEY_FALLBACKS" in said.getvalue()


def test_debug_pages_hide_keys_and_passwords_of_the_environment(tmp_path: Path) -> None:
    given = {
        "SECRET_KEY": "word-1", "SECRET_KEY_FALLBACKS": "word-2, word-3", "DATABASE_URL": "postgres://u:word-4@h/d",
        "EVENTS_URL": "clickhouse://u:word-5@h/d", "REDIS_URL": "redis://:word-6@h", "EMAIL_URL": "smtp://u:word-7@h",
    }  # fmt: skip
    env = read_env({**given, "DATA_DIR": str(tmp_path), "HOST": "192.0.2.1"})
    assert env.secret_key_fallbacks == ("word-2", "word-3")
    assert "192.0.2.1" in repr(env) and "word-" not in repr(env)


def test_one_command_encrypts_everything_with_a_changed_key(
    settings: Settings,
    account: Account,
    alice: User,
    site: Site,
    channel: Channel,
    monitor: Monitor,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old_account, old_member, old_site = account.authkey, alice.memberships.get().authkey, api_key_provision(site=site)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OTHER_KEY, [settings.SECRET_KEY]
    call_command("reencrypt")
    assert "alerts.Channel.target: 1" in capsys.readouterr().out
    settings.SECRET_KEY_FALLBACKS = []
    assert find_unreadable_columns() == [] and Channel.objects.get().target == HOOK
    client = Client()

    def opens(key: str) -> bool:
        return client.get("/api/v1/account", headers={"authorization": f"Bearer {key}"}).status_code == 200

    assert [opens(key) for key in (old_account, old_member)] == [False, False]
    assert opens(Account.objects.get(pk=account.pk).authkey)
    assert opens(Membership.objects.get(user=alice).authkey)
    site_cache.refresh()
    assert site_cache.find_key(old_site) is None and site_cache.find_key(api_key_provision(site=site)) is None
    site_cache.refresh()
    assert site_cache.find_key(api_key_provision(site=site)) is not None


def test_without_a_changed_key_the_command_revokes_no_key(
    site: Site, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    provisioned = api_key_provision(site=site)
    call_command("reencrypt")
    assert "revoked: 0" in capsys.readouterr().out
    site_cache.refresh()
    assert site_cache.find_key(provisioned) is not None and api_key_provision(site=site) == provisioned


def test_the_command_leaves_unreadable_values_and_reports_them(
    settings: Settings, channel: Channel, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, settings.SECRET_KEY = settings.SECRET_KEY, OTHER_KEY
    with pytest.raises(SystemExit):
        call_command("reencrypt")
    assert "SECRET_KEY_FALLBACKS" in capsys.readouterr().err
    settings.SECRET_KEY = mine
    assert Channel.objects.get().target == HOOK


def test_headers_of_a_monitor_may_hold_any_json(site: Site) -> None:
    headers = {"X-Word": 'a "quoted" ü', "X-Empty": ""}
    monitor = monitor_create(site=site, url="https://example.com/", headers=headers, now=NOW)
    assert Monitor.objects.get(pk=monitor.pk).headers == headers
