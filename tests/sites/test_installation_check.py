"""The page of the tracking code: the check of a page, and waiting for the first event."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from sites.models import Site
from sites.services import site_update
from tests.support import browse
from tests.support.types import Store

SNIPPET = '<script async data-id="{id}" src="//stats.example/js"></script>'
PAGES: dict[str, tuple[int, dict[str, str], str]] = {
    "/good": (200, {}, f"<html>{SNIPPET}</html>"),
    "/classic": (200, {}, "<script>var clicky_site_ids = []; clicky_site_ids.push({id});</script>"),
    "/scriptless": (200, {}, '<img src="//stats.example/{id}ns.gif">'),
    "/wide": (200, {"Content-Type": "text/html; charset=utf-16le"}, SNIPPET),
    "/none": (200, {}, "<html>{id} is only mentioned</html>"),
    "/other": (200, {}, SNIPPET.replace("{id}", "101999999")),
    "/broken": (500, {}, SNIPPET),
    "/strict": (200, {"Content-Security-Policy": "default-src 'self'; connect-src *"}, SNIPPET),
    "/lenient": (200, {"Content-Security-Policy": "script-src 'self' https://testserver; connect-src *"}, SNIPPET),
    "/typed": (200, {"Content-Security-Policy": "require-trusted-types-for 'script'; trusted-types app"}, SNIPPET),
    "/named": (200, {"Content-Security-Policy": "require-trusted-types-for 'script'; trusted-types clicky"}, SNIPPET),
    "/inward": (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, ""),
    "/moved": (301, {"Location": "/good"}, ""),
}


@pytest.fixture
def web(site: Site, settings: Settings) -> Iterator[str]:
    """A web server whose pages carry the site's number; the only inner address that may be asked."""
    settings.ENV = replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    caches["requests"].clear()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, text = PAGES[self.path]
            charset = headers.get("Content-Type", "charset=utf-8").partition("charset=")[2]
            body = text.replace("{id}", str(site.pk)).encode(charset)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site_update(site=site, allowed_hosts=["127.0.0.1"])
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def path(site: Site) -> str:
    return f"/sites/{site.pk}/settings/tracking-code"


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("/good", "The tracking code is in the page."),
        ("/classic", "The tracking code is in the page."),
        ("/wide", "The tracking code is in the page."),
        ("/scriptless", "The tracking code is in the page."),
        ("/moved", "The tracking code is in the page."),
        ("/lenient", "The tracking code is in the page."),
        ("/none", "The tracking code is not in the page."),
        ("/other", "The page has the tracking code of site 101999999"),
        ("/broken", "The page answered 500."),
        ("/strict", "Add testserver to script-src."),
        ("/typed", "Add clicky to trusted-types, so that forms"),
        ("/inward", "may not be reached"),
    ],
)
def test_the_check_reports_what_it_found(inside: Client, site: Site, web: str, page: str, sentence: str) -> None:
    assert sentence in inside.post(path(site), {"url": web + page}).content.decode()


def test_the_check_gives_no_advice_where_the_page_allows_the_trackers_policy(
    inside: Client, site: Site, web: str
) -> None:
    page = inside.post(path(site), {"url": f"{web}/named"}).content.decode()
    assert "The tracking code is in the page." in page and "trusted-types" not in page


def test_private_addresses_are_not_requested_unless_allowed(
    inside: Client, site: Site, web: str, settings: Settings
) -> None:
    settings.ENV = replace(settings.ENV, allowed_outbound=())
    assert "may not be reached" in inside.post(path(site), {"url": f"{web}/good"}).content.decode()


def test_only_pages_of_the_site_are_fetched(inside: Client, site: Site, web: str) -> None:
    page = inside.post(path(site), {"url": "https://elsewhere.example/"}).content.decode()
    assert f"This page is not on {site.domain}." in page


def test_the_number_of_checks_is_limited(inside: Client, site: Site, web: str) -> None:
    for _ in range(20):
        inside.post(path(site), {"url": "https://elsewhere.example/"})
    assert "Too many checks" in inside.post(path(site), {"url": f"{web}/good"}).content.decode()


@pytest.mark.parametrize(
    "url", ["", "   ", "example.com:x", "http://[", "javascript:alert(1)", "//example.com\r\nX: y"]
)
def test_an_invalid_address_is_rejected_with_a_message(
    inside: Client, site: Site, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("nothing is to be asked"))
    assert inside.post(path(site), {"url": url}).status_code == 200


def test_the_page_waits_for_the_first_event_and_shows_it(inside: Client, site: Site, store: Store) -> None:
    waiting = inside.get(path(site)).content.decode()
    assert "No event yet" in waiting
    poll = f"{path(site)}/first-hit"
    assert f'hx-get="{poll}"' in waiting and f'href="{poll}"' in waiting
    browse(site, "/welcome", at=timezone.now() - timedelta(seconds=2))
    part = inside.get(poll, headers={"HX-Request": "true"}).content.decode()
    assert "The newest event arrived" in part and "/welcome" in part
    assert "hx-trigger" not in part and "<html" not in part
    assert "<html" in inside.get(poll).content.decode()


def test_an_old_event_is_found_and_one_of_another_site_is_not(
    inside: Client, site: Site, charlies_site: Site, store: Store
) -> None:
    browse(charlies_site, "/theirs", at=timezone.now() - timedelta(seconds=2))
    assert "No event yet" in inside.get(path(site)).content.decode()
    browse(site, "/last-week", at=timezone.now() - timedelta(days=7))
    assert "/last-week" in inside.get(path(site)).content.decode()


def test_a_rejected_first_hit_is_shown_with_its_reason(inside: Client, site: Site, store: Store) -> None:
    row = {"site_id": site.pk, "reason": "wrong_host", "minute": timezone.now() - timedelta(minutes=2), "hits": 3}
    store.insert_rows("refusals", [row])
    page = inside.get(path(site)).content.decode()
    assert "3 hits rejected in the last half hour" in page and "not one of the site" in page


def test_the_page_works_during_a_store_outage(inside: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracking.store import StoreError

    def away(*args: object, **kwargs: object) -> None:
        raise StoreError("away")

    monkeypatch.setattr("reports.query.analyses.ingestion_audit.fetch_audit", away)
    page = inside.get(path(site))
    assert page.status_code == 200
    assert "does not answer at the moment" in page.content.decode()
