"""Requests to the collection endpoints through the ASGI application, without a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from sites.models import Site
from tests.support import state
from tests.support.hits import BROWSER, CHROME
from tests.support.milliseconds import own_millisecond
from tracking import collector, spool, store

BROWSER_HEADERS = {"user-agent": CHROME, "referer": "https://example.com/", **BROWSER}


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def dropped(self) -> str:
        return self.headers.get("x-event-dropped", "")

    def json(self) -> Any:
        return orjson.loads(self.body)


def send_request(
    path: str, query: dict[str, Any] | str | bytes = "", *, method: str = "GET", body: bytes = b"",
    headers: dict[str, str] | None = None, peer: str = "203.0.113.7", **more: Any,
) -> Answer:  # fmt: skip
    """One request. `more` are headers with `_` for `-`; an empty value removes one of the ordinary headers."""
    text = urlencode(query, doseq=True) if isinstance(query, dict) else query
    told = {**BROWSER_HEADERS, **(headers or {}), **{name.replace("_", "-"): value for name, value in more.items()}}
    scope = {
        "type": "http", "method": method, "path": path, "http_version": "1.1", "scheme": "http",
        "query_string": text if isinstance(text, bytes) else text.encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.items() if value],
        "client": (peer, 5555),
    }  # fmt: skip
    with own_millisecond():
        return asyncio.run(exchange(scope, body))


async def exchange(scope: dict[str, Any], body: bytes) -> Answer:
    """The request in one piece, the answer collected."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    assert collector.matches(scope), scope["path"]
    await collector.Collector(state.current()).app(scope, receive, send)
    headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


def post_event(data: Any, key: str = "", **more: Any) -> Answer:
    """POST /api/event."""
    headers = {"content-type": "application/json", "referer": "", **({"x-api-key": key} if key else {})}
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    return send_request("/api/event", method="POST", body=body, headers=headers, **more)


def list_stored_rows(site_id: int | None = None, table: str = "events") -> list[dict[str, Any]]:
    """The rows of a table, oldest first. No two requests of `send_request` have the same time."""
    spool.flush()
    order = "ORDER BY ts" if table in ("events", "bots") else ""
    rows = store.rows(f"SELECT * FROM {table} {order}")
    return [row for row in rows if site_id is None or row["site_id"] == site_id]


def count_hits(site_id: int | None = None) -> dict[str, int]:
    """received, stored, and every reason with its count."""
    spool.flush()
    where = "" if site_id is None else f" WHERE site_id = {int(site_id)}"
    found = {"received": store.rows(f"SELECT sum(hits) AS n FROM received{where}")[0]["n"]}
    found["stored"] = store.rows(f"SELECT count() AS n FROM events{where}")[0]["n"]
    for row in store.rows(f"SELECT reason, sum(hits) AS n FROM refusals{where} GROUP BY reason"):
        if row["reason"] not in ("bot", "spam"):
            found[row["reason"]] = row["n"]
    kind = "if(startsWith(reason, 'spam'), 'spam', 'bot')"  # counted where they lie, since they may be brought back
    for row in store.rows(f"SELECT {kind} AS kind, count() AS n FROM bots{where} GROUP BY kind"):
        found[row["kind"]] = row["n"]
    return found


def is_balanced(found: dict[str, int]) -> bool:
    """received = stored + refused + duplicates."""
    return found["received"] == sum(count for name, count in found.items() if name != "received")


def get_only_event(site: Site) -> dict[str, Any]:
    """The one event of the site."""
    rows = list_stored_rows(site.pk)
    assert len(rows) == 1, rows
    return rows[0]
