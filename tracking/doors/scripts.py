"""The tracker script, its lazy parts and the badge: served from memory, compressed beforehand.

The script is one line of configuration and the file as built (`static/tracker/WIRE.md`, 1). Configurations are
few, so each finished answer is kept.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs

from accounts.brand import script_word
from sites import known
from tracking.doors.common import site_number
from tracking.web import GIF, Reply, Request

FILES = Path(__file__).resolve().parent.parent.parent / "static"
PARTS = {name: f"{name}.min.js" for name in ("form", "heat", "keep", "media", "widget")}
SCRIPT_SECONDS, PART_SECONDS = 3600, 86_400
JAVASCRIPT = b"application/javascript; charset=utf-8"


@dataclass(frozen=True)
class Packed:
    """One finished answer in every encoding."""

    plain: bytes
    gzip: bytes
    brotli: bytes
    etag: bytes


def pack(plain: bytes) -> Packed:
    """Compress once; without the brotli library only gzip."""
    try:
        import brotli

        small = brotli.compress(plain, quality=11)
    except ImportError:
        small = b""
    return Packed(plain, gzip.compress(plain, 9, mtime=0), small, f'"{sha256(plain).hexdigest()[:20]}"'.encode())


@lru_cache(maxsize=64)
def file(name: str, stamp: int) -> Packed:
    """A built file; `stamp` is its time of change, so that a new build is seen."""
    return pack((FILES / "tracker" / name).read_bytes())


@lru_cache(maxsize=2000)
def core(beacon: str, host: str, brand: str, site_id: int, stamp: int) -> Packed:
    """The tracker with its line of configuration."""
    line = json.dumps({"b": beacon, "h": host, "n": brand, "id": site_id}, separators=(",", ":"))
    line = line.replace("<", "\\u003c").replace("\u2028", "").replace("\u2029", "")
    return pack(f"var _ff={line};\n".encode() + (FILES / "tracker" / "core.min.js").read_bytes())


@lru_cache(maxsize=64)
def _stamp(name: str, second: int) -> int:
    try:
        return (FILES / "tracker" / name).stat().st_mtime_ns
    except OSError:
        return 0


def stamp(request: Request, name: str) -> int:
    """When the file was built, looked at once in ten seconds; 0 when it is not there."""
    return _stamp(name, int(request.now.timestamp()) // 10)


def beacon_path(text: str) -> str:
    """The path a first-party proxy gave the beacon door; only a path of the page's own host is taken."""
    clean = "".join(ch for ch in text[:200] if ch.isprintable() and ch not in "\\\"'<>` ")
    return "/" + clean.lstrip("/") if clean.strip("/") else ""


def script(request: Request) -> Reply:
    """`/js`, `/<site_id>.js`, `/js?in=%2Fpath`, `/tracker.js`, `/w/<brand>.js`."""
    query = parse_qs(request.query.decode("utf-8", "replace")[:2000])
    if part_name := query.get("part", [""])[0]:
        return part(request, part_name)
    file_name = request.path.rpartition("/")[2]
    own = beacon_path(query.get("in", [""])[0])
    beacon, host = (own, "") if own else ("/in.php", request.headers.get("host", "")[:255])
    if request.secret and not own:
        beacon = f"/p/{request.secret}/in.php"
    branded, brand = request.path.startswith("/w/"), brand_of(request, file_name)
    built = stamp(request, "core.min.js")
    if not built:
        return Reply(b"/* the tracker is not built */", JAVASCRIPT, 503)
    site_id = 0 if branded else site_number(file_name.removesuffix(".js"))
    return send(request, core(beacon, host, brand, site_id, built), SCRIPT_SECONDS)


def brand_of(request: Request, file_name: str) -> str:
    """The word of the page's globals: `clicky`, a white-labelled host's own, or the one that `/w/<brand>.js` names."""
    if request.path.startswith("/w/"):
        return script_word(file_name.removesuffix(".js"))
    if file_name == "tracker.js":
        return "clickport"
    return known.brand_word(request.headers.get("host", "")) or "clicky"


def part(request: Request, name: str) -> Reply:
    """A lazily loaded part, through the script's or the beacon's path."""
    name = PARTS.get({"heatmap": "heat"}.get(name, name), "")
    built = stamp(request, name) if name else 0
    if not built:
        return Reply(b"/* no such part */", JAVASCRIPT, 404)
    return send(request, file(name, built), PART_SECONDS)


def badge(request: Request) -> Reply:
    """`/media/links/badge.gif`."""
    path = FILES / "img" / "badge.gif"
    body = path.read_bytes() if path.exists() else GIF
    return Reply(body, b"image/gif", headers=[(b"cache-control", b"public, max-age=86400")], cached=True)


def send(request: Request, packed: Packed, seconds: int) -> Reply:
    """The answer in the best encoding the browser takes, or 304."""
    headers = [
        (b"cache-control", f"public, max-age={seconds}, stale-while-revalidate=86400".encode()),
        (b"etag", packed.etag),
        (b"vary", b"accept-encoding"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]
    tags = request.headers.get("if-none-match", "")
    if tags and packed.etag.decode() in tags:
        return Reply(b"", JAVASCRIPT, 304, headers, cached=True)
    accepted = request.headers.get("accept-encoding", "")
    if packed.brotli and "br" in accepted.replace(",", " ").split():
        return Reply(packed.brotli, JAVASCRIPT, 200, [*headers, (b"content-encoding", b"br")], cached=True)
    if "gzip" in accepted:
        return Reply(packed.gzip, JAVASCRIPT, 200, [*headers, (b"content-encoding", b"gzip")], cached=True)
    return Reply(packed.plain, JAVASCRIPT, 200, headers, cached=True)
