"""Response headers, unsupported methods, the redirect to https, and who sees which part of the health report."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import Account, User
from config.asgi import application, immediate_responder
from config.middleware import ViewMiddleware
from links.redirect import redirector
from reports.query.budgets import note_incomplete
from reports.sharing.services import share_create
from sites.models import Site
from tests.config.test_server_protocol import request, talk
from tests.support import asgi, log_in
from tests.support.asgi import Answer
from tests.support.links import create_link, refresh_caches
from tests.support.types import Store
from tracking import collector, web

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db
HOT = ["/js", "/tracker.js", "/in.php", "/1ns.gif", "/api/event", "/media/links/badge.gif", "/l/offer", "/l/nothing",
       "/l/offer.qr", "/healthz", "/js/pixel.js", "/conversion.aspx", "/static/js/app.js"]  # fmt: skip


@pytest.fixture
def fresh_headers() -> Iterator[None]:
    """What is worked out once is worked out again, before and after."""
    known = (web.build_security_headers, collector.build_common_head, redirector.build_common_header_lines)
    for function in known:
        function.cache_clear()
    yield
    for function in known:
        function.cache_clear()


@pytest.fixture
def secure(settings: Settings, fresh_headers: None) -> None:
    """An installation that people reach at https://testserver, behind a proxy."""
    settings.SECURE, settings.BASE_URL, settings.BASE_HOST = True, "https://testserver", "testserver"
    settings.SECURE_HSTS_SECONDS, settings.HSTS = 31536000, "max-age=31536000"
    settings.TRUSTED_PROXIES = ["192.0.2.1"]


def test_only_a_response_for_which_shards_were_left_out_says_so() -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == "/lacking":
            note_incomplete()
        return HttpResponse()

    middleware = ViewMiddleware(answer)
    assert middleware(RequestFactory().get("/lacking")).headers["X-Data-Incomplete"] == "shards"
    assert "X-Data-Incomplete" not in middleware(RequestFactory().get("/whole")).headers


@pytest.mark.usefixtures("fresh_links", "fresh_headers")
@pytest.mark.parametrize("path", HOT)
def test_embeddable_files_allow_other_sites_and_forbid_sniffing(path: str, account: Account) -> None:
    create_link(account)
    refresh_caches()
    headers = asgi.request(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert "strict-transport-security" not in headers


@pytest.mark.usefixtures("fresh_links", "secure")
@pytest.mark.parametrize("path", HOT)
def test_with_https_every_response_has_hsts(path: str, account: Account) -> None:
    create_link(account)
    refresh_caches()
    assert asgi.request(path).headers["strict-transport-security"] == "max-age=31536000"
    scope = {"method": "GET", "path": path, "query_string": b"", "headers": [(b"host", b"testserver")], "client": None}
    found = immediate_responder.respond({**scope, "scheme": "http", "http_version": "1.1"})
    lines = found[1].lower().split(b"\r\n") if found else []
    assert not found or lines.count(b"strict-transport-security: max-age=31536000") == 1
    assert not found or lines.count(b"x-content-type-options: nosniff") == 1


@pytest.mark.usefixtures("secure")
def test_hsts_includes_subdomains_only_on_the_installations_own_host() -> None:
    client = Client()
    own = client.get("/login", secure=True)["Strict-Transport-Security"]
    assert own == "max-age=31536000; includeSubDomains"
    brand = client.get("/login", secure=True, headers={"host": "stats.client.example"})
    assert brand["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in client.get("/login")


@pytest.mark.usefixtures("store")
def test_pages_are_same_site_only_and_embeddable_files_are_not(alice: User, site: Site) -> None:
    client = Client()
    client.force_login(alice)
    share, framed = share_create(site=site, name="A"), share_create(site=site, name="B", embed=True)
    policies = {
        path: client.get(path).headers["Cross-Origin-Resource-Policy"]
        for path in (
            "/login", f"/sites/{site.pk}/settings/tracking-code", f"/share/{share.token}/",
            f"/share/{framed.token}/embed", f"/share/{share.token}/graph.svg", f"/share/{framed.token}/embed/graph.svg",
            f"/sites/{site.pk}/graph.svg",
            f"/status/{site.pk}", "/ajax/onsitestats/", "/api/stats/4", "/api/v1/sites", "/docs/",
        )
    }  # fmt: skip
    open_to_all = {path for path, policy in policies.items() if policy == "cross-origin"}
    assert open_to_all == {
        f"/share/{framed.token}/embed", f"/share/{share.token}/graph.svg", f"/share/{framed.token}/embed/graph.svg",
        "/ajax/onsitestats/", "/api/stats/4",
    }  # fmt: skip


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "LINK", "PURGE"])
@pytest.mark.parametrize(
    "path", ["/js", "/in.php", "/l/offer", "/login", "/healthz", "/static/js/app.js", "/api/query"]
)
def test_unsupported_methods_are_rejected(method: str, path: str) -> None:
    answer = asgi.request(path, method)
    assert answer.status == 405 and "GET" in answer.headers["allow"]

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request(path, method, "connection: close\r\n"))
        return await reader.read()

    assert talk(conversation, application).startswith(b"HTTP/1.1 405 ")


