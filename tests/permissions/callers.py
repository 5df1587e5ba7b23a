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
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tests.permissions.tenants import World
from tracking.store.locks import write_lock

WRITE = re.compile(r"\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+[\"`]?(\w+)", re.I)
FREE = {"django_session"}  # of the caller alone: the open account, messages
REMEMBERED = ("last_login", "last_account")  # of the caller as well, though it stands in the user's row
ONLY_REMEMBERED = re.compile(
    rf"\s*UPDATE \W?accounts_user\W? SET \W?({'|'.join(REMEMBERED)})(_id)?\W? = \S+ WHERE", re.I
)
# How a page, a form or an API says that there is no such thing
SAYS_NO = re.compile(
    r"There is no |Select a valid choice|Invalid (?:username|sitekey|auth|API key|alert_id)|[Nn]o such|"
    r"belongs to another|Unknown site_id|Only the team "
)


@dataclass
class Changes:
    """Tables that statements wrote to since it began, and whether the event store was written to."""

    tables: list[str] = field(default_factory=list)
    events: bool = False
    after: Any = None  # the database as it was then, where somebody wrote who was refused

    def look(self, answer: Any) -> None:
        """Keep what the database holds now, unless the answer is a page's that did what it was asked."""
        self.after = picture() if self.tables and not done(answer) else None

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = WRITE.match(sql)
        if found and found[1] not in FREE and not ONLY_REMEMBERED.match(sql):
            self.tables.append(found[1])
        return execute(sql, params, many, context)


@contextmanager
def watched() -> Iterator[Changes]:
    """What a request writes, in the database and the event store."""
    changes, before = Changes(), write_lock.get_change_counts()
    with connection.execute_wrapper(changes):
        yield changes
    changes.events = write_lock.get_change_counts() != before


def picture() -> dict[str, list[str]]:
    """Every row of every table, but for what every request may change."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.db_table not in FREE]
    return {model._meta.db_table: rows_of(model) for model in models}


def rows_of(model: Any) -> list[str]:
    columns = [field.attname for field in model._meta.concrete_fields if field.name not in REMEMBERED]
    return sorted(map(repr, model._default_manager.values_list(*columns)))


def client_of(world: World, name: str) -> Client:
    """Somebody's browser; "nobody" is not logged in."""
    client = Client()
    if name in world.people:
        client.force_login(world.people[name])
    return client


def copy_of(client: Client) -> Client:
    """The same person in a browser of their own, which may log out or change what it is logged in with."""
    copy = Client()
    copy.cookies = SimpleCookie(client.cookies.output(header="", sep=";"))
    return copy


def send(client: Client, method: str, path: str, data: Any = None, headers: dict[str, str] | None = None) -> Any:
    """One request; limits per minute begin anew before it. Bodies of APIs are JSON, all others forms."""
    cache.clear()
    call = getattr(client, method.lower())
    if method == "GET" or not path.startswith("/api/"):
        return call(path, data or {}, headers=headers)
    return call(path, data or {}, content_type="application/json", headers=headers)


def text_of(response: Any) -> str:
    """The answer's body, where it leads, and what the next page is going to say."""
    if getattr(response, "streaming", False):
        if response.is_async:
            return ""
        return b"".join(response.streaming_content).decode(errors="replace")
    told = " ".join(map(str, get_messages(response.wsgi_request)))
    return " ".join((response.content.decode(errors="replace"), response.get("Location", ""), told))


def asks_to_log_in(response: Any) -> bool:
    return response.status_code == 401 or response.get("Location", "").startswith("/login")


def refused(response: Any, text: str) -> bool:
    """Whether the answer says no: by its status, by asking to log in, or by a sentence."""
    if response.status_code in (401, 403, 404) or asks_to_log_in(response):
        return True
    return response.status_code in (200, 302, 400) and SAYS_NO.search(text) is not None


def done(response: Any) -> bool:
    """Whether a request that writes was followed by another page, or answered as an API does."""
    leads = response.status_code == 302 and not asks_to_log_in(response)
    return (leads and SAYS_NO.search(text_of(response)) is None) or response.status_code in (201, 204)


def allowed(response: Any) -> bool:
    """Whether somebody got to what was asked, whatever became of it."""
    return response.status_code not in (401, 403, 404) and not asks_to_log_in(response)


TOKENS = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


def without_numbers(text: str) -> str:
    """The text without what differs between two requests that name different things."""
    return re.sub(r"\d+", "#", TOKENS.sub("", text))


def words_in(text: str, words: tuple[str, ...]) -> list[str]:
    """Those of the words that an answer contains."""
    low = text.lower()
    return [word for word in words if word in low]


def assert_tells_nothing(route: str, text: str, words: tuple[str, ...], who: Any) -> None:
    """The answer contains nothing that is named with these words."""
    assert words_in(text, words) == [], (route, who)
