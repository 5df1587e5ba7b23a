"""The ASGI application of a collecting worker (`manage.py serve --workers`).

It answers beacons, clicks, pixels, conversions and static files itself, and forwards everything else to the store's
process: pages, APIs, live streams.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
from django.conf import settings

from config import health, host_proof, tls_permission
from config.asgi import ALLOWED_METHODS, collecting, redirecting, reject_method
from config.serving import lifespan, static_files
from config.serving.forwarded_requests import Forwarder
from config.serving.worker_parts import WORKER_COMPONENTS, get_worker_state
from links.redirect import endpoints, redirector
from tracking import collector, spool
from tracking.web import Application, Receive, Scope, Send

AWAY_WARNING = "The store's process is away: this worker collects hits with its own memory, and nothing else is served."
forwarder = Forwarder(Path(settings.REQUEST_SOCKET))


def find_application(scope: Scope) -> Application:
    """Find what answers a request in this process; for everything else it is the forwarder."""
    if collector.matches(scope):
        return collecting.app
    if health.matches(scope):
        return serve_health
    if host_proof.matches(scope):
        return host_proof.serve_proof
    if tls_permission.matches(scope):
        return tls_permission.serve_permission
    if static_files.matches(scope):
        return static_files.serve_file
    # Attempts of passwords, which the alias of a link asks for, are counted for all processes in the store's
    is_password = scope["method"] == "POST" and scope["path"] not in endpoints.ENDPOINTS
    return redirecting.app if redirector.matches(scope) and not is_password else forwarder.forward


async def worker_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Handle a request or the lifespan of the worker."""
    if scope["type"] == "lifespan":
        await lifespan.handle_lifespan(receive, send, WORKER_COMPONENTS, saves=False)
    elif scope["method"] not in ALLOWED_METHODS:
        await reject_method(send)
    else:
        await find_application(scope)(scope, receive, send)


async def serve_health(scope: Scope, receive: Receive, send: Send) -> None:
    """Let the store's process report its health; report this worker's while that is away, or if its spool is full."""
    state, own = get_worker_state(), spool.health()
    warnings = [AWAY_WARNING] if state.link.protocol is None else []
    if own["full"]:
        warnings.append(own["warning"])
    if not warnings or scope["method"] not in ("GET", "HEAD"):
        return await forwarder.forward(scope, receive, send)
    report: dict[str, object] = {"status": "degraded"}
    if health.is_on_this_machine(scope):
        report |= {"spool": own, "warnings": warnings, "now": datetime.now(UTC)}
    body, header = orjson.dumps(report), (b"content-type", b"application/json")
    return await health.send_response(scope, send, 200, body, header)
