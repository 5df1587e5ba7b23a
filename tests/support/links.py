"""Links for tests: a browser that clicks on them in this process, and the numbers of their account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import time_machine

from accounts.models import Account
from links.models import Datapoint
from links.redirect import pausing, redirector
from links.routing import link_cache
from links.routing.snapshot import LinkSnapshot, build_link_snapshot
from links.services.links import datapoint_create
from sites import site_cache
from tests import support
from tests.support import state
from tests.support.milliseconds import own_millisecond

HOST = "127.0.0.1:8000"  # the installation's own
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 "
    "Mobile/15E148 Safari/604.1"
)
BROWSER_HEADERS = {"accept": "*/*", "accept-language": "en-GB,en;q=0.8"}  # what every browser sends
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str]

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


@dataclass
class Browser:
    """Somebody who clicks. Keeps cookies of one host, never follows."""

    ip: str = "203.0.113.7"
    agent: str = CHROME
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def open(self, path: str, *, host: str = HOST, method: str = "GET", at: datetime | None = None, body: bytes = b"",
             **headers: Any) -> Answer:  # fmt: skip
        """One request at the redirector. `at`: when (UTC)."""
        if at is not None:
            with time_machine.travel(at, tick=False):
                return self.open(path, host=host, method=method, body=body, **headers)
        said = {name.replace("_", "-"): value for name, value in (self.headers | headers).items()}
        sent = {"host": host, "user-agent": self.agent, **BROWSER_HEADERS, **said}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with own_millisecond():
            answer = asyncio.run(request(path, sent, self.ip, method, body))
        for text in answer.cookies:
            for name, morsel in SimpleCookie(text).items():
                self.cookies[name] = morsel.value
        return answer


async def request(path: str, headers: dict[str, str], ip: str, method: str, body: bytes) -> Answer:
    parts = urlsplit(path)
    sent_headers = [(name.replace("_", "-").lower(), value) for name, value in headers.items() if value]
    scope = {
        "type": "http", "method": method, "path": parts.path, "query_string": parts.query.encode(), "scheme": "http",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent_headers],
        "client": (ip, 1234), "http_version": "1.1",
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    assert redirector.matches(scope), path
    await redirector.Redirector(state.current()).app(scope, receive, send)
    pairs = [(name.decode().lower(), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    cookies = [value for name, value in pairs if name == "set-cookie"]
    return Answer(sent[0]["status"], dict(pairs), sent[1]["body"], cookies)


def refresh_caches() -> None:
    """The redirector knows what was just written."""
    site_cache.refresh()
    link_cache.refresh()


def flush_clicks() -> None:
    """Everything clicked is in the store before anybody asks it."""
    support.record()


def reset_state() -> None:
    """As in a fresh process."""
    link_cache.forget()
    pausing.forget()
    state.restart()


def create_link(account: Account, alias: str = "offer", **fields: Any) -> Datapoint:
    """A link that the redirector knows."""
    made = datapoint_create(account=account, alias=alias, **{"url": "https://shop.test/p", **fields})
    refresh_caches()
    return made


def count_metrics(account: Account, *metrics: str, **more: Any) -> Any:
    """What the account counted on the day of NOON."""
    flush_clicks()
    return support.ask(account.pk, *metrics, period="today", now=NOON + timedelta(hours=6), **more)


BLANK = {
    "pk": 1, "account_id": 1, "group_id": 1, "group__redirect_only": False, "domain_id": 1, "kind": 0, "status": 0,
    "alias": "a", "url": "https://main.test/", "first_url": "", "mode": 0, "rules": {}, "redirect_type": 307,
    "append_query": False, "encode_url": False, "hide_url": False, "hide_url_title": "", "referrer_clean": 0,
    "password": "", "starts": None, "expiration_date": None, "url_after_date": "", "expiration_clicks": 0,
    "url_after_clicks": "", "encode_ip": False, "light_tracking": False, "redirect_only": False, "cost": 0,
    "pause_after_date": False, "pause_after_clicks": False,
}  # fmt: skip


def build_snapshot(**fields: object) -> LinkSnapshot:
    """A link as the redirector knows it, of no account in the database."""
    return build_link_snapshot({**BLANK, **fields}, (), ())
