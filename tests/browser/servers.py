"""Real HTTP servers for browser tests: a site's pages, and a recorder in place of the beacon endpoint."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.served import wait_until

TRACKER = Path(__file__).resolve().parents[2] / "static" / "tracker"
SWITCHES = {
    "cookie": 0,
    "ping": 1,
    "link": 1,
    "form": 1,
    "media": 0,
    "heat": 0,
    "osa": "",
    "replace": 0,
    "hash": 0,
    "navigate": 0,
    "log": 0,
}


Reply = Callable[..., tuple[int, dict[str, str], bytes]]


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, reply: Reply) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = reply


class Handler(BaseHTTPRequestHandler):
    """Answers with `(status, headers, body)` of the server's `reply(method, path, query, headers)`."""

    server: Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        status, headers, body = self.server.reply(self.command, parts.path, parts.query, self.headers)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def listening(reply: Reply) -> Iterator[int]:
    """A server in a thread; yields its port."""
    server = Server(reply)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Pages:
    """A site: pages set by a test, on whatever host name of this machine the test uses."""

    html: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    upstream: Callable[..., tuple[int, dict[str, str], bytes] | None] = lambda *request: None

    def reply(self, method: str, path: str, query: str, headers: object) -> tuple[int, dict[str, str], bytes]:
        """A page; or, where the site is a first-party proxy, what lies behind it."""
        proxied = self.upstream(method, path, query, headers)
        if proxied:
            return proxied
        if path.endswith("favicon.ico"):
            return 204, {}, b""
        body = self.html.get(path)
        if body is None:
            return 200, {"Content-Type": "application/octet-stream"}, b"\0" * 10
        kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
        return 200, {"Content-Type": kind, "Cache-Control": "no-cache", **self.headers}, body.encode()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@dataclass
class Beacon:
    """One beacon as it came in: decoded parameters, lists for repeated ones."""

    method: str
    params: list[tuple[str, str]]

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.params if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.params if key == name]


@dataclass(kw_only=True)
class Recorder:
    """Stands in place of the product's scripts and beacon endpoints; keeps every beacon."""

    beacons: list[Beacon] = field(default_factory=list)
    switches: dict[str, object] = field(default_factory=lambda: dict(SWITCHES))
    scripts: list[str] = field(default_factory=list)
    port: int = 0
    brand: str = "clicky"
    delay: float = 0.0
    cors: str = "*"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def script(self, path: str, query: dict[str, str]) -> bytes:
        proxied = query.get("in")
        name = path.strip("/").removesuffix(".js")
        config = {
            "b": proxied or "/in.php",
            "h": "" if proxied else self.host,
            "n": "clickport" if name == "tracker" else self.brand,
            "id": int(name) if name.isdigit() else 0,
        }
        return f"var _ff={json.dumps(config)};\n".encode() + (TRACKER / "core.min.js").read_bytes()

    def reply(self, method: str, path: str, query: str, headers: object) -> tuple[int, dict[str, str], bytes]:
        """Scripts, lazy parts, beacons with the site's switches, and the pixel."""
        params = parse_qsl(query, keep_blank_values=True)
        told = dict(params)
        script = {"Content-Type": "application/javascript", "Access-Control-Allow-Origin": self.cors}
        if path == "/js" or path.endswith(".js"):
            return 200, script, self.script(path, told)
        if "part" in told:
            self.scripts.append(told["part"])
            return 200, script, (TRACKER / f"{told['part']}.min.js").read_bytes()
        if path.startswith("/ajax/"):
            self.scripts.append(path + "?" + query)
            return 200, script, b""
        if path != "/in.php":
            return 404, {}, b""
        time.sleep(self.delay)
        self.beacons.append(Beacon(method, params))
        if told.get("mime") != "js":
            return 200, {"Content-Type": "image/gif", "Access-Control-Allow-Origin": self.cors}, b"GIF89a"
        answer = json.dumps({"site": told.get("site_id"), **self.switches})
        return 200, script, f"if(window._cgen&&_cgen.on){{_cgen.on({answer})}}".encode()

    def of(self, kind: str) -> list[Beacon]:
        """The beacons of `kind`, each once: a page that is left before it read the answer sends its beacon again, with
        the same number, by which the product tells that it has it."""
        distinct: dict[object, Beacon] = {}
        for beacon in self.beacons:
            if beacon["type"] == kind:
                distinct.setdefault(beacon["x"] or id(beacon), beacon)
        return list(distinct.values())

    def wait(self, kind: str, number: int = 1) -> list[Beacon]:
        """
        The beacons of `kind`, once there are `number`; fails with what came instead. They stand as they came in: that
        is the order of sending only where the test waited for one before it had the next one sent.
        """
        wait_until(
            lambda: len(self.of(kind)) >= number,
            lambda: f"no {number} × {kind}; came: {[beacon['type'] for beacon in self.beacons]}",
        )
        return self.of(kind)

    def wait_by(self, name: str, kind: str, number: int) -> dict[str, Beacon]:
        """
        The beacons of `kind`, once there are `number`, by what each says under `name`: beacons that are sent in the
        same moment travel on several connections, and overtake each other.
        """
        beacons = self.wait(kind, number)
        found = {beacon[name]: beacon for beacon in beacons}
        assert len(found) == len(beacons) == number, [beacon[name] for beacon in beacons]
        return found

    def settle(self, seconds: float = 0.7) -> None:
        """Time in which something that must not come could come."""
        time.sleep(seconds)
