"""Static files are served from memory, compressed once, and cached for ever under a version of their content."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template import Context, Template
from django.templatetags.static import static
from django.test import Client
from pytest_django import Settings

from config.serving import static_files
from tracking.web import Message

STATIC = Path(settings.STATICFILES_DIRS[0])


def scope_of(path: str, query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": sent}


def asked(scope: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    assert static_files.matches(scope)
    asyncio.run(static_files.serve_file(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


def test_a_stylesheet_is_served_as_on_disk_compressed_or_not() -> None:
    body = (STATIC / "css" / "report.css").read_bytes()
    assert asked(scope_of("/static/css/report.css"))[2] == body
    status, headers, packed = asked(scope_of("/static/css/report.css", accept_encoding="gzip, br"))
    assert status == 200 and headers["content-encoding"] == "gzip" and gzip.decompress(packed) == body
    assert headers["content-type"] == "text/css; charset=utf-8" and int(headers["content-length"]) == len(packed)
    assert asked(scope_of("/static/css/report.css", method="HEAD"))[2] == b""


def test_only_files_with_the_right_version_in_their_url_are_cached_for_ever() -> None:
    address = static("css/report.css")
    path, _, query = address.partition("?")
    assert re.fullmatch(r"v=[0-9a-f]{12}", query)
    assert "immutable" in asked(scope_of(path, query))[1]["cache-control"]
    for other in ("", "v=000000000000"):
        assert "immutable" not in asked(scope_of(path, other))[1]["cache-control"]
    etag = asked(scope_of(path))[1]["etag"]
    status, headers, body = asked(scope_of(path, if_none_match=etag))
    assert (status, body) == (304, b"") and headers["etag"] == etag


def test_only_known_files_are_served(client: Client, db: None) -> None:
    for path in ("/static/", "/static/nothing.css", "/static/../manage.py", "/static/css/../../config/settings.py",
                 "/static/tracker/src/core.js", "/static/package.json", "/static/node_modules/jquery/dist/jquery.js",
                 "/static//etc/passwd", "/sites", "/static/css"):  # fmt: skip
        assert not static_files.matches(scope_of(path)), path
    assert not static_files.matches(scope_of("/static/css/report.css", method="POST"))


def test_pages_link_stylesheets_with_their_version(client: Client, db: None) -> None:
    html = client.get("/login").content.decode()
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', html):
        path, _, query = address.partition("?")
        assert asked(scope_of(path, query))[0] == 200 and query, address


TEMPLATES = "".join(path.read_text() for path in Path("templates").rglob("*.html"))
PAGE_SCRIPTS = sorted(set(re.findall(r"""\{% script_module ['"]([^'"]+)['"] %\}""", TEMPLATES)))


@pytest.mark.parametrize("name", PAGE_SCRIPTS)
def test_the_script_of_a_page_is_one_file(name: str, settings: Settings) -> None:
    def render() -> str:
        return Template(f"{{% load script_modules %}}{{% script_module '{name}' %}}").render(Context())

    address = static(f"js/built/{name.removeprefix('js/').removesuffix('.js')}.min.js")
    assert render() == f'<script type="module" src="{address}"></script>'
    path, _, query = address.partition("?")
    status, headers, body = asked(scope_of(path, query))
    assert status == 200 and "immutable" in headers["cache-control"]
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert not re.search(rb"\bimport\b", body), "a module is left outside of the bundle"
    settings.DEBUG = True
    assert f'src="{settings.STATIC_URL}{name}"' in render(), "a developer gets what is written"
