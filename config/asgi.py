"""The ASGI application: fast applications first, then Django.

A fast application responds without Django. It is a row of FAST_APPLICATIONS: `matches(scope)` says whether a request is
for it, cheaply and without input or output; the first row that matches gets the request.
"""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup(set_prefix=False)  # before anything that needs the models

from accounts.security.client_ip import find_client_address, is_trusted_proxy  # noqa: E402
from config import health, host_proof, process, tls_permission  # noqa: E402
from config.serving import body_limits, client_concurrency, early_refusals, lifespan, static_files  # noqa: E402
from config.serving.django_handler import DjangoHandler  # noqa: E402
from config.serving.error_responses import send_error_response  # noqa: E402
from config.serving.response_batcher import ImmediateResponder, ImmediateResponse, respond_never  # noqa: E402
from links.redirect import redirector  # noqa: E402
from sites import site_cache  # noqa: E402
from tracking import collector, ingestion  # noqa: E402
from tracking.web import NOSNIFF, Application, Receive, Scope, Send  # noqa: E402
from tracking.write_batch import write_batch  # noqa: E402

django_app: Any = DjangoHandler()
# What scripts of pages that are measured load from Django, on the hosts of brands that have scripts and beacons only
SCRIPT_PREFIXES = ("/ajax/onsitestats", "/media/")
ALLOWED_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class FastApplication(NamedTuple):
    """An application in front of Django. `respond_immediately` builds the responses that need no waiting
    (`config.serving.response_batcher`).
    """

    matches: Callable[[Scope], bool]
    app: Application
    respond_immediately: Callable[[Scope], ImmediateResponse | None] = respond_never


collecting, redirecting = collector.Collector(process.state), redirector.Redirector(process.state)
FAST_APPLICATIONS: tuple[FastApplication, ...] = (
    FastApplication(collector.matches, collecting.app, collecting.respond_immediately),
    FastApplication(health.matches, health.serve_health),
    FastApplication(host_proof.matches, host_proof.serve_proof),
    FastApplication(tls_permission.matches, tls_permission.serve_permission),
    FastApplication(static_files.matches, static_files.serve_file),
    # Last, because on a link domain every other path is an alias
    FastApplication(redirector.matches, redirecting.app, redirecting.respond_immediately),
)


def respond_immediately(scope: Scope) -> ImmediateResponse | None:
    """Build the response to a request that our own server may send without a task (`config.serving.server`)."""
    if scope["method"] == "GET":
        for fast in FAST_APPLICATIONS:
            if fast.matches(scope):
                return fast.respond_immediately(scope)
    return None


immediate_responder = ImmediateResponder(
    respond=respond_immediately, begin=write_batch.begin, pause=write_batch.pause, commit=ingestion.commit_batch,
    suspends=lambda: process.state.suspends,
)  # fmt: skip


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Handle a request or the lifespan of the server."""
    if scope["type"] == "lifespan":
        return await lifespan.handle_lifespan(receive, send)
    if scope["method"] not in ALLOWED_METHODS:
        return await reject_method(send)
    for fast in FAST_APPLICATIONS:
        if fast.matches(scope):
            return await fast.app(scope, receive, send)
    if site_cache.is_tracking_host(redirector.find_host(scope)) and not scope["path"].startswith(SCRIPT_PREFIXES):
        return await send_error_response(scope, send, 404, "There are no pages on this host.")
    return await early_refusals.refuse_repeated(serve_bounded, apply_proxy_headers(scope), receive, send)


async def serve_bounded(scope: Scope, receive: Receive, send: Send) -> None:
    """Let Django respond, within the limits of bodies and of concurrent requests."""
    await body_limits.limit_body(serve_limited, scope, receive, send)


async def serve_limited(scope: Scope, receive: Receive, send: Send) -> None:
    """Let Django respond, within the limits of concurrent requests per client and in all."""
    await client_concurrency.limit_concurrency(django_app, scope, receive, send)


async def reject_method(send: Send) -> None:
    """Respond with 405 to a method that no address has; Django would treat some of them like GET."""
    headers = [(b"allow", ", ".join(sorted(ALLOWED_METHODS)).encode()), (b"content-length", b"0"), NOSNIFF]
    await send({"type": "http.response.start", "status": 405, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def apply_proxy_headers(scope: Scope) -> Scope:
    """Return the request with the address and scheme that a trusted proxy reports in its headers."""
    client = scope.get("client")
    if not client or not is_trusted_proxy(client[0]):
        return scope
    forwarded = {name: value.decode("latin-1") for name, value in scope["headers"] if name.startswith(b"x-forwarded-")}
    address = find_client_address(client[0], forwarded.get(b"x-forwarded-for", ""))
    scheme = forwarded.get(b"x-forwarded-proto", "").split(",")[0].strip()
    if scheme not in ("http", "https"):
        return {**scope, "client": (address, 0)}
    return {**scope, "client": (address, 0), "scheme": scheme, "forwarded_scheme": scheme}
