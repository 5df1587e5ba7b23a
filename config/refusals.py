"""Errors that are answered before a view is reached, in the form that the clients of each address read."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.html import escape
from django.views.defaults import page_not_found, permission_denied

from accounts.api import CODES
from accounts.custom_domains.reserved import is_api_host
from accounts.host_names import host_name
from links.answers import page
from links.api.errors import Failure
from reports.clickport import errors as clickport
from reports.clicky import outputs

CLICKY = ("/api/stats", "/api/account/", "/api/whitelabel/", "/stats/api")
RETRY_SECONDS = 5  # what a client is told to wait that gets 503
JSON = "application/json; charset=utf-8"
TOO_LARGE = "The body is too large."
TITLES = {400: "Not understood", 413: "Too large", 503: "Too busy"}  # of the page that a person sees
NOT_UNDERSTOOD = "The request could not be understood: its form, its fields or its encoding are broken."


class Refusal(NamedTuple):
    """The body of an error, its content type, and whether programs on other sites may read it."""

    body: bytes
    content_type: str
    for_programs: bool = True


def write_refusal(path: str, host: str, query: str, status: int, sentence: str) -> Refusal:
    """Write an error as the dialect of this address has it; a small page where people read."""
    if path.startswith("/clickmeter/") or is_api_host(host_name(host)):
        return Refusal(json.dumps(Failure(status, sentence).body()).encode(), JSON)
    if path.startswith("/api/v1/"):
        told = {"error": {"code": CODES.get(status, "error"), "message": sentence}}
        return Refusal(json.dumps(told).encode(), JSON, for_programs=False)
    if path.startswith(CLICKY):
        output = parse_qs(query).get("output", ["xml"])[0].strip().lower()
        output = output if output in outputs.WRITERS else "xml"
        return Refusal(outputs.error(sentence, output), outputs.CONTENT_TYPES[output])
    if path.startswith("/api/"):
        return Refusal(json.dumps(clickport.body(status, sentence)).encode(), JSON)
    title = TITLES.get(status, HTTPStatus(status).phrase)
    text = f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p><p><a href='/'>Start page</a></p>"
    shown = page(title, f"<main>{text}</main>", status=status)
    return Refusal(shown.body, "text/html; charset=utf-8", for_programs=False)


async def send_refusal(
    scope: dict[str, Any],
    send: Callable[[Any], Awaitable[None]],
    status: int,
    sentence: str,
    more_body: bool = False,
) -> None:
    """Answer an ASGI request with an error and close its connection. With `more_body` the caller ends the response."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    query = scope.get("query_string", b"").decode("latin-1")
    told = write_refusal(scope["path"], host, query, status, sentence)
    headers = [
        (b"content-type", told.content_type.encode()), (b"content-length", str(len(told.body)).encode()),
        (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"), (b"connection", b"close"),
    ]  # fmt: skip
    if status == 503:
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    if told.for_programs:
        headers.append((b"access-control-allow-origin", b"*"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": told.body, "more_body": more_body})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what Django could not read (`handler400`): 413 for too large a body, else 400."""
    status, sentence = (413, TOO_LARGE) if isinstance(exception, RequestDataTooBig) else (400, NOT_UNDERSTOOD)
    host, query = request.META.get("HTTP_HOST", ""), request.META.get("QUERY_STRING", "")
    told = write_refusal(request.path, host, query, status, sentence)
    response = HttpResponse(told.body, status=status, content_type=told.content_type)
    if told.for_programs:
        response["Access-Control-Allow-Origin"] = "*"
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 (`handler404`)."""
    return readable(page_not_found, request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 (`handler403`)."""
    return readable(permission_denied, request, exception)


def readable(handler: Callable[..., HttpResponse], request: HttpRequest, exception: Exception) -> HttpResponse:
    """Let Django's handler answer. It reads the form, which a view without form token left alone and may be broken."""
    try:
        return handler(request, exception)
    except (SuspiciousOperation, MultiPartParserError) as error:
        return bad_request(request, error)
