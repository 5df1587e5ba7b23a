"""The redirector: a plain ASGI application in front of Django, answered from memory.

`claims(scope)` says whether a request is for it: every path of a link domain, `/l/<alias>` on every host, and the
doors of pixels and conversions. A click is in the spool before the browser is sent on.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from django.contrib.auth.hashers import check_password

from accounts import throttle
from accounts.security.client_ip import rate_limit_key
from accounts.security.hashers import HashingBusy, hashing
from links import answers, clicks, doors, known
from links.facts import DomainFacts, LinkFacts
from links.hits import Request, hit_of
from links.models import Kind
from links.tenant_content import TenantContent, content_allowed
from links.visitor import Visitor, spillover_cookie
from tracking.address import trusted_proxy, visitor_address
from tracking.collector import HEADER_NAMES, header_name
from tracking.web import Reply

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
MOST_BYTES = 64 * 1024
MAX_QR_ADDRESS = 300  # characters; clients choose the host, and a code of 2,000 characters takes two seconds to draw
GLUED = re.compile(r"[^A-Za-z0-9_~-]+\Z")  # no alias ends so; mail programs take it for a part of the address
log = logging.getLogger(__name__)
# Per link and client. There is no limit for all clients together: links do not know devices that opened them before, so
# an attacker with many addresses could lock everybody out
LINK_PASSWORD = throttle.Limit("link-password", 10, 60)


def host_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            return str(value.decode("latin-1"))
    return ""


def claims(scope: Scope) -> bool:
    """Whether a request is for a link, a pixel or a conversion."""
    path = scope["path"]
    if path.startswith("/l/") or path in doors.DOORS:
        return True
    found = known.domain(host_of(scope))
    return found is not None and known.rooted(found)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. Nothing a stranger sends makes this fail."""
    request = understood(scope)
    try:
        if request.method == "POST":
            request.body = await body_of(receive)
        reply = await answer(request)
    except Exception:
        log.exception("a link failed on %s", request.path)
        reply = failed()
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.header_list()})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else reply.body})


def at_once(scope: Scope) -> tuple[int, bytes, bytes] | None:
    """Status, header lines and body of a request that needs no waiting, as `tracking.collector.at_once`."""
    if scope["method"] != "GET" or not claims(scope):
        return None
    try:
        reply = answer_now(understood(scope))
    except Exception:
        log.exception("a link failed on %s", scope["path"])
        reply = failed()
    rest = usual_lines(reply.content_type, len(reply.body), reply.cached, reply.dropped)
    return reply.status, b"".join([b"%b: %b\r\n" % pair for pair in reply.headers]) + rest, reply.body


@lru_cache(maxsize=4000)
def usual_lines(content_type: bytes, length: int, cached: bool, dropped: str) -> bytes:
    """The header lines of a reply that has none of its own; few differ."""
    reply = Reply(b"", content_type, dropped=dropped, cached=cached)
    return b"".join([b"%b: %b\r\n" % pair for pair in reply.header_list(length)])


