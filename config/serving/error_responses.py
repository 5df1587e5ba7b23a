"""Error responses outside of views, in the format of the API or page at the requested address; and what the debug pages
of DEBUG=1 hide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.html import escape
from django.views.debug import SafeExceptionReporterFilter
from django.views.defaults import page_not_found, permission_denied

from accounts.api.errors import build_error_body
from accounts.host_names import is_api_host, normalize_host
from accounts.permissions import AccountSuspended
from links.clickmeter.errors import ApiError
from links.redirect.responses import render_html_page
from reports.clickport import errors as clickport
from reports.clicky import outputs
from tracking.web import Scope, Send

CLICKY_PREFIXES = ("/api/stats", "/api/account/", "/api/whitelabel/", "/stats/api")
HIDDEN_SETTINGS = r"|(EVENTS|REDIS|DATABASE|EMAIL)_URL|^LOCATION$"  # may hold a password; LOCATION is a cache's
RETRY_SECONDS = 5  # Retry-After of a 503
JSON_CONTENT_TYPE = "application/json; charset=utf-8"
TOO_LARGE_MESSAGE = "The body is too large."
TOO_MANY_MESSAGE = "Too many attempts. Try again in a minute."
PAGE_TITLES = {
    400: "Not understood",
    413: "Too large",
    403: "Not possible",
    503: "Not available right now",
}  # of the page that a person sees
BAD_REQUEST_MESSAGE = "The request could not be understood: its form, its fields or its encoding are invalid."


class ErrorResponse(NamedTuple):
    """The body of an error response, its content type, and whether it is readable by scripts of other sites (CORS)."""

    body: bytes
    content_type: str
    is_cors_readable: bool = True


def format_error_response(path: str, host: str, query: str, status: int, sentence: str) -> ErrorResponse:
    """Format an error for the API at this address; for pages as a small HTML page."""
    if path.startswith("/clickmeter/") or is_api_host(normalize_host(host)):
        return ErrorResponse(json.dumps(ApiError(status, sentence).build_body()).encode(), JSON_CONTENT_TYPE)
    if path.startswith("/api/v1/"):
        error = json.dumps(build_error_body(status, sentence)).encode()
        return ErrorResponse(error, JSON_CONTENT_TYPE, is_cors_readable=False)
    if path.startswith(CLICKY_PREFIXES):
        output = parse_qs(query).get("output", [""])[0].strip().lower()
        renderer = outputs.RENDERERS.get(output, outputs.XmlRenderer)()
        return ErrorResponse(renderer.render({"error": sentence}), renderer.media_type)
    if path.startswith("/api/"):
        return ErrorResponse(json.dumps(clickport.build_error_body(status, sentence)).encode(), JSON_CONTENT_TYPE)
    title = PAGE_TITLES.get(status, HTTPStatus(status).phrase)
    text = f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p><p><a href='/'>Start page</a></p>"
    page_response = render_html_page(title, f"<main>{text}</main>", status=status)
    return ErrorResponse(page_response.body, "text/html; charset=utf-8", is_cors_readable=False)


async def send_error_response(
    scope: Scope,
    send: Send,
    status: int,
    sentence: str,
    more_body: bool = False,
    retry_after: int = RETRY_SECONDS,
) -> None:
    """Send an error to an ASGI request and close its connection. With `more_body` the caller ends the response.

    `retry_after` are the seconds to wait before another request, for 429 and 503.
    """
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    query = scope.get("query_string", b"").decode("latin-1")
    response = format_error_response(scope["path"], host, query, status, sentence)
    headers = [
        (b"content-type", response.content_type.encode()), (b"content-length", str(len(response.body)).encode()),
        (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"), (b"connection", b"close"),
    ]  # fmt: skip
    if status in (429, 503):
        headers.append((b"retry-after", str(retry_after).encode()))
    if response.is_cors_readable:
        headers.append((b"access-control-allow-origin", b"*"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": more_body})


def handle_bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Respond to a request that Django could not read (`handler400`): 413 if its body is too large, else 400."""
    status, sentence = (
        (413, TOO_LARGE_MESSAGE) if isinstance(exception, RequestDataTooBig) else (400, BAD_REQUEST_MESSAGE)
    )
    return build_error_response(request, status, sentence)


def build_error_response(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """Build an error for the API or page of this request."""
    host, query = request.META.get("HTTP_HOST", ""), request.META.get("QUERY_STRING", "")
    error = format_error_response(request.path, host, query, status, sentence)
    response = HttpResponse(error.body, status=status, content_type=error.content_type)
    if error.is_cors_readable:
        response["Access-Control-Allow-Origin"] = "*"
    if status == 503:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def handle_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond with 404 (`handler404`)."""
    return call_error_view(page_not_found, request, exception)


def handle_forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond with 403 (`handler403`); with a sentence to members of a suspended account."""
    if isinstance(exception, AccountSuspended):
        return build_error_response(request, 403, str(exception))
    return call_error_view(permission_denied, request, exception)


def handle_too_many_requests(request: HttpRequest) -> HttpResponse:
    """Respond with 429 to attempts at the pages of sign-in that are over one of django-allauth's limits."""
    response = build_error_response(request, 429, TOO_MANY_MESSAGE)
    response["Retry-After"] = "60"
    return response


def call_error_view(handler: Callable[..., HttpResponse], request: HttpRequest, exception: Exception) -> HttpResponse:
    """Call Django's error view. It reads the form, which may be invalid if the view has not read it."""
    try:
        return handler(request, exception)
    except (SuspiciousOperation, MultiPartParserError) as error:
        return handle_bad_request(request, error)


class ExceptionFilter(SafeExceptionReporterFilter):
    """Django's own filter, which also hides the addresses of stores, caches and mail servers. It goes by names."""

    hidden_settings = re.compile(SafeExceptionReporterFilter.hidden_settings.pattern + HIDDEN_SETTINGS, re.IGNORECASE)
