"""Traffic for tests, and queries about it: `browse` records a visit, `ask` executes a query."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack

from django.test import Client

from accounts.custom_domains.services import host_provision
from accounts.models import Account, User
from links.routing import link_cache
from sites import site_cache
from sites.models import Site
from tests.support.store_rows import insert_recorded, record
from tracking.event import Event
from tracking.schema import EVENT_COLUMNS

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
STEP = timedelta(seconds=10)  # between two pages of a visit


def log_in(user: User) -> Client:
    """A client with a session of the user."""
    client = Client()
    client.force_login(user)
    return client


def confirm(client: Client, password: str) -> Client:
    """The client, whose user has just confirmed that it is them."""
    assert client.post("/me/confirm", {"password": password, "next": "/me"})["Location"] == "/me"
    return client


def derive_number(*parts: object) -> int:
    """A number below 2**53, the same for the same parts."""
    return zlib.crc32(repr(parts).encode()) << 20 | zlib.adler32(repr(parts[::-1]).encode()) & 0xFFFFF


def event(
    site: Site | int, path: str = "/", /, *, at: datetime = NOW, visitor: object = "one", **fields: Unpack[Event]
) -> Event:  # fmt: skip
    """One event as the pipeline would make it. `visitor` is any word: the same one is the same device.

    A visit is the visitor's of that day unless `visit` is given. Raises KeyError for a name that is no column.
    """
    unknown = set(fields) - EVENT_COLUMNS.keys()
    if unknown:
        raise KeyError(f"no columns of an event: {sorted(unknown)}")
    site_id = site if isinstance(site, int) else site.pk
    made: Event = {
        "site_id": site_id, "ts": at, "kind": "view", "path": path, "host": "example.com",
        "id": derive_number("event", site_id, at, path, sorted(map(str, fields.items())), visitor),
        "device": derive_number("device", site_id, visitor),
        "visit": derive_number("visit", site_id, visitor, at.date()),
        "visit_start": at, **fields,
    }  # fmt: skip
    made.setdefault("view_id", made["id"] if made["kind"] == "view" else 0)
    return made


def visit(
    site: Site | int, /, *pages: str, at: datetime = NOW, visitor: object = "one", step: timedelta = STEP,
    **fields: Unpack[Event],
) -> list[Event]:  # fmt: skip
    """The events of one visit: a view of each page, `step` apart."""
    fields.setdefault("visit", derive_number("visit", site if isinstance(site, int) else site.pk, visitor, at))
    fields.setdefault("visit_start", at)
    return [
        event(site, page, at=at + step * index, visitor=visitor, **fields) for index, page in enumerate(pages or ("/",))
    ]


def browse(
    site: Site | int, /, *pages: str, at: datetime = NOW, visitor: object = "one", step: timedelta = STEP,
    **fields: Unpack[Event],
) -> list[Event]:  # fmt: skip
    """One visit of the pages, in the store when this returns. `fields` are columns of its events (country="EE")."""
    events = visit(site, *pages, at=at, visitor=visitor, step=step, **fields)
    record(*events)
    return events


def ask(
    site: Site | int, *metrics: str, by: str | tuple[str, ...] = (), period: Any = "today", now: datetime = NOW,
    **more: Any,
) -> Any:  # fmt: skip
    """Ask the engine. One metric alone gives its value, or {dimension: value}; several give rows as dictionaries.

    `period` is the engine's text, read in the site's zone at `now`.
    """
    from reports.query import Period, Query
    from reports.query import ask as answer

    insert_recorded()
    dimensions = (by,) if isinstance(by, str) else by
    zone = "UTC" if isinstance(site, int) else site.timezone
    asked = Period.parse(period, zone, now) if isinstance(period, str) else period
    site_id = site if isinstance(site, int) else site.pk
    more.setdefault("order", ((metrics[0], "desc"),))
    result = answer(Query(sites=(site_id,), period=asked, metrics=metrics, dimensions=dimensions, **more), now=now)
    if len(metrics) > 1:
        return result.rows if dimensions else result.rows[0]
    if not dimensions:
        return result.rows[0][metrics[0]]
    keys = [tuple(row[name] for name in dimensions) for row in result.rows]
    values = [row[metrics[0]] for row in result.rows]
    return {key if len(key) > 1 else key[0]: value for key, value in zip(keys, values, strict=True)}


def verify_host(account: Account, host: str, purpose: str) -> None:
    """The host is the account's for this purpose, by the operator's word, and everybody who remembers hosts knows."""
    assert host_provision(account=account, host=host, purpose=purpose)
    site_cache.refresh()
    link_cache.refresh()
