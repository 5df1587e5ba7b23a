"""A client of the ClickMeter API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.core.cache import caches
from django.test import Client

from accounts.models import Account, Membership
from links.models import DatapointKind, ListKind
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.groups import group_create
from links.services.guests import guest_create
from links.services.links import datapoint_create
from links.services.scripts_and_lists import entry_create, script_write
from tests.support.links import Browser, flush_clicks, refresh_caches


@dataclass
class Program:
    """Calls operations with a key; below /clickmeter/ unless a host of its own is named."""

    key: str = ""
    host: str = ""

    def call(self, method: str, path: str, body: Any = None, **headers: Any) -> Any:
        """The response; the rate limit is wiped before, since tests are faster than programs may be."""
        caches["requests"].clear()
        sent: dict[str, Any] = {"HTTP_X_CLICKMETER_AUTHKEY": self.key} if self.key else {}
        if self.host:
            sent["HTTP_HOST"] = self.host
        prefix = "" if self.host else "/clickmeter"
        data = "" if body is None else body if isinstance(body, str | bytes) else json.dumps(body)
        kind = headers.pop("CONTENT_TYPE", "application/json")
        return Client().generic(method, f"{prefix}{path}", data, content_type=kind, **sent, **headers)

    def json(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON of an answer of this status."""
        response = self.call(method, path, body)
        assert response.status_code == status, (method, path, response.status_code, response.content[:500])
        return json.loads(response.content)

    def get(self, path: str, status: int = 200) -> Any:
        return self.json("GET", path, status=status)

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        return self.json("POST", path, body, status)

    def put(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self.json("PUT", path, body, status)

    def delete(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self.json("DELETE", path, body, status)


def use_account_key(account: Account) -> Program:
    return Program(account.authkey)


def use_own_key(membership: Membership) -> Program:
    return Program(membership.authkey)


def create_one_of_each(account: Account, clicked: bool = True) -> dict[str, Any]:
    """One of everything, with a click and a sale where `clicked`, and a guest."""
    group = group_create(account=account, name="One", tags=["red"])
    sale = conversion_create(account=account, name="Sale", value="5")
    script = script_write(account=account, name="s", text="var a=1")
    link = datapoint_create(
        account=account, alias="one", url="https://shop.test/?s=[s2sidentifier]", group=group, conversions=[sale],
        tags=["red"],
    )  # fmt: skip
    pixel = datapoint_create(account=account, kind=DatapointKind.PIXEL, group=group, title="p")
    refresh_caches()
    if clicked:
        word = Browser().open("/l/one").location.partition("=")[2]
        Browser().open(f"/s2s?clickId={word}&id={sale.code}&val=10&param=A1&com=2")
        flush_clicks()
    return {
        "group": group, "sale": sale, "script": script, "link": link, "pixel": pixel, "tag": group.tags.get(),
        "domain": domain_create(account=account, name="go.own.test"),
        "guest": guest_create(account=account, email="guest@example.org", name="Guest"),
        "white": entry_create(account=account, listing=ListKind.WHITELIST, value="a.test"),
        "black": entry_create(account=account, listing=ListKind.BLACKLIST, value="192.0.2.1"),
    }  # fmt: skip
