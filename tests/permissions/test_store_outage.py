"""Every GET of every URL while the event store is away: an answer without it, or a 503 that says so, never a 500."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import Account
from reports.query.result_cache import RESULTS
from tests.conftest import PASSWORD
from tests.permissions import callers
from tests.permissions.routes import IDS, NEEDS, ROUTES, V1, S, build_path, build_values
from tests.permissions.tenants import World
from tests.support.turns import take_turns
from tracking.store import UNREADABLE, StoreAway, client

SENTENCE = "The event store does not answer."
PERSON = {"by": "ip", "value": "203.0.113.7"}
CLICKYS_SENTENCE = "Temporarily unavailable."
# What answers from the store alone, and so with 503
READS_ONLY_THE_STORE = {
    "api/realtime", "api/ledger", "api/tech", "api/pages", "api/sources", "api/referrers", "api/countries",
    "api/campaigns", "api/utm-sources", "api/utm-mediums", "api/utm-content", "api/utm-term", "api/entry-pages",
    "api/exit-pages", "api/goals", r"^api/stats/(?P<version>[1-4])/?$", r"^stats/api(?P<version>[1-4])/?$",
    r"^api/whitelabel/(?P<operation>[\s\S]+)$", f"{V1}{S}/personal-data", f"{V1}{S}/bots",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """No result is known, and the store cannot be reached."""

    @contextmanager
    def refuse(*_: object, **__: object) -> Iterator[None]:
        raise StoreAway(SENTENCE)
        yield

    RESULTS.clear()
    monkeypatch.setattr(client, "client", refuse)


def ask(route: str, world: World, clients: Any) -> Any:
    """The answer to somebody who may ask, with all that the address needs."""
    things = world.open
    values = {
        **build_values(route),
        **{name: things[kind] for name, kind in IDS.items()},
        "token": things["share_token"],
    }
    params: dict[str, Any] = dict(PERSON) if "personal" in route else {}
    headers = {"x-api-key": things["api_key"]}
    asking = callers.copy_client(clients["alice"])
    if NEEDS[route] == "key":
        account = Account.objects.get(pk=things["account"])
        params |= {"site_id": things["site"], "sitekey": things["sitekey"], "type": "pages,visitors", "output": "json"}
        if "whitelabel" in route:
            values |= {"operation": "usage"}
            params = {"auth": account.authkey}
        elif "account" in route:
            params = {"username": "alice@example.com", "password": PASSWORD, "output": "json"}
        elif not route.startswith(("^", "ajax")):
            params = {}
        asking = Client()
    asking.raise_request_exception = False
    return callers.send(asking, "GET", f"{build_path(route, values)}?{urlencode(params)}", headers=headers)


def find_type(route: str) -> str:
    """The content type of errors at this address."""
    if "whitelabel" in route:
        return "text/plain"
    return "application/json" if route.startswith(("api/", "^api/", "^stats/api")) else "text/html"


@pytest.mark.parametrize("route", take_turns(2, ROUTES))
def test_no_address_fails_while_the_store_is_away(route: str, world: World, clients: Any) -> None:
    answer = ask(route, world, clients)
    assert answer.status_code != 500, callers.read_text(answer)[:500]
    if answer.status_code == 503:
        assert any(sentence in html.unescape(callers.read_text(answer)) for sentence in (UNREADABLE, CLICKYS_SENTENCE))
        assert answer["Content-Type"].startswith(find_type(route))
    if route in READS_ONLY_THE_STORE:
        assert answer.status_code == 503


@pytest.mark.parametrize("action", ["look", "export", "erase"])
def test_the_page_of_personal_data_says_that_the_store_is_away(action: str, world: World, clients: Any) -> None:
    path = f"/sites/{world.open['site']}/settings/personal-data"
    answer = callers.send(
        callers.copy_client(clients["alice"]), "POST", path, PERSON | {"action": action, "sure": "on"}
    )
    assert answer.status_code == 503 and UNREADABLE in callers.read_text(answer)
