"""Malformed requests to every address that accepts a POST are rejected with a reason, never with a server error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Account, User
from sites.models import Site
from tests.support import asgi
from tests.support.clickmeter_client import use_account_key

TOKEN = "a" * 32
FORM, JSON, MULTIPART = "application/x-www-form-urlencoded", "application/json", "multipart/form-data"
DEEP = 100_000
BROKEN: dict[str, tuple[str, bytes]] = {
    "deep JSON": (JSON, b"[" * DEEP + b"]" * DEEP),
    "JSON of some depth": (JSON, b'{"a":' * 700 + b"1" + b"}" * 700),
    "JSON of little depth": (JSON, b'{"a":' * 300 + b"1" + b"}" * 300),
    "a list": (JSON, b"[1, null, {}]"),
    "half of JSON": (JSON, b'{"a": "b'),
    "a huge number": (JSON, b'{"id": 1' + b"0" * 6000 + b"}"),
    "bytes": (JSON, b"\xff\xfe\x00"),
    "deep XML": ("text/xml", b"<a>" * 20_000 + b"</a>" * 20_000),
    "many fields": (FORM, b"a=1&" * 5000),
    "deep fields": (FORM, b"a" + b"[b]" * 3000 + b"=1"),
    "an unknown encoding": (f"{FORM}; charset=no-such", b"a=1"),
    "no boundary": (MULTIPART, b"--x\r\n\r\n--x--\r\n"),
    "a boundary that is none": (f"{MULTIPART}; boundary=\xe4", b"--x\r\n\r\n--x--\r\n"),
    "half of a part": (f"{MULTIPART}; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a'),
    "a part in no encoding": (
        f"{MULTIPART}; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--x--\r\n',
    ),
    "many files": (
        f"{MULTIPART}; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\na\r\n' * 300 + b"--x--\r\n",
    ),
    "a large part": (
        f"{MULTIPART}; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 2_621_400 + b"\r\n--x--\r\n",
    ),
    "too much": (JSON, b" " * 2_700_000),
    "no type": ("", b'{"a": 1}'),
    "a type that is none": ("/;;=\x80", b"\x00"),
}


def addresses(patterns: list[Any], before: str = "") -> Iterator[str]:
    """Every route of the tables, as text."""
    for pattern in patterns:
        text = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, text)
        elif isinstance(pattern, URLPattern):
            yield text


def filled(route: str, site: Site) -> str:
    """A path of this route: the number of a site where one belongs, else 1."""
    path = re.sub(r"\[(\w)\w\]", r"\1", route)  # either case
    path = re.sub(r"\(\?P<version>[^)]*\)", "4", path)
    path = re.sub(r"\(\?P<site_id>[^)]*\)|<int:site_id>", str(site.pk), path)
    path = re.sub(r"\(\?P<\w+>(?:\[[^]]*\][*+]?|\.\*)\)|<(?:int:|slug:|path:|str:)?\w+>", "1", path)
    return "/" + path.replace("^", "").replace("/?$", "").replace("$", "").replace("\\", "").replace(".*", "x")


QUERIES = {
    "many parameters": b"a=1&" * 5000,
    "bytes": b"\xff=\xff&%ff=%ff&a=%00",
    "long": b"a=" + b"b" * 60_000,
    "long searches": b"&".join(b"%b=" % name + b"b" * 55_000 for name in (b"q", b"name", b"tag", b"textSearch")),
    "many words": b"name=" + b"*a" * 1500 + b"&tags=" + b",".join(b"t%d" % number for number in range(3000)),
    "days out of range": b"timeframe=custom&fromDay=00010101&toDay=99991231&date=0001-01-01,9999-12-31&period=custom"
    b"&from=0001-01-01&to=9999-12-31&start=0001-01-01&end=9999-12-31&start_date=0001-01-01&end_date=9999-12-31",
    "numbers": b"limit=99999999999999999999&offset=-1&page=x&site_id=%00&from=9&to=9",
}
# One of every sort
ALWAYS = {"deep JSON", "JSON of some depth", "many fields", "no boundary", "many files", "too much", "many parameters",
          "days out of range"}  # fmt: skip


ROUTES = sorted(set(addresses(get_resolver().url_patterns)))


def in_turn(kinds: dict[str, Any]) -> list[Any]:
    """The kinds as parameters of a test, each with a sixth of the addresses; heavy is every kind with all of them."""
    always = [kind for kind in kinds if kind in ALWAYS]
    return [
        *(pytest.param(kind, ROUTES[number % 6 :: 6], id=kind) for number, kind in enumerate(always)),
        *(pytest.param(kind, ROUTES, id=f"{kind} at every address", marks=pytest.mark.heavy) for kind in kinds),
    ]


@pytest.fixture
def known_to_all(alice: User, account: Account, site: Site, api_key: str) -> dict[str, str]:
    """Headers with which every dialect knows its caller: a session, a form's token, keys."""
    client = Client()
    client.force_login(alice)
    cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={TOKEN}"
    return {
        "cookie": cookies, "x-csrftoken": TOKEN, "x-clickmeter-authkey": use_account_key(account).key,
        "x-api-key": api_key,
    }  # fmt: skip


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("kind", "routes"), in_turn(BROKEN))
def test_a_malformed_body_never_causes_a_server_error(
    kind: str, routes: list[str], known_to_all: dict[str, str], site: Site
) -> None:
    content_type, body = BROKEN[kind]
    wrong: dict[str, Any] = {}
    for route in routes:
        path = filled(route, site)
        caches["requests"].clear()  # limits of requests a minute
        with transaction.atomic():  # each meets the world as it was: with a session, with keys
            found = asgi.request(path, "POST", {**known_to_all, "content-type": content_type}, body=body)
            transaction.set_rollback(True)
        if found.status >= 500 or (len(body) > 2_621_440 and "import" not in path and found.status != 413):
            wrong[path] = found.status, found.body[:100]
    assert wrong == {}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("kind", "routes"), in_turn(QUERIES))
def test_a_malformed_query_string_never_causes_a_server_error(
    kind: str, routes: list[str], known_to_all: dict[str, str], site: Site
) -> None:
    wrong: dict[str, Any] = {}
    for route in routes:
        path = filled(route, site)
        if path.endswith("/stream"):
            continue
        caches["requests"].clear()
        with transaction.atomic():
            found = asgi.request(path, headers=known_to_all, query=QUERIES[kind])
            transaction.set_rollback(True)
        if found.status >= 500:
            wrong[path] = found.status, found.body[:100]
    assert wrong == {}
