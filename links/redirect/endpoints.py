"""The endpoints of pixels and of scripts for customers' pages; those of conversions are registered with them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from links.models import Status
from links.redirect import click_pipeline
from links.redirect.click_pipeline import LinkRequest, build_hit
from links.redirect.cookies import LinkCookies
from links.routing import link_cache
from links.routing.snapshot import LinkSnapshot
from tracking.event import Rejection
from tracking.web import JAVASCRIPT, Reply, ask_to_repeat, build_gif_reply

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "static" / "links"
EMPTY_PAGE = b"<!doctype html><title></title>"
log = logging.getLogger(__name__)


def wants_page(request: LinkRequest) -> bool:
    """Return whether the browser loads a frame or page, not an image."""
    wanted = request.headers.get("sec-fetch-dest", "")
    return wanted in ("iframe", "document", "frame") or (
        not wanted and "text/html" in request.headers.get("accept", "")
    )


def serve_pixel(link: LinkSnapshot, request: LinkRequest) -> Reply:
    """Record a view of a tracking pixel; reply with an image or an empty page."""
    account = link_cache.find_account(link.account_id)
    dropped = ""
    if account is None or link.status != Status.ACTIVE:
        dropped = "paused"
    elif request.method != "HEAD":
        hit = build_hit(link, request, "pixel")
        fields = request.fields()
        hit.referrer = fields.get("r", "") or hit.referrer
        hit.text = "&".join(part for part in hit.text.split("&") if part.partition("=")[0] not in ("c", "r") and part)
        click = click_pipeline.start_click(link, hit, account, request.state, request.method, "", {})
        outcome = click_pipeline.record_click(click, "")
        dropped = outcome.reason if isinstance(outcome, Rejection) else ""
        reply = build_empty_reply(request, dropped)
        if not click.bot_reason and not link.light_tracking:
            reply.headers.extend(
                LinkCookies(request.headers.get("cookie", "")).build_clicks_cookie(click, request.scheme == "https")
            )
        return reply
    return build_empty_reply(request, dropped)


def build_empty_reply(request: LinkRequest, dropped: str) -> Reply:
    """Build a reply that displays nothing: an empty page in a frame, else an image."""
    if wants_page(request):
        return Reply(EMPTY_PAGE, b"text/html; charset=utf-8", dropped=dropped)
    return build_gif_reply(dropped)


@lru_cache(maxsize=4)
def read_script(name: str, changed: float) -> bytes:
    """Read a script; `changed` (its modification time) is only part of the cache's key."""
    return (SCRIPTS / name).read_bytes()


def build_script_endpoint(name: str) -> Callable[[LinkRequest], Reply]:
    """Build the endpoint of one of the two scripts for customers' pages."""

    def serve_script(request: LinkRequest) -> Reply:
        text = read_script(name, (SCRIPTS / name).stat().st_mtime if settings.DEBUG else 0.0)
        return Reply(text, JAVASCRIPT, headers=[(b"cache-control", b"public, max-age=3600")], cached=True)

    return serve_script


ENDPOINTS: dict[str, Callable[[LinkRequest], Reply]] = {
    "/js/pixel.js": build_script_endpoint("pixel.js"),
    "/js/pixelNew.js": build_script_endpoint("pixel.js"),
    "/js/conversion.js": build_script_endpoint("conversion.js"),
}


def register_endpoints(endpoints: dict[str, Callable[[LinkRequest], Reply]]) -> None:
    """Register further endpoints by their paths; called from `config.wiring`."""
    ENDPOINTS.update(endpoints)


def call_endpoint(endpoint: Callable[[LinkRequest], Reply], request: LinkRequest) -> Reply:
    """Call an endpoint for the methods it accepts, else reply 405."""
    if request.method not in ("GET", "HEAD", "POST"):
        return Reply(b"Method not allowed", status=405, headers=[(b"allow", b"GET, HEAD, POST")])
    return ask_to_repeat(endpoint(request))
