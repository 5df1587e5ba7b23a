"""Styles, scripts and pictures from memory, in front of Django: read, named by content and compressed once.

An address made by `{% static %}` carries `?v=` and a word of the content, so it may be kept for ever; a file asked for
without it is asked for again after a minute. While DEBUG is on, files change, and Django serves them.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage

from tracking.web import security_headers

Headers = list[tuple[bytes, bytes]]
KINDS = {".css", ".js", ".svg", ".png", ".ico", ".txt", ".woff2"}
PACKED = {".css", ".js", ".svg", ".txt"}
APART = ("tracker/src", "tracker/node_modules")
FOR_EVER, SHORTLY = b"public, max-age=31536000, immutable", b"public, max-age=60"


class File(NamedTuple):
    """One file as it goes over the wire; `packed` is empty where compressing gains nothing."""

    body: bytes
    packed: bytes
    kind: bytes
    version: str


def claims(scope: dict[str, Any]) -> bool:
    """Whether a request is for one of these files."""
    path = scope["path"]
    return (
        path.startswith(settings.STATIC_URL)
        and not settings.DEBUG
        and scope["method"] in ("GET", "HEAD")
        and file_at(path.removeprefix(settings.STATIC_URL)) is not None
    )


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The file; 304 where the browser has it."""
    found = file_at(scope["path"].removeprefix(settings.STATIC_URL))
    assert found is not None
    asked = dict(scope["headers"])
    packed = bool(found.packed) and b"gzip" in asked.get(b"accept-encoding", b"")
    etag = f'"{found.version}{"-gz" if packed else ""}"'.encode()
    kept = scope.get("query_string", b"") == f"v={found.version}".encode()
    headers: Headers = [
        (b"content-type", found.kind), (b"etag", etag), (b"cache-control", FOR_EVER if kept else SHORTLY),
        (b"vary", b"Accept-Encoding"), (b"access-control-allow-origin", b"*"), *security_headers(),
    ]  # fmt: skip
    same = asked.get(b"if-none-match") == etag
    body = b"" if same else found.packed if packed else found.body
    if not same:
        headers.append((b"content-length", str(len(body)).encode()))
    if packed and not same:
        headers.append((b"content-encoding", b"gzip"))
    await send({"type": "http.response.start", "status": 304 if same else 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


@lru_cache(maxsize=1)
def names() -> dict[str, Path]:
    """Every file that is served, by its name below STATIC_URL."""
    found: dict[str, Path] = {}
    for directory in map(Path, settings.STATICFILES_DIRS):
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory).as_posix()
            if path.suffix in KINDS and not name.startswith(APART) and path.is_file():
                found.setdefault(name, path)
    return found


@lru_cache(maxsize=1024)
def file_at(name: str) -> File | None:
    """The file of that name, read once; None where there is none."""
    path = names().get(name)
    if path is None:
        return None
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if path.suffix in PACKED else b""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = "; charset=utf-8" if path.suffix in PACKED else ""
    return File(body, packed if len(packed) < len(body) else b"", (kind + text).encode(), version_of(body))


def version_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


class Versioned(StaticFilesStorage):
    """Addresses of static files with the word of their content."""

    def url(self, name: str | None) -> str:
        address = super().url(name)
        found = None if settings.DEBUG or name is None else file_at(name)
        return f"{address}?v={found.version}" if found else address
