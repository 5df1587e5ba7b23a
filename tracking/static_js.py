"""The tracker script, its lazy parts, and both badges, served compressed from memory.

The script is one line of configuration and the built file (`static/tracker/WIRE.md`, 1). Configurations are few, so
each response is cached.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs

from accounts.branding import build_script_name
from sites import site_cache
from sites.widget_settings import BadgeAudience, WidgetSettings
from tracking.web import GIF, JAVASCRIPT, EndpointRequest, Reply, encode_script_json, parse_site_id

STATIC_DIRECTORY = Path(__file__).resolve().parent.parent / "static"
PART_FILES = {name: f"{name}.min.js" for name in ("form", "heat", "keep", "media", "widget")}
SCRIPT_CACHE_SECONDS, PART_CACHE_SECONDS = 3600, 86_400
WIDGET_CACHE_SECONDS = 300  # so that a new look or an end of the widget is soon seen
WIDGET_FILE = "onsite.min.js"


@dataclass(frozen=True)
class PackedFile:
    """A file in every encoding, ready to send."""

    plain: bytes
    gzip: bytes
    brotli: bytes
    etag: bytes


def compress_file(plain: bytes) -> PackedFile:
    """Compress a file; without the brotli library only with gzip."""
    try:
        import brotli

        brotli_bytes = brotli.compress(plain, quality=11)
    except ImportError:
        brotli_bytes = b""
    return PackedFile(
        plain, gzip.compress(plain, 9, mtime=0), brotli_bytes, f'"{sha256(plain).hexdigest()[:20]}"'.encode()
    )


@lru_cache(maxsize=64)
def load_file(name: str, build_time: int) -> PackedFile:
    """Load a built file; `build_time` is part of the cache key, so that a new build is loaded."""
    return compress_file((STATIC_DIRECTORY / "tracker" / name).read_bytes())


@lru_cache(maxsize=2000)
def build_core(beacon: str, host: str, brand: str, site_id: int, build_time: int) -> PackedFile:
    """Build the tracker with its line of configuration."""
    line = encode_script_json({"b": beacon, "h": host, "n": brand, "id": site_id})
    return compress_file(f"var _ff={line};\n".encode() + (STATIC_DIRECTORY / "tracker" / "core.min.js").read_bytes())


@lru_cache(maxsize=2000)
def build_widget(host: str, site_id: int, widget: WidgetSettings, build_time: int) -> PackedFile:
    """Build the script of a site's badge with its line of configuration."""
    line = encode_script_json({
        "h": host, "id": site_id, "look": widget.look, "corner": widget.corner, "theme": widget.theme,
        "label": widget.label, "color": widget.color, "all": int(widget.shown_to == BadgeAudience.EVERYBODY),
    })  # fmt: skip
    return compress_file(f"var _fw={line};\n".encode() + (STATIC_DIRECTORY / "tracker" / WIDGET_FILE).read_bytes())


@lru_cache(maxsize=64)
def _get_build_time(name: str, second: int) -> int:
    try:
        return (STATIC_DIRECTORY / "tracker" / name).stat().st_mtime_ns
    except OSError:
        return 0


