"""The redirector: a plain ASGI application in front of Django that answers from the link cache.

`matches(scope)` decides whether a request belongs to it: every path of a link domain, `/l/<alias>` on every host, and
the endpoints of pixels and conversions. A click is written to the spool before the browser is redirected.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl

from django.contrib.auth.hashers import check_password

from accounts.security import rate_limits
from accounts.security.client_ip import find_client_address, get_rate_limit_key, is_trusted_proxy
from accounts.security.hashers import HashingBusy, hashing
from links.models import DatapointKind
from links.redirect import click_pipeline, endpoints, responses
from links.redirect.click_pipeline import LinkRequest, build_hit
from links.redirect.cookies import LinkCookies, build_spillover_cookies
from links.redirect.tenant_content import TenantContent, find_allowed_content
from links.routing import link_cache
from links.routing.snapshot import DomainSnapshot, LinkSnapshot
from tracking.collector import HEADER_NAMES, decode_header_name
from tracking.state.base import State
from tracking.web import Receive, Reply, Scope, Send, read_body

MAX_BODY_BYTES = 64 * 1024
MAX_QR_ADDRESS = 300  # characters; clients choose the host, and a code of 2,000 characters takes two seconds to draw
# No alias ends with these, but mail programs take punctuation after an address for a part of it
TRAILING_PUNCTUATION = re.compile(r"[^A-Za-z0-9_~-]+\Z")
log = logging.getLogger(__name__)
# Per link and client. There is no limit for all clients together: links do not know devices that opened them before, so
# an attacker with many addresses could lock everybody out
LINK_PASSWORD = rate_limits.RateLimit("link-password", 10, 60)


def find_host(scope: Scope) -> str:
    """Return the Host header, "" without one."""
    for name, value in scope["headers"]:
        if name == b"host":
            return str(value.decode("latin-1"))
    return ""


def matches(scope: Scope) -> bool:
    """Return whether a request is for a link, a pixel or a conversion."""
    path = scope["path"]
    if path.startswith("/l/") or path in endpoints.ENDPOINTS:
        return True
    link_domain = link_cache.find_domain(find_host(scope))
    return link_domain is not None and link_cache.has_root_aliases(link_domain)


class Redirector:
    """The application, with the state that its links share."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; any failure becomes a 500, never an exception."""
        request = build_request(scope, self.state)
        try:
            if request.method == "POST":
                request.body = (await read_body(receive, MAX_BODY_BYTES) or b"")[:MAX_BODY_BYTES]
            reply = await answer_request(request)
        except Exception:
            log.exception("a link failed on %s", request.path)
            reply = render_failure()
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.header_list()})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else reply.body})

    def respond_immediately(self, scope: Scope) -> tuple[int, bytes, bytes] | None:
        """Return status, header lines and body of a request that needs no waiting, as
        `tracking.collector.Collector.respond_immediately`.
        """
        try:
            reply = answer_get(build_request(scope, self.state))
        except Exception:
            log.exception("a link failed on %s", scope["path"])
            reply = render_failure()
        rest = build_common_header_lines(reply.content_type, len(reply.body), reply.cached, reply.dropped)
        return reply.status, b"".join([b"%b: %b\r\n" % pair for pair in reply.headers]) + rest, reply.body


@lru_cache(maxsize=4000)
def build_common_header_lines(content_type: bytes, length: int, cached: bool, dropped: str) -> bytes:
    """Build the header lines that all replies have; cached, since few combinations occur."""
    reply = Reply(b"", content_type, dropped=dropped, cached=cached)
    return b"".join([b"%b: %b\r\n" % pair for pair in reply.header_list(length)])


