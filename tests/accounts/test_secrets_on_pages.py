"""Secrets on pages: entered but not shown again; those that may be shown are fetched on request only."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.debug import technical_500_response
from pytest_django import Settings

from accounts.models import Membership, Role, User
from links.models import Datapoint
from links.monitoring import destination_checks
from links.services.links import datapoint_create, datapoint_update
from sites.alerts.deliveries import deliver_due
from sites.alerts.models import Channel, Delivery
from sites.models import Site
from sites.services import site_update
from sites.uptime.models import Monitor
from sites.uptime.services import monitor_create, monitors_check
from tests.support.clicky_client import Clicky
from tests.support.misbehaving_server import misbehaving

HOOK = "https://hooks.slack.test/services/T0001/B0001/hook-word-nobody-may-read"
VALUE = "Bearer header-word-nobody-may-read"
DOTS = "••••••••"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FORM = {
    "url": "https://example.com/health", "name": "Shop", "method": "GET", "interval": "60", "timeout": "10",
    "expected_status": "200", "enabled": "on",
}  # fmt: skip


@pytest.fixture
def writer(bob: User, site: Site) -> Client:
    """Bob, who may change alice's site."""
    bob.memberships.get().grants.update(right="write")
    client = Client()
    client.force_login(bob)
    return client


@pytest.fixture
def monitor(site: Site) -> Monitor:
    return monitor_create(site=site, url=FORM["url"], headers={"Authorization": VALUE, "X-Kind": "check"}, now=NOW)


@pytest.fixture
def slack(site: Site) -> Channel:
    return Channel.objects.create(account=site.account, kind="slack", name="ops", target=HOOK)


@pytest.fixture
def webhook(site: Site) -> Channel:
    return Channel.objects.create(account=site.account, kind="webhook", name="own", target=HOOK)


@pytest.fixture
def server(settings: Settings) -> Iterator[Any]:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving() as running:
        yield running


def save(client: Client, monitor: Monitor, headers: str, **changes: str) -> str:
    """The page that answers; empty when the monitor was saved."""
    answer = client.post(
        reverse("uptime:edit", args=[monitor.site_id, monitor.pk]), {**FORM, "headers": headers, **changes}
    )
    return "" if answer.status_code == 302 else answer.content.decode()


def stored(monitor: Monitor) -> dict[str, str]:
    result: dict[str, str] = Monitor.objects.get(pk=monitor.pk).headers
    return result


# -- headers of monitors ----------------------------------------------------------------------------------------


def test_a_monitors_form_shows_names_of_headers_but_no_values(inside: Client, writer: Client, monitor: Monitor) -> None:
    for client in (inside, writer):
        page = client.get(reverse("uptime:edit", args=[monitor.site_id, monitor.pk])).content.decode()
        assert f"Authorization: {DOTS}" in page and f"X-Kind: {DOTS}" in page and "header-word" not in page


def test_a_line_left_as_it_was_keeps_the_stored_value(inside: Client, monitor: Monitor) -> None:
    assert save(inside, monitor, f"authorization: {DOTS}\nX-Kind: other\nX-New: 1", url="https://example.com/x") == ""
    assert stored(monitor) == {"authorization": VALUE, "X-Kind": "other", "X-New": "1"}
    assert save(inside, monitor, "") == "" and stored(monitor) == {}


@pytest.mark.parametrize(
    "line", [f"X-Other: {DOTS}", f"Authorization: Bearer {DOTS}", "Authorization: •", f"Authorization: {DOTS}•"]
)
def test_dots_without_a_stored_value_are_rejected(inside: Client, monitor: Monitor, line: str) -> None:
    assert f"Enter the values of these headers: {line.partition(':')[0]}." in save(inside, monitor, line)
    assert stored(monitor)["Authorization"] == VALUE


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/", "http://example.com/health", "https://example.com:8443/", "https://sub.example.com/",
        "https://example.com.evil.example/", "https://example.com@evil.example/",
    ],
)  # fmt: skip
def test_stored_header_values_are_not_kept_for_another_host(writer: Client, monitor: Monitor, url: str) -> None:
    page = save(writer, monitor, f"Authorization: {DOTS}\nX-Kind: check", url=url)
    assert "on another host now. Enter the values of these headers again: Authorization." in page
    assert "header-word" not in page
    found = Monitor.objects.get()
    assert (found.url, found.headers["Authorization"]) == (FORM["url"], VALUE)


