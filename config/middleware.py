"""Middleware: security headers, redirects to https, 405 for OPTIONS on pages, bodies in chunks, 503 while password
hashing is busy or the event store is away, 429 for accounts whose queries take too much.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponsePermanentRedirect,
    HttpResponseRedirect,
)
from django.urls import reverse

from accounts.host_names import normalize_host
from accounts.permissions import SecondFactorRequired
from accounts.security.hashers import RETRY_SECONDS, HashingBusy
from config.serving.error_responses import build_error_response
from reports.query.budgets import BudgetExceeded, limit_queries
from tracking.store import UNREADABLE, StoreAway, StoreError

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FRAMEABLE_POLICY = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors *")
API_PREFIXES = ("/api/", "/clickmeter/", "/stats/api", "/ajax/")  # not redirected: clients would lose their keys
log = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]


class SyncMiddleware:
    """Base of the middleware below: synchronous, and without effect by itself."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)


class ChunkedBodyMiddleware(SyncMiddleware):
    """Gives a body sent in chunks its length. Django and DRF would otherwise treat the body as empty."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            request.META["CONTENT_LENGTH"] = str(len(request.body))
        return self.get_response(request)


class ContentSecurityPolicyMiddleware(SyncMiddleware):
    """Sets Content-Security-Policy, which forbids inline scripts, and Permissions-Policy; views may set their own."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_frameable = getattr(response, "xframe_options_exempt", False)  # set by views that may be framed
        policy = FRAMEABLE_POLICY if is_frameable else CONTENT_SECURITY_POLICY
        if origins := getattr(response, "form_action_origins", ()):  # set by the page before a provider's log-in
            policy = policy.replace("form-action 'self'", f"form-action 'self' {' '.join(origins)}")
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response


class HashingBusyMiddleware(SyncMiddleware):
    """Answers 503 with Retry-After if a view raised HashingBusy."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Respond to HashingBusy; None leaves any other exception to Django."""
        if not isinstance(exception, HashingBusy):
            return None
        response = HttpResponse(f"{exception}\n", content_type="text/plain; charset=utf-8", status=503)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response


class SecondFactorMiddleware(SyncMiddleware):
    """Sends members without the second factor that an account demands to the page where they set one up."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Respond to SecondFactorRequired: a redirect, for APIs 403; None leaves any other exception to Django."""
        if not isinstance(exception, SecondFactorRequired):
            return None
        if is_api_request(request):
            return build_error_response(request, 403, str(exception))
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": reverse("mfa_index")})
        return HttpResponseRedirect(reverse("mfa_index"))


class EventStoreMiddleware(SyncMiddleware):
    """Applies the accounts' query budgets. Answers 429 when an account is over its budget and 503 when the event store
    cannot be read, in the format of the page or API.

    A response for which shards of the store were left out says so in a header, since not every format has a place for
    it.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with limit_queries() as answered:
            response = self.get_response(request)
        if answered.incomplete:
            response["X-Data-Incomplete"] = "shards"
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Respond to BudgetExceeded and StoreError; None leaves any other exception to Django."""
        if isinstance(exception, BudgetExceeded):
            response = build_error_response(request, 429, str(exception))
            response["Retry-After"] = str(exception.seconds)
            return response
        if isinstance(exception, StoreError):
            log.warning("%s: %s", request.path, exception, exc_info=not isinstance(exception, StoreAway))
            return build_error_response(request, 503, UNREADABLE)
        return None


class PageMethodsMiddleware(SyncMiddleware):
    """Answers OPTIONS on pages with 405, since their views would treat it like GET. APIs answer it themselves."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS" and not is_api_request(request):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        return self.get_response(request)


def is_api_request(request: HttpRequest) -> bool:
    """Whether the request is for an API, not for a page."""
    return request.path.startswith(API_PREFIXES) or hasattr(request, "urlconf")  # set for hosts of the link API


class TransportSecurityMiddleware(SyncMiddleware):
    """Redirects pages from http to https, and sets Strict-Transport-Security and Cross-Origin-Resource-Policy.

    Only requests that came by http according to a trusted proxy are redirected. Browsers send Sec-Fetch headers over
    https only, so a request with them is not redirected whatever the proxy says: that would be an endless loop.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SECURE and should_redirect_to_https(request):
            return HttpResponsePermanentRedirect(f"https://{request.get_host()}{request.get_full_path()}")
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", choose_resource_policy(request, response))
        if settings.SECURE and request.is_secure() and normalize_host(request.get_host()) == settings.BASE_HOST:
            response.headers.setdefault("Strict-Transport-Security", f"{settings.HSTS}; includeSubDomains")
        return response


def should_redirect_to_https(request: HttpRequest) -> bool:
    """Whether a page was requested by http although https is available."""
    scope = getattr(request, "scope", {})
    return (
        scope.get("forwarded_scheme") == "http"
        and request.method in ("GET", "HEAD")
        and not is_api_request(request)
        and "Sec-Fetch-Mode" not in request.headers
    )


def choose_resource_policy(request: HttpRequest, response: HttpResponse) -> str:
    """Choose the Cross-Origin-Resource-Policy: other sites may load only what is meant for embedding."""
    content_type = response.headers.get("Content-Type", "")
    is_embeddable = (
        "Access-Control-Allow-Origin" in response.headers
        or getattr(response, "xframe_options_exempt", False)
        or content_type.startswith("application/javascript")
        or (content_type.startswith("image/") and request.path.startswith("/share/"))
    )
    return "cross-origin" if is_embeddable else "same-origin"