def build_request(scope: Scope, state: State) -> LinkRequest:
    """Build the request that endpoints and links receive."""
    names = HEADER_NAMES
    headers = {names.get(name) or decode_header_name(name): value.decode("latin-1") for name, value in scope["headers"]}
    return LinkRequest(
        state=state, method=scope["method"], path=scope["path"], query=scope["query_string"], headers=headers,
        peer=(scope.get("client") or ("",))[0], now=datetime.now(UTC), http_version=scope.get("http_version", "1.1"),
        scheme=find_scheme(scope, headers),
    )  # fmt: skip


def render_failure() -> Reply:
    """Render the page for an unexpected error."""
    return responses.render_notice("That did not work", "Try again in a moment.", 500)


def find_scheme(scope: Scope, headers: dict[str, str]) -> str:
    """Find the visitor's scheme, http or https; X-Forwarded-Proto counts only from a trusted proxy."""
    forwarded = headers.get("x-forwarded-proto", "")
    if forwarded and is_trusted_proxy((scope.get("client") or ("",))[0]):
        return "https" if forwarded.partition(",")[0].strip() == "https" else "http"
    return str(scope.get("scheme", "http"))


async def answer_request(request: LinkRequest) -> Reply:
    """Answer a request, asking for the password if the link has one."""
    target = await request.state.run(resolve_request, request)
    if isinstance(target, Reply):
        return target
    if target[0].password and (rejection := await ask_password(target[0], request)):
        return rejection
    return await request.state.run(follow_link, *target, request)


def answer_get(request: LinkRequest) -> Reply:
    """Answer a GET, which cannot carry a password."""
    target = resolve_request(request)
    if isinstance(target, Reply):
        return target
    return responses.render_password_form() if target[0].password else follow_link(*target, request)


def resolve_request(request: LinkRequest) -> Reply | tuple[LinkSnapshot, DomainSnapshot]:
    """Resolve a request to a link and its domain, or to the final reply (endpoint, pixel, home page, error)."""
    endpoint = endpoints.ENDPOINTS.get(request.path)
    if endpoint is not None:
        return endpoints.call_endpoint(endpoint, request)
    if request.method not in ("GET", "HEAD", "POST"):
        return Reply(b"Method not allowed", status=405, headers=[(b"allow", b"GET, HEAD, POST")])
    host = request.headers.get("host", "")
    link_domain, alias = link_cache.resolve_address(host, request.path)
    if link_domain is None:
        return responses.render_not_found()
    if not alias or alias in ("favicon.ico", "robots.txt"):
        return serve_domain_home(link_domain, alias)
    link = link_cache.find_link_by_alias(link_domain.domain_id, alias) or link_cache.find_link_by_alias(
        link_domain.domain_id, TRAILING_PUNCTUATION.sub("", alias)
    )
    if link is None and alias.lower().endswith(".qr"):
        return serve_qr_code(link_domain, request, alias[:-3])
    if link is None:
        return (
            responses.build_redirect(link_domain.custom_404, 302)
            if link_domain.custom_404
            else responses.render_not_found()
        )
    if link.kind == DatapointKind.PIXEL:
        return endpoints.serve_pixel(link, request)
    return link, link_domain


def serve_domain_home(link_domain: DomainSnapshot, path: str) -> Reply:
    """Serve robots.txt or the home page of a link domain."""
    if path == "robots.txt":
        return Reply(b"User-agent: *\nDisallow:\n")
    if link_domain.custom_homepage and not path:
        return responses.build_redirect(link_domain.custom_homepage, 302)
    return responses.render_not_found()


def serve_qr_code(link_domain: DomainSnapshot, request: LinkRequest, alias: str) -> Reply:
    """Serve `<link>.qr`, the QR code of the link's own address."""
    link = link_cache.find_link_by_alias(link_domain.domain_id, alias)
    if link is None:
        return responses.render_not_found()
    address = f"{request.scheme}://{request.headers.get('host', '')}{request.path[:-3]}"
    if len(address) > MAX_QR_ADDRESS:
        return responses.render_notice(
            "No QR code", f"A QR code can hold an address of at most {MAX_QR_ADDRESS} characters.", 400
        )
    fields = request.fields()
    scale = "".join(char for char in fields.get("scale", "8")[:2] if char in "0123456789")
    return responses.build_qr_reply(address, fields.get("format", "png") == "svg", int(scale or 8))


