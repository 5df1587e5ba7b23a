"""Expectations of a monitor: words in any character set, and which expectations are rejected as impossible."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from sites.models import Site
from sites.outbound.body import decode_body
from sites.uptime.checks import check_monitor
from sites.uptime.models import Incident, Monitor
from sites.uptime.scheduler import run_round
from sites.uptime.services import incident_notify, monitor_create
from tests.accounts.test_object_limits import MONITOR
from tests.support.misbehaving_server import Misbehaving, MisbehavingServer, misbehaving

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
META = "<html><head><meta {}></head><body>{}</body></html>"
HTTP_EQUIV = 'http-equiv="Content-Type" content="text/html; charset={}"'
PAGES = {  # page: Content-Type, body, words on it
    "latin-1-header": ("text/html; charset=iso-8859-1", "Wir haben geöffnet".encode("latin-1"), "geöffnet"),
    "windows-header": ("text/html; charset=ISO-8859-1", "Nur 5 €".encode("cp1252"), "5 €"),
    "quoted-header": ('text/html; Charset="Shift_JIS"', "営業中①".encode("cp932"), "営業中①"),
    "header-before-meta": (
        "text/html; charset=utf-8", META.format('charset="windows-1251"', "открыто").encode(), "открыто",
    ),
    "meta": ("text/html", META.format('charset="windows-1251"', "открыто").encode("cp1251"), "открыто"),
    "meta-unquoted": ("text/html", META.format("charset=euc-jp", "営業中").encode("euc-jp"), "営業中"),
    "http-equiv": ("text/html", META.format(HTTP_EQUIV.format("gb2312"), "朱镕基").encode("gb18030"), "镕"),
    "xml": ("text/xml", '<?xml version="1.0" encoding="iso-8859-2"?><a>źródło</a>'.encode("iso-8859-2"), "źródło"),
    "utf-16": ("text/html", "<p>geöffnet</p>".encode("utf-16"), "geöffnet"),
    "utf-16-header": ("text/html; charset=utf-16le", "<p>geöffnet</p>".encode("utf-16-le"), "geöffnet"),
    "mark-before-header": ("text/html; charset=iso-8859-1", "<p>geöffnet</p>".encode("utf-8-sig"), "geöffnet"),
    "meta-that-cannot-be": ("text/html", META.format('charset="utf-16"', "geöffnet").encode(), "geöffnet"),
    "nothing-said": ("text/html", "<p>geöffnet</p>".encode(), "geöffnet"),
    "nothing-said-latin": ("text/html", "<p>geöffnet</p>".encode("cp1252"), "geöffnet"),
    "one-bad-byte": ("text/html", "<p>geöffnet, täglich</p>".encode() + b"\xff", "geöffnet"),
    "unknown": ("text/html; charset=nonsense", "<p>geöffnet</p>".encode(), "geöffnet"),
    "not-for-text": ("text/html; charset=base64", "<p>geöffnet</p>".encode(), "geöffnet"),
    "json": ("application/json", '{"state": "geöffnet"}'.encode(), "geöffnet"),
    "no-type": ("", "geöffnet".encode(), "geöffnet"),
}  # fmt: skip


def answer_page(self: Misbehaving, rest: str) -> None:
    content_type, body, _ = PAGES[rest]
    self.reply(200, body, **({"Content-Type": content_type} if content_type else {}))


def answer_long(self: Misbehaving, rest: str) -> None:
    self.reply(200, b"x" * 1_100_000 + b"the end")


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[MisbehavingServer]:
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    monkeypatch.setattr(Misbehaving, "answer_page", answer_page, raising=False)
    monkeypatch.setattr(Misbehaving, "answer_long", answer_long, raising=False)
    with misbehaving() as running:
        yield running


@pytest.mark.parametrize("page", PAGES)
async def test_words_are_found_in_the_character_set_of_the_page(server: MisbehavingServer, page: str) -> None:
    words, url = PAGES[page][2], f"{server.base}/page/{page}"
    wanted = await check_monitor(Monitor(url=url, next_due=NOW, must_contain=words))
    unwanted = await check_monitor(Monitor(url=url, next_due=NOW, must_not_contain=words))
    assert (wanted.ok, wanted.cause, unwanted.cause) == (True, "", f"The page contains “{words}”.")


async def test_a_missing_word_in_a_long_page_says_that_only_the_first_part_is_searched(
    server: MisbehavingServer,
) -> None:
    verdict = await check_monitor(Monitor(url=f"{server.base}/long", next_due=NOW, must_contain="the end"))
    assert verdict.cause == "The page does not contain “the end” in its first 1,000,000 bytes."


@pytest.mark.parametrize(
    "charset", ["rot13", "idna", "zlib", "undefined", "unicode_escape", "utf-7", "\x00", "hex", ""]
)
def test_no_charset_makes_decoding_fail(charset: str) -> None:
    assert isinstance(decode_body(b"ok a..b \xff", f"text/html; charset={charset}"), str)


REFUSED = [
    ({"expected_status": "2xx"}, "“2xx” is not an HTTP status"),
    ({"expected_status": "200 301"}, "“200 301” is not an HTTP status"),
    ({"expected_status": "200,"}, "“” is not an HTTP status"),
    ({"expected_status": "ok"}, "“ok” is not an HTTP status"),
    ({"expected_status": "²00"}, "“²00” is not an HTTP status"),
    ({"expected_status": "399-200"}, "“399-200” is not a range"),
    ({"expected_status": "20-29"}, "“20-29” is not a range"),
    ({"expected_status": "200-"}, "“200-” is not an HTTP status"),
    ({"expected_status": "1000"}, "“1000” is not a range"),
    ({"expected_status": "301", "follow_redirects": True}, "Redirects are followed"),
    ({"method": "HEAD", "must_contain": "Welcome"}, "HEAD has no page"),
    ({"method": "HEAD", "must_not_contain": "Error"}, "HEAD has no page"),
    ({"must_contain": "No error", "must_not_contain": "error"}, "is a part of what the page must contain"),
]
ACCEPTED = [
    {"expected_status": "200"},
    {"expected_status": " 200 - 299 ,401, 503 "},
    {"expected_status": "301", "follow_redirects": False},
    {"expected_status": "200, 301", "follow_redirects": True},
    {"method": "HEAD"},
    {"method": "POST", "must_contain": "Welcome", "must_not_contain": "Error"},
]


@pytest.mark.parametrize(("fields", "sentence"), REFUSED)
def test_expectations_that_no_response_can_meet_are_rejected_by_form_and_service(
    client: Client, alice: User, site: Site, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        monitor_create(site=site, url="https://example.com/", **fields)
    client.force_login(alice)
    page = client.post(reverse("uptime:new", args=[site.pk]), MONITOR | fields).content.decode()
    assert sentence in page and not Monitor.objects.exists()


@pytest.mark.parametrize("fields", ACCEPTED)
def test_expectations_that_a_response_can_meet_are_accepted(site: Site, fields: Any) -> None:
    monitor_create(site=site, url="https://example.com/", **fields)
    stored = Monitor.objects.get()
    assert {name: getattr(stored, name) for name in fields} == fields


@pytest.mark.parametrize(("interval", "timeout"), [(20, 10), (30, 31), (60, 61), (4000, 10)])
def test_no_check_takes_longer_than_the_time_until_the_next(
    client: Client, alice: User, site: Site, interval: int, timeout: int
) -> None:
    with pytest.raises(ValidationError):
        monitor_create(site=site, url="https://example.com/", interval=interval, timeout=timeout)
    client.force_login(alice)
    form = MONITOR | {"interval": interval, "timeout": timeout}
    assert client.post(reverse("uptime:new", args=[site.pk]), form).status_code == 200
    assert not Monitor.objects.exists()


def test_a_stored_monitor_with_impossible_expectations_is_not_checked_and_says_why(
    site: Site, server: MisbehavingServer
) -> None:
    monitor = monitor_create(site=site, url=f"{server.base}/ok", now=NOW)
    Monitor.objects.update(expected_status="2xx")
    run_round(check_monitor, incident_notify, NOW)
    monitor.refresh_from_db()
    assert monitor.state == "unknown" and "Change its settings: “2xx” is not an HTTP status" in monitor.cause
    assert server.seen == [] and not Incident.objects.exists()