def test_pages_reject_options_and_apis_answer_it() -> None:
    pages = [Client().options(path).status_code for path in ("/login", "/docs/", "/status/1", "/nothing")]
    assert pages == [405] * 4
    assert Client().options("/api/stats/4").status_code == 204
    assert Client().options("/clickmeter/datapoints").status_code == 200
    assert Client().options("/datapoints", headers={"host": "apiv2.x.example"}).status_code == 200


def behind_proxy(path: str, method: str = "GET", client: str = "192.0.2.1", **changes: str) -> Answer:
    """A request that a proxy passes on; the operator trusts 192.0.2.1."""
    headers = {"x-forwarded-for": "203.0.113.9", **changes}
    return asgi.request(path, method, headers, client=client)


@pytest.mark.usefixtures("secure")
def test_http_is_redirected_to_https_where_a_trusted_proxy_reports_http() -> None:
    told = behind_proxy("/docs/", **{"x-forwarded-proto": "http"})
    assert (told.status, told.headers["location"]) == (301, "https://testserver/docs/")
    assert behind_proxy("/docs/", "HEAD", **{"x-forwarded-proto": "http"}).status == 301


@pytest.mark.usefixtures("secure")
@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("/docs/", {"x-forwarded-proto": "https"}),
        ("/docs/", {}),
        ("/docs/", {"x-forwarded-proto": "http", "client": "203.0.113.9"}),
        ("/docs/", {"x-forwarded-proto": "http", "sec-fetch-mode": "navigate"}),
        ("/docs/", {"x-forwarded-proto": "http", "method": "POST"}),
        ("/api/stats/4", {"x-forwarded-proto": "http"}),
        ("/clickmeter/datapoints", {"x-forwarded-proto": "http"}),
        ("/js", {"x-forwarded-proto": "http"}),
        ("/datapoints", {"x-forwarded-proto": "http", "host": "apiv2.x.example"}),
    ],
)
def test_other_requests_are_not_redirected_to_https(path: str, changes: dict[str, str]) -> None:
    assert behind_proxy(path, **changes).status not in (301, 308)


def test_without_https_in_base_url_nothing_is_redirected(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["192.0.2.1"]
    assert behind_proxy("/docs/", **{"x-forwarded-proto": "http"}).status == 200


COOKIES = """
import django
django.setup()
from accounts.models import User
from django.conf import settings
from django.test import Client
User.objects.create_user("a@example.com", "correct horse battery")
page = Client().get("/login", secure=True)
print(settings.SESSION_COOKIE_NAME, *page.cookies.values(), sep="\\n")
"""


def test_with_https_cookies_are_host_cookies(migrated_dir: Path) -> None:
    told = {"BASE_URL": "https://x.example", "DATA_DIR": str(migrated_dir), "DJANGO_SETTINGS_MODULE": "config.settings"}
    environment = {**os.environ, **told, "DATABASE_URL": "", "EVENTS_URL": "", "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "-c", COOKIES], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    session, *cookies = done.stdout.splitlines()
    assert session == "__Host-sessionid"
    csrf = next(one for one in cookies if "csrftoken" in one)
    assert csrf.startswith("Set-Cookie: __Host-csrftoken=") and "Path=/;" in f"{csrf};"
    assert "Secure" in csrf and "Domain" not in csrf


def health(client: str = "198.51.100.7", **headers: str) -> dict[str, Any]:
    """The report that somebody gets."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found: dict[str, Any] = json.loads(asgi.request("/healthz", headers=named, client=client).body)
    return found


@pytest.mark.usefixtures("store")
def test_health_shows_everybody_only_the_status() -> None:
    assert health().keys() == {"status"}
    assert health(cookie="sessionid=nobody").keys() == {"status"}
    assert asgi.request("/healthz", "HEAD").body == b"" and asgi.request("/healthz", "POST").status == 405


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_health_shows_everything_to_local_programs_but_not_behind_a_proxy(address: str) -> None:
    assert {"spool", "store", "tasks", "warnings"} <= health(client=address).keys()
    for name in ("x_forwarded_for", "x-forwarded-proto", "forwarded", "x_real_ip", "via"):
        assert health(client=address, **{name: "198.51.100.7"}).keys() == {"status"}


@pytest.mark.django_db(transaction=True)
def test_health_shows_everything_to_operators_only(store: Store, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    assert health(cookie=cookie).keys() == {"status"}
    alice.is_operator = True
    alice.save()
    assert "tasks" in health(cookie=f"theme=dark; {cookie}")
    client.logout()
    assert health(cookie=cookie).keys() == {"status"}


def test_a_404_page_sets_no_cookie_for_anonymous_visitors(alice: User) -> None:
    for path in ("/media/flags/de.png", "/nothing"):
        answer = Client().get(path)
        assert answer.status_code == 404 and answer.cookies.output() == ""
    page = log_in(alice).get("/nothing").content.decode()
    assert "Your sites" in page and "data-theme-toggle" in page