def get_build_time(request: EndpointRequest, name: str) -> int:
    """Return the file's modification time, read once in ten seconds; 0 when it does not exist."""
    return _get_build_time(name, int(request.now.timestamp()) // 10)


def clean_beacon_path(text: str) -> str:
    """Return the path of a first-party proxy for beacons; always a path on the page's own host."""
    clean = "".join(ch for ch in text[:200] if ch.isprintable() and ch not in "\\\"'<>` ")
    return "/" + clean.lstrip("/") if clean.strip("/") else ""


def serve_script(request: EndpointRequest) -> Reply:
    """Answer `/js`, `/<site_id>.js`, `/js?in=%2Fpath`, `/tracker.js` and `/w/<brand>.js`."""
    query = parse_qs(request.query.decode("utf-8", "replace")[:2000])
    if part_name := query.get("part", [""])[0]:
        return serve_part(request, part_name)
    file_name = request.path.rpartition("/")[2]
    proxy_path = clean_beacon_path(query.get("in", [""])[0])
    beacon, host = (proxy_path, "") if proxy_path else ("/in.php", request.headers.get("host", "")[:255])
    if request.secret and not proxy_path:
        beacon = f"/p/{request.secret}/in.php"
    branded, brand = request.path.startswith("/w/"), find_brand(request, file_name)
    build_time = get_build_time(request, "core.min.js")
    if not build_time:
        return Reply(b"/* the tracker is not built */", JAVASCRIPT, 503)
    site_id = 0 if branded else parse_site_id(file_name.removesuffix(".js"))
    return send_packed(request, build_core(beacon, host, brand, site_id, build_time), SCRIPT_CACHE_SECONDS)


def find_brand(request: EndpointRequest, file_name: str) -> str:
    """Return the name of the page's globals: `clicky`, a white-labelled host's own, or that of `/w/<brand>.js`."""
    if request.path.startswith("/w/"):
        return build_script_name(file_name.removesuffix(".js"))
    if file_name == "tracker.js":
        return "clickport"
    return site_cache.find_brand_word(request.headers.get("host", "")) or "clicky"


def serve_part(request: EndpointRequest, name: str) -> Reply:
    """Answer with a lazily loaded part; it is requested through the script's or the beacon's path."""
    name = PART_FILES.get({"heatmap": "heat"}.get(name, name), "")
    build_time = get_build_time(request, name) if name else 0
    if not build_time:
        return Reply(b"/* no such part */", JAVASCRIPT, 404)
    return send_packed(request, load_file(name, build_time), PART_CACHE_SECONDS)


def serve_widget(request: EndpointRequest) -> Reply:
    """Answer `/widget/<site_id>.js`: the badge of a site whose on-site widget is on; it has no numbers."""
    site = site_cache.get_site(parse_site_id(request.path.rpartition("/")[2].removesuffix(".js")))
    build_time = get_build_time(request, WIDGET_FILE)
    if site is None or site.suspended or not site.widget.is_on or not build_time:
        return Reply(b"/* there is no widget here */", JAVASCRIPT, 404)
    host = request.headers.get("host", "")[:255]
    return send_packed(request, build_widget(host, site.site_id, site.widget, build_time), WIDGET_CACHE_SECONDS)


def serve_badge(request: EndpointRequest) -> Reply:
    """Answer `/media/links/badge.gif`."""
    path = STATIC_DIRECTORY / "img" / "badge.gif"
    body = path.read_bytes() if path.exists() else GIF
    return Reply(body, b"image/gif", headers=[(b"cache-control", b"public, max-age=86400")], cached=True)


def send_packed(request: EndpointRequest, packed: PackedFile, seconds: int) -> Reply:
    """Build the reply in the best encoding that the browser accepts, or 304."""
    headers = [
        (b"cache-control", f"public, max-age={seconds}, stale-while-revalidate=86400".encode()),
        (b"etag", packed.etag),
        (b"vary", b"accept-encoding"),
    ]
    client_etags = request.headers.get("if-none-match", "")
    if client_etags and packed.etag.decode() in client_etags:
        return Reply(b"", JAVASCRIPT, 304, headers=headers, cached=True)
    accepted = request.headers.get("accept-encoding", "")
    if packed.brotli and "br" in accepted.replace(",", " ").split():
        return Reply(packed.brotli, JAVASCRIPT, 200, headers=[*headers, (b"content-encoding", b"br")], cached=True)
    if "gzip" in accepted:
        return Reply(packed.gzip, JAVASCRIPT, 200, headers=[*headers, (b"content-encoding", b"gzip")], cached=True)
    return Reply(packed.plain, JAVASCRIPT, 200, headers=headers, cached=True)
