"""Static files served from memory, without Django: read, compressed and versioned once.

An address from `{% static %}` has the parameter `v`, a hash of the content, so browsers may cache it forever; an
address without it is cached for a minute. A script's imports of other modules are served with the parameter, too; so
a change of a module changes the addresses of all that import it, and a page never runs modules of two versions. While
DEBUG is on, files may change, so Django serves them. `{% script_module %}` is the template tag of a page's modules.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import os
import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django import template
from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.fast_settings import get_setting
from tracking.web import Receive, Scope, Send, build_security_headers

register = template.Library()
Headers = list[tuple[bytes, bytes]]
SERVED_SUFFIXES = {".css", ".js", ".svg", ".png", ".ico", ".txt", ".woff2"}
COMPRESSED_SUFFIXES = {".css", ".js", ".svg", ".txt"}
EXCLUDED_DIRECTORIES = {"tracker/src", "node_modules"}
IMPORT_FROM = re.compile(rb"""^((?:import|export)\s+(?:[\w*{},\s]+\sfrom\s+)?["'])(\.\.?/[^"'?]+\.js)(?=["'])""", re.M)
CACHE_FOREVER, CACHE_BRIEFLY = b"public, max-age=31536000, immutable", b"public, max-age=60"


class StaticFile(NamedTuple):
    """A file as it is sent; `compressed` is empty if compression does not make it smaller."""

    body: bytes
    compressed: bytes
    content_type: bytes
    version: str


def matches(scope: Scope) -> bool:
    """Whether a request is for one of these files."""
    path: str = scope["path"]
    return (
        path.startswith(get_setting("STATIC_URL"))
        and not settings.DEBUG
        and scope["method"] in ("GET", "HEAD")
        and load_file(path.removeprefix(settings.STATIC_URL)) is not None
    )


async def serve_file(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with the file, or with 304 if the browser has it."""
    file = load_file(scope["path"].removeprefix(settings.STATIC_URL))
    assert file is not None
    request_headers = dict(scope["headers"])
    use_gzip = bool(file.compressed) and b"gzip" in request_headers.get(b"accept-encoding", b"")
    etag = f'"{file.version}{"-gz" if use_gzip else ""}"'.encode()
    is_versioned = scope.get("query_string", b"") == f"v={file.version}".encode()
    headers: Headers = [
        (b"content-type", file.content_type), (b"etag", etag),
        (b"cache-control", CACHE_FOREVER if is_versioned else CACHE_BRIEFLY),
        (b"vary", b"Accept-Encoding"), (b"access-control-allow-origin", b"*"), *build_security_headers(),
    ]  # fmt: skip
    is_unchanged = request_headers.get(b"if-none-match") == etag
    body = b"" if is_unchanged else file.compressed if use_gzip else file.body
    if not is_unchanged:
        headers.append((b"content-length", str(len(body)).encode()))
    if use_gzip and not is_unchanged:
        headers.append((b"content-encoding", b"gzip"))
    await send({"type": "http.response.start", "status": 304 if is_unchanged else 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


@lru_cache(maxsize=1)
def list_files() -> dict[str, Path]:
    """List every file that is served, by its name below STATIC_URL."""
    files: dict[str, Path] = {}
    for root in map(Path, settings.STATICFILES_DIRS):
        for path in walk_directory(root):
            if path.suffix in SERVED_SUFFIXES:
                files.setdefault(path.relative_to(root).as_posix(), path)
    return files


def walk_directory(root: Path) -> Iterator[Path]:
    """Walk through the files below `root`, without those of the tracker's sources and of npm's packages."""
    for directory, subdirectories, names in os.walk(root):
        here = Path(directory)
        subdirectories[:] = [
            name for name in subdirectories if (here / name).relative_to(root).as_posix() not in EXCLUDED_DIRECTORIES
        ]
        yield from (here / name for name in names)


@lru_cache(maxsize=1024)
def load_file(name: str) -> StaticFile | None:
    """Load a file once and cache it; None for an unknown name."""
    path = list_files().get(name)
    if path is None:
        return None
    body = path.read_bytes()
    if path.suffix == ".js":
        body = add_versions_to_imports(name, body)
    is_text = path.suffix in COMPRESSED_SUFFIXES
    compressed = gzip.compress(body, 9, mtime=0) if is_text else b""
    if len(compressed) >= len(body):
        compressed = b""
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    content_type += "; charset=utf-8" if is_text else ""
    return StaticFile(body, compressed, content_type.encode(), compute_version(body))


def add_versions_to_imports(name: str, body: bytes) -> bytes:
    """Add the parameter `v` to the relative imports of a module. Modules must not import each other in a circle."""

    def add_version(match: re.Match[bytes]) -> bytes:
        file = load_file(resolve_import(name, match))
        return match[0] + (f"?v={file.version}".encode() if file else b"")

    return IMPORT_FROM.sub(add_version, body)


@lru_cache(maxsize=64)
def list_imports(name: str) -> list[str]:
    """List the modules that a module imports, also through others."""
    path = list_files().get(name)
    imports: dict[str, None] = {}  # a set that keeps the order
    for match in IMPORT_FROM.finditer(path.read_bytes() if path else b""):
        imported = resolve_import(name, match)
        imports |= dict.fromkeys([imported, *list_imports(imported)])
    return list(imports)


def resolve_import(name: str, match: re.Match[bytes]) -> str:
    """Return the name of the file that the module `name` imports by a relative path."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2].decode()))


def compute_version(body: bytes) -> str:
    """Compute the version of a file: the first digits of a hash of its content."""
    return hashlib.sha256(body).hexdigest()[:12]


class VersionedStorage(StaticFilesStorage):
    """The static files storage, whose URLs have the parameter `v`."""

    def url(self, name: str | None) -> str:
        address = super().url(name)
        file = None if settings.DEBUG or name is None else load_file(name)
        return f"{address}?v={file.version}" if file else address


@register.simple_tag
def script_module(name: str) -> SafeString:
    """Render the script element of a module, and links that preload what it imports.

    Without the links a browser would learn of each import only once the module above it had arrived.
    """
    return build_script_element(name, with_preloads=not settings.DEBUG)


@lru_cache(maxsize=64)
def build_script_element(name: str, with_preloads: bool) -> SafeString:
    """Build the elements of `script_module`, once for all pages."""
    imports = list_imports(name) if with_preloads else []
    preloads = format_html_join("\n", '<link rel="modulepreload" href="{}">', ([static(each)] for each in imports))
    return format_html('{}\n<script type="module" src="{}"></script>', preloads, static(name))
