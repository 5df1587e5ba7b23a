"""Sends requests as a caller, and checks the response: was it rejected, did it change or reveal anything?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from django.apps import apps
from django.contrib.messages import get_messages
from django.core.cache import caches
from django.db import connection
from django.test import Client

from tests.conftest import PASSWORD
from tests.permissions.tenants import World
from tracking.store.locks import write_lock

WRITE = re.compile(r"\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+[\"`]?(\w+)", re.I)
# Of the caller alone (the open account, messages, last use), and what is recorded of a request
FREE = {"django_session", "usersessions_usersession", "audit_auditentry"}
CONFIRMED = ("POST /me/tokens", "POST /account/sso")  # requests that ask people to confirm who they are
REMEMBERED = ("last_login", "last_account")  # may change too: they are about the caller's own use
ONLY_REMEMBERED = re.compile(
    rf"\s*UPDATE \W?accounts_user\W? SET \W?({'|'.join(REMEMBERED)})(_id)?\W? = \S+ WHERE", re.I
)
# How a page, a form or an API says that an object does not exist
SAYS_NO = re.compile(
    r"There is no |Select a valid choice|Invalid (?:username|sitekey|auth|API key|alert_id)|[Nn]o such|"
    r"belongs to another|Choose an active goal of this site|Specified \w+ does not exist|Unknown site_id|"
    r"Guests cannot create "
)


@dataclass
class Changes:
    """The tables that statements have written to, and whether the event store was written to."""

    tables: list[str] = field(default_factory=list)
    events: bool = False
    after: Any = None  # the database after a request that was rejected although it wrote

    def look(self, answer: Any) -> None:
        """Take a snapshot of the database if the request wrote, unless it has succeeded."""
        self.after = snapshot_database() if self.tables and not has_succeeded(answer) else None

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = WRITE.match(sql)
        if found and found[1] not in FREE and not ONLY_REMEMBERED.match(sql):
            self.tables.append(found[1])
        return execute(sql, params, many, context)


@contextmanager
def watch_writes() -> Iterator[Changes]:
    """Record what a request writes, in the database and the event store."""
    changes, before = Changes(), write_lock.get_change_counts()
    with connection.execute_wrapper(changes):
        yield changes
    changes.events = write_lock.get_change_counts() != before


def snapshot_database() -> dict[str, list[str]]:
    """Return every row of every table, except for what every request may change."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.db_table not in FREE]
    return {model._meta.db_table: list_rows(model) for model in models}


def list_rows(model: Any) -> list[str]:
    columns = [field.attname for field in model._meta.concrete_fields if field.name not in REMEMBERED]
    return sorted(map(repr, model._default_manager.values_list(*columns)))


def open_client(world: World, name: str) -> Client:
    """Return the test client of a person; "nobody" is not logged in."""
    client = Client()
    if name in world.people:
        client.force_login(world.people[name])
    return client


def copy_client(client: Client) -> Client:
    """Return another client with the same session, which may log out or change its login."""
    copy = Client()
    copy.cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    return copy


def send(client: Client, method: str, path: str, data: Any = None, headers: dict[str, str] | None = None) -> Any:
    """Send a request after resetting the rate limits, and after confirming who one is where that is asked for. Bodies
    of APIs are JSON, all others forms."""
    caches["requests"].clear()
    if f"{method} {path}".startswith(CONFIRMED):
        client.post("/me/confirm", {"password": PASSWORD, "next": "/me"})
    call = getattr(client, method.lower())
    if method == "GET" or not path.startswith("/api/"):
        return call(path, data or {}, headers=headers)
    return call(path, data or {}, content_type="application/json", headers=headers)


def read_text(response: Any) -> str:
    """Return the response's body, the address of a redirect, and the messages for the next page."""
    if getattr(response, "streaming", False):
        if response.is_async:
            return ""
        return b"".join(response.streaming_content).decode(errors="replace")
    told = " ".join(map(str, get_messages(response.wsgi_request)))
    return " ".join((response.content.decode(errors="replace"), response.get("Location", ""), told))


def redirects_to_login(response: Any) -> bool:
    return bool(response.status_code == 401 or response.get("Location", "").startswith("/login"))


def is_rejected(response: Any, text: str) -> bool:
    """Whether the request was rejected: by its status, a redirect to the login page, or a message."""
    if response.status_code in (401, 403, 404) or redirects_to_login(response):
        return True
    return response.status_code in (200, 302, 400) and SAYS_NO.search(text) is not None


def has_succeeded(response: Any) -> bool:
    """Whether a request that writes has succeeded: by a redirect to another page, or as in an API."""
    leads = response.status_code == 302 and not redirects_to_login(response)
    return (leads and SAYS_NO.search(read_text(response)) is None) or response.status_code in (201, 204)


def is_allowed(response: Any) -> bool:
    """Whether the caller could open the address, whatever the result."""
    return response.status_code not in (401, 403, 404) and not redirects_to_login(response)


TOKENS = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


def mask_numbers(text: str) -> str:
    """Return the text without what differs between two requests about different objects."""
    return re.sub(r"\d+", "#", TOKENS.sub("", text))


def find_words(text: str, words: tuple[str, ...]) -> list[str]:
    """Return those of the words that a response contains."""
    low = text.lower()
    return [word for word in words if word in low]


def assert_hidden(route: str, text: str, words: tuple[str, ...], who: Any) -> None:
    """Check that a response contains none of these words, which are in the names of other objects."""
    assert find_words(text, words) == [], (route, who)
