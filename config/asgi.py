"""The ASGI application: the hot doors in front, Django behind.

A hot application answers without Django. It is a row of HOT: `claims(scope)` says whether a request is for it, cheaply
and without input or output; the first row that claims a request gets it.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

django_app = get_asgi_application()  # before anything that needs the models

from config import bodies, client_concurrency, health, process, statics  # noqa: E402
from config.together import AtOnce, never  # noqa: E402
from links import redirector  # noqa: E402
from tracking import collector, intake  # noqa: E402
from tracking.address import trusted_proxy, visitor_address  # noqa: E402
from tracking.turn import turn  # noqa: E402
from tracking.web import NOSNIFF  # noqa: E402

Scope = dict[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]


Found = tuple[int, bytes, bytes]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Hot(NamedTuple):
    """An application in front of Django. `at_once`: what it answers without waiting (`config.together`)."""

    claims: Callable[[Scope], bool]
    app: App
    at_once: Callable[[Scope], Found | None] = never


HOT: tuple[Hot, ...] = (
    Hot(collector.claims, collector.app, collector.at_once),
    Hot(health.claims, health.app),
    Hot(statics.claims, statics.app),
    Hot(redirector.claims, redirector.app, redirector.at_once),  # last: on a link domain every other path is an alias
)


def answer_at_once(scope: Scope) -> Found | None:
    """What our own server may answer without a task (`config.server`)."""
    if scope["method"] == "GET":
        for hot in HOT:
            if hot.claims(scope):
                return hot.at_once(scope)
    return None


at_once = AtOnce(answer_at_once, turn.begin, turn.pause, intake.end_turn)


async def application(scope: Scope, receive: Any, send: Any) -> None:
    """Whatever the server hands over."""
    if scope["type"] == "lifespan":
        return await process.lifespan(receive, send)
    if scope["method"] not in METHODS:
        return await refuse_method(send)
    for hot in HOT:
        if hot.claims(scope):
            return await hot.app(scope, receive, send)
    return await bodies.limited(take_turns, behind_proxy(scope), receive, send)


async def take_turns(scope: Scope, receive: Any, send: Any) -> None:
    """Let Django answer when it is the request's turn among those of its client, and among all."""
    await client_concurrency.limited(django_app, scope, receive, send)


async def refuse_method(send: Any) -> None:
    """405 for methods that no address here has; Django would answer some of them as if they were GET."""
    headers = [(b"allow", ", ".join(sorted(METHODS)).encode()), (b"content-length", b"0"), NOSNIFF]
    await send({"type": "http.response.start", "status": 405, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def behind_proxy(scope: Scope) -> Scope:
    """The request as the visitor made it, where a proxy the operator named tells of address and scheme."""
    client = scope.get("client")
    if not client or not trusted_proxy(client[0]):
        return scope
    told = {name: value.decode("latin-1") for name, value in scope["headers"] if name.startswith(b"x-forwarded-")}
    address = visitor_address(client[0], told.get(b"x-forwarded-for", ""))
    scheme = told.get(b"x-forwarded-proto", "").split(",")[0].strip()
    if scheme not in ("http", "https"):
        return {**scope, "client": (address, 0)}
    return {**scope, "client": (address, 0), "scheme": scheme, "forwarded_scheme": scheme}