def test_a_monitor_may_move_to_another_host_with_its_values_entered_again(writer: Client, monitor: Monitor) -> None:
    assert save(writer, monitor, "Authorization: Bearer mine", url="https://elsewhere.example/") == ""
    found = Monitor.objects.get()
    assert (found.url, found.headers) == ("https://elsewhere.example/", {"Authorization": "Bearer mine"})


def test_another_spelling_of_the_same_origin_keeps_the_values(inside: Client, monitor: Monitor) -> None:
    assert save(inside, monitor, f"Authorization: {DOTS}", url="https://EXAMPLE.com:443/other") == ""
    assert stored(monitor) == {"Authorization": VALUE}


def test_credentials_in_a_monitors_url_are_rejected(inside: Client, site: Site) -> None:
    answer = inside.post(reverse("uptime:new", args=[site.pk]), {**FORM, "url": "https://me:word@example.com/"})
    assert "put them into a header" in answer.content.decode() and not Monitor.objects.exists()


def test_a_changed_link_destination_does_not_keep_the_monitors_header_values(site: Site, monitor: Monitor) -> None:
    link: Datapoint = datapoint_create(account=site.account, alias="shop", url="https://example.com/a")
    Monitor.objects.update(link_id=link.pk)
    destination_checks.update_link_monitors()
    assert Monitor.objects.get().url == "https://example.com/a" and stored(monitor)["Authorization"] == VALUE
    datapoint_update(datapoint=link, url="https://evil.example/")
    destination_checks.update_link_monitors()
    assert Monitor.objects.get().url == "https://evil.example/" and stored(monitor) == {}