def understood(scope: Scope) -> Request:
    """The request as the doors see it."""
    names = HEADER_NAMES
    headers = {names.get(name) or header_name(name): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(
        scope["method"], scope["path"], scope["query_string"], headers, (scope.get("client") or ("",))[0],
        datetime.now(UTC), b"", scope.get("http_version", "1.1"), "", scheme_of(scope, headers),
    )  # fmt: skip


def failed() -> Reply:
    """A mistake of ours."""
    return answers.notice("That did not work", "Try again in a moment.", 500)


def scheme_of(scope: Scope, headers: dict[str, str]) -> str:
    """http or https, as the visitor sees it: a proxy's word counts where the operator named the proxy."""
    told = headers.get("x-forwarded-proto", "")
    if told and trusted_proxy((scope.get("client") or ("",))[0]):
        return "https" if told.partition(",")[0].strip() == "https" else "http"
    return str(scope.get("scheme", "http"))


async def body_of(receive: Receive) -> bytes:
    body = b""
    while len(body) <= MOST_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[:MOST_BYTES]


async def answer(request: Request) -> Reply:
    """The answer, after a look at the password where the link has one."""
    found = meant(request)
    if isinstance(found, Reply):
        return found
    refused = await ask_password(found[0], request) if found[0].password else None
    return refused or follow(*found, request)


def answer_now(request: Request) -> Reply:
    """The answer to a GET, which carries no password."""
    found = meant(request)
    if isinstance(found, Reply):
        return found
    return answers.password_form() if found[0].password else follow(*found, request)


def meant(request: Request) -> Reply | tuple[LinkFacts, DomainFacts]:
    """Which link or door is it?"""
    door = doors.DOORS.get(request.path)
    if door is not None:
        return doors.answer(door, request)
    if request.method not in ("GET", "HEAD", "POST"):
        return Reply(b"Method not allowed", status=405, headers=[(b"allow", b"GET, HEAD, POST")])
    host = request.headers.get("host", "")
    domain, alias = known.place(host, request.path)
    if domain is None:
        return answers.unknown()
    if not alias or alias in ("favicon.ico", "robots.txt"):
        return home(domain, alias)
    link = known.by_alias(domain.domain_id, alias) or known.by_alias(domain.domain_id, GLUED.sub("", alias))
    if link is None and alias.lower().endswith(".qr"):
        return code(domain, request, alias[:-3])
    if link is None:
        return answers.redirect(domain.custom_404, 302) if domain.custom_404 else answers.unknown()
    if link.kind == Kind.PIXEL:
        return doors.pixel(link, request)
    return link, domain


def home(domain: DomainFacts, path: str) -> Reply:
    """The domain itself."""
    if path == "robots.txt":
        return Reply(b"User-agent: *\nDisallow:\n")
    if domain.custom_homepage and not path:
        return answers.redirect(domain.custom_homepage, 302)
    return answers.unknown()


def code(domain: DomainFacts, request: Request, alias: str) -> Reply:
    """`<link>.qr`: the code of the link's own address."""
    link = known.by_alias(domain.domain_id, alias)
    if link is None:
        return answers.unknown()
    address = f"{request.scheme}://{request.headers.get('host', '')}{request.path[:-3]}"
    if len(address) > MAX_QR_ADDRESS:
        return answers.notice(
            "No QR code", f"A QR code can hold an address of at most {MAX_QR_ADDRESS} characters.", 400
        )
    fields = request.fields()
    scale = "".join(char for char in fields.get("scale", "8")[:2] if char in "0123456789")
    return answers.qr_reply(address, fields.get("format", "png") == "svg", int(scale or 8))


def follow(link: LinkFacts, domain: DomainFacts, request: Request) -> Reply:
    """Choose, record, answer."""
    account = known.account(link.account_id)
    if account is None:
        return answers.unknown()
    hit = hit_of(link, request, "link")
    query = parse_qsl(hit.text, keep_blank_values=True) if hit.text else []
    ddu = next((value for name, value in query if name.lower() == "ddu"), "")
    visitor = Visitor(request.headers.get("cookie", ""))
    click = clicks.begin(link, hit, account, request.method, ddu, visitor.walked)
    if click.choice.stop:
        return answers.stopped(click.choice.stop)
    url = clicks.destination(click, hit.text)
    if request.method != "HEAD":
        clicks.record(click, url)
    reply = onward(link, domain, clicks.with_word(click, url), request)
    if not click.sign and not link.light_tracking and not link.redirect_only:
        reply.headers.extend(visitor.cookies(click, request.scheme == "https"))
        reply.headers.extend(spillover_cookie(click, request.scheme == "https"))
    return reply


def onward(link: LinkFacts, domain: DomainFacts, url: str, request: Request) -> Reply:
    """The response of a link: a page in between, a frame, or a plain redirect.

    After a POST the redirect is a 303, so that the browser opens the destination with GET: what was posted (a
    password) never goes there.
    """
    if link.scripts or link.hide_url:
        allowed = content_allowed(domain, link.account_id, request.headers.get("host", ""))
        if allowed is not TenantContent.NONE and (shown := content_page(link, url, allowed is TenantContent.SANDBOXED)):
            return shown
    if link.referrer_clean == 2:
        return answers.own_referrer(url)
    status = 303 if request.method == "POST" else link.redirect_type
    return answers.redirect(url, status, clean=link.referrer_clean == 1)


def content_page(link: LinkFacts, url: str, sandboxed: bool) -> Reply | None:
    """The page with the account's own content (scripts, frame), if the link has one."""
    if link.scripts and (snippets := known.scripts(link.scripts)):
        return answers.interstitial(url, snippets, coded=link.encode_url, sandboxed=sandboxed)
    if link.hide_url:
        return answers.frame(url, link.hide_url_title, coded=link.encode_url, sandboxed=sandboxed)
    return None


async def ask_password(link: LinkFacts, request: Request) -> Reply | None:
    """The question, or None for the right answer."""
    if request.method != "POST":
        return answers.password_form()
    given = dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("password", "")
    address = visitor_address(request.peer, request.headers.get("x-forwarded-for", ""))
    try:
        return await hashing.run_async(check_link_password, link, given[:200], rate_limit_key(address))
    except HashingBusy:
        return answers.busy()


def check_link_password(link: LinkFacts, given: str, client: str) -> Reply | None:
    """Check a link's password; None if it is right. The attempt is counted first. Blocks: not for the event loop."""
    limit = (LINK_PASSWORD, f"{link.link_id} {client}")
    if wait := throttle.count_attempt(limit):
        return answers.too_many(wait)
    try:
        if not check_password(given, link.password):
            return answers.password_form(wrong=True)
    except HashingBusy:
        throttle.undo_attempt(limit)
        raise
    throttle.undo_attempt(limit)
    return None
