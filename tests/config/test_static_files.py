"""Styles and scripts come from memory, compressed once, and may be kept for ever under the word of their content."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.test import Client

from config.serving import static_files

STATIC = Path(settings.STATICFILES_DIRS[0])


def scope_of(path: str, query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": sent}


def asked(scope: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    assert static_files.matches(scope)
    asyncio.run(static_files.serve_file(scope, None, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


def test_a_style_is_what_lies_on_the_disk_packed_or_not() -> None:
    body = (STATIC / "css" / "sheet.css").read_bytes()
    assert asked(scope_of("/static/css/sheet.css"))[2] == body
    status, headers, packed = asked(scope_of("/static/css/sheet.css", accept_encoding="gzip, br"))
    assert status == 200 and headers["content-encoding"] == "gzip" and gzip.decompress(packed) == body
    assert headers["content-type"] == "text/css; charset=utf-8" and int(headers["content-length"]) == len(packed)
    assert asked(scope_of("/static/css/sheet.css", method="HEAD"))[2] == b""


def test_it_is_kept_for_ever_only_under_the_word_of_its_content() -> None:
    address = static("css/sheet.css")
    path, _, query = address.partition("?")
    assert re.fullmatch(r"v=[0-9a-f]{12}", query)
    assert "immutable" in asked(scope_of(path, query))[1]["cache-control"]
    for other in ("", "v=000000000000"):
        assert "immutable" not in asked(scope_of(path, other))[1]["cache-control"]
    etag = asked(scope_of(path))[1]["etag"]
    status, headers, body = asked(scope_of(path, if_none_match=etag))
    assert (status, body) == (304, b"") and headers["etag"] == etag


def test_nothing_but_the_named_files_is_given(client: Client, db: None) -> None:
    for path in ("/static/", "/static/nothing.css", "/static/../manage.py", "/static/css/../../config/settings.py",
                 "/static/tracker/src/core.js", "/static//etc/passwd", "/sites", "/static/css"):  # fmt: skip
        assert not static_files.matches(scope_of(path)), path
    assert not static_files.matches(scope_of("/static/css/sheet.css", method="POST"))


def test_pages_name_their_styles_by_content(client: Client, db: None) -> None:
    html = client.get("/login").content.decode()
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', html):
        path, _, query = address.partition("?")
        assert asked(scope_of(path, query))[0] == 200 and query, address