def follow_link(link: LinkSnapshot, link_domain: DomainSnapshot, request: LinkRequest) -> Reply:
    """Route the click, store it and build the reply."""
    account = link_cache.find_account(link.account_id)
    if account is None:
        return responses.render_not_found()
    hit = build_hit(link, request, "link")
    query = parse_qsl(hit.text, keep_blank_values=True) if hit.text else []
    requested_url = next((value for name, value in query if name.lower() == "ddu"), "") if query else ""
    cookies = LinkCookies(request.headers.get("cookie", ""))
    click = click_pipeline.start_click(
        link, hit, account, request.state, request.method, requested_url, cookies.spillover_steps
    )
    if click.decision.stop_reason:
        return responses.render_stopped(click.decision.stop_reason)
    url = click_pipeline.build_destination_url(click, hit.text)
    if request.method != "HEAD":
        click_pipeline.record_click(click, url)
    reply = build_link_response(link, link_domain, click_pipeline.add_click_token(click, url), request)
    if not click.bot_reason and not link.light_tracking and not link.redirect_only:
        reply.headers.extend(cookies.build_clicks_cookie(click, request.scheme == "https"))
        reply.headers.extend(build_spillover_cookies(click, request.scheme == "https"))
    return reply


def build_link_response(link: LinkSnapshot, link_domain: DomainSnapshot, url: str, request: LinkRequest) -> Reply:
    """Build the response of a link: an interstitial page, an iframe, or a plain redirect.

    After a POST the redirect is a 303, so that the browser opens the destination with GET and never sends it what was
    posted (a password).
    """
    if link.scripts or link.hide_url:
        allowed = find_allowed_content(link_domain, link.account_id, request.headers.get("host", ""))
        if allowed is not TenantContent.NONE and (
            page := render_content_page(link, url, allowed is TenantContent.SANDBOXED)
        ):
            return page
    if link.referrer_clean == 2:
        return responses.render_link_as_referrer(url)
    status = 303 if request.method == "POST" else link.redirect_type
    return responses.build_redirect(url, status, clean=link.referrer_clean == 1)


def render_content_page(link: LinkSnapshot, url: str, sandboxed: bool) -> Reply | None:
    """Render the page with the account's own content (scripts or iframe), if the link has any."""
    if link.scripts and (snippets := link_cache.find_scripts(link.scripts)):
        return responses.render_interstitial(url, snippets, coded=link.encode_url, sandboxed=sandboxed)
    if link.hide_url:
        return responses.render_iframe(url, link.hide_url_title, coded=link.encode_url, sandboxed=sandboxed)
    return None


async def ask_password(link: LinkSnapshot, request: LinkRequest) -> Reply | None:
    """Check the posted password; return None if it is right, else the password form or an error."""
    if request.method != "POST":
        return responses.render_password_form()
    password = dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("password", "")
    address = find_client_address(request.peer, request.headers.get("x-forwarded-for", ""))
    try:
        return await hashing.run_async(check_link_password, link, password[:200], get_rate_limit_key(address))
    except HashingBusy:
        return responses.render_busy()


def check_link_password(link: LinkSnapshot, password: str, client: str) -> Reply | None:
    """Check a link's password; return None if it is right. The attempt is counted first. Blocks, so never call it on
    the event loop."""
    limit = (LINK_PASSWORD, f"{link.link_id} {client}")
    if wait := rate_limits.count_attempt(limit):
        return responses.render_too_many_attempts(wait)
    try:
        if not check_password(password, link.password):
            return responses.render_password_form(wrong=True)
    except HashingBusy:
        rate_limits.undo_attempt(limit)
        raise
    rate_limits.undo_attempt(limit)
    return None
