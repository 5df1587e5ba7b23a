"""Nothing on the host of a white label carries the product's name: pages, APIs, scripts, files, mails, headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from accounts.branding import PRODUCT_NAME
from accounts.models import Account, Purpose
from accounts.services import account_brand_set
from config.serving import static_files
from tests.permissions import callers
from tests.permissions.request_bodies import BODIES, READS
from tests.permissions.routes import ROUTES, build_path
from tests.permissions.tenants import World
from tests.permissions.test_paths import asked, body, methods, own_values
from tests.support import asgi, insert_recorded, verify_host
from tests.support.database import rolled_back

HOST = "stats.agency.example"
# What fast applications answer, without Django
FAST = (
    "/js", "/tracker.js", "/w/agency.js", "/js?part=heat", "/in.php?site_id=SITE&type=pageview&href=/a", "/in.php",
    "/SITEns.gif", "/SITE.js", "/media/links/badge.gif", "/healthz", "/l/nothing", "/l/", "/js/pixel.js",
    "/conversion.aspx", "/.well-known/host-proof", "/api/event",
)  # fmt: skip
MISSING = (
    "/nothing", "/favicon.ico", "/robots.txt", "/%00", "/internal/tls-allowed?domain=x.example", "/brand/icon.png",
    "/p/word/js", "/static/nothing.js",
)  # fmt: skip


@pytest.fixture
def host(world: World) -> str:
    """The host of a white label of alice's account, proved."""
    account = Account.objects.get(pk=world.open["account"])
    account_brand_set(account=account, host=HOST, name="Agency Numbers", accent="#0a7f5a")
    verify_host(account, HOST, Purpose.BRAND)
    return HOST


def find_name(*texts: object) -> list[str]:
    """Where the product's name stands in texts, with what surrounds it."""
    found = []
    for text in map(str, texts):
        low = text.lower()
        at = low.find(PRODUCT_NAME.lower())
        if at >= 0:
            found.append(text[max(0, at - 60) : at + 60])
    return found


def list_headers(answer: Any) -> str:
    return "\n".join(f"{name}: {value}" for name, value in answer.headers.items()) + str(answer.cookies)


@pytest.mark.parametrize("route", ROUTES)
def test_no_address_answers_with_the_products_name(route: str, world: World, clients: Any, host: str) -> None:
    """Of every address each method by alice, and a GET by a stranger."""
    insert_recorded()
    for method in dict.fromkeys(methods(route)):
        path = build_path(route, own_values(route, world.open, newcomer=method == "POST"))
        for name in ("alice", "nobody") if method == "GET" else ("alice",):
            with rolled_back():
                client, data = callers.copy_client(clients[name]), body(method, route, world.open)
                answer = callers.send(client, method, path, data, {"host": host})
                text = callers.read_text(answer)
            assert find_name(text, list_headers(answer)) == [], f"{method} {path} as {name}"


def test_no_fast_answer_has_it(world: World, host: str) -> None:
    for path in FAST:
        for method in ("GET", "HEAD", "POST", "PURGE"):
            answer = asgi.browser_request(path.replace("SITE", str(world.open["site"])), host=host, method=method)
            text = answer.body.decode("latin-1")
            assert find_name(text, answer.headers, answer.cookies) == [], f"{method} {path}: {answer.status}"


def test_no_answer_to_an_address_that_does_not_exist_has_it(host: str) -> None:
    for path in MISSING:
        answer = Client().get(path, headers={"host": host})
        assert answer.status_code == 404 and find_name(callers.read_text(answer), list_headers(answer)) == [], path


def test_no_file_has_it() -> None:
    names = static_files.list_files()
    assert len(names) > 50
    files = {name: static_files.load_file(name) for name in names}
    assert [name for name, file in files.items() if file and find_name(name, file.body.decode("latin-1"))] == []


def test_no_template_has_it() -> None:
    templates = Path(settings.BASE_DIR) / "templates"
    found = {path.name: find_name(path.read_text()) for path in templates.rglob("*.*")}
    assert len(found) > 100 and {name: places for name, places in found.items() if places} == {}


def test_no_mail_that_the_host_causes_has_it(world: World, clients: Any, host: str) -> None:
    """Of every body that the tables know, sent on the host."""
    for call in (*BODIES, *READS):
        method, _, route = call.partition(" ")
        path = build_path(route, own_values(route, world.open, newcomer=method == "POST"))
        insert_recorded()
        with rolled_back():
            data = body(method, route, world.open)
            callers.send(callers.copy_client(clients["alice"]), method, path, data, {"host": host})
    with rolled_back():
        Client().post("/password/reset", {"email": world.people["alice"].email}, headers={"host": host})
    assert len(mail.outbox) > 2
    assert [found for letter in mail.outbox for found in find_name(letter.message())] == []


def test_the_product_has_its_own_name_on_its_own_host(world: World, clients: Any) -> None:
    answer, text, _ = asked(clients, "nobody", "GET", "login", {}, world.open)
    assert find_name(text) and answer.status_code == 200