def test_a_check_sends_the_stored_header_values_and_logs_none(
    site: Site, server: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in ("/ok", "/status/500", "/nothing-here"):
        monitor_create(site=site, url=f"{server.base}{path}", headers={"Authorization": VALUE}, now=NOW)
    monitors_check(now=NOW)
    assert {headers["Authorization"] for _, _, headers, _ in server.seen} == {VALUE}
    told = " ".join(Monitor.objects.values_list("cause", flat=True))
    assert "Answered 500" in told and "header-word" not in told
    said = capfd.readouterr()
    assert "header-word" not in said.out + said.err


# -- channels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["slack", "webhook"])
def test_only_the_host_of_a_webhook_is_shown(inside: Client, site: Site, kind: str) -> None:
    hook = Channel.objects.create(account=site.account, kind=kind, name="ops", target=HOOK)
    table = inside.get(reverse("alerts:list", args=[site.pk])).content.decode()
    form = inside.get(reverse("alerts:channel-edit", args=[site.pk, hook.pk])).content.decode()
    assert "hooks.slack.test/…" in table and f'value="{DOTS}"' in form
    assert "T0001" not in table + form and hook.secret not in table + form


def test_an_email_address_is_shown_in_full(inside: Client, site: Site) -> None:
    Channel.objects.create(account=site.account, kind="email", name="me", target="ops@example.com")
    assert "ops@example.com" in inside.get(reverse("alerts:list", args=[site.pk])).content.decode()


@pytest.mark.parametrize(
    ("entered", "kept"), [("", HOOK), (DOTS, HOOK), ("https://new.test/hook", "https://new.test/hook")]
)
def test_an_unchanged_webhook_address_is_kept(
    inside: Client, slack: Channel, site: Site, entered: str, kept: str
) -> None:
    form = {"kind": "slack", "name": "renamed", "target": entered, "enabled": "on"}
    assert inside.post(reverse("alerts:channel-edit", args=[site.pk, slack.pk]), form).status_code == 302
    found = Channel.objects.get()
    assert (found.name, found.target) == ("renamed", kept)


@pytest.mark.parametrize("entered", [f"https://new.test/{DOTS}", "ftp://new.test/", "nonsense"])
def test_an_incomplete_webhook_address_is_rejected_without_showing_the_stored_one(
    inside: Client, slack: Channel, site: Site, entered: str
) -> None:
    form = {"kind": "slack", "name": "ops", "target": entered, "enabled": "on"}
    answer = inside.post(reverse("alerts:channel-edit", args=[site.pk, slack.pk]), form)
    assert answer.status_code == 200 and "T0001" not in answer.content.decode()
    assert Channel.objects.get().target == HOOK


def test_dots_cannot_turn_a_webhook_into_an_email_channel(inside: Client, slack: Channel, site: Site) -> None:
    form = {"kind": "email", "name": "ops", "target": DOTS, "enabled": "on"}
    page = inside.post(reverse("alerts:channel-edit", args=[site.pk, slack.pk]), form).content.decode()
    assert "This is not an e-mail address." in page and "T0001" not in page


def test_a_webhooks_secret_is_fetched_on_request_and_can_be_replaced(
    inside: Client, webhook: Channel, site: Site
) -> None:
    address = reverse("alerts:channel-secret", args=[site.pk, webhook.pk])
    form = reverse("alerts:channel-edit", args=[site.pk, webhook.pk])
    assert_fetched_when_asked_for(inside, form, address, webhook.secret)
    assert inside.post(address).status_code == 302
    assert Channel.objects.get().secret not in ("", webhook.secret)


def test_a_slack_channel_has_no_secret(inside: Client, slack: Channel, site: Site) -> None:
    assert inside.get(reverse("alerts:channel-secret", args=[site.pk, slack.pk])).status_code == 404
    assert (
        "Show the secret" not in inside.get(reverse("alerts:channel-edit", args=[site.pk, slack.pk])).content.decode()
    )


@pytest.mark.parametrize("path", ["/reset/hook-word", "/half/hook-word", "/loop/hook-word", "/hook-word"])
def test_the_log_of_a_failed_delivery_does_not_contain_the_webhook_address(
    inside: Client, site: Site, server: Any, capfd: pytest.CaptureFixture[str], path: str
) -> None:
    for kind, address in (
        ("slack", f"{server.base}{path}"),
        ("webhook", "https://nowhere.invalid/hook-word"),
    ):
        hook = Channel.objects.create(account=site.account, kind=kind, name="ops", target=address)
        inside.post(reverse("alerts:channel-test", args=[site.pk, hook.pk]))
    deliver_due(now=NOW)
    assert Delivery.objects.count() == 2
    said = capfd.readouterr()
    told = [f"{row.error} {row.channel!r} {row!r} {row.channel.switched_off}" for row in Delivery.objects.all()]
    assert "hook-word" not in "".join(told) + said.out + said.err


# -- keys of sites, proxies, APIs -------------------------------------------------------------------------------


def assert_fetched_when_asked_for(client: Client, page: str, address: str, *secrets: str) -> None:
    """The page has a button that fetches the secrets from `address`, which answers a part or a page, and not them."""
    text = client.get(page).content.decode()
    assert f'hx-get="{address}"' in text and f'href="{address}"' in text
    assert not [secret for secret in secrets if secret in text]
    for headers, whole in (({"HX-Request": "true"}, False), ({}, True)):
        answer = client.get(address, headers=headers)
        text = answer.content.decode()
        assert all(secret in text for secret in secrets) and ("<html" in text) == whole
        assert "no-store" in answer["Cache-Control"]


def test_site_keys_are_fetched_on_request(inside: Client, site: Site) -> None:
    address, page = reverse("sites:keys-show", args=[site.pk]), reverse("sites:api-keys", args=[site.pk])
    assert_fetched_when_asked_for(inside, page, address, site.sitekey, site.sitekey_admin)


@pytest.mark.parametrize("page", ["/account", "/links/toolbox"])
def test_the_account_key_is_fetched_on_request_of_an_owner(inside: Client, site: Site, page: str) -> None:
    assert_fetched_when_asked_for(inside, page, "/account/key", site.account.authkey)


def test_a_members_own_key_is_fetched_on_request(site: Site, charlie: User) -> None:
    key = Membership.objects.create(user=charlie, account=site.account, role=Role.EDITOR).authkey
    client = Client()
    client.force_login(charlie)
    client.post("/account/switch", {"account": site.account.pk})
    assert_fetched_when_asked_for(client, "/links/toolbox", "/account/own-key?next=/links/toolbox", key)


def test_a_guests_key_is_fetched_on_request_of_the_team(inside: Client, bob: User, charlie: User) -> None:
    guest = bob.memberships.get()
    address = reverse("links:guest-key", args=[guest.pk])
    assert_fetched_when_asked_for(inside, "/links/guests", address, guest.authkey)
    for other in (inside.get(reverse("links:guest-key", args=[charlie.memberships.get().pk])), Client().get(address)):
        assert other.status_code in (302, 404)


def test_a_proxy_secret_is_not_shown_again_and_dots_keep_it(inside: Client, site: Site) -> None:
    site_update(site=site, proxy_secret="word-nobody-may-read")
    address = reverse("sites:proxy", args=[site.pk])
    page = inside.get(address).content.decode()
    assert DOTS in page and "word-nobody" not in page
    assert inside.post(address, {"proxy_addresses": "203.0.113.5", "proxy_secret": DOTS}).status_code == 302
    site.refresh_from_db()
    assert (site.proxy_addresses, site.proxy_secret) == (["203.0.113.5"], "word-nobody-may-read")
    inside.post(address, {"proxy_secret": ""})
    site.refresh_from_db()
    assert site.proxy_secret == ""


def test_no_api_returns_headers_of_monitors_or_addresses_of_webhooks(
    client: Client, site: Site, alice: User, monitor: Monitor, slack: Channel, webhook: Channel
) -> None:
    site_update(site=site, proxy_secret="word-nobody-may-read")
    key = {"authorization": f"Bearer {site.account.authkey}"}
    Monitor.objects.update(public=True)
    answers = [client.get(path, headers=key).content.decode() for path in management_addresses(client, site)]
    clicky = Clicky(site)
    answers += [json.dumps(clicky.raw(name).content.decode()) for name in ("uptime", "uptime-list")]
    answers.append(client.get(reverse("uptime:status", args=[site.pk])).content.decode())
    told = "".join(answers)
    assert site.domain in told and FORM["url"] in told
    assert [word for word in ("header-word", "hook-word", webhook.secret) if word in told] == []


def management_addresses(client: Client, site: Site) -> list[str]:
    """Every address of the management API that a GET answers."""
    paths = client.get("/api/schema/?format=json").json()["paths"]
    known = {"site_id": site.pk, "member_id": site.account.memberships.get().pk}
    found = [path for path, methods in paths.items() if path.startswith("/api/v1/") and "get" in methods]
    assert len(found) > 5
    return [re.sub(r"{(\w+)}", lambda name: str(known.get(name[1], 1)), path) for path in found]


def broken(request: Any) -> None:
    raise ValueError("something broke")


def test_a_debug_page_shows_no_password_of_a_store(settings: Settings, rf: RequestFactory) -> None:
    word = "nobody-may-read".upper()  # the page shows the lines of this function
    settings.DEBUG, settings.EVENTS_URL = True, f"clickhouse://user:{word}@db:8123/x"
    settings.REDIS_URL = f"redis://:{word}@cache:6379"
    settings.CACHES = {**settings.CACHES, "other": {"BACKEND": "x", "LOCATION": settings.REDIS_URL}}
    with pytest.raises(ValueError) as raised:
        broken(rf.get("/"))
    page = technical_500_response(rf.get("/"), raised.type, raised.value, raised.tb.tb_next).content.decode()
    assert "something broke" in page and "EVENTS_URL" in page and word not in page
